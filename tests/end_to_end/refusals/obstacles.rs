//! What stands in a deployment's way: a state that can't be written or opened, names that are taken, a server that says it isn't
//! well. Each is told clearly, and the next deployment goes on from there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::end_to_end::support::{Project, Run, get, url};

const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_it_is_not_well_is_shown_with_its_answer() {
    let project = Project::new(&["web"]).await;
    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    project.write("semantest-iac.yaml", &yaml.replace("path: /health, timeout: 20s", "path: /health, timeout: 2s"));
    let server = "require('http').createServer((_, answer) => { answer.statusCode = 503; answer.end('no database yet'); })\
                  .listen(process.env.PORT);";
    project.write("web/server.js", server);
    let told = project.run(DEPLOY).await.failed(5);
    assert!(told.contains("503") && told.contains("no database yet"), "{told}");
    // It was made and isn't well: nothing was deleted, and the next deployment asks again.
    project.write_server("web", "1");
    let deployed = project.run(DEPLOY).await.succeeded();
    assert_eq!(get(&url(&deployed, "web")).await["version"], "1");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

/// Stacks from before projects are no stacks here, but nobody is to think that they are gone.
#[tokio::test(flavor = "multi_thread")]
async fn stacks_in_the_layout_before_projects_are_told_to_be_passed_over() {
    let project = Project::new(&["web"]).await;
    assert_eq!(project.run(&["stack", "init", "--env", "test"]).await.code, Some(0));
    let listed = project.run(&["stack", "ls"]).await;
    assert!(listed.code == Some(0) && listed.stderr.is_empty(), "{}", listed.stderr);
    project.write(".semantest/.pulumi/stacks/old.json", "{}");
    let listed = project.run(&["stack", "ls"]).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let told = ["old.json", "pulumi state upgrade"].iter().all(|text| listed.stderr.contains(text));
    assert!(told && listed.stdout.contains("aws-test"), "{}{}", listed.stdout, listed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_changes_nothing() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET } }")]);
    let run = async |passphrase: &str, secret: &str| {
        let mut command = project.command(DEPLOY);
        command.env("SHOP_SECRET", secret).env("PULUMI_CONFIG_PASSPHRASE", passphrase);
        Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
    };
    let first = run("end to end", "first-secret-value").await.succeeded();
    let (writes, state) = (project.proxy.writes(), std::fs::read(checkpoint(&project)).unwrap());
    let told = run("a wrong one", "other-secret-value").await.failed(1);
    assert!(told.contains("incorrect passphrase") && told.contains("PULUMI_CONFIG_PASSPHRASE"), "{told}");
    assert_eq!(project.proxy.writes(), writes);
    assert_eq!(std::fs::read(checkpoint(&project)).unwrap(), state);
    assert_eq!(get(&url(&first, "web")).await["setting"], "first-secret-value");
    run("end to end", "other-secret-value").await.succeeded();
    assert_eq!(get(&url(&first, "web")).await["setting"], "other-secret-value");
    project.all("destroy").await;
}

fn checkpoint(project: &Project) -> PathBuf {
    project.path(".semantest/.pulumi/stacks/shop/aws-test.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_that_name_that_is_not_ours_is_left_alone() {
    use aws_sdk_lambda::types::{FunctionCode, Runtime};
    let project = Project::new(&["web"]).await;
    let sdk = project.sdk().await;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
    let iam = aws_sdk_iam::Client::new(&sdk);
    iam.create_role().role_name("somebodys").assume_role_policy_document(trust).send().await.unwrap();
    let lambda = aws_sdk_lambda::Client::new(&sdk);
    // An archive with nothing in it: the end of its directory.
    let empty = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    let code = FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new(empty)).build();
    lambda
        .create_function()
        .function_name("shop-test-web")
        .role(format!("arn:aws:iam::{}:role/somebodys", project.account))
        .runtime(Runtime::Nodejs22x)
        .handler("index.handler")
        .description("somebody's")
        .code(code)
        .send()
        .await
        .unwrap();
    // It is seen before anything is done.
    let told = project.run(DEPLOY).await.failed(1);
    assert!(told.contains("shop-test-web") && told.contains("wasn't made by this stack"), "{told}");
    assert_eq!(project.proxy.writes(), 0);
    let theirs = lambda.get_function_configuration().function_name("shop-test-web").send().await.unwrap();
    assert_eq!(theirs.description(), Some("somebody's"));
    lambda.delete_function().function_name("shop-test-web").send().await.unwrap();
    let deployed = project.run(DEPLOY).await.succeeded();
    assert_eq!(get(&url(&deployed, "web")).await["version"], "1");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, ["role somebodys"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_cannot_be_written_stops_a_deployment_before_it_begins() {
    let project = Project::new(&["web"]).await;
    // A file where the folder should be can't be written to by anybody, whatever his rights.
    project.write(".semantest", "in the way");
    let told = project.run(DEPLOY).await.failed(1);
    assert!(told.contains(".semantest"), "{told}");
    assert_eq!(project.proxy.writes(), 0);
    std::fs::remove_file(project.path(".semantest")).unwrap();
    project.run(DEPLOY).await.succeeded();
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

/// A small disk of its own, for as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }

    fn grow(&self, size: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{size}")]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    for size in ["size=4k", "size=24k", "size=40k"] {
        let project = Project::new(&["web"]).await;
        let Some(disk) = SmallDisk::mount(&project.path(".semantest"), size) else {
            println!("skipped: no disk of its own can be mounted here, which takes the rights of an administrator");
            return;
        };
        let run = project.run(DEPLOY).await;
        assert!(matches!(run.code, Some(1 | 5)), "{size}: {}\n{}", run.stdout, run.stderr);
        let told = run.failed(run.code.unwrap());
        assert!(told.contains("space") || told.contains("full"), "{size}: {told}");
        disk.grow("size=20m");
        let deployed = project.run(DEPLOY).await.succeeded();
        assert_eq!(get(&url(&deployed, "web")).await["version"], "1", "{size}");
        assert_eq!(project.run(DEPLOY).await.succeeded()["calls"]["write"], 0, "{size}");
        project.all("destroy").await;
        assert_eq!(project.inventory().await, Vec::<String>::new(), "{size}");
    }
}
