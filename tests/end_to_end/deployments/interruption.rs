//! Deployments that die or are stopped in the middle: the next command goes on from there.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localstack::proxy::{Action, Moment, Proxy};

use crate::end_to_end::support::{Project, Run, get, url};

pub const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];
const DESTROY: &[&str] = &["destroy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];

/// Kills the process before or after the effect of its `number`th write; says how many writes there were.
fn kill_at(proxy: &Proxy, number: usize, when: Moment, pid: u32) -> Arc<AtomicUsize> {
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&writes);
    proxy.set_hook(move |exchange, moment| {
        if !exchange.is_write() {
            return Action::Pass;
        }
        if moment == Moment::Before {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        if moment == when && counted.load(Ordering::SeqCst) >= number {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            return Action::Cut;
        }
        Action::Pass
    });
    writes
}

pub async fn run_killed(project: &Project, arguments: &[&str], number: usize, when: Moment) -> bool {
    let mut command = project.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    kill_at(&project.proxy, number, when, child.id());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    project.proxy.remove_hook();
    let run = Run::of(output);
    run.code.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_deployment_is_gone_on_with() {
    for (number, when) in [(1, Moment::Before), (1, Moment::After), (5, Moment::After), (9, Moment::Before)] {
        let project = Project::new(&["web"]).await;
        assert!(run_killed(&project, DEPLOY, number, when).await, "write {number} {when:?} was never made");
        let run = project.run(DEPLOY).await;
        let document = run.succeeded();
        assert_eq!(get(&url(&document, "web")).await["version"], "1");
        let settled = project.all("deploy").await;
        assert_eq!(settled["changes"]["create"], 0, "{settled}");
        let inventory = project.inventory().await;
        assert_eq!(inventory.iter().filter(|name| name.starts_with("api ")).count(), 1, "{inventory:?}");
        project.all("destroy").await;
        assert_eq!(project.inventory().await, Vec::<String>::new(), "after write {number} {when:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_out_only_after_the_death_is_not_made_twice() {
    let project = Project::new(&["web"]).await;
    let child = project.command(DEPLOY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    project.proxy.set_hook(move |exchange, moment| {
        let creates = exchange.method == "POST" && exchange.path.ends_with("/v2/apis");
        if !creates || moment != Moment::Before {
            return Action::Pass;
        }
        let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
        Action::Late(Duration::from_secs(2))
    });
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), None);
    project.proxy.remove_hook();
    let run = project.run(DEPLOY).await;
    run.succeeded();
    assert!(run.stderr.contains("its last calls may still be carried out"), "{}", run.stderr);
    let apis = project.inventory().await.into_iter().filter(|name| name.starts_with("api ")).count();
    assert_eq!(apis, 1);
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_deployment_made_can_be_destroyed() {
    for (number, when) in [(2, Moment::After), (7, Moment::After)] {
        let project = Project::new(&["web"]).await;
        assert!(run_killed(&project, DEPLOY, number, when).await);
        project.run(DESTROY).await.succeeded();
        assert_eq!(project.inventory().await, Vec::<String>::new(), "after write {number} {when:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_destruction_is_gone_on_with() {
    let project = Project::new(&["web"]).await;
    project.all("deploy").await;
    assert!(run_killed(&project, DESTROY, 3, Moment::After).await);
    project.run(DESTROY).await.succeeded();
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_the_program_alone_ends_its_build_too() {
    for signal in ["-INT", "-TERM"] {
        let project = Project::new(&["web"]).await;
        let alive = project.path("alive");
        let build = format!("build: \"while :; do date > '{}'; sleep 0.05; done\"", alive.display());
        project.configure(&[("web", &build)]);
        let child = project.command(DEPLOY).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !alive.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        let run = Run::of(output);
        assert_eq!(run.code, Some(130), "{}\n{}", run.stdout, run.stderr);
        // What is gone writes nothing more; what is left would within a moment.
        std::fs::remove_file(&alive).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!alive.exists(), "the build still runs after {signal}");
        assert_eq!(project.proxy.writes(), 0);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_deployment_finishes_what_it_has_begun_and_can_be_gone_on_with() {
    let project = Project::new(&["web"]).await;
    let mut command = project.command(DEPLOY);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    project.proxy.set_hook(move |exchange, moment| {
        if exchange.is_write() && moment == Moment::Before && asked.fetch_add(1, Ordering::SeqCst) == 2 {
            let _ = std::process::Command::new("kill").args(["-INT", &pid]).status();
            return Action::Delay(std::time::Duration::from_millis(200));
        }
        Action::Pass
    });
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    project.proxy.remove_hook();
    let run = Run::of(output);
    assert_eq!(run.code, Some(130), "{}\n{}", run.stdout, run.stderr);
    assert_eq!(run.document()["result"], "interrupted");
    let history = project.run(&["history", "--env", "test", "--json"]).await.succeeded();
    assert_eq!(history["deployments"][0]["result"], "interrupted");
    let status = project.run(&["status", "--env", "test"]).await.stdout;
    assert!(status.contains("interrupted") && !status.contains("failed"), "{status}");
    let document = project.run(DEPLOY).await.succeeded();
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
