//! Sealed stacks beside the CLI's own: it passes them over, and what we export of them it takes.

use crate::interop::shop::{STACK, Shop};
use crate::interop::support::{Pulumi, differences};

const SELECTED: [&str; 3] = ["--env", "test", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_passes_a_sealed_stack_over_and_goes_on_with_the_others() {
    let shop = Shop::new().await;
    shop.deploy().await;
    let pulumi = shop.pulumi().await;
    let exported = pulumi.export(STACK).await;
    pulumi.succeeds(&["stack", "init", "organization/shop/other"]).await;
    let sealed = shop.run(&[&["stack", "encrypt"][..], &SELECTED].concat()).await.succeeded();
    assert!(sealed["written"].as_array().is_some_and(|files| files.len() > 4), "{sealed}");

    let listed = pulumi.json(&["stack", "ls", "--all", "--json"]).await;
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|stack| stack["name"].as_str().unwrap()).collect();
    assert!(names.len() == 1 && names[0].ends_with("other"), "{names:?}");
    assert_eq!(pulumi.export("organization/shop/other").await["version"], 3);
    let missing = pulumi.fails(&["stack", "export", "--stack", STACK]).await;
    assert!(missing.contains("no stack named"), "{missing}");

    // What we export of it is what the CLI exported before, and the CLI takes it into another backend.
    let ours = shop.run(&["stack", "export", "--env", "test"]).await.succeeded();
    assert_eq!(differences(&exported, &ours), [""; 0]);
    let elsewhere = tempfile::tempdir().unwrap();
    let backend = format!("file://{}", elsewhere.path().display());
    let fresh = Pulumi::on(&backend, "shop", elsewhere.path(), "end to end").await;
    fresh.succeeds(&["stack", "init", STACK]).await;
    fresh.import(STACK, &ours).await.succeeded();

    // A stack of the same name that the CLI makes beside it is noticed, and gives way without taking anything along.
    pulumi.succeeds(&["stack", "init", STACK]).await;
    let deploy = ["deploy", "--all", "--env", "test", "--yes", "--json"];
    let refused = shop.run(&["status", "--env", "test", "--json"]).await.failed(1);
    assert!(refused.contains("another program has made a stack of the same name"), "{refused}");
    pulumi.succeeds(&["stack", "rename", "--stack", STACK, "organization/shop/third"]).await;
    pulumi.succeeds(&["stack", "init", STACK]).await;
    pulumi.succeeds(&["stack", "rm", "--yes", "--stack", STACK]).await;
    let opened = shop.run(&[&["stack", "decrypt"][..], &SELECTED].concat()).await.succeeded();
    assert_eq!(opened["written"].as_array().map(Vec::len), sealed["written"].as_array().map(Vec::len), "{opened}");
    assert_eq!(shop.run(&deploy).await.succeeded()["changes"]["update"], 0);
    assert_eq!(pulumi.json(&["stack", "history", "--json", "--stack", STACK]).await.as_array().map(Vec::len), Some(1));
    shop.run(&["destroy", "--all", "--env", "test", "--yes", "--json"]).await.succeeded();
}
