//! State in a bucket and in a container: deployed, gone on with from another machine, destroyed; and what it costs.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localstack::proxy::{Action, Exchange, Moment, Proxy};
use localstack::{Host, Installer, TestBlobs};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};
use state::{AzureAccess, S3Access, S3Keys, Secret, StackId, StackStore, StoreAccess, StoreOptions, StoreUrl};

use crate::end_to_end::support::{Project, Run, cloud, get, url};

const DEPLOY: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];

/// A project with its state far away, and the proxy that all of it goes through.
struct Remote {
    project: Project,
    proxy: Proxy,
    variables: Vec<(&'static str, String)>,
    /// For the test itself, past the program.
    store: (StoreUrl, StoreAccess),
    objects: Arc<dyn ObjectStore>,
}

impl Remote {
    /// A bucket in the project's own account.
    async fn s3() -> Self {
        let project = Project::new(&["web"]).await;
        let proxy = Proxy::start(&cloud().await.endpoint()).unwrap();
        let bucket = format!("state-{}", project.account);
        let client = aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::config::Builder::from(&project.sdk().await).force_path_style(true).build(),
        );
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        let keys = S3Keys {
            access_key_id: project.account.clone(),
            secret_access_key: "test".to_owned().into(),
            session_token: None,
        };
        let access = S3Access { credentials: Arc::new(keys), region: None, endpoint: None };
        let url =
            |endpoint: String| format!("s3://{bucket}/team?region=us-east-1&endpoint={endpoint}&s3ForcePathStyle=true");
        let access = StoreAccess { s3: Some(access), ..StoreAccess::default() };
        let objects = AmazonS3Builder::new()
            .with_bucket_name(&bucket)
            .with_endpoint(cloud().await.endpoint())
            .with_region("us-east-1")
            .with_access_key_id(&project.account)
            .with_secret_access_key("test")
            .with_allow_http(true)
            .build()
            .unwrap();
        let store = (StoreUrl::parse(&url(cloud().await.endpoint()), "/".as_ref(), None).unwrap(), access);
        let url = url(proxy.endpoint());
        Self::new(Self { project, proxy, variables: Vec::new(), store, objects: Arc::new(objects) }, &url)
    }

    /// A container on Azurite.
    async fn azure() -> Self {
        let host = Host::new(std::env::vars_os());
        let cache = host.cache_folder().expect("a cache folder: set HOME or SEMANTEST_CACHE");
        let blobs = TestBlobs::shared(&Installer::new(host, cache)).await.expect("Azurite starts");
        let project = Project::new(&["web"]).await;
        let proxy = Proxy::start(&blobs.endpoint()).unwrap();
        let container = blobs.container().await.unwrap();
        let url = |endpoint: String| {
            let domain = endpoint.replace("http://", "");
            format!("azblob://{container}/team?protocol=http&domain={domain}&localemu=true")
        };
        let variables = vec![
            ("AZURE_STORAGE_ACCOUNT", TestBlobs::ACCOUNT.to_owned()),
            ("AZURE_STORAGE_KEY", TestBlobs::KEY.to_owned()),
        ];
        let azure = AzureAccess {
            account: Some(TestBlobs::ACCOUNT.to_owned()),
            key: Some(Secret::new(TestBlobs::KEY)),
            ..AzureAccess::default()
        };
        let access = StoreAccess { azure, ..StoreAccess::default() };
        let objects = MicrosoftAzureBuilder::new()
            .with_container_name(&container)
            .with_endpoint(format!("{}/{}", blobs.endpoint(), TestBlobs::ACCOUNT))
            .with_account(TestBlobs::ACCOUNT)
            .with_access_key(TestBlobs::KEY)
            .with_allow_http(true)
            .build()
            .unwrap();
        let store = (StoreUrl::parse(&url(blobs.endpoint()), "/".as_ref(), None).unwrap(), access);
        let url = url(proxy.endpoint());
        Self::new(Self { project, proxy, variables, store, objects: Arc::new(objects) }, &url)
    }

