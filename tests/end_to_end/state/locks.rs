//! Locks of a stack from outside: who is told what, what becomes of a deployment whose lock is cancelled, and of the lock of
//! one that died.

use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use localstack::proxy::{Action, Moment};
use serde_json::{Value, json};

use crate::end_to_end::support::{Project, Run, get, url};

const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];
const CANCEL: &[&str] = &["cancel", "--env", "test", "--yes", "--json"];
const LOCKS: &str = ".semantest/.pulumi/locks/organization/shop/aws-test";
const LEASE: &str = ".semantest/.semantest/leases/shop/aws-test.json";
const AUDIT: &str = ".semantest/.semantest/audit/shop/aws-test";

/// Starts a deployment whose writes are slow, and waits for the first of them.
async fn slow_deployment(project: &Project) -> Child {
    project.proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Delay(Duration::from_millis(400)),
        _ => Action::Pass,
    });
    let mut command = project.command(DEPLOY);
    let deployment = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !project.proxy.exchanges().iter().any(|exchange| exchange.is_write()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    deployment
}

async fn ended(deployment: Child) -> Run {
    Run::of(tokio::task::spawn_blocking(move || deployment.wait_with_output()).await.unwrap().unwrap())
}

fn lock_files(project: &Project) -> usize {
    std::fs::read_dir(project.path(LOCKS)).map_or(0, Iterator::count)
}

