//! One backend that both programs use in turn: what the CLI does to a stack of ours, we go on with.

use serde_json::{Value, json};

use crate::interop::shop::{STACK, Shop};
use crate::interop::support::{Pulumi, differences};

/// The name that the CLI gives the stack.
const OTHER: &str = "organization/shop/aws-other";
const NOTHING: [(String, u64); 0] = [];

fn urns(state: &Value) -> Vec<&str> {
    let resources = state["deployment"]["resources"].as_array().unwrap();
    resources.iter().map(|resource| resource["urn"].as_str().unwrap()).collect()
}

fn urn_of<'s>(state: &'s Value, type_token: &str) -> &'s str {
    let urns = urns(state);
    let found = urns.iter().find(|urn| urn.contains(&format!("{type_token}::")));
    found.unwrap_or_else(|| panic!("no {type_token} in {urns:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_use_a_folder_in_turn() {
    let shop = Shop::new().await;
    in_turn(&shop).await;
    // The checkpoint in the backend is byte for byte what the CLI would have us read.
    super::formats::samples::checkpoint_written_back(&shop.in_backend("stacks/shop/aws-test.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_use_a_bucket_in_turn() {
    in_turn(&Shop::in_bucket().await).await;
}

async fn in_turn(shop: &Shop) {
    let deployed = shop.deploy().await;
    let pulumi = shop.pulumi().await;
    read(&pulumi, &deployed).await;
    protect_and_tag(shop, &pulumi).await;
    rename_and_name_back(shop, &pulumi).await;
    rename_and_deploy(shop, &pulumi).await;
    rename_resource(shop, &pulumi).await;
    move_and_move_back(shop, &pulumi).await;
    forget(shop, &pulumi).await;
}

/// What the CLI reads of a stack of ours is right.
async fn read(pulumi: &Pulumi, deployed: &Value) {
    let listed = pulumi.json(&["stack", "ls", "--all", "--json"]).await;
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|stack| &stack["name"]).collect();
    // Within a project its stacks are listed without its name.
    assert_eq!(names, ["aws-test"], "{listed}");
    let state = pulumi.export(STACK).await;
    assert_eq!(listed[0]["resourceCount"], json!(urns(&state).len()), "{listed}");
    let outputs = pulumi.json(&["stack", "output", "--stack", STACK, "--json"]).await;
    assert_eq!(outputs["web"]["url"], deployed["outputs"]["web"]["url"], "{outputs}\n{deployed}");
    let shown = pulumi.succeeds(&["stack", "--stack", STACK, "--show-urns"]).await;
    assert!(shown.contains("aws:lambda/function:Function"), "{shown}");
    assert!(shown.contains(concat!("semantest-iac-", env!("CARGO_PKG_VERSION"))), "the program that wrote it: {shown}");
    let history = pulumi.json(&["stack", "history", "--json", "--stack", STACK]).await;
    assert_eq!((&history[0]["kind"], &history[0]["result"]), (&json!("update"), &json!("succeeded")));
}

/// Protection and tags of the CLI stay through deployments of ours.
async fn protect_and_tag(shop: &Shop, pulumi: &Pulumi) {
    pulumi.succeeds(&["state", "protect", "--all", "--yes", "--stack", STACK]).await;
    pulumi.succeeds(&["stack", "tag", "set", "team", "shop", "--stack", STACK]).await;
    assert_eq!(shop.changes().await, NOTHING);
    shop.change("2");
    assert_ne!(shop.changes().await, NOTHING);
    let state = pulumi.export(STACK).await;
    let protected = |resource: &&Value| resource["protect"] == json!(true);
    let resources = state["deployment"]["resources"].as_array().unwrap();
    assert_eq!(resources.iter().filter(protected).count(), resources.len(), "{state}");
    let tags = pulumi.json(&["stack", "tag", "ls", "--json", "--stack", STACK]).await;
    assert_eq!(tags["team"], "shop", "{tags}");
    pulumi.succeeds(&["state", "unprotect", "--all", "--yes", "--stack", STACK]).await;
    assert_eq!(shop.changes().await, NOTHING);
}

/// A stack that the CLI renames and names back is the same, with its history.
async fn rename_and_name_back(shop: &Shop, pulumi: &Pulumi) {
    let before = pulumi.export(STACK).await;
    pulumi.succeeds(&["stack", "rename", "aws-other", "--stack", STACK]).await;
    let status = shop.run(&["status", "--env", "test", "--json"]).await.succeeded();
    assert_eq!(status["exists"], false, "{status}");
    pulumi.succeeds(&["stack", "rename", "aws-test", "--stack", OTHER]).await;
    assert_eq!(differences(&before, &pulumi.export(STACK).await), [""; 0]);
    assert_eq!(shop.changes().await, NOTHING);
    let history = pulumi.json(&["stack", "history", "--json", "--stack", STACK]).await;
    assert_eq!(history[1]["kind"], "update", "{history}");
}

/// A stack that the CLI renames is deployed under its new name: what is in the cloud is gone on with, and so under the old one.
async fn rename_and_deploy(shop: &Shop, pulumi: &Pulumi) {
    let before = shop.project.inventory().await;
    for (from, to) in [(STACK, "aws-other"), (OTHER, "aws-test")] {
        pulumi.succeeds(&["stack", "rename", to, "--stack", from]).await;
        let deploy = ["deploy", "--all", "--env", "test", "--stack", to, "--yes", "--json"];
        let deployed = shop.run(&deploy).await.succeeded();
        let changes = &deployed["changes"];
        assert_eq!((&changes["create"], &changes["replace"], &changes["delete"]), (&json!(0), &json!(0), &json!(0)));
        assert_eq!(shop.project.inventory().await, before);
        let again = shop.run(&deploy).await.succeeded();
        assert_eq!(again["changes"]["update"], 0, "{again}");
        let state = pulumi.export(&format!("organization/shop/{to}")).await;
        assert!(urns(&state).iter().all(|urn| urn.starts_with(&format!("urn:pulumi:{to}::shop::"))), "{state}");
    }
    assert_eq!(shop.changes().await, NOTHING);
}

/// A resource that the CLI gave another name is known by what it is in the cloud, and gets its name back.
async fn rename_resource(shop: &Shop, pulumi: &Pulumi) {
    let before = shop.project.inventory().await;
    let permission = leaf_of(pulumi).await;
    pulumi.succeeds(&["state", "rename", &permission, "renamed", "--yes", "--stack", STACK]).await;
    assert_ne!(leaf_of(pulumi).await, permission);
    assert_eq!(shop.changes().await, NOTHING);
    assert_eq!(leaf_of(pulumi).await, permission);
    assert_eq!(shop.project.inventory().await, before);
}

/// A resource that the CLI moves to another stack and back is where it was.
async fn move_and_move_back(shop: &Shop, pulumi: &Pulumi) {
    let before = shop.project.inventory().await;
    let permission = leaf_of(pulumi).await;
    pulumi.succeeds(&["stack", "init", "organization/shop/side"]).await;
    let moving = |urn: String, from: &'static str, to: &'static str| async move {
        pulumi.succeeds(&["state", "move", &urn, "--source", from, "--dest", to, "--yes"]).await
    };
    moving(permission.clone(), STACK, "organization/shop/side").await;
    let there = pulumi.export("organization/shop/side").await;
    let there = urn_of(&there, "aws:lambda/permission:Permission").to_owned();
    moving(there, "organization/shop/side", STACK).await;
    pulumi.succeeds(&["stack", "rm", "organization/shop/side", "--yes", "--force"]).await;
    // Its references to what stayed were dropped on the way, and come back.
    let deployed = shop.deploy().await;
    let changes = &deployed["changes"];
    assert_eq!((&changes["create"], &changes["replace"], &changes["delete"]), (&json!(0), &json!(0), &json!(0)));
    assert_eq!(shop.changes().await, NOTHING);
    assert_eq!(leaf_of(pulumi).await, permission);
    assert_eq!(shop.project.inventory().await, before);
}

/// A resource that the CLI forgot is found again.
async fn forget(shop: &Shop, pulumi: &Pulumi) {
    let before = shop.project.inventory().await;
    let permission = leaf_of(pulumi).await;
    pulumi.succeeds(&["state", "delete", &permission, "--yes", "--stack", STACK]).await;
    shop.deploy().await;
    assert_eq!(shop.project.inventory().await, before);
    assert_eq!(shop.changes().await, NOTHING);
    assert_eq!(leaf_of(pulumi).await, permission);
}

/// The resource that nothing else depends on: the function's permission for the API.
async fn leaf_of(pulumi: &Pulumi) -> String {
    let state = pulumi.export(STACK).await;
    urn_of(&state, "aws:lambda/permission:Permission").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_hangs_together_and_was_forgotten_by_the_cli_is_found_again() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let before = shop.project.inventory().await;
    let pulumi = shop.pulumi().await;
    let state = pulumi.export(STACK).await;
    let function = urn_of(&state, "aws:lambda/function:Function");
    pulumi.succeeds(&["state", "delete", function, "--target-dependents", "--yes", "--stack", STACK]).await;
    let run = shop.run(&["deploy", "--all", "--env", "test", "--yes", "--json"]).await;
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    assert_eq!(shop.project.inventory().await, before);
    assert_eq!(shop.changes().await, NOTHING);
}
