//! Several deployments of one stack at once.

use std::process::Stdio;
use std::time::Duration;

use localstack::proxy::{Action, Moment};

use crate::end_to_end::support::{Project, Run};

const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_deployments_runs_and_the_other_is_told_whose_it_is() {
    let project = Project::new(&["web"]).await;
    // The first one stays in the middle until it is let go: its writes are held back.
    project.proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Delay(Duration::from_millis(300)),
        _ => Action::Pass,
    });
    let mut first = project.command(DEPLOY);
    let first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = first.id();
    let begun = |project: &Project| project.proxy.exchanges().iter().any(|exchange| exchange.is_write());
    while !begun(&project) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = project.run(DEPLOY).await;
    let told = second.failed(4);
    assert!(told.contains(&format!("pid {pid}")), "{told}");
    // One that is willing to wait gets its turn, and finds nothing left to do.
    project.proxy.remove_hook();
    let mut waiting = DEPLOY.to_vec();
    waiting.extend(["--lock-timeout", "60s"]);
    let third = project.run(&waiting).await.succeeded();
    assert_eq!(third["changes"]["create"], 0, "{third}");
    let first = tokio::task::spawn_blocking(move || first.wait_with_output()).await.unwrap().unwrap();
    Run::of(first).succeeded();
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