    fn new(remote: Self, url: &str) -> Self {
        let project = &remote.project;
        let configuration = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
        project.write("semantest-iac.yaml", &format!("state: {{ url: \"{url}\", lease: 5s }}\n{configuration}"));
        remote
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.project.command(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
    }

    async fn all(&self, command: &str) -> Value {
        self.run(&[command, "--all", "--provider", "aws", "--env", "test", "--yes", "--json"]).await.succeeded()
    }

    fn open(&self) -> StackStore {
        StackStore::open(&self.store.0, StoreOptions::default(), &self.store.1).unwrap()
    }

    /// As if the lock's holder had run on another machine: nothing of it is to be seen here.
    async fn pretend_the_holder_is_elsewhere(&self) {
        let path = Path::from("team/.semantest/leases/shop/aws-test.json");
        let content = self.objects.get(&path).await.unwrap().bytes().await.unwrap();
        let mut lease: Value = serde_json::from_slice(&content).unwrap();
        lease["held"]["owner"]["host"] = "elsewhere".into();
        lease["held"]["owner"]["boot"] = "another".into();
        self.objects.put(&path, lease.to_string().into()).await.unwrap();
    }

    /// What is left in the cloud, without the bucket that the state is in.
    async fn left(&self) -> Vec<String> {
        let mut left = self.project.inventory().await;
        left.retain(|name| !name.starts_with("bucket state-"));
        left
    }

    /// What went to the store since the last time, as reads and writes.
    fn requests(&self) -> (Vec<String>, Vec<String>) {
        let exchanges = self.proxy.exchanges();
        self.proxy.clear();
        let (writes, reads): (Vec<Exchange>, Vec<Exchange>) = exchanges.into_iter().partition(Exchange::is_write);
        let told = |exchange: Exchange| format!("{} {}", exchange.method, exchange.path);
        (reads.into_iter().map(told).collect(), writes.into_iter().map(told).collect())
    }
}

/// Deployed, deployed again, destroyed: nothing is left beside the store, and nothing in it but what tells of it.
async fn lives_and_goes(remote: &Remote) {
    let document = remote.all("deploy").await;
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    let (reads, writes) = remote.requests();
    // Of the journal's segments there are the fewer, the farther the store is.
    let beside = writes.iter().filter(|write| !write.contains("/.semantest/journal/")).count();
    assert!(reads.len() <= 40 && beside <= 18, "{} reads {reads:#?}, {beside} writes {writes:#?}", reads.len());

    let again = remote.all("deploy").await;
    assert_eq!((&again["changes"]["create"], &again["changes"]["update"]), (&json!(0), &json!(0)), "{again}");
    let (reads, writes) = remote.requests();
    assert!(reads.len() <= 5 && writes.is_empty(), "{reads:#?} {writes:#?}");

    let status = remote.run(&["status", "--env", "test", "--json"]).await.succeeded();
    assert_eq!(status["stack"], "aws-test", "{status}");
    let history = remote.run(&["history", "--env", "test", "--json"]).await.succeeded();
    assert_eq!(history["deployments"].as_array().unwrap().len(), 1, "{history}");
    assert!(!remote.project.path(".semantest").exists(), "nothing lies in the project's folder");
    remote.all("destroy").await;
    assert_eq!(remote.left().await, Vec::<String>::new());
    let id = StackId::new("shop", "aws-test").unwrap();
    assert_eq!(remote.open().event_logs(&id).await.unwrap().len(), 2);
    assert!(remote.open().lock_holders(&id).await.unwrap().is_empty());
}

/// The machine that deploys dies; another one, of which nothing is known but the store, goes on once the lease has run out.
async fn another_machine_goes_on(remote: &Remote) {
    let mut command = remote.command(DEPLOY);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, writes) = (child.id(), AtomicUsize::new(0));
    remote.project.proxy.set_hook(move |exchange, moment| {
        if exchange.is_write() && moment == Moment::After && writes.fetch_add(1, Ordering::SeqCst) == 4 {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            return Action::Cut;
        }
        Action::Pass
    });
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    remote.project.proxy.remove_hook();
    assert_eq!(Run::of(output).code, None, "it was to be killed");

