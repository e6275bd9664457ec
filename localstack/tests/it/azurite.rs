//! Azurite: it starts, keeps blobs, and goes with its owner.

use std::io::{BufRead, BufReader};
use std::path::Path;

use localstack::{Daemon, DaemonOptions, Emulator, Error, Server, StartOptions, Status, TestBlobs, probe};

use crate::support::{as_process, eventually, free_port, installer, lives, members};

const OWNER: &str = "SEMANTEST_TEST_AZURITE_OWNER";

#[tokio::test]
async fn it_starts_answers_and_is_gone_with_its_owner() {
    let server = Server::start(&installer(), Emulator::Azurite, StartOptions::default()).await.unwrap();
    println!("ready after {:?}", server.ready_after());
    let (endpoint, folder, pid) = (server.endpoint(), server.folder().to_owned(), server.pid().unwrap());
    let probed = probe(&endpoint).await.unwrap();
    assert_eq!((probed.emulator, probed.version.as_deref()), (Emulator::Azurite, Some("3.35.0")));
    assert!(matches!(server.reset().await, Err(Error::CannotReset { .. })));
    let options = StartOptions { port: Some(server.port()), ..StartOptions::default() };
    let elsewhere = Server::start(&installer(), Emulator::MiniStack, options).await;
    assert!(matches!(elsewhere, Err(Error::PortInUse { .. })), "it was taken for an AWS");
    drop(server);
    assert!(!lives(pid));
    assert!(probe(&endpoint).await.is_none());
    assert!(!folder.exists());
}

#[tokio::test]
async fn each_test_has_a_container_of_its_own_on_one_server() {
    let installer = installer();
    let (one, other) = tokio::join!(TestBlobs::shared(&installer), TestBlobs::shared(&installer));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.endpoint(), other.endpoint());
    let (first, second) = (one.container().await.unwrap(), other.container().await.unwrap());
    assert_ne!(first, second);
    // What it is asked without a signature, it refuses.
    let url = format!("{}/{}/{first}?restype=container", one.endpoint(), TestBlobs::ACCOUNT);
    assert_eq!(crate::daemon::ask("GET", &url, "").await, 403);
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_no_folder() {
    let mut owner = as_process("azurite::owner_to_be_killed", OWNER, "1");
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("owns ").map(str::to_owned)).unwrap();
    let (pid, folder) = line.split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    assert!(lives(pid));
    // SIGKILL: nothing of the owner's own gets to run.
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the server is gone", async || members(pid).is_empty()).await;
    eventually("its folder is gone", async || !Path::new(folder).exists()).await;
}

#[tokio::test]
#[ignore = "run as a process by a_killed_owner_leaves_no_process_and_no_folder"]
async fn owner_to_be_killed() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let server = Server::start(&installer(), Emulator::Azurite, StartOptions::default()).await.unwrap();
    println!("\nowns {} {}", server.pid().unwrap(), server.folder().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn as_a_daemon_it_runs_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let daemon = Daemon::new(installer(), Emulator::Azurite, folder.path()).with_default_port(port);
    let options = DaemonOptions { port: Some(port), ..DaemonOptions::default() };
    let Status::Running { pid: Some(pid), endpoint, .. } = daemon.up(options).await.unwrap() else {
        panic!("it doesn't run as ours");
    };
    assert!(probe(&endpoint).await.is_some());
    assert!(daemon.down().await.unwrap());
    assert_eq!(members(pid), [""; 0]);
}
