//! `awskms://`, through the program.

use std::process::Command;

use aws_sdk_kms::Client;
use localstack::proxy::{Action, Answer};

use crate::end_to_end::support::{Project, Run};

const REGION: &str = "us-east-1";
const FILE: &str = "Pulumi.aws-test.yaml";

/// A project without components, whose new stacks use a key in its account.
struct Shop {
    project: Project,
    /// The id of the key.
    key: String,
}

impl Shop {
    async fn new() -> Self {
        let project = Project::new(&[]).await;
        let shop = Self { key: new_key(&project).await, project };
        shop.use_key(&format!("awskms://{}?region={REGION}", shop.key));
        shop
    }

    /// Makes a key's URL the secrets provider of new stacks.
    fn use_key(&self, url: &str) {
        self.project.configure(&[]);
        let text = std::fs::read_to_string(self.project.path("semantest-iac.yaml")).unwrap();
        self.project.write("semantest-iac.yaml", &format!("{text}state: {{ secrets-provider: \"{url}\" }}\n"));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("AWS_ENDPOINT_URL", self.project.proxy.endpoint()).env_remove("PULUMI_CONFIG_PASSPHRASE");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments)).await
    }

    /// What a command that must fail says.
    async fn fails(&self, command: Command) -> String {
        let run = finish(command).await;
        assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
        assert_eq!(run.stdout, "", "a value that can't be decrypted is never shown as an empty one");
        run.stderr
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.project.path(FILE)).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let exchanges = self.project.proxy.exchanges();
        exchanges.into_iter().filter_map(|exchange| exchange.target).collect()
    }
}

async fn finish(mut command: Command) -> Run {
    Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
}

/// What KMS answers to a request that it refuses.
fn refusal(code: &str, message: &str) -> Action {
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let answer = Answer::new(400.try_into().unwrap(), body);
    Action::Answer(answer.with_header("content-type".try_into().unwrap(), "application/x-amz-json-1.1"))
}

async fn new_key(project: &Project) -> String {
    let key = Client::new(&project.sdk().await).create_key().send().await.unwrap();
    key.key_metadata.unwrap().key_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_through_a_key_of_kms_with_one_call_a_run() {
    let shop = Shop::new().await;
    let set = shop.run(&["config", "set", "--secret", "token", "hunter2-secret", "--env", "test"]).await;
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    assert_eq!(shop.calls(), ["TrentService.Encrypt"]);
    let text = shop.file();
    assert!(text.contains(&format!("secretsprovider: \"awskms://{}?region={REGION}\"", shop.key)), "{text}");
    assert!(text.contains("encryptedkey: ") && text.contains("secure: v1:") && !text.contains("hunter2"), "{text}");
    for number in 0..5 {
        shop.run(&["config", "set", "--secret", &format!("n{number}"), "another", "--env", "test"]).await;
    }
    shop.project.proxy.clear();
    let shown = shop.run(&["config", "ls", "--show-secrets", "--json", "--env", "test"]).await.succeeded();
    assert_eq!(shown["shop:token"]["value"], "hunter2-secret", "{shown}");
    assert_eq!(shown["shop:n4"]["value"], "another", "{shown}");
    assert_eq!(shop.calls(), ["TrentService.Decrypt"], "the data key is decrypted once, and no value by the cloud");
    shop.project.proxy.clear();
    let hidden = shop.run(&["config", "ls", "--env", "test"]).await;
    assert!(hidden.stdout.contains("[secret]") && !hidden.stdout.contains("hunter2"), "{}", hidden.stdout);
    assert!(shop.calls().is_empty(), "what isn't shown needs no key");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_or_context_is_an_error_and_never_an_empty_value() {
    let shop = Shop::new().await;
    let url = format!("awskms://{}?region={REGION}", shop.key);
    shop.use_key(&format!("{url}&context_stack=shop"));
    let set = shop.run(&["config", "set", "--secret", "token", "hunter2-secret", "--env", "test"]).await;
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let text = shop.file();
    // An override by which the same key is reached, and one in another context.
    let get = ["config", "get", "token", "--env", "test"];
    let mut same = shop.command(&get);
    same.env("PULUMI_CLOUD_SECRET_OVERRIDE", format!("{url}&context_stack=shop&awssdk=v2"));
    assert_eq!(finish(same).await.stdout, "hunter2-secret\n");
    let other = new_key(&shop.project).await;
    for wrong in [format!("{url}&context_stack=other"), format!("awskms://{other}?region={REGION}&context_stack=shop")]
    {
        let mut command = shop.command(&get);
        command.env("PULUMI_CLOUD_SECRET_OVERRIDE", &wrong);
        // KMS refuses both; the local cloud gives other bytes for one of them.
        let told = shop.fails(command).await;
        assert!(told.contains("kms:Decrypt") || told.contains("not encrypted with this stack's key"), "{told}");
    }
    shop.project.proxy.set_hook(|_, _| refusal("InvalidCiphertextException", ""));
    let told = shop.fails(shop.command(&get)).await;
    assert!(told.contains("InvalidCiphertextException") && told.contains("another key, or in another"), "{told}");
    assert_eq!(shop.file(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cant_be_used_says_why_and_what_to_do() {
    let shop = Shop::new().await;
    let set = ["config", "set", "--secret", "token", "x", "--env", "test"];
    shop.project.proxy.set_hook(|_, _| {
        let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: kms:Encrypt on resource: \
                       arn:aws:kms:us-east-1:1:key/k because no identity-based policy allows the kms:Encrypt action";
        refusal("AccessDeniedException", message)
    });
    let denied = shop.fails(shop.command(&set)).await;
    assert!(denied.contains("AccessDeniedException") && denied.contains("allow kms:Encrypt"), "{denied}");
    shop.project.proxy.remove_hook();

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut command = shop.command(&set);
    command.env("AWS_ENDPOINT_URL", &nowhere);
    let unreachable = shop.fails(command).await;
    assert!(unreachable.contains(&nowhere) && unreachable.contains("can be reached"), "{unreachable}");

    shop.use_key(&format!("awskms://{}", shop.key));
    let told = shop.fails(shop.command(&set)).await;
    assert!(told.contains("no AWS region") && told.contains("?region="), "{told}");
    shop.use_key(&format!("awskms://alias/nothing?region={REGION}"));
    let told = shop.fails(shop.command(&set)).await;
    assert!(told.contains("NotFoundException") && told.contains("alias"), "{told}");
    assert!(!shop.project.path(FILE).exists(), "nothing is written before the key could be used");
}