    remote.pretend_the_holder_is_elsewhere().await;
    let home = tempfile::tempdir().unwrap();
    let mut command = remote.command(&[DEPLOY, &["--lock-timeout", "30s"]].concat());
    command.env("HOME", home.path());
    let run = Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap());
    let document = run.succeeded();
    assert!(
        run.stderr.contains("its lease ran out at") || run.stdout.contains("its lease ran out at"),
        "{}",
        run.stderr
    );
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    let settled = remote.all("deploy").await;
    assert_eq!(settled["changes"]["create"], 0, "{settled}");
    let inventory = remote.project.inventory().await;
    assert_eq!(inventory.iter().filter(|name| name.starts_with("api ")).count(), 1, "{inventory:?}");
    remote.all("destroy").await;
    assert_eq!(remote.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_with_its_state_in_a_bucket_lives_and_goes() {
    lives_and_goes(&Remote::s3().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_with_its_state_in_a_container_lives_and_goes() {
    lives_and_goes(&Remote::azure().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_machine_died_another_goes_on_over_a_bucket() {
    another_machine_goes_on(&Remote::s3().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_machine_died_another_goes_on_over_a_container() {
    another_machine_goes_on(&Remote::azure().await).await;
}

/// The commands on stacks and states do over the network what they do in a folder.
async fn commands_work(remote: &Remote) {
    remote.all("deploy").await;
    let done = async |arguments: &[&str]| {
        let run = remote.run(arguments).await;
        assert_eq!(run.code, Some(0), "{arguments:?}: {}\n{}", run.stdout, run.stderr);
        run.stdout
    };
    let json = async |arguments: &[&str]| -> Value { serde_json::from_str(&done(arguments).await).unwrap() };
    let at = ["--env", "test"];
    done(&["stack", "tag", "set", "team", "blue", "--env", "test"]).await;
    let before = json(&[&["stack", "export"][..], &at].concat()).await;
    let resources = before["deployment"]["resources"].as_array().unwrap();
    let permission = resources.iter().find(|it| it["type"] == "aws:lambda/permission:Permission").unwrap();
    let urn = permission["urn"].as_str().unwrap();

    done(&["state", "protect", urn, "--yes", "--env", "test"]).await;
    let refused = remote.run(&["state", "delete", urn, "--yes", "--env", "test"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("protected"), "{}", refused.stderr);
    done(&["state", "unprotect", "--all", "--yes", "--env", "test"]).await;
    done(&["state", "rename", urn, "renamed", "--yes", "--env", "test"]).await;
    done(&["state", "delete", &urn.replace(urn.rsplit("::").next().unwrap(), "renamed"), "--yes", "--env", "test"])
        .await;
    let file = remote.project.path("before.json");
    std::fs::write(&file, before.to_string()).unwrap();
    done(&["stack", "import", "--file", file.to_str().unwrap(), "--env", "test"]).await;
    assert_eq!(json(&[&["stack", "export"][..], &at].concat()).await, before);

    done(&["stack", "init", "other"]).await;
    done(&["state", "move", urn, "--source", "aws-test", "--dest", "other", "--yes"]).await;
    let back = "urn:pulumi:other::shop::aws:lambda/permission:Permission::web-permission";
    done(&["state", "move", back, "--source", "other", "--dest", "aws-test", "--yes"]).await;
    done(&["stack", "rm", "other", "--yes", "--force"]).await;
    done(&["stack", "import", "--file", file.to_str().unwrap(), "--env", "test"]).await;

    done(&["stack", "encrypt", "--env", "test"]).await;
    done(&["stack", "rename", "moved", "--force", "--env", "test"]).await;
    done(&["stack", "decrypt", "-s", "moved"]).await;
    let listed = json(&["stack", "ls", "--json"]).await;
    let names: Vec<_> = listed.as_array().unwrap().iter().filter(|it| it["exists"] == true).collect();
    assert!(names.len() == 1 && names[0]["name"] == "moved" && names[0]["sealed"] != true, "{listed}");
    done(&["stack", "rename", "aws-test", "-s", "moved"]).await;
    assert_eq!(done(&["stack", "tag", "get", "team", "--env", "test"]).await, "blue\n");
    done(&["stack", "verify", "--secrets", "--env", "test"]).await;
    let history = json(&["stack", "history", "--json", "--env", "test"]).await;
    assert_eq!(history.as_array().unwrap().len(), 1, "{history}");

    // From there into a folder, and on from it.
    let folder = format!("file://{}", remote.project.path("folder").display());
    done(&["stack", "migrate", &folder, "--remove", "--env", "test"]).await;
    let exported = json(&["stack", "export", "-s", "organization/shop/aws-test", "--state-url", &folder]).await;
    assert_eq!(exported["deployment"]["resources"], before["deployment"]["resources"]);
    let configuration = std::fs::read_to_string(remote.project.path("semantest-iac.yaml")).unwrap();
    let (_, rest) = configuration.split_once('\n').unwrap();
    remote.project.write("semantest-iac.yaml", &format!("state: {{ url: \"{folder}\" }}\n{rest}"));
    let deployed = remote.all("deploy").await;
    let changes = &deployed["changes"];
    assert_eq!((&changes["create"], &changes["update"], &changes["delete"]), (&json!(0), &json!(0), &json!(0)));
    remote.all("destroy").await;
    assert_eq!(remote.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_work_on_stacks_in_a_bucket() {
    commands_work(&Remote::s3().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_work_on_stacks_in_a_container() {
    commands_work(&Remote::azure().await).await;
}

/// Runs a command that is killed when it is about to write a checkpoint of the stack.
async fn killed_at_checkpoint(remote: &Remote, mut command: std::process::Command, stack: &str) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, file) = (child.id(), format!("/stacks/shop/{stack}.json"));
    remote.proxy.set_hook(move |exchange, moment| {
        if exchange.is_write() && moment == Moment::Before && exchange.path.ends_with(&file) {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            return Action::Cut;
        }
        Action::Pass
    });
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    remote.proxy.remove_hook();
    assert_eq!(Run::of(output).code, None, "it was to be killed");
}

/// Killed when the resource is in the other stack already, and still in its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_of_resources_that_is_killed_between_its_two_stacks_is_gone_on_with() {
    let remote = Remote::s3().await;
    remote.all("deploy").await;
    let names = async |stack: &str| -> Vec<String> {
        let exported = remote.run(&["stack", "export", "-s", stack]).await;
        let exported: Value = serde_json::from_str(&exported.stdout).unwrap();
        let resources = exported["deployment"]["resources"].as_array().unwrap();
        resources.iter().map(|it| it["urn"].as_str().unwrap().to_owned()).collect()
    };
    let made = remote.run(&["stack", "init", "other"]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let before = names("aws-test").await;
    let urn = before.iter().find(|urn| urn.contains("lambda/permission:Permission")).unwrap();
    let arguments = ["state", "move", urn, "--source", "aws-test", "--dest", "other", "--yes", "--json"];
    killed_at_checkpoint(&remote, remote.command(&arguments), "aws-test").await;
    assert_eq!(names("aws-test").await, before, "it is still there");
    let there = names("other").await;
    assert!(there.iter().any(|urn| urn.ends_with("::web-permission")), "{there:?}");
    let again = remote.run(&arguments).await.succeeded();
    assert_eq!(again["alreadyThere"], json!([urn]), "{again}");
    assert_eq!((names("aws-test").await.len(), names("other").await), (before.len() - 1, there));
    for stack in ["aws-test", "other"] {
        remote.run(&["stack", "verify", "--secrets", "-s", stack, "--json"]).await.succeeded();
    }
}

/// Killed when the settings name the new manager and the state doesn't yet: the same command, or the next deployment, goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_passphrase_that_is_killed_between_its_two_files_is_gone_on_with() {
    for by_deployment in [false, true] {
        let remote = Remote::s3().await;
        let configured = std::fs::read_to_string(remote.project.path("semantest-iac.yaml")).unwrap();
        let secret = "    environment: { SETTING: \"${config.token}\" }\n    health:";
        remote.project.write("semantest-iac.yaml", &configured.replace("    health:", secret));
        remote.run(&["config", "set", "--secret", "token", "a-secret-value", "--env", "test"]).await;
        remote.all("deploy").await;
        remote.project.write("new", "another passphrase");
        let change = [
            "stack",
            "change-secrets-provider",
            "passphrase",
            "--new-passphrase-file",
            "new",
            "--env",
            "test",
            "--json",
        ];
        let mut command = remote.command(&change);
        command.current_dir(remote.project.path(""));
        killed_at_checkpoint(&remote, command, "aws-test").await;

        let another = |arguments: &[&str]| {
            let mut command = remote.command(arguments);
            command.env("PULUMI_CONFIG_PASSPHRASE", "another passphrase").current_dir(remote.project.path(""));
            command
        };
        let run = async |mut command: std::process::Command| {
            Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
        };
        // The settings are of the new passphrase, the state is of the old one: neither is lost, and it is told.
        let read = run(another(&["config", "get", "token", "--env", "test"])).await;
        assert_eq!(read.stdout, "a-secret-value\n", "{}", read.stderr);
        remote.run(&["stack", "verify", "--secrets", "--env", "test", "--json"]).await.succeeded();
        if by_deployment {
            // It has but one passphrase, and the state needs the other one.
            let told = run(another(DEPLOY)).await.failed(1);
            assert!(
                told.contains("names another secrets manager") && told.contains("change-secrets-provider"),
                "{told}"
            );
        }
        let mut again = remote.command(&change);
        again.current_dir(remote.project.path(""));
        run(again).await.succeeded();
        run(another(&["stack", "verify", "--secrets", "--env", "test", "--json"])).await.succeeded();
        let deployed = run(another(DEPLOY)).await.succeeded();
        assert_eq!(deployed["changes"]["update"], 0, "{deployed}");
        run(another(&["destroy", "--all", "--env", "test", "--yes", "--json"])).await.succeeded();
    }
}

/// What an interruption at each request to a slow store leaves: nothing that keeps anybody waiting.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_at_any_request_to_a_slow_bucket_gives_the_lock_back() {
    let remote = Remote::s3().await;
    let id = StackId::new("shop", "aws-test").unwrap();
    let mut ended = Vec::new();
    for number in (0..).step_by(2) {
        remote.proxy.clear();
        let child = remote.command(DEPLOY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (pid, seen) = (child.id().to_string(), AtomicUsize::new(0));
        let changed = remote.project.proxy.writes();
        remote.proxy.set_hook(move |_, moment| {
            if moment == Moment::Before && seen.fetch_add(1, Ordering::SeqCst) == number {
                let _ = std::process::Command::new("kill").args(["-INT", &pid]).status();
            }
            Action::Delay(Duration::from_millis(30))
        });
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        remote.proxy.remove_hook();
        let held = remote.open().lock_holders(&id).await.unwrap();
        assert!(held.is_empty(), "interrupted at request {number}: {held:?} {:#?}", remote.requests());
        ended.push(output.status.code());
        // Once it has begun, what is under way comes to its end; other tests are about that.
        if remote.project.proxy.writes() > changed {
            break;
        }
    }
    assert!(ended.len() > 10, "{ended:?}");
    assert!(ended.iter().all(|code| *code == Some(130)), "{ended:?}");
    remote.all("deploy").await;
    remote.all("destroy").await;
    assert_eq!(remote.left().await, Vec::<String>::new());
}
