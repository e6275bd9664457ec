//! A cloud that the program knows nothing of: a folder, with two resource types. What stands in this room is all that adding a
//! cloud takes; the program that deploys to it is the real one, with one more line in its table.

mod cloud;
mod factory;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use semantest_iac::adapters::aws::AwsFactory;
use semantest_iac::adapters::configuration::Clouds;
use semantest_iac::cli::process::environment::Process;
use semantest_iac::cli::run::run;
use serde_json::Value;

use crate::end_to_end::support::Run;
use crate::test_cloud::factory::{FolderFactory, VARIABLE};

static CLOUDS: Clouds = Clouds::new(&[&AwsFactory, &FolderFactory]);

/// The program's arguments, each on a line, and the file for what it prints as its result.
const ARGUMENTS: &str = "TEST_CLOUD_ARGUMENTS";
const RESULT: &str = "TEST_CLOUD_RESULT";

/// The program with the table of this room, in a process of its own that the tests below start.
#[test]
#[ignore = "it is no test, but the program that the tests beside it start"]
#[expect(clippy::exit, reason = "the exit code is the program's")]
fn program() {
    let process = Process::current();
    let Some(arguments) = process.text(ARGUMENTS) else { return };
    let result = std::fs::File::create(process.text(RESULT).unwrap()).unwrap();
    let arguments = std::iter::once("semantest-iac").chain(arguments.lines()).map(Into::into).collect();
    let process = Process { arguments, ..process };
    let code = run(&CLOUDS, process, Box::new(result), Box::new(std::io::stderr()));
    std::process::exit(code.number().into());
}

struct Project(tempfile::TempDir);

impl Project {
    /// A project with a component `web` that greets with `greeting`, and these settings of its environment `here`.
    fn new(greeting: &str, settings: &str) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for folder in ["cloud", "home", "web"] {
            std::fs::create_dir(project.path(folder)).unwrap();
        }
        std::fs::write(project.path("web/server.js"), "require('http').createServer().listen(process.env.PORT)")
            .unwrap();
        project.configure("web", greeting, &settings.replace("FOLDER", &project.path("cloud").display().to_string()));
        project
    }

    fn configure(&self, component: &str, greeting: &str, settings: &str) {
        let text = format!(
            "project: shop\ncomponents:\n  {component}:\n    kind: rest-api\n    source: ./web\n    start: node server.js\n    \
             environment: {{ GREETING: {greeting} }}\nenvironments:\n  here: {{ {settings} }}\n"
        );
        std::fs::write(self.path("semantest-iac.yaml"), text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Run {
        let result = self.path("result");
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "test_cloud::program", "--ignored", "--nocapture", "--test-threads", "1"])
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .env("PULUMI_CONFIG_PASSPHRASE", "a test's own")
            .env(ARGUMENTS, arguments.join("\n"))
            .env(RESULT, &result)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Run { stdout: std::fs::read_to_string(&result).unwrap_or_default(), ..Run::of(output) }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    fn all(&self, command: &str) -> Value {
        self.run(&[command, "--all", "--yes", "--json"]).succeeded()
    }
}

#[test]
fn a_cloud_of_ones_own_is_deployed_to_changed_and_emptied() {
    let project = Project::new("hello", "test: { folder: FOLDER }");
    let first = project.all("deploy");
    assert_eq!((&first["stack"], &first["result"]), (&"test-here".into(), &"succeeded".into()), "{first}");
    assert_eq!(first["changes"]["create"], 3, "{first}");
    let store = project.path("cloud/shop-here-web");
    assert_eq!(first["outputs"]["web"]["path"], store.display().to_string());
    assert_eq!(project.text("cloud/shop-here-web/greeting"), "hello");
    assert_eq!(project.text("cloud/shop-here-web/start"), "launch semantest-shim#handler");

    let again = project.all("deploy");
    assert_eq!((&again["changes"]["same"], &again["changes"]["update"]), (&3.into(), &0.into()), "{again}");

    let settings = format!("test: {{ folder: {} }}", project.path("cloud").display());
    project.configure("web", "goodbye", &settings);
    let changed = project.all("deploy");
    assert_eq!(changed["changes"]["update"], 1, "{changed}");
    assert_eq!(project.text("cloud/shop-here-web/greeting"), "goodbye");

    let status = project.run(&["status", "--json"]).succeeded().to_string();
    assert!(status.contains("test:index:Store") && status.contains("pulumi:providers:test"), "{status}");

    project.all("destroy");
    assert_eq!(std::fs::read_dir(project.path("cloud")).unwrap().count(), 0);
}

#[test]
fn what_stands_in_the_way_there_is_left_alone() {
    let project = Project::new("hello", "test: { folder: FOLDER }");
    std::fs::create_dir(project.path("cloud/shop-here-web")).unwrap();
    let refused = project.run(&["deploy", "--all", "--yes", "--json"]);
    assert!(
        refused.code != Some(0) && refused.stdout.contains("it isn't ours"),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    assert!(project.path("cloud/shop-here-web").is_dir());
}

#[test]
fn its_settings_and_rules_are_told_at_their_lines() {
    let project = Project::new("hello", "test: { folder: cloud, flavour: x }");
    let told = project.run(&["validate", "--json"]);
    assert_eq!(told.code, Some(2));
    let document = told.document();
    let problems: Vec<_> =
        document["problems"].as_array().unwrap().iter().map(|it| (&it["code"], &it["line"])).collect();
    let [value, key] = [("config/invalid-value", 9), ("config/unknown-key", 9)]
        .map(|(code, line)| (Value::from(code), Value::from(line)));
    assert_eq!(problems, [(&value.0, &value.1), (&key.0, &key.1)], "{document}");

    project.configure("much-too-long", "hello", "test: {}");
    let told = project.run(&["validate"]).stderr;
    assert!(told.contains("test/name") && told.contains("config/no-folder"), "{told}");
    let given = [(VARIABLE, project.path("cloud"))];
    let given: Vec<_> = given.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let told = project.run_with(&["validate"], &given).stderr;
    assert!(told.contains("test/name") && !told.contains("config/no-folder"), "{told}");
}

#[test]
fn which_cloud_is_meant_is_settled_by_what_the_environment_names() {
    let project = Project::new("hello", "test: { folder: FOLDER }, aws: { region: eu-west-1 }");
    let refused = project.run(&["deploy", "--all", "--yes", "--json"]).failed(2);
    assert!(refused.contains("name one with --provider: aws, test"), "{refused}");
    let unknown = project.run(&["deploy", "--all", "--yes", "--json", "--provider", "azure"]).failed(2);
    assert!(unknown.contains("azure") && unknown.contains("aws, test"), "{unknown}");
    let graph = project.run(&["graph", "--json", "--provider", "test"]).succeeded().to_string();
    assert!(graph.contains("test:index:Entry") && !graph.contains("aws:"), "{graph}");
    let deployed = project.run(&["deploy", "--all", "--yes", "--json", "--stack", "test-here"]).succeeded();
    assert_eq!(deployed["stack"], "test-here", "{deployed}");
}
