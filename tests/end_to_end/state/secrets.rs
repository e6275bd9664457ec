//! A secret of a component's environment: the server has it, and nothing that is written or shown does.

use std::path::Path;

use crate::end_to_end::support::{Project, Run, get, url};

const SECRET: &str = "correct-horse-battery";

/// Every file below a folder that holds the text, or its Base64 form.
fn holders(folder: &Path, text: &str, found: &mut Vec<String>) {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holders(&path, text, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if holds(text) || holds(&encoded) {
            found.push(path.display().to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_variable_reaches_the_server_and_nothing_else() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET }, OPEN: visible }")]);
    let run = async |arguments: &[&str], secret: &str| {
        let mut command = project.command(arguments);
        command.env("SHOP_SECRET", secret);
        let run = Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap());
        for secret in [SECRET, "another-horse-battery"] {
            assert!(
                !run.stdout.contains(secret) && !run.stderr.contains(secret),
                "{arguments:?}\n{}\n{}",
                run.stdout,
                run.stderr
            );
        }
        run
    };
    let deploy = ["deploy", "--all", "--env", "test", "--yes", "--json"];
    let deployed = run(&deploy, SECRET).await.succeeded();
    assert_eq!(get(&url(&deployed, "web")).await["setting"], SECRET);
    assert_eq!(run(&deploy, SECRET).await.succeeded()["changes"]["update"], 0);

    // Another value is a change, which is shown as one without either of them.
    let preview = run(&["preview", "--all", "--env", "test", "-v"], "another-horse-battery").await;
    assert!(preview.stdout.contains("SETTING") && preview.stdout.contains("[secret]"), "{}", preview.stdout);
    let streamed = run(&["deploy", "--all", "--env", "test", "--yes", "--json=events"], "another-horse-battery").await;
    assert_eq!(streamed.code, Some(0), "{}", streamed.stderr);
    for shown in
        [&["status", "--json"][..], &["events", "--json"], &["history", "--json"], &["outputs", "--json"], &["graph"]]
    {
        assert_eq!(run(&[shown, &["--env", "test"]].concat(), SECRET).await.code, Some(0), "{shown:?}");
    }
    let mut found = Vec::new();
    for secret in [SECRET, "another-horse-battery"] {
        holders(&project.path(".semantest"), secret, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(
        std::fs::read_to_string(project.path(".semantest/.pulumi/stacks/shop/aws-test.json"))
            .unwrap()
            .contains("visible")
    );
    project.all("destroy").await;
}

/// A server that isn't well and says all it knows: the answer is told and recorded without the secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_bad_answer_to_a_health_check_is_written_nowhere() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET } }")]);
    let server = "const text = 'x'.repeat(455) + process.env.SETTING;\n\
        require('http').createServer((_, response) => { response.statusCode = 500; response.end(text); })\
        .listen(process.env.PORT);";
    project.write("web/server.js", server);
    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    project.write("semantest-iac.yaml", &yaml.replace("path: /health, timeout: 20s", "path: /health, timeout: 5s"));
    let mut command = project.command(&["deploy", "--all", "--env", "test", "--yes", "--json=events"]);
    command.env("SHOP_SECRET", SECRET);
    let run = Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap());
    assert_ne!(run.code, Some(0));
    assert!(run.stdout.contains("HealthCheckFailed") && run.stdout.contains("[secret]"), "{}", run.stdout);
    // Nor the part of it that is left when the answer is cut.
    let part = &SECRET[..10];
    assert!(!run.stdout.contains(part) && !run.stderr.contains(part), "{}\n{}", run.stdout, run.stderr);
    let mut found = Vec::new();
    holders(&project.path(".semantest"), part, &mut found);
    assert_eq!(found, Vec::<String>::new());
    let mut command = project.command(&["destroy", "--all", "--env", "test", "--yes"]);
    command.env("SHOP_SECRET", SECRET);
    let run = Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The first secret of a stack that is deployed already, where nobody can be asked for a passphrase: that is told before anything
/// is changed, and nothing stands in the way of the next command.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_secret_without_a_passphrase_is_refused_before_anything_is_changed() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "environment: { SETTING: plain }")]);
    project.all("deploy").await;
    project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET } }")]);
    let run = async |arguments: &[&str], passphrase: Option<&str>| {
        let mut command = project.command(arguments);
        command.env("SHOP_SECRET", SECRET).env_remove("PULUMI_CONFIG_PASSPHRASE");
        command.envs(passphrase.map(|passphrase| ("PULUMI_CONFIG_PASSPHRASE", passphrase)));
        Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
    };
    let preview = run(&["preview", "--all", "--env", "test"], None).await;
    assert_eq!(preview.code, Some(0), "{}", preview.stderr);
    assert!(preview.stderr.contains("needs a passphrase"), "{}", preview.stderr);
    project.proxy.clear();
    let refused = run(&["deploy", "--all", "--env", "test", "--yes"], None).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("PULUMI_CONFIG_PASSPHRASE"), "{}", refused.stderr);
    assert_eq!(project.proxy.writes(), 0);
    // With a passphrase it goes on, and without the secret it would have.
    project.configure(&[("web", "environment: { SETTING: plain }")]);
    let unchanged = run(&["deploy", "--all", "--env", "test", "--yes"], None).await;
    assert_eq!(unchanged.code, Some(0), "{}", unchanged.stderr);
    project.configure(&[("web", "environment: { SETTING: { from-env: SHOP_SECRET } }")]);
    let deployed = run(&["deploy", "--all", "--env", "test", "--yes"], Some("end to end")).await;
    assert_eq!(deployed.code, Some(0), "{}", deployed.stderr);
    let preview = run(&["preview", "--all", "--env", "test"], Some("end to end")).await;
    assert!(!preview.stderr.contains("needs a passphrase"), "{}", preview.stderr);
    let mut command = project.command(&["destroy", "--all", "--env", "test", "--yes"]);
    command.env("SHOP_SECRET", SECRET);
    assert!(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_stacks_configuration_reaches_the_server_and_nothing_else() {
    let project = Project::new(&["web"]).await;
    let settings = "memory: ${config.memory}\nenvironment: { SETTING: \"${config.scheme}://${config.token}@db\" }";
    project.configure(&[("web", settings)]);
    let run = async |arguments: &[&str]| {
        let run = project.run(&[arguments, &["--env", "test"]].concat()).await;
        for secret in [SECRET, "another-horse-battery"] {
            let shown = [&run.stdout, &run.stderr].iter().any(|text| text.contains(secret));
            assert!(!shown, "{arguments:?}\n{}\n{}", run.stdout, run.stderr);
        }
        run
    };
    let deploy = ["deploy", "--all", "--yes", "--json"];
    // What isn't there is told at its line, and nothing is done.
    let validated = run(&["validate", "--json"]).await;
    assert!(
        validated.stdout.contains("config/missing-value") && validated.stdout.contains("scheme"),
        "{}",
        validated.stdout
    );
    let refused = run(&deploy).await.failed(2);
    assert!(
        refused.contains("semantest-iac.yaml:") && refused.contains("set it: semantest-iac config set scheme"),
        "{refused}"
    );
    assert_eq!(project.proxy.writes(), 0);

    run(&["config", "set", "scheme", "tcp"]).await;
    run(&["config", "set", "memory", "lots"]).await;
    let refused = run(&deploy).await.failed(2);
    assert!(refused.contains("not a valid amount of memory") && refused.contains(", in ${config.memory}"), "{refused}");
    run(&["config", "set", "memory", "512MB"]).await;
    let with_stdin = |value: &'static str| {
        let mut command = project.command(&["config", "set", "--secret", "token", "--env", "test"]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    with_stdin(SECRET);
    assert_eq!(run(&["validate", "--json"]).await.code, Some(0));
    let deployed = run(&deploy).await.succeeded();
    assert_eq!(get(&url(&deployed, "web")).await["setting"], format!("tcp://{SECRET}@db"));
    assert_eq!(run(&deploy).await.succeeded()["changes"]["update"], 0);

    run(&["config", "set", "memory", "1GB"]).await;
    assert_ne!(run(&deploy).await.succeeded()["changes"]["update"], 0);
    // Another value is a change, which is shown as one without either of them.
    with_stdin("another-horse-battery");
    let preview = run(&["preview", "--all", "-v"]).await;
    assert!(preview.stdout.contains("SETTING") && preview.stdout.contains("[secret]"), "{}", preview.stdout);
    let deployed = run(&deploy).await.succeeded();
    assert_ne!(deployed["changes"]["update"], 0, "{deployed}");
    assert_eq!(get(&url(&deployed, "web")).await["setting"], "tcp://another-horse-battery@db");
    let mut found = Vec::new();
    for secret in [SECRET, "another-horse-battery"] {
        holders(&project.path(""), secret, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
    project.all("destroy").await;
}
