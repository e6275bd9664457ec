//! Resources that the CLI's engine manages, in one stack with ours: each program leaves the other's alone.

use serde_json::{Value, json};

use crate::interop::shop::{STACK, Shop};
use crate::interop::stash;
use crate::interop::support::differences;

const NOTHING: [(String, u64); 0] = [];

/// The resources of a state, ours and theirs.
fn parts(state: &Value) -> (Vec<Value>, Vec<Value>) {
    let resources = state["deployment"]["resources"].as_array().unwrap().clone();
    let theirs = |resource: &Value| {
        let type_token = resource["type"].as_str().unwrap();
        type_token == "pulumi:index:Stash" || type_token == "pulumi:providers:pulumi"
    };
    resources.into_iter().partition(|resource| !theirs(resource))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_destroys_its_own_beside_ours_and_nobody_loses_anything() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let pulumi = shop.pulumi().await;
    let mut state = pulumi.export(STACK).await;
    state["deployment"]["resources"].as_array_mut().unwrap().extend(stash::resources("aws-test", "shop", "theirs", 5));
    pulumi.import(STACK, &state).await.succeeded();
    let inventory = shop.project.inventory().await;

    // Nothing of theirs is in our plans, and what we write keeps it as it is.
    assert_eq!(shop.changes().await, NOTHING);
    let before = pulumi.export(STACK).await;
    shop.change("2");
    assert_ne!(shop.changes().await, NOTHING);
    let (_, theirs) = parts(&pulumi.export(STACK).await);
    assert_eq!(theirs, parts(&before).1);

    // Two of theirs go; nothing of ours does.
    let before = pulumi.export(STACK).await;
    let targets = ["theirs-1", "theirs-3"].map(|name| stash::urn("aws-test", "shop", name));
    let destroy =
        ["destroy", "--yes", "--skip-preview", "--stack", STACK, "--target", &targets[0], "--target", &targets[1]];
    let said = pulumi.succeeds(&destroy).await;
    assert!(said.contains("2 deleted"), "{said}");
    let after = pulumi.export(STACK).await;
    let ((ours_before, _), (ours, theirs)) = (parts(&before), parts(&after));
    assert_eq!(differences(&json!(ours_before), &json!(ours)), [""; 0]);
    assert_eq!(theirs.len(), 4, "{theirs:?}");
    assert_eq!(shop.changes().await, NOTHING);
    assert_eq!(shop.project.inventory().await, inventory);

    // All of ours go; what is left is theirs, and still works.
    shop.run(&["destroy", "--all", "--env", "test", "--yes", "--json"]).await.succeeded();
    assert_eq!(shop.project.inventory().await, Vec::<String>::new());
    let left = pulumi.export(STACK).await;
    assert_eq!(parts(&left).1, theirs);
    let refreshed = pulumi.succeeds(&["refresh", "--yes", "--skip-preview", "--stack", STACK]).await;
    assert!(refreshed.contains("unchanged"), "{refreshed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_of_unknown_outcome_that_the_cli_left_are_kept_and_told() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let pulumi = shop.pulumi().await;
    // As a CLI leaves it that is killed while it creates something: `stack import` would clear it away, so it goes straight
    // into the backend.
    let file = shop.in_backend("stacks/shop/aws-test.json");
    let mut checkpoint = crate::interop::support::read_json(&file);
    let operation = json!({
        "resource": {
            "urn": stash::urn("aws-test", "shop", "half"), "custom": true, "type": "pulumi:index:Stash",
            "inputs": { "input": "x" }, "parent": "urn:pulumi:aws-test::shop::pulumi:pulumi:Stack::shop-aws-test",
        },
        "type": "creating",
    });
    checkpoint["checkpoint"]["latest"]["pending_operations"] = json!([operation]);
    std::fs::write(&file, checkpoint.to_string()).unwrap();
    shop.change("2");
    let run = shop.run(&["deploy", "--all", "--env", "test", "--yes"]).await;
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    let told = format!("{}\n{}", run.stdout, run.stderr);
    assert!(told.contains("half") && told.contains("creating"), "{told}");
    let state = pulumi.export(STACK).await;
    assert_eq!(state["deployment"]["pending_operations"], json!([operation]));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_nobody_knows_stay_through_our_deployments() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let file = shop.in_backend("stacks/shop/aws-test.json");
    let mut checkpoint = crate::interop::support::read_json(&file);
    let latest = &mut checkpoint["checkpoint"]["latest"];
    latest["ofTheFuture"] = json!({ "deployment": true });
    for resource in latest["resources"].as_array_mut().unwrap() {
        resource["ofTheFuture"] = json!([1, "two"]);
    }
    std::fs::write(&file, checkpoint.to_string()).unwrap();
    assert_eq!(shop.changes().await, NOTHING);
    shop.change("2");
    assert_ne!(shop.changes().await, NOTHING);
    let latest = &crate::interop::support::read_json(&file)["checkpoint"]["latest"];
    assert_eq!(latest["ofTheFuture"], json!({ "deployment": true }));
    for resource in latest["resources"].as_array().unwrap() {
        assert_eq!(resource["ofTheFuture"], json!([1, "two"]), "{resource}");
    }
    // The CLI reads such a state, and drops them.
    let state = shop.pulumi().await.export(STACK).await;
    assert!(!state.to_string().contains("ofTheFuture"), "{state}");
}
