//! Without a health check, too, a server that can't start isn't called deployed.

use super::interruption::DEPLOY;
use crate::end_to_end::support::{Project, get, url};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_start_is_told_with_its_reason_and_mended_by_the_next_deployment() {
    let project = Project::new(&["web"]).await;
    let text = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    let unasked: String =
        text.lines().filter(|line| !line.contains("health:")).map(|line| format!("{line}\n")).collect();
    project.write("semantest-iac.yaml", &unasked);
    let server = std::fs::read_to_string(project.path("web/server.js")).unwrap();
    project.write("web/server.js", "require('a-module-that-is-not-there');\n");
    let told = project.run(DEPLOY).await.failed(5);
    assert!(told.contains("web doesn't start") && told.contains("a-module-that-is-not-there"), "{told}");
    // What isn't changed is asked again, since it wasn't well.
    assert!(project.run(DEPLOY).await.failed(5).contains("web doesn't start"));

    project.write("web/server.js", &server);
    let document = project.run(DEPLOY).await.succeeded();
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    let again = project.run(DEPLOY).await.succeeded();
    assert_eq!(again["changes"]["update"], 0, "{again}");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
