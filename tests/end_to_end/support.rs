//! A project in a temporary folder, an account and a counting proxy of its own on the shared MiniStack, and the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use localstack::proxy::Proxy;
use localstack::{Host, Installer, TestCloud};
use serde_json::Value;
use tempfile::TempDir;

/// A bare server that answers with its version, echoes what it got, sets cookies.
pub const SERVER: &str = r#"
const http = require('http');
http.createServer((request, response) => {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    if (request.url === '/missing') { response.statusCode = 404; return response.end('no such page'); }
    response.setHeader('content-type', 'application/json');
    response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; HttpOnly']);
    response.end(JSON.stringify({ version: 'VERSION', method: request.method, url: request.url,
      cookie: request.headers.cookie, body: Buffer.concat(chunks).toString(), setting: process.env.SETTING }));
  });
}).listen(process.env.PORT);
"#;

/// The cloud that all tests of this process share.
pub async fn cloud() -> &'static TestCloud {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = Host::new(std::env::vars_os());
    let cache = host.cache_folder().expect("a cache folder: set HOME or SEMANTEST_CACHE");
    TestCloud::shared(&Installer::new(host, cache)).await.expect("MiniStack starts")
}

/// A project with its own account.
pub struct Project {
    folder: TempDir,
    home: TempDir,
    /// Stands between the program and the cloud.
    pub proxy: Proxy,
    /// The account.
    pub account: String,
    /// The cloud itself, past the proxy.
    pub endpoint: String,
}

