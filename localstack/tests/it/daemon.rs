//! The local cloud in the background: up, status, down and reset, with records that have become wrong, and commands at once.

use std::path::Path;

use localstack::{Daemon, DaemonOptions, Emulator, Error, Server, StartOptions, Status, probe};

use crate::support::{as_process, eventually, free_port, installer, lives, members, processes_of_a_function};

const DATA: &str = "SEMANTEST_TEST_DAEMON";

fn daemon(folder: &Path, port: u16) -> Daemon {
    Daemon::new(installer(), Emulator::MiniStack, folder).with_default_port(port)
}

/// A daemon of its own on a port that was free a moment ago, ended with the test whatever happens in it.
struct Own {
    daemon: Daemon,
    folder: tempfile::TempDir,
    port: u16,
}

impl Own {
    fn new() -> Own {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        Own { daemon: daemon(folder.path(), port), folder, port }
    }

    async fn up(&self) -> Running {
        let options = DaemonOptions { port: Some(self.port), ..DaemonOptions::default() };
        running(self.daemon.up(options).await.unwrap())
    }

    fn record(&self) -> std::path::PathBuf {
        self.folder.path().join("local/ministack/record.json")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(pid) = record["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
            && members(pid).iter().any(|line| line.contains("ministack_patched.py"))
        {
            // Without the dashes, the kill of procps takes the first digit alone for the group: of 1234 that is everything.
            let _ = std::process::Command::new("kill").args(["-9", "--", &format!("-{pid}")]).status();
        }
    }
}

struct Running {
    endpoint: String,
    pid: Option<u32>,
}

fn running(status: Status) -> Running {
    let Status::Running { endpoint, pid, .. } = status else { panic!("it doesn't run: {status:?}") };
    Running { endpoint, pid }
}

/// A record of a process that was of that id once.
fn record(pid: u32, port: u16) -> serde_json::Value {
    serde_json::json!({
        "version": 1, "emulator": "ministack", "emulatorVersion": "1.5.33", "pid": pid, "processStart": "long ago",
        "port": port, "instance": "x", "enforceIam": false,
    })
}

async fn create_bucket(endpoint: &str) {
    assert_eq!(ask("PUT", &format!("{endpoint}/kept"), "kept").await, 200);
}

async fn has_bucket(endpoint: &str) -> bool {
    ask("HEAD", &format!("{endpoint}/kept"), "").await == 200
}

/// Sends one request and returns the status.
pub async fn ask(method: &str, url: &str, body: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let service = if method == "POST" { "iam" } else { "s3" };
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=x\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}

#[tokio::test]
async fn it_runs_until_it_is_stopped_and_keeps_what_it_holds() {
    let own = Own::new();
    assert_eq!(own.daemon.status().await.unwrap(), Status::Stopped);
    let first = own.up().await;
    let again = own.up().await;
    assert_eq!((&first.endpoint, first.pid), (&again.endpoint, again.pid));
    assert_eq!(running(own.daemon.status().await.unwrap()).pid, first.pid);
    create_bucket(&first.endpoint).await;
    let functions = processes_of_a_function("make", &first.endpoint).await;

    assert!(own.daemon.down().await.unwrap());
    eventually("its functions are gone", async || !functions.iter().any(|pid| lives(*pid))).await;
    assert_eq!(members(first.pid.unwrap()), [""; 0]);
    assert!(!own.daemon.down().await.unwrap());
    assert_eq!(own.daemon.status().await.unwrap(), Status::Stopped);

    let second = own.up().await;
    assert_ne!(second.pid, first.pid);
    assert!(has_bucket(&second.endpoint).await);
    let functions = processes_of_a_function("call", &second.endpoint).await;
    own.daemon.reset().await.unwrap();
    assert!(!has_bucket(&second.endpoint).await);
    eventually("its functions are gone", async || !lives(functions[0])).await;

    create_bucket(&second.endpoint).await;
    own.daemon.down().await.unwrap();
    own.daemon.reset().await.unwrap();
    let third = own.up().await;
    assert!(!has_bucket(&third.endpoint).await);
    own.daemon.down().await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_was_killed_is_started_again_with_what_it_held() {
    let own = Own::new();
    let first = own.up().await;
    let pid = first.pid.unwrap();
    let trust = "%7B%22Statement%22%3A%5B%5D%7D";
    let role = format!("Action=CreateRole&RoleName=kept&AssumeRolePolicyDocument={trust}&Version=2010-05-08");
    assert_eq!(ask("POST", &format!("{}/", first.endpoint), &role).await, 200);
    let state = own.folder.path().join("local/ministack/state/iam.json");
    eventually("it is written down", async || std::fs::read_to_string(&state).is_ok_and(|text| text.contains("kept")))
        .await;
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    eventually("it is dead", async || !lives(pid)).await;
    assert_eq!(own.daemon.status().await.unwrap(), Status::Stopped);
    let second = running(own.daemon.up(DaemonOptions::default()).await.unwrap());
    assert_eq!(second.endpoint, first.endpoint);
    assert_ne!(second.pid, first.pid);
    let role = "Action=GetRole&RoleName=kept&Version=2010-05-08";
    assert_eq!(ask("POST", &format!("{}/", second.endpoint), role).await, 200);
    own.daemon.down().await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_has_no_time_for_a_moment_is_waited_for() {
    let own = Own::new();
    let first = own.up().await;
    let signal = |name: &str| {
        let pid = first.pid.unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    assert!(matches!(own.daemon.status().await.unwrap(), Status::Unresponsive { .. }));
    let daemon = own.daemon.clone();
    let up = tokio::spawn(async move { daemon.up(DaemonOptions::default()).await });
    // Its own lock is what tells that it has begun to wait.
    let lock = own.folder.path().join("local/ministack/lock");
    eventually("it waits", async || std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_err())).await;
    signal("-CONT");
    assert_eq!(running(up.await.unwrap().unwrap()).pid, first.pid);
    own.daemon.down().await.unwrap();
}

#[tokio::test]
async fn another_process_of_the_recorded_id_is_left_alone() {
    let own = Own::new();
    own.up().await;
    own.daemon.down().await.unwrap();
    let mut bystander = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    std::fs::write(own.record(), record(bystander.id(), own.port).to_string()).unwrap();
    assert_eq!(own.daemon.status().await.unwrap(), Status::Stopped);
    assert!(!own.daemon.down().await.unwrap());
    assert!(lives(bystander.id()));
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_not_touched() {
    let own = Own::new();
    let mut record = record(1, own.port);
    record["version"] = 2.into();
    std::fs::create_dir_all(own.record().parent().unwrap()).unwrap();
    std::fs::write(own.record(), record.to_string()).unwrap();
    let error = own.daemon.up(DaemonOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Record { newer: true, .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(own.record()).unwrap(), record.to_string());

    std::fs::write(own.record(), "{ half").unwrap();
    let error = own.daemon.status().await.unwrap_err();
    assert!(error.to_string().contains("is damaged") && error.hint().unwrap().contains("record.json"), "{error}");
    std::fs::remove_file(own.record()).unwrap();
}

#[tokio::test]
async fn what_runs_otherwise_than_wanted_is_an_error() {
    let own = Own::new();
    own.up().await;
    let other = DaemonOptions { port: Some(own.port.wrapping_add(1).max(1024)), ..DaemonOptions::default() };
    let error = own.daemon.up(other).await.unwrap_err();
    assert!(matches!(error, Error::OtherPort { running, .. } if running == own.port), "{error:?}");
    let error = own.daemon.up(DaemonOptions { enforce_iam: Some(true), ..DaemonOptions::default() }).await.unwrap_err();
    assert!(matches!(error, Error::OtherMode { enforces: false, .. }), "{error:?}");
    own.daemon.down().await.unwrap();
}

#[tokio::test]
async fn a_server_of_somebody_else_is_used_but_neither_stopped_nor_emptied() {
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    let own = Own::new();
    let status =
        running(own.daemon.up(DaemonOptions { port: Some(server.port()), ..DaemonOptions::default() }).await.unwrap());
    assert_eq!((status.endpoint, status.pid), (server.endpoint(), None));
    assert!(!own.record().exists());

    // Ours ended without a word, and somebody else has taken its port since.
    std::fs::create_dir_all(own.record().parent().unwrap()).unwrap();
    std::fs::write(own.record(), record(std::process::id(), server.port()).to_string()).unwrap();
    assert_eq!(running(own.daemon.status().await.unwrap()).pid, None);
    assert!(matches!(own.daemon.down().await, Err(Error::NotOurs { action: "stopped", .. })));
    assert!(matches!(own.daemon.reset().await, Err(Error::NotOurs { action: "emptied", .. })));
    assert!(probe(&server.endpoint()).await.is_some());
}

#[tokio::test]
async fn commands_at_once_start_one_server() {
    let own = Own::new();
    let value = format!("{} {}", own.port, own.folder.path().display());
    let children: Vec<_> = (0..3).map(|_| as_process("daemon::one_of_the_commands", DATA, &value)).collect();
    let mut pids: Vec<String> = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        pids.extend(text.lines().filter_map(|line| Some(line.strip_prefix("runs as ")?.to_owned())));
    }
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    // It lives on although the processes that asked for it are gone.
    assert_eq!(running(own.daemon.status().await.unwrap()).pid, pids[0].parse().ok());
    own.daemon.down().await.unwrap();
}

#[tokio::test]
#[ignore = "run as a process by commands_at_once_start_one_server"]
async fn one_of_the_commands() {
    let Ok(value) = std::env::var(DATA) else {
        return;
    };
    let (port, folder) = value.split_once(' ').unwrap();
    let port = port.parse().unwrap();
    let options = DaemonOptions { port: Some(port), ..DaemonOptions::default() };
    let status = running(daemon(Path::new(folder), port).up(options).await.unwrap());
    println!("\nruns as {}", status.pid.unwrap());
}
