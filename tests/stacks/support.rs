//! A project with a backend in a temporary folder, states to put into it, and the binary.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The passphrase of the states' secrets, and the salt that goes with it (SPEC.md section 3.6).
pub const PASSPHRASE: &str = "password";
const SALT: &str = "v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==";
/// Holds `{"__defaults":[],"DB_PASSWORD":"hunter2"}`.
const CIPHERTEXT: &str =
    "v1:AAAAAAAAAAAAAAAB:Hesnv25isBOB+M+Xmc696XM/nWiXwWXNYkanPIULCH+ObX7LGPAYE31vwLVrdOUvN/vx7eK/F6gX";
pub const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
pub const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";

/// A finished run.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// What it printed, when it must have succeeded.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it said, when it must have failed with this code and printed nothing.
    pub fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        self.stderr
    }

    pub fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }
}

/// The project `shop` with its backend.
pub struct Project {
    pub folder: TempDir,
    home: TempDir,
    passphrase: String,
}

impl Project {
    pub fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            home: tempfile::tempdir().unwrap(),
            passphrase: PASSPHRASE.to_owned(),
        };
        let yaml = "project: shop\ncomponents:\n  api: { kind: rest-api, source: ., start: node server.js }\nenvironments:\n  \
                    test: { aws: { region: us-east-1, endpoint: \"http://127.0.0.1:9\" } }\n";
        std::fs::write(project.path("semantest-iac.yaml"), yaml).unwrap();
        project
    }

    /// A project whose stack `dev` holds [`state`].
    pub fn with_state() -> Self {
        let project = Self::new();
        std::fs::write(project.path("Pulumi.dev.yaml"), format!("encryptionsalt: {SALT}\n")).unwrap();
        project.run(&["stack", "init", "dev"]).done();
        project.import("dev", &state("dev")).done();
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn backend(&self) -> PathBuf {
        self.path(".semantest/.pulumi")
    }

    pub fn checkpoint(&self, stack: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.backend().join(format!("stacks/shop/{stack}.json"))).unwrap())
            .unwrap()
    }

    /// Names of the resources that a stack holds.
    pub fn names(&self, stack: &str) -> Vec<String> {
        let checkpoint = self.checkpoint(stack);
        let resources = checkpoint["checkpoint"]["latest"]["resources"].as_array().cloned().unwrap_or_default();
        resources.iter().map(|it| it["urn"].as_str().unwrap().rsplit("::").next().unwrap().to_owned()).collect()
    }

    /// Everything of the backend but locks, by path: what must not change where a command refuses.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(".semantest"), &mut files);
        files.retain(|(path, _)| {
            !path.components().any(|part| ["locks", "leases"].iter().any(|it| part.as_os_str() == *it))
        });
        files.sort();
        files
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_semantest-iac"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("PULUMI_CONFIG_PASSPHRASE", &self.passphrase)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.command(arguments), None)
    }

    /// Runs it with this on stdin.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        finish(&mut self.command(arguments), Some(input))
    }

    pub fn import(&self, stack: &str, state: &Value) -> Run {
        self.run_with(&["stack", "import", "--stack", stack], &state.to_string())
    }

    /// The same project for somebody with another passphrase.
    pub fn with_passphrase(mut self, passphrase: &str) -> Self {
        passphrase.clone_into(&mut self.passphrase);
        self
    }

    /// Leaves a stack as a deployment leaves it that died after it was asked for.
    pub async fn interrupt(&self, stack: &str) {
        let store = state::StackStore::open_folder(self.path(".semantest"), state::StoreOptions::default()).unwrap();
        let id = state::StackId::new("shop", stack).unwrap();
        let owner = state::Owner::this_process("ann", "here", &state::SystemProcesses);
        let lock = store.lock(&id, &owner, &state::LockOptions::default()).await.unwrap();
        let loaded = store.load(&id).await.unwrap().unwrap();
        let constants = json!({ "correlationId": "c", "userId": "ann" });
        let journal = store.create_journal(&lock, "deployment-1", constants, Some(loaded.digest())).await.unwrap();
        let event = json!({ "t": "2026-01-01T00:00:00Z", "e": "DeploymentRequested", "p": {
            "command": "deploy", "project": "shop", "stack": stack, "environment": "test", "provider": "aws",
            "components": [], "programVersion": "0", "source": {}, "message": "",
        }});
        journal.append_durable(&event).await.unwrap();
        drop(journal);
        lock.release().await.unwrap();
    }
}

fn finish(command: &mut Command, input: Option<&str>) -> Run {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(input) = input {
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("the program has a fault"), "{stderr}");
    Run { code: output.status.code(), stdout: String::from_utf8(output.stdout).unwrap(), stderr }
}

/// Everything below a folder.
pub fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
}

pub fn urn(stack: &str, kind: &str, name: &str) -> String {
    format!("urn:pulumi:{stack}::shop::{kind}::{name}")
}

pub fn topic(name: &str) -> String {
    urn("dev", "aws:sns/topic:Topic", name)
}

/// The root with a secret output, a provider, `a`, `b` that depends on `a`, and a protected `c` with a member that nobody
/// knows.
pub fn state(stack: &str) -> Value {
    let root = urn(stack, "pulumi:pulumi:Stack", &format!("shop-{stack}"));
    let provider = urn(stack, "pulumi:providers:aws", "default");
    let reference = format!("{provider}::p1");
    let kind = "aws:sns/topic:Topic";
    let resource = |name: &str, more: Value| {
        let mut resource = json!({
            "urn": urn(stack, kind, name), "custom": true, "id": format!("id-{name}"), "type": kind,
            "inputs": { "name": name, "count": 1.0 }, "outputs": { "name": name }, "parent": root, "provider": reference,
        });
        for (key, value) in more.as_object().unwrap() {
            resource[key] = value.clone();
        }
        resource
    };
    json!({ "version": 3, "deployment": {
        "manifest": { "time": "2026-01-02T03:04:05Z", "magic": "", "version": "" },
        "secrets_providers": { "type": "passphrase", "state": { "salt": SALT } },
        "resources": [
            { "urn": root, "custom": false, "type": "pulumi:pulumi:Stack", "outputs": {
                "url": "https://example.test", "database": { SIGNATURE: SECRET, "ciphertext": CIPHERTEXT } } },
            { "urn": provider, "custom": true, "id": "p1", "type": "pulumi:providers:aws", "inputs": { "region": "us-east-1" } },
            resource("a", json!({})),
            resource("b", json!({ "dependencies": [urn(stack, kind, "a")],
                                  "propertyDependencies": { "name": [urn(stack, kind, "a")] } })),
            resource("c", json!({ "protect": true, "fromTheFuture": { "x": [1, 2] } })),
        ],
        "metadata": {},
    }})
}

/// Changes a state.
pub fn changed(state: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut state = state.clone();
    change(&mut state["deployment"]);
    state
}
