//! Secrets, configuration and managers: what one of the two programs has encrypted, the other reads.

use std::process::Command;

use serde_json::{Value, json};

use crate::end_to_end::support::{Project, Run};
use crate::interop::shop::{SECRET, STACK, Shop};
use crate::interop::support::Pulumi;

const FILE: &str = "Pulumi.aws-test.yaml";

/// Runs semantest-iac on the stack, with more variables in its environment.
pub(super) async fn ours(shop: &Shop, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command: Command = shop.command(arguments);
    command.args(["--env", "test"]).envs(variables.iter().copied());
    Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

/// A stack that the CLI has made, where semantest-iac keeps its state.
async fn made_by(pulumi: &Pulumi, shop: &Shop, more: &[&str]) {
    std::fs::create_dir_all(shop.project.path(".semantest")).unwrap();
    pulumi.succeeds(&[&["stack", "init", STACK], more].concat()).await;
}

async fn get(shop: &Shop, key: &str) -> String {
    let run = ours(shop, &[], &["config", "get", key]).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.trim_end().to_owned()
}

async fn set(shop: &Shop, arguments: &[&str]) {
    let run = ours(shop, &[], &[&["config", "set"], arguments].concat()).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_values_of_either_are_read_by_the_other() {
    let shop = Shop::new().await;
    let pulumi = shop.pulumi().await;
    made_by(&pulumi, &shop, &[]).await;
    pulumi.succeeds(&["config", "set", "--secret", "theirs", "their secret", "--stack", STACK]).await;
    pulumi.succeeds(&["config", "set", "aws:region", "eu-west-1", "--stack", STACK]).await;
    pulumi.succeeds(&["config", "set", "--path", "tree.list[0]", "8080", "--stack", STACK]).await;
    pulumi.succeeds(&["config", "set", "--path", "tree.inner", "deep secret", "--secret", "--stack", STACK]).await;
    assert_eq!(get(&shop, "theirs").await, "their secret");
    assert_eq!(get(&shop, "aws:region").await, "eu-west-1");
    assert_eq!(get(&shop, "tree").await, r#"{"inner":"deep secret","list":[8080]}"#);
    let before = std::fs::read_to_string(shop.project.path(FILE)).unwrap();
    std::fs::write(shop.project.path(FILE), format!("# Kept.\n{before}")).unwrap();
    set(&shop, &["--secret", "ours", "our secret: #1 \"quoted\""]).await;
    set(&shop, &["flag", "true"]).await;
    set(&shop, &["--path", "tree.list[1]", "two words"]).await;
    let theirs = pulumi.json(&["config", "--show-secrets", "--json", "--stack", STACK]).await;
    let ours_shown = ours(&shop, &[], &["config", "ls", "--show-secrets", "--json"]).await.succeeded();
    assert_eq!(theirs, ours_shown);
    assert_eq!(theirs["shop:ours"], json!({ "value": "our secret: #1 \"quoted\"", "secret": true }));
    assert_eq!(theirs["shop:flag"], json!({ "value": "true", "secret": false }));
    let hidden = pulumi.json(&["config", "--json", "--stack", STACK]).await;
    assert_eq!(hidden, ours(&shop, &[], &["config", "ls", "--json"]).await.succeeded());
    assert!(std::fs::read_to_string(shop.project.path(FILE)).unwrap().starts_with("# Kept.\n"));
    let run = ours(&shop, &[], &["config", "rm", "theirs"]).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(pulumi.fails(&["config", "get", "theirs", "--stack", STACK]).await.contains("not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_is_an_error_on_either_side() {
    let shop = Shop::new().await;
    let pulumi = shop.pulumi().await;
    made_by(&pulumi, &shop, &[]).await;
    set(&shop, &["--secret", "token", "a secret"]).await;
    let wrong = shop.pulumi().await.with("PULUMI_CONFIG_PASSPHRASE", "wrong");
    assert!(wrong.fails(&["config", "get", "token", "--stack", STACK]).await.contains("incorrect passphrase"));
    let text = std::fs::read_to_string(shop.project.path(FILE)).unwrap();
    for arguments in [
        &["config", "get", "token"][..],
        &["config", "ls", "--show-secrets"],
        &["config", "set", "--secret", "token", "another"],
    ] {
        let run = ours(&shop, &[("PULUMI_CONFIG_PASSPHRASE", "wrong")], arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
        assert!(run.stderr.contains("incorrect passphrase"), "{}", run.stderr);
    }
    assert_eq!(std::fs::read_to_string(shop.project.path(FILE)).unwrap(), text);
}

/// What the CLI shows of the state's secret input.
async fn secret_of(pulumi: &Pulumi) -> bool {
    pulumi.export_with_secrets(STACK).await.to_string().contains(SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_passphrase_of_ours_is_the_clis_too() {
    let shop = Shop::new().await;
    let pulumi = shop.pulumi().await;
    made_by(&pulumi, &shop, &[]).await;
    shop.deploy().await;
    set(&shop, &["--secret", "token", "a secret"]).await;
    assert!(secret_of(&pulumi).await);
    shop.project.write("new-passphrase", "another one\n");
    let file = shop.project.path("new-passphrase");
    let change = ["stack", "change-secrets-provider", "passphrase", "--new-passphrase-file", file.to_str().unwrap()];
    let changed = ours(&shop, &[], &change).await;
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    let told = pulumi.fails(&["stack", "export", "--show-secrets", "--stack", STACK]).await;
    assert!(told.contains("incorrect passphrase"), "{told}");
    let pulumi = pulumi.with("PULUMI_CONFIG_PASSPHRASE", "another one");
    assert!(secret_of(&pulumi).await);
    assert_eq!(pulumi.succeeds(&["config", "get", "token", "--stack", STACK]).await.trim(), "a secret");
    // The state and the settings name one manager.
    let state = pulumi.export(STACK).await;
    let salt = state["deployment"]["secrets_providers"]["state"]["salt"].as_str().unwrap();
    assert!(std::fs::read_to_string(shop.project.path(FILE)).unwrap().contains(salt));
    let again = ours(&shop, &[("PULUMI_CONFIG_PASSPHRASE", "another one")], &["deploy", "--all", "--yes", "--json"]);
    assert_eq!(again.await.succeeded()["changes"]["update"], json!(0));
}

async fn new_key(project: &Project) -> String {
    let client = aws_sdk_kms::Client::new(&project.sdk().await);
    let key = client.create_key().send().await.unwrap();
    format!("awskms://{}?region=us-east-1", key.key_metadata.unwrap().key_id)
}

/// The CLI with access to KMS on the local cloud.
async fn with_kms(shop: &Shop) -> Pulumi {
    let pulumi = shop.pulumi().await.with("AWS_ENDPOINT_URL", &shop.project.endpoint);
    pulumi.with("AWS_ACCESS_KEY_ID", &shop.project.account).with("AWS_SECRET_ACCESS_KEY", "test")
}

#[tokio::test(flavor = "multi_thread")]
async fn stacks_with_a_key_of_kms_are_shared() {
    let shop = Shop::new().await;
    let (url, pulumi) = (new_key(&shop.project).await, with_kms(&shop).await);
    made_by(&pulumi, &shop, &["--secrets-provider", &url]).await;
    pulumi.succeeds(&["config", "set", "--secret", "theirs", "their secret", "--stack", STACK]).await;
    let endpoint = [("AWS_ENDPOINT_URL", shop.project.endpoint.as_str())];
    let read = ours(&shop, &endpoint, &["config", "get", "theirs"]).await;
    assert_eq!(read.stdout, "their secret\n", "{}", read.stderr);
    let written = ours(&shop, &endpoint, &["config", "set", "--secret", "ours", "our secret"]).await;
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    assert_eq!(pulumi.succeeds(&["config", "get", "ours", "--stack", STACK]).await.trim(), "our secret");
    // Deployed by us, the state is encrypted by the same key.
    let deployed = ours(&shop, &endpoint, &["deploy", "--all", "--yes", "--json"]).await.succeeded();
    assert_ne!(deployed["changes"]["create"], json!(0), "{deployed}");
    let state = pulumi.export(STACK).await;
    assert_eq!(state["deployment"]["secrets_providers"]["type"], "cloud", "{state}");
    assert!(secret_of(&pulumi).await);
}

/// A stack that ours made with a key, chosen in the configuration, is the CLI's in all of its secrets.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_ours_made_with_the_configured_key_is_shared() {
    let shop = Shop::new().await;
    let (url, pulumi) = (new_key(&shop.project).await, with_kms(&shop).await);
    let mut configuration = std::fs::read_to_string(shop.project.path("semantest-iac.yaml")).unwrap();
    configuration.push_str(&format!("state: {{ secrets-provider: \"{url}\" }}\n"));
    shop.project.write("semantest-iac.yaml", &configuration);
    let endpoint = [("AWS_ENDPOINT_URL", shop.project.endpoint.as_str())];
    let made = ours(&shop, &endpoint, &["stack", "init"]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let written = ours(&shop, &endpoint, &["config", "set", "--secret", "ours", "our secret"]).await;
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    ours(&shop, &endpoint, &["deploy", "--all", "--yes", "--json"]).await.succeeded();
    let state: Value = pulumi.export(STACK).await;
    let provider = &state["deployment"]["secrets_providers"];
    let settings = std::fs::read_to_string(shop.project.path(FILE)).unwrap();
    assert_eq!(provider["state"]["url"], url, "{state}");
    assert!(settings.contains(provider["state"]["encryptedkey"].as_str().unwrap()), "{settings}\n{provider}");
    assert_eq!(pulumi.succeeds(&["config", "get", "ours", "--stack", STACK]).await.trim(), "our secret");
    assert!(secret_of(&pulumi).await);
    // Settings that are there decide for a stack that is made anew; what they hold stays readable.
    ours(&shop, &endpoint, &["destroy", "--all", "--yes", "--json"]).await.succeeded();
    let removed = ours(&shop, &endpoint, &["stack", "rm", "--yes", "--force", "--preserve-config"]).await;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    let refused = ours(&shop, &endpoint, &["stack", "init", "--secrets-provider", "passphrase"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("change-secrets-provider"), "{}", refused.stderr);
    let again = ours(&shop, &endpoint, &["stack", "init"]).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(shop.project.path(FILE)).unwrap(), settings);
    assert_eq!(pulumi.succeeds(&["config", "get", "ours", "--stack", STACK]).await.trim(), "our secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_ours_from_passphrase_to_kms_and_back_is_the_clis_too() {
    let shop = Shop::new().await;
    let (url, pulumi) = (new_key(&shop.project).await, with_kms(&shop).await);
    made_by(&pulumi, &shop, &[]).await;
    shop.deploy().await;
    set(&shop, &["--secret", "token", "a secret"]).await;
    let endpoint = [("AWS_ENDPOINT_URL", shop.project.endpoint.as_str())];
    for (provider, kind) in [(url.as_str(), "cloud"), ("passphrase", "passphrase")] {
        let changed =
            ours(&shop, &endpoint, &["stack", "change-secrets-provider", provider, "--json"]).await.succeeded();
        assert_eq!((&changed["after"], &changed["configValues"]), (&json!(provider), &json!(1)), "{changed}");
        let state: Value = pulumi.export(STACK).await;
        assert_eq!(state["deployment"]["secrets_providers"]["type"], kind, "{state}");
        assert!(secret_of(&pulumi).await);
        assert_eq!(pulumi.succeeds(&["config", "get", "token", "--stack", STACK]).await.trim(), "a secret");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_settings_and_state_disagree_the_settings_win_and_nothing_is_lost() {
    let shop = Shop::new().await;
    shop.deploy().await;
    // The CLI makes a manager of its own, beside the state's.
    let pulumi = shop.pulumi().await;
    pulumi.succeeds(&["config", "set", "--secret", "token", "a secret", "--stack", STACK]).await;
    let salt_of =
        |state: &Value| state["deployment"]["secrets_providers"]["state"]["salt"].as_str().unwrap().to_owned();
    let before = salt_of(&pulumi.export(STACK).await);
    assert!(!std::fs::read_to_string(shop.project.path(FILE)).unwrap().contains(&before));
    shop.change("2");
    let deployed = shop.run(&["deploy", "--all", "--env", "test", "--yes"]).await;
    assert_eq!(deployed.code, Some(0), "{}", deployed.stderr);
    assert!(deployed.stderr.contains("encrypted anew"), "{}", deployed.stderr);
    let after = salt_of(&pulumi.export(STACK).await);
    assert!(std::fs::read_to_string(shop.project.path(FILE)).unwrap().contains(&after));
    assert!(secret_of(&pulumi).await);
    // The history holds the configuration, its secrets encrypted.
    let history = pulumi.json(&["stack", "history", "--json", "--show-secrets", "--stack", STACK]).await;
    assert_eq!(history[0]["config"]["shop:token"]["value"], "a secret", "{history}");
}
