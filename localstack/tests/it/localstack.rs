//! LocalStack with our plugin: it starts, runs functions, and leaves nothing behind.

use localstack::{Daemon, DaemonOptions, Emulator, Error, Server, StartOptions, Status, probe, unique_account};

use crate::support::{free_port, installer, members, run_python};

/// LocalStack runs on Python 3.13 only, which not every machine has.
async fn start() -> Option<Server> {
    match Server::start(&installer(), Emulator::LocalStack, StartOptions::default()).await {
        Ok(server) => Some(server),
        Err(error @ Error::InterpreterNotFound { .. }) => {
            println!("LocalStack isn't tested: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn it_starts_answers_and_runs_functions() {
    let Some(server) = start().await else { return };
    println!("ready after {:?}", server.ready_after());
    let probed = probe(&server.endpoint()).await.unwrap();
    assert_eq!((probed.emulator, probed.version.as_deref()), (Emulator::LocalStack, Some("2026.3.0")));
    assert!(matches!(server.reset().await, Err(Error::CannotReset { .. })));
    run_python(Emulator::LocalStack, "localstack.py", &[&server.endpoint(), &unique_account()]).await;
    let (pid, folder) = (server.pid().unwrap(), server.folder().to_owned());
    server.stop().await.unwrap();
    assert_eq!(members(pid), [""; 0]);
    assert!(!folder.exists());
}

#[tokio::test]
async fn as_a_daemon_it_is_emptied_by_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let daemon = Daemon::new(installer(), Emulator::LocalStack, folder.path()).with_default_port(port);
    let first = match daemon.up(DaemonOptions { port: Some(port), ..DaemonOptions::default() }).await {
        Ok(status) => status,
        Err(error @ Error::InterpreterNotFound { .. }) => {
            println!("LocalStack isn't tested: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    daemon.reset().await.unwrap();
    let second = daemon.status().await.unwrap();
    let (Status::Running { pid: Some(first), .. }, Status::Running { pid: Some(second), endpoint, .. }) =
        (first, second)
    else {
        panic!("it doesn't run as ours");
    };
    assert_ne!(first, second);
    assert!(probe(&endpoint).await.is_some());
    assert!(daemon.down().await.unwrap());
    assert_eq!((members(first), members(second)), (vec![], vec![]));
}
