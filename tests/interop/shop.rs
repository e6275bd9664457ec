//! A project that semantest-iac deploys to a local cloud of its own account, and the Pulumi CLI on the same backend.

use std::path::PathBuf;

use serde_json::Value;

use crate::end_to_end::support::{Project, Run};
use crate::interop::support::Pulumi;

/// The stack, as Pulumi names it.
pub const STACK: &str = "organization/shop/aws-test";
/// What the passphrase of `Project` is.
const PASSPHRASE: &str = "end to end";
/// The value of a component's secret variable.
pub const SECRET: &str = "correct-horse-battery";

/// A project with one REST server, whose environment holds a secret.
pub struct Shop {
    /// The project.
    pub project: Project,
    /// The stack, as Pulumi names it.
    pub stack: String,
    /// The project's name.
    name: &'static str,
    /// The URL of its state.
    backend: String,
    /// Whether the state is in the project's cloud.
    in_bucket: bool,
}

impl Shop {
    /// A project that keeps its state where semantest-iac does by default.
    pub async fn new() -> Self {
        let project = Project::new(&["web"]).await;
        project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET }, OPEN: visible }")]);
        Self::of(project, "shop")
    }

    /// The example of the repository, with a secret beside what it has.
    pub async fn example() -> Self {
        Self::of(Project::of_example("{ environment: { SETTING: { from-env: SHOP_SECRET } } }").await, "semantest")
    }

    fn of(project: Project, name: &'static str) -> Self {
        let backend = format!("file://{}", project.path(".semantest").display());
        Self { project, stack: format!("organization/{name}/aws-test"), name, backend, in_bucket: false }
    }

    /// A project that keeps its state in an S3 bucket of its cloud.
    pub async fn in_bucket() -> Self {
        let shop = Self::new().await;
        let bucket = format!("state-{}", shop.project.account);
        let sdk = shop.project.sdk().await;
        let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(s3).create_bucket().bucket(&bucket).send().await.unwrap();
        let host = shop.project.endpoint.strip_prefix("http://").unwrap();
        let backend =
            format!("s3://{bucket}/team?region=us-east-1&endpoint={host}&disableSSL=true&s3ForcePathStyle=true");
        let mut configuration = std::fs::read_to_string(shop.project.path("semantest-iac.yaml")).unwrap();
        configuration.push_str(&format!("state: {{ url: \"{backend}\" }}\n"));
        shop.project.write("semantest-iac.yaml", &configuration);
        Self { backend, in_bucket: true, ..shop }
    }

    /// Runs semantest-iac on the stack, with the secret in its environment.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
    }

    /// A command of semantest-iac, with the secret in its environment.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.project.command(arguments);
        command.env("SHOP_SECRET", SECRET);
        command
    }

    /// Deploys everything, and takes the document.
    pub async fn deploy(&self) -> Value {
        self.run(&["deploy", "--all", "--env", "test", "--yes", "--json"]).await.succeeded()
    }

    /// Deploys everything, and takes the counts of changes that a deployment shows; `same` is left out.
    pub async fn changes(&self) -> Vec<(String, u64)> {
        let document = self.deploy().await;
        let changes = document["changes"].as_object().unwrap_or_else(|| panic!("{document}"));
        let counts = changes.iter().filter(|(name, _)| *name != "same");
        counts.map(|(name, count)| (name.clone(), count.as_u64().unwrap())).filter(|(_, count)| *count > 0).collect()
    }

    /// The CLI on the same backend, in the same folder.
    pub async fn pulumi(&self) -> Pulumi {
        let pulumi = Pulumi::on(&self.backend, self.name, &self.project.path(""), PASSPHRASE).await;
        if !self.in_bucket {
            return pulumi;
        }
        pulumi.with("AWS_ACCESS_KEY_ID", &self.project.account).with("AWS_SECRET_ACCESS_KEY", "test")
    }

    /// The CLI on a backend that nobody has used, in a folder of its own within the project's.
    pub async fn pulumi_elsewhere(&self) -> Pulumi {
        let folder = self.project.path("elsewhere");
        std::fs::create_dir_all(folder.join("backend")).unwrap();
        Pulumi::on(&format!("file://{}/backend", folder.display()), self.name, &folder, PASSPHRASE).await
    }

    /// A file of the backend.
    pub fn in_backend(&self, path: &str) -> PathBuf {
        self.project.path(".semantest/.pulumi").join(path)
    }

    /// Gives the server another version, so that the next deployment has something to change.
    pub fn change(&self, version: &str) {
        self.project.write_server("web", version);
    }
}
