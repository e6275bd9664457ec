//! Resources that are protected, retained, or whose changes are left alone or replace them.

use crate::end_to_end::support::Project;

const DEPLOY: [&str; 7] = ["deploy", "--all", "--provider", "aws", "--env", "test", "--yes"];
const DESTROY: [&str; 7] = ["destroy", "--all", "--provider", "aws", "--env", "test", "--yes"];

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_treated_as_the_component_says() {
    let project = Project::new(&["web"]).await;
    let configure = |more: &str| project.configure(&[("web", more)]);
    configure("protect: true\nresources: { logs: { protect: false, retain: true } }");
    assert_eq!(project.all("deploy").await["changes"]["create"], 11);
    let inventory = project.inventory().await;

    // Protected: neither destroyed nor replaced, and nothing is begun.
    let refused = project.run(&DESTROY).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("protected"), "{}", refused.stderr);
    assert_eq!(project.inventory().await, inventory);
    // Whoever takes the key out leaves it as it was; whoever says no takes it away.
    configure("");
    assert_eq!(project.run(&DESTROY).await.code, Some(1));
    configure("protect: false\nresources: { logs: { retain: true } }");
    project.all("deploy").await;

    // A change that is left alone, and one that replaces.
    configure("memory: 512MB\nresources: { function: { ignore-changes: [memorySize] } }");
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    configure("memory: 1GB\nresources: { function: { replace-on-changes: [memorySize] } }");
    let preview = project.run(&["preview", "--all", "--provider", "aws", "--env", "test", "--json"]).await.succeeded();
    // The function, and what names it.
    assert_eq!(preview["changes"]["replace"], 3, "{preview}");

    // What isn't there is told with what is.
    configure("resources: { fuction: { protect: true } }");
    let unknown = project.run(&DEPLOY).await;
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("\"fuction\"") && unknown.stderr.contains("function"), "{}", unknown.stderr);

    // The log group stays in the cloud.
    project.all("destroy").await;
    let left = project.inventory().await;
    assert!(left.iter().all(|left| left.contains("/aws/lambda/shop-test-web")) && !left.is_empty(), "{left:?}");
}
