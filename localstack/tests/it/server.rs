//! A MiniStack of one's own: it starts, answers, and goes with its owner.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use localstack::{Emulator, Error, Server, StartOptions, TestCloud, probe, unique_account};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{as_process, eventually, installer, lives, members, processes_of_a_function, run_python};

const OWNER: &str = "SEMANTEST_TEST_OWNER";

#[tokio::test]
async fn it_starts_answers_and_is_gone_with_its_owner() {
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    println!("ready after {:?}", server.ready_after());
    let (endpoint, folder, pid) = (server.endpoint(), server.folder().to_owned(), server.pid().unwrap());
    assert_eq!(probe(&endpoint).await.unwrap().emulator, Emulator::MiniStack);
    assert!(server.log_file().is_file());
    server.reset().await.unwrap();
    let functions = processes_of_a_function("make", &endpoint).await;
    drop(server);
    assert!(!lives(pid));
    eventually("its functions are gone", async || !functions.iter().any(|pid| lives(*pid))).await;
    assert_eq!(members(pid), [""; 0]);
    assert!(probe(&endpoint).await.is_none());
    assert!(!folder.exists());
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    // Where another address of the machine is ours to listen on, the server doesn't.
    let everywhere = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
    let address = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    drop(everywhere);
    match address {
        Ok(address) if !address.ip().is_loopback() => {
            assert!(tokio::net::TcpStream::connect((address.ip(), server.port())).await.is_err());
        }
        _ => println!("not checked: this machine has no other address than loopback"),
    }
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_no_folder() {
    let mut owner = as_process("server::owner_to_be_killed", OWNER, "1");
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("owns ").map(str::to_owned)).unwrap();
    let [pid, endpoint, folder] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let pid = pid.parse().unwrap();
    let functions = processes_of_a_function("make", endpoint).await;
    // SIGKILL: nothing of the owner's own gets to run.
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the server is gone", async || members(pid).is_empty()).await;
    assert!(!functions.iter().any(|pid| lives(*pid)));
    eventually("its folder is gone", async || !std::path::Path::new(folder).exists()).await;
}

#[tokio::test]
#[ignore = "run as a process by a_killed_owner_leaves_no_process_and_no_folder"]
async fn owner_to_be_killed() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    println!("\nowns {} {} {}", server.pid().unwrap(), server.endpoint(), server.folder().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_server_leaves_no_function_running() {
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    let functions = processes_of_a_function("make", &server.endpoint()).await;
    let killed = std::process::Command::new("kill").args(["-9", &server.pid().unwrap().to_string()]).status();
    assert!(killed.unwrap().success());
    // The function's own process ends by itself; what it has started is in the group that ends with the owner.
    eventually("its function is gone", async || !lives(functions[0])).await;
    drop(server);
    eventually("what it has started is gone", async || !lives(functions[1])).await;
}

#[tokio::test]
async fn many_at_once_get_servers_of_their_own() {
    let installer = installer();
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let installer = installer.clone();
            tokio::spawn(async move { Server::start(&installer, Emulator::MiniStack, StartOptions::default()).await })
        })
        .collect();
    let mut servers = Vec::new();
    for start in starts {
        servers.push(start.await.unwrap().unwrap());
    }
    let mut ports: Vec<u16> = servers.iter().map(Server::port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3);
}

#[tokio::test]
async fn a_port_that_another_program_has_is_an_error_that_says_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi").await);
        }
    });
    let options = StartOptions { port: Some(port), ..StartOptions::default() };
    let error = Server::start(&installer(), Emulator::MiniStack, options).await.unwrap_err();
    assert!(matches!(error, Error::PortInUse { port: in_use, .. } if in_use == port));
    assert!(error.to_string().contains(&format!("port {port} on 127.0.0.1 is in use")), "{error}");
    assert!(error.hint().unwrap().contains("choose another port"));
}

#[tokio::test]
async fn an_emulator_that_runs_already_is_used_and_left_alone() {
    let installer = installer();
    let first = Server::start(&installer, Emulator::MiniStack, StartOptions::default()).await.unwrap();
    let options = StartOptions { port: Some(first.port()), ..StartOptions::default() };
    let second = Server::start(&installer, Emulator::MiniStack, options).await.unwrap();
    assert_eq!((second.endpoint(), second.pid()), (first.endpoint(), None));
    drop(second);
    assert!(probe(&first.endpoint()).await.is_some());
}

#[tokio::test]
async fn a_server_that_does_not_come_up_shows_its_log() {
    let installer = installer();
    let folder = tempfile::tempdir().unwrap();
    // MiniStack can't start where its state isn't a folder that it can read.
    let options = StartOptions {
        folder: Some(folder.path().to_owned()),
        ready_within: Duration::ZERO,
        ..StartOptions::default()
    };
    let error = Server::start(&installer, Emulator::MiniStack, options).await.unwrap_err();
    let Error::NotReady { log, .. } = &error else { panic!("{error:?}") };
    assert!(log.is_file() && error.to_string().contains(&log.display().to_string()), "{error}");
}

#[tokio::test]
async fn one_server_serves_all_tests_of_a_process() {
    let installer = installer();
    let (one, other) = tokio::join!(TestCloud::shared(&installer), TestCloud::shared(&installer));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.endpoint(), other.endpoint());
    assert_ne!(one.account(), other.account());
}

/// Runs a script of checks on the server that the tests of this process share, in an account of its own.
async fn behaves(script: &str) {
    let cloud = TestCloud::shared(&installer()).await.unwrap();
    run_python(Emulator::MiniStack, script, &[&cloud.endpoint(), &cloud.account()]).await;
    let log = std::fs::read_to_string(cloud.server().log_file()).unwrap();
    assert!(!log.contains("Traceback"), "{log}");
}

#[tokio::test]
async fn functions_behave_as_on_aws() {
    behaves("functions.py").await;
}

#[tokio::test]
async fn http_apis_behave_as_on_aws() {
    behaves("gateway.py").await;
}

#[tokio::test]
async fn requests_to_http_apis_behave_as_on_aws() {
    behaves("requests_to_apis.py").await;
}

#[tokio::test]
async fn roles_and_log_groups_behave_as_on_aws() {
    behaves("roles_and_logs.py").await;
}

#[tokio::test]
async fn it_enforces_iam_where_asked_to() {
    let options = StartOptions { enforce_iam: true, ..StartOptions::default() };
    let server = Server::start(&installer(), Emulator::MiniStack, options).await.unwrap();
    run_python(Emulator::MiniStack, "iam.py", &[&server.endpoint(), &unique_account()]).await;
}
