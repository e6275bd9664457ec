//! Plain functions: a handler without a gateway, asked for its health by invoking it.

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use crate::end_to_end::support::{Project, get, url};

/// A handler that greets whoever pings it, and fails everybody else.
const HANDLER: &str = r#"
exports.handler = async event => {
  console.log('invoked');
  if (!event.ping) throw new Error('nobody pings');
  return { version: 'VERSION', setting: process.env.SETTING };
};
"#;

async fn project(event: &str) -> Project {
    let project = Project::new(&[]).await;
    write_handler(&project, "1");
    configure(&project, event);
    project
}

fn write_handler(project: &Project, version: &str) {
    project.write("worker/index.js", &HANDLER.replace("VERSION", version));
}

fn configure(project: &Project, event: &str) {
    let endpoint = project.proxy.endpoint();
    project.write(
        "semantest-iac.yaml",
        &format!(
            "project: shop\ncomponents:\n  worker:\n    kind: function\n    source: ./worker\n    handler: index.handler\n    \
             environment: {{ SETTING: on }}\n    timeout: 5m\n    health: {{ event: '{event}', timeout: 10s }}\n\
             environments:\n  test: {{ aws: {{ endpoint: \"{endpoint}\", region: us-east-1 }} }}\n"
        ),
    );
}

async fn invoke(project: &Project, document: &Value) -> Value {
    let lambda = aws_sdk_lambda::Client::new(&project.sdk().await);
    let name = document["outputs"]["worker"]["functionName"].as_str().unwrap_or_else(|| panic!("{document}"));
    let arn = document["outputs"]["worker"]["functionArn"].as_str().unwrap_or_else(|| panic!("{document}"));
    assert!(arn.ends_with(&format!(":function:{name}")), "{arn}");
    let request = lambda.invoke().function_name(name).qualifier("live").payload(Blob::new(r#"{"ping":true}"#));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.function_error(), None);
    serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_deployed_asked_changed_and_destroyed() {
    let project = project(r#"{"ping": true}"#).await;
    let first = project.all("deploy").await;
    assert_eq!(first["changes"]["create"], 5, "{first}");
    assert!(first["outputs"]["worker"].get("url").is_none(), "{first}");
    assert_eq!(invoke(&project, &first).await, json!({ "version": "1", "setting": "on" }));

    project.proxy.clear();
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    assert_eq!(project.proxy.writes(), 0);

    write_handler(&project, "2");
    let changed = project.all("deploy").await;
    assert_eq!(changed["changes"]["update"], 2, "{changed}");
    assert_eq!(invoke(&project, &changed).await["version"], "2");

    let events = project.run(&["events", "--env", "test", "--json"]).await.succeeded().to_string();
    assert!(events.contains("HealthCheckPassed") && events.contains("shop-test-worker"), "{events}");

    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_is_told_with_its_own_words() {
    let project = project("{}").await;
    let run = project.run(&["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"]).await;
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let message = document["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("invoking shop-test-worker") && message.contains("nobody pings"), "{message}");
    // It is asked again though nothing changed, and is well once it is asked what it answers.
    configure(&project, r#"{"ping": 1}"#);
    assert_eq!(project.all("deploy").await["result"], "succeeded");
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_at_its_functions_own_address_and_moves_behind_a_gateway() {
    let project = Project::new(&["web"]).await;
    project.configure(&[("web", "url: function\ngateway: { cors: { origins: [\"https://a.example\"] } }")]);
    let first = project.all("deploy").await;
    // A role, its policy, a log group, the function, its alias, its address and two permissions.
    assert_eq!(first["changes"]["create"], 8, "{first}");
    let address = url(&first, "web");
    assert_eq!(get(&format!("{}/a/b?x=1", address.trim_end_matches('/'))).await["url"], "/a/b?x=1");
    project.proxy.clear();
    assert_eq!(project.all("deploy").await["changes"]["update"], 0);
    assert_eq!(project.proxy.writes(), 0);

    project.configure(&[("web", "")]);
    let behind = project.all("deploy").await;
    assert!(url(&behind, "web").contains("execute-api"), "{behind}");
    assert_eq!(get(&format!("{}/a", url(&behind, "web"))).await["version"], "1");
    project.configure(&[("web", "url: function")]);
    let back = project.all("deploy").await;
    assert_eq!(get(&url(&back, "web")).await["version"], "1");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
