//! The example of the repository, deployed by semantest-iac, taken to a fresh Pulumi backend by the CLI.

use serde_json::Value;

use crate::interop::shop::{SECRET, Shop};
use crate::interop::support::differences;

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_example_goes_to_a_fresh_backend_as_it_is() {
    let shop = Shop::example().await;
    shop.deploy().await;
    let stack = shop.stack.as_str();
    let ours = shop.pulumi().await.export(stack).await;
    let resources = ours["deployment"]["resources"].as_array().unwrap().len();
    assert!(resources >= 8, "{resources} resources: {ours}");
    assert!(!ours.to_string().contains(SECRET));
    // Both programs print the same of it.
    let pulumi = shop.pulumi().await;
    for more in [&[][..], &["--show-secrets"]] {
        let printed = shop.run(&[&["stack", "export", "--env", "test"], more].concat()).await;
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        let by_the_cli = pulumi.succeeds(&[&["stack", "export", "--stack", stack], more].concat()).await;
        let lines = printed.stdout.lines().zip(by_the_cli.lines());
        let differing: Vec<_> = lines.filter(|(ours, theirs)| ours != theirs).take(3).collect();
        assert!(printed.stdout == by_the_cli, "{more:?}: {differing:#?}");
    }

    let elsewhere = shop.pulumi_elsewhere().await;
    elsewhere.succeeds(&["stack", "init", stack]).await;
    elsewhere.import(stack, &ours).await.succeeded();
    let theirs = elsewhere.export(stack).await;
    assert_eq!(differences(&ours, &theirs), [""; 0]);
    let shown = elsewhere.export_with_secrets(stack).await;
    assert_eq!(differences(&ours, &shown), [""; 0]);
    assert!(shown.to_string().contains(SECRET), "{shown}");

    // What else reads a state.
    let graph = shop.project.path("graph.dot");
    elsewhere.succeeds(&["stack", "graph", "--stack", stack, graph.to_str().unwrap()]).await;
    assert!(std::fs::read_to_string(graph).unwrap().contains("aws:lambda/function:Function"));
    let _: Value = elsewhere.json(&["stack", "output", "--stack", stack, "--json"]).await;
}
