//! What these tests share: an installer, processes that play another user of the crate, and a way to wait for something to become true.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use localstack::{Emulator, Host, Installer};

/// Installs into the folder that all test runs share.
pub fn installer() -> Installer {
    let host = Host::new(std::env::vars_os());
    let cache = host.cache_folder().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    Installer::new(host, cache)
}

/// A port that was free a moment ago. A daemon without a record looks at its default port, where the user's own may run.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs one test of this binary as a process of its own, with a variable that tells it what to do.
pub fn as_process(test: &str, variable: &str, value: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(variable, value)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until something is true; fails when that doesn't happen.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process lives, zombies apart.
pub fn lives(pid: u32) -> bool {
    Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| output.status.success() && !output.stdout.starts_with(b"Z"))
}

/// The processes of a group that live, zombies apart.
pub fn members(group: u32) -> Vec<String> {
    let output = Command::new("ps").args(["-e", "-o", "pgid=,pid=,stat=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| {
            let mut fields = line.split_whitespace();
            fields.next() == Some(&group.to_string()) && !fields.nth(1).is_some_and(|stat| stat.starts_with('Z'))
        })
        .map(str::to_owned)
        .collect()
}

/// Runs a script of `tests/behaviour` with the Python of an installation, which has boto's core, and returns what it prints; fails when it does.
pub async fn run_python(emulator: Emulator, script: &str, arguments: &[&str]) -> String {
    let installation = installer().install(emulator).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour").join(script);
    let output = Command::new(installation.interpreter)
        .args(["-B", "-E", "-s"])
        .arg(script)
        .args(arguments)
        // boto takes regions, profiles and endpoints from variables and from files in the home folder.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{errors}");
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has a function run that keeps processes of its own, and returns their ids.
pub async fn processes_of_a_function(action: &str, endpoint: &str) -> Vec<u32> {
    let printed = run_python(Emulator::MiniStack, "worker.py", &[action, endpoint, "123456789012"]).await;
    let pids: Vec<u32> = printed.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| lives(*pid)), "{pids:?}");
    pids
}
