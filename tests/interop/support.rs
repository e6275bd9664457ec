//! The Pulumi CLI as one user of a backend has it, samples of states, and comparing states.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use localstack::{Host, PulumiCli};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The mark of an object that stands for a secret, an asset and the like (SPEC.md section 2.2).
pub const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";

/// The CLI that all tests of this process run.
async fn cli() -> &'static PulumiCli {
    static CLI: OnceCell<PulumiCli> = OnceCell::const_new();
    CLI.get_or_init(|| async {
        let host = Host::new(std::env::vars_os());
        let cache = host.cache_folder().expect("a cache folder: set HOME or SEMANTEST_CACHE");
        let observer: localstack::Observer = Arc::new(|progress| println!("{progress}"));
        let cli = PulumiCli::obtain(&host, &cache, &observer).await;
        let cli = cli.unwrap_or_else(|error| panic!("{error}\n{}", error.hint().unwrap_or_default()));
        println!("Pulumi {} ({:?}: {})", cli.version(), cli.origin(), cli.program().display());
        cli
    })
    .await
}

/// The CLI with a backend, a passphrase and a home folder of its own.
pub struct Pulumi {
    cli: &'static PulumiCli,
    home: TempDir,
    /// Where it runs: the folder of `Pulumi.yaml`.
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Pulumi {
    /// The CLI on a backend, run in `folder`, which becomes a Pulumi project unless it is one.
    pub async fn on(backend: &str, project: &str, folder: &Path, passphrase: &str) -> Self {
        let file = folder.join("Pulumi.yaml");
        if !file.exists() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(file, format!("name: {project}\nruntime: yaml\n")).unwrap();
        }
        let variables = [("PULUMI_BACKEND_URL", backend), ("PULUMI_CONFIG_PASSPHRASE", passphrase)];
        Self {
            cli: cli().await,
            home: tempfile::tempdir().unwrap(),
            folder: folder.to_owned(),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// The same with one more variable in its environment, or another value for one.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command of the CLI.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.cli.command(self.home.path());
        command.args(arguments).arg("--non-interactive").current_dir(&self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end, off the test's own thread.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let shown = format!("pulumi {}", arguments.join(" "));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        Ran::of(shown, output)
    }

    /// What a command that must succeed prints.
    pub async fn succeeds(&self, arguments: &[&str]) -> String {
        self.run(arguments).await.succeeded()
    }

    /// The JSON that a command prints.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.succeeds(arguments).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What a command that must fail says.
    pub async fn fails(&self, arguments: &[&str]) -> String {
        self.run(arguments).await.failed()
    }

    /// `stack export` of a stack.
    pub async fn export(&self, stack: &str) -> Value {
        self.json(&["stack", "export", "--stack", stack]).await
    }

    /// `stack export --show-secrets` of a stack.
    pub async fn export_with_secrets(&self, stack: &str) -> Value {
        self.json(&["stack", "export", "--show-secrets", "--stack", stack]).await
    }

    /// `stack import` of a state.
    pub async fn import(&self, stack: &str, state: &Value) -> Ran {
        let file = self.home.path().join("import.json");
        std::fs::write(&file, state.to_string()).unwrap();
        self.run(&["stack", "import", "--stack", stack, "--file", file.to_str().unwrap()]).await
    }

    /// Starts a command; it is killed at the end at the latest.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

/// A process that ends with this value.
pub struct Running(Child);

impl Running {
    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A finished run of the CLI.
#[derive(Debug)]
pub struct Ran {
    command: String,
    /// The exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it printed as its result.
    pub stdout: String,
    /// What it said meanwhile.
    pub stderr: String,
}

impl Ran {
    fn of(command: String, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { command, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The output of a run that must have succeeded.
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}: {}\n{}", self.command, self.stdout, self.stderr);
        self.stdout
    }

    /// What was said by a run that must have failed.
    pub fn failed(self) -> String {
        assert!(self.code.is_some_and(|code| code != 0), "{} succeeds: {}", self.command, self.stdout);
        self.stderr
    }
}

/// The folder of the samples of states, which stand outside of this repository: in `SEMANTEST_SHARED`, else in `../shared`.
pub fn samples() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("SEMANTEST_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let samples = shared.join("pulumi/samples");
    if !samples.is_dir() {
        println!("skipped: {} is not there (set SEMANTEST_SHARED)", samples.display());
        return None;
    }
    Some(samples)
}

/// A JSON file.
pub fn read_json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Where two states differ, ciphertexts apart: a secret is a secret, whichever form its value stands in, and empty
/// `metadata` is as good as none.
pub fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", left, right, &mut found);
    found
}

fn compare(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let is_secret = |object: &serde_json::Map<String, Value>| {
                object.get(SIGNATURE).is_some_and(|signature| signature == SECRET)
            };
            if is_secret(left) && is_secret(right) {
                return;
            }
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = format!("{path}/{key}");
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => compare(&path, left, right, found),
                    (Some(one), None) | (None, Some(one)) if key == "metadata" && one == &serde_json::json!({}) => {}
                    (one, _) => found.push(format!("{path} is only {}", if one.is_some() { "left" } else { "right" })),
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{path}/{index}"), left, right, found);
            }
        }
        (left, right) if left == right => {}
        // Numbers are doubles: 1 and 1.0 are one thing.
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        (left, right) => found.push(format!("{path}: {left} is not {right}")),
    }
}

/// Waits until something holds, for a minute at most.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
