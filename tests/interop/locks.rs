//! Who holds a stack's lock keeps the other out, in both directions (SPEC.md section 4.5).

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use localstack::proxy::{Action, Moment};
use serde_json::Value;

use crate::end_to_end::support::Run;
use crate::interop::shop::{STACK, Shop};
use crate::interop::stash;
use crate::interop::support::{Pulumi, Running, until};

const DEPLOY: &[&str] = &["deploy", "--all", "--env", "test", "--yes", "--json"];
const NOTHING: [(String, u64); 0] = [];

/// The files of a stack's locks.
fn locks(shop: &Shop) -> Vec<PathBuf> {
    files(&shop.in_backend("locks/organization/shop/aws-test"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// Adds Stash resources to the stack, as somebody would who uses both programs on one stack.
async fn add_stash(pulumi: &Pulumi, count: usize) {
    let mut state = pulumi.export(STACK).await;
    let resources = state["deployment"]["resources"].as_array_mut().unwrap();
    resources.extend(stash::resources("aws-test", "shop", "stash", count));
    pulumi.import(STACK, &state).await.succeeded();
}

/// The CLI destroys all Stash resources, one after the other.
fn destroy_stash(pulumi: &Pulumi) -> Running {
    let target = stash::urn("aws-test", "shop", "**");
    pulumi.spawn(&["destroy", "--yes", "--skip-preview", "--stack", STACK, "--parallel", "1", "--target", &target])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destruction_by_the_cli_keeps_us_out_and_its_lock_outlives_it_until_cancelled() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let pulumi = shop.pulumi().await;
    add_stash(&pulumi, 1000).await;
    let destruction = destroy_stash(&pulumi);
    until("the CLI takes the lock", || !locks(&shop).is_empty()).await;
    shop.change("2");
    let writes = shop.project.proxy.writes();
    let told = shop.run(DEPLOY).await.failed(4);
    let destruction_pid = destruction.pid();
    let owner = format!("(pid {destruction_pid})");
    assert!(told.contains("created by ") && told.contains(&owner), "{told}");
    assert_eq!(shop.project.proxy.writes(), writes, "something was changed without the lock");

    // Killed in the middle of it: its lock stays, and nobody can know whether it still runs somewhere.
    until("the CLI has begun", || files(&shop.in_backend("stacks/shop")).iter().any(|file| has_pending(file))).await;
    destruction.kill();
    // Also where there would be nothing to change: what was read may be half of something.
    shop.change("1");
    let told = shop.run(DEPLOY).await.failed(4);
    assert!(told.contains(&owner), "{told}");
    shop.change("2");
    let told = shop.run(DEPLOY).await.failed(4);
    assert!(told.contains(&owner) && told.contains(&format!("{owner} at 20")) && told.contains("cancel"), "{told}");
    let cancelled = shop.run(&["cancel", "--env", "test", "--yes", "--json"]).await.succeeded();
    assert!(cancelled.to_string().contains(&destruction_pid.to_string()), "{cancelled}");
    assert_eq!(locks(&shop), Vec::<PathBuf>::new());
    let run = shop.run(DEPLOY).await;
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    // What the CLI was doing when it was killed is still on record.
    let state = pulumi.export(STACK).await;
    let pending = state["deployment"]["pending_operations"].as_array().unwrap();
    assert!(pending.iter().all(|operation| operation["type"] == "deleting") && !pending.is_empty(), "{pending:?}");
    assert!(run.stderr.contains("deleting urn:pulumi:aws-test::shop::pulumi:index:Stash::"), "{}", run.stderr);
    assert_eq!(shop.changes().await, NOTHING);
}

fn has_pending(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains("\"pending_operations\""))
}

/// A deployment whose writes to the cloud are slow, so that it is under way for a while.
async fn slow_deployment(shop: &Shop) -> Child {
    shop.project.proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Delay(Duration::from_millis(300)),
        _ => Action::Pass,
    });
    let deployment = shop.command(DEPLOY).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (shop, before) = (&shop, shop.project.proxy.writes());
    until("the deployment writes", || shop.project.proxy.writes() > before).await;
    deployment
}

async fn ended(deployment: Child) -> Run {
    Run::of(tokio::task::spawn_blocking(move || deployment.wait_with_output()).await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_of_ours_keeps_the_cli_out() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let pulumi = shop.pulumi().await;
    let state = pulumi.export(STACK).await;
    shop.change("2");
    let deployment = slow_deployment(&shop).await;
    let pid = deployment.id();
    let told = pulumi.import(STACK, &state).await.failed();
    assert!(told.contains("the stack is currently locked by 1 lock(s)"), "{told}");
    assert!(told.contains(&format!("(pid {pid}) at 20")) && told.contains("pulumi cancel"), "{told}");
    // Reading takes no lock.
    let during: Value = pulumi.export(STACK).await;
    assert!(during["deployment"]["resources"].is_array());
    ended(deployment).await.succeeded();
    shop.project.proxy.remove_hook();
    pulumi.import(STACK, &state).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_the_cli_cancels_stops_and_nothing_is_lost() {
    let shop = Shop::new().await;
    let pulumi = shop.pulumi().await;
    let deployment = slow_deployment(&shop).await;
    pulumi.succeeds(&["cancel", "--yes", STACK]).await;
    assert_eq!(locks(&shop), Vec::<PathBuf>::new());
    let begun = shop.project.proxy.writes();
    let run = ended(deployment).await;
    assert_ne!(run.code, Some(0));
    // What was on its way when the lock went arrives; nothing follows it.
    assert_eq!(shop.project.proxy.writes(), begun, "something was changed without the lock");
    assert!(run.stdout.contains("cancelled by somebody else"), "{}", run.stdout);
    shop.project.proxy.remove_hook();
    shop.deploy().await;
    assert_eq!(shop.changes().await, NOTHING);
    let inventory = shop.project.inventory().await;
    assert_eq!(inventory.iter().filter(|name| name.starts_with("api ")).count(), 1, "{inventory:?}");
    shop.run(&["destroy", "--all", "--env", "test", "--yes", "--json"]).await.succeeded();
    assert_eq!(shop.project.inventory().await, Vec::<String>::new());
}
