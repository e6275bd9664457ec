//! Things that are wrong: each is told clearly, with its place and what to do, and nothing is lost.

use crate::end_to_end::support::Project;

const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn configuration_that_makes_no_sense() {
    let project = Project::new(&["web"]).await;
    let with = |environment: &'static str, component: &'static str| {
        ["deploy", "--component", component, "--provider", "aws", "--env", environment, "--yes", "--json"]
    };
    assert!(project.run(&with("tset", "web")).await.failed(2).contains("test"));
    assert!(project.run(&with("test", "wbe")).await.failed(2).contains("web"));
    let provider = ["deploy", "--all", "--provider", "gcp", "--env", "test", "--yes", "--json"];
    assert!(project.run(&provider).await.failed(2).contains("aws"));
    assert!(
        project
            .run(&["deploy", "--provider", "aws", "--env", "test", "--yes", "--json"])
            .await
            .failed(2)
            .contains("--all")
    );

    project.write(
        "semantest-iac.yaml",
        "project: shop\ncomponents:\n  web:\n    kind: rest-api\n    memry: 1GB\n   source: x\n",
    );
    assert!(project.run(DEPLOY).await.failed(2).contains("semantest-iac.yaml"));
    std::fs::remove_file(project.path("semantest-iac.yaml")).unwrap();
    assert!(project.run(DEPLOY).await.failed(2).contains("init"));
    assert_eq!(project.proxy.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn source_that_cannot_be_packaged() {
    let project = Project::new(&["web"]).await;
    std::fs::remove_dir_all(project.path("web")).unwrap();
    assert!(project.run(DEPLOY).await.failed(2).contains("web"));
    std::fs::create_dir(project.path("web")).unwrap();
    assert!(project.run(DEPLOY).await.failed(2).contains("web"));
    project.write_server("web", "1");
    project.configure(&[("web", "build: \"echo about to fail; exit 3\"")]);
    let told = project.run(DEPLOY).await.failed(1);
    assert!(told.contains("about to fail") && told.contains('3'), "{told}");
    assert_eq!(project.proxy.writes(), 0);
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_do_not_come_up() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "")]);
    project.write("web/server.js", "console.error('the database is gone'); process.exit(7);");
    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    project.write(
        "semantest-iac.yaml",
        &yaml.replace("health: { path: /health, timeout: 20s }", "health: { path: /health, timeout: 3s }"),
    );
    let run = project.run(DEPLOY).await;
    let told = run.failed(5);
    assert!(told.contains("the database is gone"), "{told}");
    assert_eq!(run.document()["result"], "needs-attention");
    // Mended, it goes on from there.
    project.write_server("web", "1");
    project.run(DEPLOY).await.succeeded();
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_listens_is_shown_with_what_it_printed() {
    let project = Project::new(&["web"]).await;
    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    // The health check is over before the function is, as with the settings that `init` writes.
    let yaml = yaml.replace(
        "timeout: 20s\n    health: { path: /health, timeout: 20s }",
        "timeout: 8s\n    health: { path: /health, timeout: 4s }",
    );
    assert!(yaml.contains("timeout: 4s"));
    project.write("semantest-iac.yaml", &yaml);
    project.write("web/server.js", "console.error('waiting for the database'); setInterval(() => {}, 1000);");
    let run = project.run(DEPLOY).await;
    let told = run.failed(5);
    assert!(told.contains("no answer in time") && told.contains("(1 try)"), "{told}");
    assert!(told.contains("waiting for the database"), "{told}");
    let shown = run.stderr.matches("waiting for the database").count();
    assert_eq!(shown, told.matches("waiting for the database").count(), "told more than once: {}", run.stderr);
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clouds_that_cannot_be_reached_or_do_not_know_us() {
    let project = Project::new(&["web"]).await;
    let mut nobody = project.command(DEPLOY);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run = crate::end_to_end::support::Run::of(nobody.output().unwrap());
    assert!(run.failed(1).to_lowercase().contains("credentials"));

    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    project.write("semantest-iac.yaml", &yaml.replace(&project.proxy.endpoint(), &format!("http://{free}")));
    assert!(project.run(DEPLOY).await.failed(1).contains(&free.to_string()));

    project.write(
        "semantest-iac.yaml",
        &yaml.replace("region: us-east-1", "region: us-east-1, account: \"999999999999\""),
    );
    let told = project.run(DEPLOY).await.failed(1);
    assert!(told.contains("999999999999") && told.contains(&project.account), "{told}");
    assert_eq!(project.proxy.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone() {
    let project = Project::new(&["web"]).await;
    let iam = aws_sdk_iam::Client::new(&project.sdk().await);
    project.all("deploy").await;
    let roles = iam.list_roles().send().await.unwrap();
    let role = roles.roles()[0].role_name().to_owned();
    project.all("destroy").await;
    iam.create_role().role_name(&role).assume_role_policy_document("{}").send().await.unwrap();
    let run = project.run(DEPLOY).await;
    assert!(matches!(run.code, Some(1 | 5)), "{}", run.stderr);
    let told = run.document()["errors"].to_string();
    assert!(told.contains(&role) && told.contains("isn't ours"), "{told}");
    let left = iam.list_role_tags().role_name(&role).send().await.unwrap();
    assert!(left.tags().is_empty(), "somebody else's role was tagged");
    // What it made beside that goes; what isn't ours stays.
    project.all("destroy").await;
    assert_eq!(project.inventory().await, [format!("role {role}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_are_not_sound() {
    let project = Project::new(&["web"]).await;
    project.all("deploy").await;
    let state = project.path(".semantest/.pulumi/stacks/shop/aws-test.json");
    let whole = std::fs::read(&state).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let newer = text.replacen("\"version\":3", "\"version\":9", 1);
    let broken = text.replace(
        "\"parent\":\"urn:pulumi:aws-test::shop::pulumi:pulumi:Stack",
        "\"parent\":\"urn:pulumi:aws-test::shop::pulumi:pulumi:Stock",
    );
    assert!(newer != text && broken != text);
    for (content, reason) in [
        (&whole[..whole.len() / 2], "aws-test.json"),
        (newer.as_bytes(), "newer"),
        (broken.as_bytes(), "parent"),
        (b"".as_slice(), "aws-test.json"),
    ] {
        std::fs::write(&state, content).unwrap();
        project.proxy.clear();
        let told = project.run(DEPLOY).await.failed(1);
        assert!(told.contains(reason), "{told}");
        assert_eq!(project.proxy.writes(), 0);
        assert_eq!(std::fs::read(&state).unwrap(), content, "nothing is overwritten");
    }
    std::fs::write(&state, &whole).unwrap();
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