/// All lines of the audit logs.
fn audit(project: &Project) -> Vec<Value> {
    let files = std::fs::read_dir(project.path(AUDIT)).unwrap().map(|entry| entry.unwrap().path());
    let text: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_whose_lock_is_cancelled_stops_before_its_next_write_and_the_next_goes_on() {
    let project = Project::new(&["web"]).await;
    let deployment = slow_deployment(&project).await;
    let pid = deployment.id();
    let cancelled = project.run(CANCEL).await.succeeded();
    assert_eq!(cancelled["stack"], "organization/shop/aws-test");
    assert_eq!(cancelled["cancelled"].as_array().unwrap().len(), 1, "{cancelled}");
    assert_eq!((&cancelled["cancelled"][0]["pid"], &cancelled["cancelled"][0]["dead"]), (&json!(pid), &json!(false)));
    assert_eq!(lock_files(&project), 0);
    let run = ended(deployment).await;
    let told = run.failed(5);
    assert!(told.contains("was cancelled by somebody else"), "{told}");
    assert!(told.contains("run the command again to go on from there"), "{told}");
    project.proxy.remove_hook();
    let document = project.run(DEPLOY).await.succeeded();
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    let again = project.run(DEPLOY).await.succeeded();
    assert_eq!((&again["changes"]["create"], &again["changes"]["update"]), (&json!(0), &json!(0)), "{again}");
    let inventory = project.inventory().await;
    assert_eq!(inventory.iter().filter(|name| name.starts_with("api ")).count(), 1, "{inventory:?}");
    let lines = audit(&project);
    assert!(lines.iter().any(|line| line["action"] == "cancel-lock"), "{lines:?}");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
    assert_eq!(lock_files(&project), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_killed_deployment_is_taken_over_and_that_is_told() {
    let project = Project::new(&["web"]).await;
    let mut deployment = slow_deployment(&project).await;
    let pid = deployment.id();
    deployment.kill().unwrap();
    deployment.wait().unwrap();
    project.proxy.remove_hook();
    assert_eq!(lock_files(&project), 1);
    let mut quiet = DEPLOY.to_vec();
    quiet.push("--quiet");
    let run = project.run(&quiet).await;
    let document = run.succeeded();
    let told = format!("(pid {pid}), held since 20");
    assert!(run.stderr.contains("took over the lock of") && run.stderr.contains(&told), "{}", run.stderr);
    assert!(run.stderr.contains("that process is not running any more"), "{}", run.stderr);
    assert_eq!(lock_files(&project), 0);
    let lines = audit(&project);
    let takeovers: Vec<&Value> = lines.iter().filter(|line| line["action"] == "take-over-lock").collect();
    let of_deployment: Vec<_> =
        takeovers.iter().filter(|line| line["deploymentId"] == document["deploymentId"]).collect();
    assert_eq!(
        (takeovers.len(), of_deployment.len()),
        (2, 1),
        "once by itself, once in the deployment's log: {lines:?}"
    );
    assert!(of_deployment[0]["detail"].as_str().unwrap().contains(&told), "{of_deployment:?}");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

/// A lock of a machine of which nothing more is known, taken just now.
fn lock_from_elsewhere(project: &Project) {
    let now = chrono::Utc::now();
    let (name, since) = ("0b0e6d1c-9f6c-4b7e-8b53-3f1f6f3c7a01.json", now.to_rfc3339());
    let owner = json!({ "user": "ci", "host": "runner-1", "boot": "b", "pid": 4711, "processStart": "1" });
    let held = json!({ "owner": owner, "lock": name, "since": since, "heartbeat": since,
        "expires": (now + Duration::from_secs(30)).to_rfc3339() });
    project.write(LEASE, &json!({ "version": 1, "token": 7, "held": held }).to_string());
    let lock = json!({ "pid": 4711, "username": "ci", "hostname": "runner-1", "timestamp": since });
    project.write(&format!("{LOCKS}/{name}"), &lock.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_from_elsewhere_holds_until_its_lease_has_run_out() {
    let project = Project::new(&["web"]).await;
    project.all("deploy").await;
    project.write_server("web", "2");
    lock_from_elsewhere(&project);
    let told = project.run(DEPLOY).await.failed(4);
    assert!(told.contains("the stack is currently locked by 1 lock(s)"), "{told}");
    assert!(told.contains("created by ci@runner-1 (pid 4711) at 20"), "{told}");
    assert!(told.contains("the lock of ci@runner-1 (pid 4711) holds until 20"), "{told}");
    assert!(told.contains("--lock-timeout") && told.contains("semantest-iac cancel"), "{told}");
    // As if it had been renewed last a while ago.
    let lease = std::fs::File::options().write(true).open(project.path(LEASE)).unwrap();
    lease.set_modified(SystemTime::now() - Duration::from_secs(32)).unwrap();
    let run = project.run(DEPLOY).await;
    let document = run.succeeded();
    assert_eq!(get(&url(&document, "web")).await["version"], "2");
    assert!(run.stderr.contains("took over the lock of ci@runner-1 (pid 4711)"), "{}", run.stderr);
    assert!(run.stderr.contains("its lease ran out at 20"), "{}", run.stderr);
    assert_eq!(lock_files(&project), 0);
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_takes_ours_and_pulumis_locks_and_asks_before() {
    let project = Project::new(&["web"]).await;
    let nobody = project.run(&["cancel", "--env", "test", "--yes"]).await;
    assert_eq!(
        (nobody.code, nobody.stdout.as_str()),
        (Some(0), "Nobody holds the lock of 'organization/shop/aws-test'\n")
    );
    lock_from_elsewhere(&project);
    let pulumis = json!({ "pid": 12, "username": "ann", "hostname": "desk", "timestamp": "2026-11-22T10:00:00Z" });
    project.write(&format!("{LOCKS}/7d7c52c4-0000-4000-8000-000000000001.json"), &pulumis.to_string());
    let unasked = project.run(&["cancel", "--env", "test", "--json"]).await.failed(2);
    assert!(unasked.contains("--yes"), "{unasked}");
    assert_eq!(lock_files(&project), 2);
    let run = project.run(&["cancel", "aws-test", "--yes"]).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("Removed the lock of ci@runner-1 (pid 4711), held since 20"), "{}", run.stdout);
    assert!(
        run.stdout.contains("Removed the lock of ann@desk (pid 12), held since 2026-11-22T10:00:00Z"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("stops before its next write"), "{}", run.stdout);
    assert_eq!(lock_files(&project), 0);
    project.all("deploy").await;
    project.all("destroy").await;
}