impl Project {
    /// A project of bare servers named by `components`, in the environment `test`.
    pub async fn new(components: &[&str]) -> Self {
        let cloud = cloud().await;
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            home: tempfile::tempdir().unwrap(),
            proxy: Proxy::start(&cloud.endpoint()).unwrap(),
            account: cloud.account(),
            endpoint: cloud.endpoint(),
        };
        for component in components {
            project.write_server(component, "1");
        }
        project.configure(&components.iter().map(|name| (*name, "")).collect::<Vec<_>>());
        project
    }

    /// The example as it is in the repository, with its build, in an environment `test`. `overrides` is YAML for what its
    /// component has there, on one line.
    pub async fn of_example(overrides: &str) -> Self {
        let project = Self::new(&[]).await;
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/semantest");
        for file in ["server.js", "package.json", "package-lock.json"] {
            let file = format!("rest-api/{file}");
            project.write(&file, &std::fs::read_to_string(example.join(&file)).unwrap());
        }
        let text = std::fs::read_to_string(example.join("semantest-iac.yaml")).unwrap();
        let (components, _) = text.split_once("\nenvironments:").unwrap();
        let endpoint = project.proxy.endpoint();
        let test = format!(
            "  test:\n    aws: {{ endpoint: \"{endpoint}\", region: us-east-1 }}\n    components: {{ rest-api: {overrides} }}\n"
        );
        project.write("semantest-iac.yaml", &format!("{components}\nenvironments:\n{test}"));
        project
    }

    /// Writes `semantest-iac.yaml` with these components; the second part of each is more of its settings, a line each.
    pub fn configure(&self, components: &[(&str, &str)]) {
        let mut text = String::from("project: shop\ncomponents:");
        if components.is_empty() {
            text.push_str(" {}");
        }
        for (name, more) in components {
            text.push_str(&format!(
                "\n  {name}:\n    kind: rest-api\n    source: ./{name}\n    start: node server.js\n    runtime: nodejs22\n"
            ));
            if !more.contains("memory:") {
                text.push_str("    memory: 256MB\n");
            }
            text.push_str("    timeout: 20s\n    health: { path: /health, timeout: 20s }\n");
            text.extend(more.lines().map(|line| format!("    {line}\n")));
        }
        let endpoint = self.proxy.endpoint();
        text.push_str(&format!(
            "\nenvironments:\n  test: {{ aws: {{ endpoint: \"{endpoint}\", region: us-east-1 }} }}\n"
        ));
        self.write("semantest-iac.yaml", &text);
    }

    /// Writes a component's server, which says that it is of this version.
    pub fn write_server(&self, component: &str, version: &str) {
        self.write(&format!("{component}/server.js"), &SERVER.replace("VERSION", version));
        self.write(&format!("{component}/package.json"), &format!(r#"{{"name":"{component}","version":"1.0.0"}}"#));
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A path within the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A command of the binary, with nothing of this process's environment but what finds programs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_semantest-iac"));
        command
            .arg("-C")
            .arg(self.folder.path())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PULUMI_CONFIG_PASSPHRASE", "end to end")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        // Builds install packages: from where this machine takes them, and each once.
        if let Some(home) = std::env::home_dir() {
            command.env("npm_config_userconfig", home.join(".npmrc")).env("npm_config_cache", home.join(".npm"));
        }
        for (name, value) in std::env::vars_os() {
            let lower = name.to_string_lossy().to_lowercase();
            match lower.as_str() {
                // Of npm alone: what is tested talks to this machine.
                "https_proxy" => drop(command.env("npm_config_https_proxy", value)),
                "node_extra_ca_certs" => drop(command.env(name, value)),
                _ if lower.starts_with("npm_config_") => drop(command.env(name, value)),
                _ => {}
            }
        }
        command
    }

    /// Runs the binary to its end, off the test's own thread.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        Run::of(output)
    }

    /// Deploys or destroys everything, and takes the document.
    pub async fn all(&self, command: &str) -> Value {
        self.run(&[command, "--all", "--provider", "aws", "--env", "test", "--yes", "--json"]).await.succeeded()
    }

    /// SDK settings for the same account, past the proxy.
    pub async fn sdk(&self) -> aws_config::SdkConfig {
        let http = aws_smithy_http_client::Builder::new().build_http();
        aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(&self.endpoint)
            .region("us-east-1")
            .credentials_provider(aws_credential_types::Credentials::new(&self.account, "test", None, None, "test"))
            .load()
            .await
    }

    /// Names of everything of the kinds that the program makes, as the cloud lists them, and whatever carries its tags.
    pub async fn inventory(&self) -> Vec<String> {
        let sdk = self.sdk().await;
        let mut all = self.tagged().await;
        let mut functions = aws_sdk_lambda::Client::new(&sdk).list_functions().into_paginator().items().send();
        while let Some(function) = functions.try_next().await.unwrap() {
            all.push(format!("function {}", function.function_name().unwrap()));
        }
        let mut roles = aws_sdk_iam::Client::new(&sdk).list_roles().into_paginator().items().send();
        while let Some(role) = roles.try_next().await.unwrap() {
            all.push(format!("role {}", role.role_name()));
        }
        let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
        let mut groups = logs.describe_log_groups().into_paginator().items().send();
        while let Some(group) = groups.try_next().await.unwrap() {
            all.push(format!("log group {}", group.log_group_name().unwrap()));
        }
        let s3 = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        let mut buckets = aws_sdk_s3::Client::from_conf(s3).list_buckets().into_paginator().items().send();
        while let Some(bucket) = buckets.try_next().await.unwrap() {
            all.push(format!("bucket {}", bucket.name().unwrap()));
        }
        let (gateway, mut token) = (aws_sdk_apigatewayv2::Client::new(&sdk), None);
        loop {
            let page = gateway.get_apis().set_next_token(token).send().await.unwrap();
            all.extend(page.items().iter().map(|api| format!("api {}", api.name().unwrap())));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        all.sort();
        all
    }

    /// ARNs of what carries a tag of the program's. There is no SDK for the one call that it takes; MiniStack wants to know whose
    /// account is meant, and checks no signature.
    async fn tagged(&self) -> Vec<String> {
        let credential = format!("Credential={}/20260101/us-east-1/tagging/aws4_request", self.account);
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let asked = serde_json::json!({ "TagFilters": [{ "Key": "semantest:project" }], "PaginationToken": token });
            let answer = http()
                .post(&self.endpoint)
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "ResourceGroupsTaggingAPI_20170126.GetResources")
                .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"))
                .body(asked.to_string())
                .send()
                .await
                .unwrap();
            let page: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            let found = page["ResourceTagMappingList"].as_array().unwrap_or_else(|| panic!("{page}"));
            all.extend(found.iter().map(|resource| format!("tagged {}", resource["ResourceARN"].as_str().unwrap())));
            token = page["PaginationToken"].as_str().unwrap_or_default().to_owned();
            if token.is_empty() {
                return all;
            }
        }
    }
}

/// A finished run.
pub struct Run {
    /// The exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it printed as its result.
    pub stdout: String,
    /// What it said meanwhile.
    pub stderr: String,
}

impl Run {
    /// The output of a process.
    pub fn of(output: Output) -> Self {
        let run = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }

    /// The document on stdout, whatever the exit code.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: stdout is {:?}, stderr is {}", self.stdout, self.stderr))
    }

    /// The document of a run that must have succeeded.
    pub fn succeeded(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.document()
    }

    /// The one error of a run that must have failed with this exit code: code, message and hint in one text.
    pub fn failed(&self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        let document = self.document();
        let errors = document["errors"].as_array().expect("errors");
        assert!(!errors.is_empty(), "{document}");
        errors.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// What a component shows as its address.
pub fn url(document: &Value, component: &str) -> String {
    document["outputs"][component]["url"].as_str().unwrap_or_else(|| panic!("no url in {document}")).to_owned()
}

/// A client for what was deployed.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// The JSON answer of a GET.
pub async fn get(url: &str) -> Value {
    let answer = http().get(url).send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {url} answers {status}: {body:?}"))
}
