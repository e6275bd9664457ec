//! `encryption: full`: the whole way of a stack whose files are sealed, and what of it stands in clear.

use std::path::Path;

use localstack::proxy::Moment;

use crate::end_to_end::deployments::interruption::{DEPLOY, run_killed};
use crate::end_to_end::support::{Project, Run, get, url};

/// A project of one server whose state is sealed, with a value in its configuration that is no secret.
async fn project(encryption: &str) -> Project {
    let project = Project::new(&["web"]).await;
    configure(&project, encryption);
    project
}

fn configure(project: &Project, encryption: &str) {
    project.configure(&[("web", "environment: { SETTING: a-visible-value }")]);
    let text = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    project.write("semantest-iac.yaml", &format!("{text}\nstate: {{ encryption: {encryption} }}\n"));
}

/// Every file of the state that holds what only a reader of the stack may know.
fn in_clear(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(in_clear(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if ["a-visible-value", "aws:lambda", "DeploymentPlanned", "arn:aws"].iter().any(|word| text.contains(word)) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn with_passphrase(project: &Project, passphrase: Option<&str>, arguments: &[&str]) -> Run {
    let mut command = project.command(arguments);
    command.env_remove("PULUMI_CONFIG_PASSPHRASE");
    command.envs(passphrase.map(|passphrase| ("PULUMI_CONFIG_PASSPHRASE", passphrase)));
    Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_stack_is_deployed_killed_gone_on_with_and_destroyed() {
    let project = project("full").await;
    assert!(run_killed(&project, DEPLOY, 5, Moment::After).await);
    assert_eq!(in_clear(&project.path(".semantest")), Vec::<String>::new());
    let deployed = project.all("deploy").await;
    assert_eq!(get(&url(&deployed, "web")).await["setting"], "a-visible-value");
    let again = project.all("deploy").await;
    assert_eq!((&again["changes"]["create"], &again["changes"]["update"]), (&0.into(), &0.into()), "{again}");
    for shown in [&["status", "--json"][..], &["events", "--json"], &["history", "--json"], &["outputs", "--json"]] {
        let run = project.run(&[shown, &["--env", "test"]].concat()).await;
        assert_eq!(run.code, Some(0), "{shown:?}\n{}", run.stderr);
    }
    project.write_server("web", "2");
    let changed = project.all("deploy").await;
    assert_eq!(get(&url(&changed, "web")).await["version"], "2");
    assert_eq!(in_clear(&project.path(".semantest")), Vec::<String>::new());
    let stacks = project.path(".semantest/.pulumi/stacks/shop");
    let mut names: Vec<String> =
        std::fs::read_dir(stacks).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["aws-test.sealed", "aws-test.sealed-anchor", "aws-test.sealed.bak"]);

    let status = ["status", "--env", "test", "--json"];
    let wrong = with_passphrase(&project, Some("wrong"), &status).await.failed(1);
    assert!(wrong.contains("incorrect passphrase"), "{wrong}");
    let none = with_passphrase(&project, None, &status).await.failed(1);
    assert!(none.contains("PULUMI_CONFIG_PASSPHRASE"), "{none}");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_in_the_place_of_the_newest_is_refused() {
    let project = project("full").await;
    project.all("deploy").await;
    let state = project.path(".semantest/.pulumi/stacks/shop/aws-test.sealed");
    let older = std::fs::read(&state).unwrap();
    project.write_server("web", "2");
    project.all("deploy").await;
    let newest = std::fs::read(&state).unwrap();
    std::fs::remove_file(&state).unwrap();
    std::fs::write(&state, older).unwrap();
    let refused = project.run(DEPLOY).await;
    let told = refused.failed(1);
    assert!(told.contains("an older state was put in the place of the newest"), "{told}");
    assert!(told.contains("stack encrypt --accept-older-state"), "{told}");
    std::fs::remove_file(&state).unwrap();
    std::fs::write(&state, newest).unwrap();
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    // Put back on purpose: the next deployment finds out what is really there.
    let backup = project.path(".semantest/.pulumi/stacks/shop/aws-test.sealed.bak");
    std::fs::copy(backup, &state).unwrap();
    project.run(DEPLOY).await.failed(1);
    project.run(&["stack", "encrypt", "--accept-older-state", "--env", "test", "--json"]).await.succeeded();
    project.run(&[DEPLOY, &["--refresh", "all"]].concat()).await.succeeded();
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_sealed_and_opened_by_commands_and_never_by_itself() {
    let project = project("secrets").await;
    project.all("deploy").await;
    assert!(!in_clear(&project.path(".semantest")).is_empty());
    let exported = project.run(&["stack", "export", "--env", "test"]).await.succeeded();

    configure(&project, "full");
    let refused = project.run(DEPLOY).await.failed(2);
    assert!(refused.contains("is not sealed") && refused.contains("`stack encrypt`"), "{refused}");
    let sealed = project.run(&["stack", "encrypt", "--env", "test", "--json"]).await.succeeded();
    assert_eq!((&sealed["encryption"], sealed["left"].as_array().map(Vec::len)), (&"full".into(), Some(0)), "{sealed}");
    assert_eq!(sealed["written"].as_array().map(Vec::len), sealed["removed"].as_array().map(Vec::len), "{sealed}");
    assert_eq!(in_clear(&project.path(".semantest")), Vec::<String>::new());
    let listed = project.run(&["stack", "ls", "--json"]).await.succeeded();
    assert_eq!((&listed[0]["name"], &listed[0]["sealed"]), (&"aws-test".into(), &true.into()), "{listed}");
    assert_eq!(project.run(&["stack", "export", "--env", "test"]).await.succeeded(), exported);
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    assert_eq!(project.run(&["history", "--env", "test", "--json"]).await.code, Some(0));

    configure(&project, "secrets");
    let refused = project.run(DEPLOY).await.failed(2);
    assert!(refused.contains("is sealed") && refused.contains("`stack decrypt`"), "{refused}");
    let opened = project.run(&["stack", "decrypt", "--env", "test"]).await;
    assert_eq!(opened.code, Some(0), "{}", opened.stderr);
    assert!(
        opened.stdout.contains("is in Pulumi's form now") && opened.stdout.contains("removed "),
        "{}",
        opened.stdout
    );
    assert_eq!(project.run(&["stack", "export", "--env", "test"]).await.succeeded(), exported);
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
