//! A stack that a Pulumi program made is gone on with: nothing is replaced, nothing of the rest is touched.

use std::collections::HashMap;

use serde_json::Value;

use super::pulumi_made::{AS_OURS, AUTONAMED, Made, Names, foreign, recorded, stack, urn};
use crate::end_to_end::support::{Project, Run, get, url};

const ALL: [&str; 5] = ["--all", "--provider", "aws", "--env", "test"];

fn with<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command], &ALL[..], rest].concat()
}

fn texts(project: &Project) -> HashMap<String, String> {
    recorded(project).into_iter().map(|(urn, text)| (urn, text.get().to_owned())).collect()
}

fn ours(kind: &str, role: &str) -> String {
    urn(&format!("semantest:index:RestApi${kind}::web-{role}"))
}

fn count(document: &Value, what: &str) -> u64 {
    document["changes"][what].as_u64().unwrap_or_else(|| panic!("{document}"))
}

/// What must hold after a takeover: the same things in the cloud, under our names in the state, all else as it was.
async fn check(project: &Project, names: &Names, made: &Made, before: &HashMap<String, String>, document: &Value) {
    assert_eq!((count(document, "replace"), count(document, "delete")), (0, 0), "{document}");
    let after = texts(project);
    for urn in foreign() {
        assert_eq!(after.get(&urn), before.get(&urn), "{urn} is as it was, byte for byte");
        assert!(before.contains_key(&urn), "{urn}");
    }
    let record = |urn: &str| -> Value {
        serde_json::from_str(after.get(urn).unwrap_or_else(|| panic!("no {urn} in {:?}", after.keys()))).unwrap()
    };
    for (kind, role, id) in [
        ("aws:iam/role:Role", "role", names.role),
        ("aws:lambda/function:Function", "function", names.function),
        ("aws:apigatewayv2/api:Api", "api", made.api.as_str()),
        ("aws:apigatewayv2/integration:Integration", "integration", made.integration.as_str()),
        ("aws:apigatewayv2/route:Route", "route-default", made.route.as_str()),
        ("aws:apigatewayv2/stage:Stage", "stage", "$default"),
    ] {
        let record = record(&ours(kind, role));
        assert_eq!(record["id"], id, "{record}");
        assert!(record["provider"].as_str().unwrap().contains("default_7_30_0"), "the provider stays: {record}");
        assert_eq!(record["created"], "2026-01-02T03:04:05.678901234Z");
        assert_eq!(record["parent"], urn("semantest:index:RestApi::web"));
    }
    let role = record(&ours("aws:iam/role:Role", "role"));
    assert_eq!(role["customTimeouts"]["create"], 300, "{role}");
    // Whoever refers to what was taken over does so under its new name.
    let topic = record(&urn("aws:sns/topic:Topic::news"));
    assert_eq!(topic["dependencies"], serde_json::json!([ours("aws:lambda/function:Function", "function")]));
    let root = record(&urn("pulumi:pulumi:Stack::shop-aws-test"));
    assert_eq!(
        (&root["outputs"]["endpoint"], &root["outputs"]["site"]["url"]),
        (&"https://shop.example".into(), &"x".into())
    );
    assert!(!after.values().any(|text| text.contains("hunter2")));
    assert_eq!(get(&format!("{}/", url(document, "web"))).await["version"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_our_names_is_found_by_itself() {
    let project = Project::new(&["web"]).await;
    let made = stack(&project, &AS_OURS).await;
    let before = texts(&project);
    let preview = project.run(&with("preview", &["--json"])).await.succeeded();
    assert_eq!((count(&preview, "replace"), count(&preview, "delete")), (0, 0), "{preview}");
    assert_eq!(preview["adopted"].as_array().unwrap().len(), 7, "{preview}");
    assert_eq!(texts(&project), before, "a preview changes nothing");
    let shown = project.run(&with("preview", &[])).await;
    assert!(shown.stdout.contains("& adopt aws:iam/role:Role web-role (shop-test-web)"), "{}", shown.stdout);
    assert!(shown.stdout.contains("7 to adopt"), "{}", shown.stdout);

    let document = project.all("deploy").await;
    check(&project, &AS_OURS, &made, &before, &document).await;
    // What is new: log groups, the alias, the permission to call it.
    assert_eq!(count(&document, "create"), 4, "{document}");
    assert_eq!(document["adopted"], preview["adopted"]);
    let again = project.all("deploy").await;
    assert_eq!((again["calls"]["write"].as_u64(), again.get("adopted")), (Some(0), None), "{again}");

    // And the end: ours goes, the rest stays.
    let before = texts(&project);
    let gone = project.all("destroy").await;
    assert!(gone["left"].as_array().unwrap().len() >= 5, "{gone}");
    let after = texts(&project);
    for urn in foreign() {
        assert_eq!(after.get(&urn), before.get(&urn), "{urn}");
    }
    // Something of theirs refers to the function, which so stays, with what it needs itself.
    let reasons = gone["left"].to_string();
    assert!(reasons.contains("still needed by") && reasons.contains("Topic::news"), "{reasons}");
    let inventory = project.inventory().await.join("\n");
    assert!(inventory.contains("role their-own") && inventory.contains("function shop-test-web"), "{inventory}");
    assert!(!inventory.contains("api shop-test-web") && !inventory.contains("access"), "{inventory}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pulumi_named_is_found_by_a_mapping_and_keeps_its_name() {
    let project = Project::new(&["web"]).await;
    let made = stack(&project, &AUTONAMED).await;
    let before = texts(&project);
    let settings = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    let adopt = format!(
        "environments:\n  test:\n    adopt: {{ web-role: fn-role, web-policy: '{}:{}', web-api: http-api }}\n    aws:",
        AUTONAMED.role, AUTONAMED.policy
    );
    project.write(
        "semantest-iac.yaml",
        &settings.replace("environments:\n  test: { aws:", &format!("{adopt} ")).replace(" } }\n", " }\n"),
    );

    let wrong = project.run(&with("deploy", &["--yes", "--json", "--adopt", "web-function=nothing"])).await.failed(2);
    assert!(wrong.contains("fn-0f1e2d3"), "the candidates are listed: {wrong}");
    assert_eq!(texts(&project), before);

    let mapped = with("deploy", &["--yes", "--json", "--adopt", "web-function=fn"]);
    let document = project.run(&mapped).await.succeeded();
    check(&project, &AUTONAMED, &made, &before, &document).await;
    let inventory = project.inventory().await.join("\n");
    assert!(inventory.contains("log group /aws/lambda/fn-0f1e2d3"), "Lambda names it after the function: {inventory}");
    // From now on nothing need be said, and the names stay.
    let again = project.run(&with("deploy", &["--yes", "--json"])).await.succeeded();
    assert_eq!(again["calls"]["write"], 0, "{again}");
    project.write_server("web", "2");
    let changed = project.run(&with("deploy", &["--yes", "--json"])).await.succeeded();
    assert_eq!((count(&changed, "replace"), count(&changed, "create")), (0, 0), "{changed}");
    assert_eq!(get(&url(&changed, "web")).await["version"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_resources_are_not_taken_for_gone() {
    let project = Project::new(&["web"]).await;
    stack(&project, &AS_OURS).await;
    let before = texts(&project);
    let output =
        project.command(&with("deploy", &["--yes", "--json"])).env("AWS_ACCESS_KEY_ID", "999999999999").output();
    let error = Run::of(output.unwrap()).failed(2);
    assert!(error.contains("other-account"), "{error}");
    assert_eq!(texts(&project), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_only_the_cloud_knows_is_imported_and_gone_on_with() {
    let project = Project::new(&["web"]).await;
    let made = stack(&project, &AS_OURS).await;
    std::fs::remove_file(project.path(".semantest/.pulumi/stacks/shop/aws-test.json")).unwrap();
    let import = |rest: &[&'static str]| {
        let arguments: Vec<&str> =
            [&["import", "--provider", "aws", "--env", "test", "--yes", "--json", "--protect=false"], rest].concat();
        let mut command = project.command(&arguments);
        async move { Run::of(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()) }
    };
    let gone = import(&["aws:iam/role:Role", "role", "nobody"]).await.failed(1);
    assert!(gone.contains("not-found"), "{gone}");
    let unknown = import(&["aws:sns/topic:Topic", "news", "arn:aws:sns:us-east-1:1:news"]).await.failed(2);
    assert!(unknown.contains("aws:iam/role:Role"), "the types are listed: {unknown}");
    let form = import(&["aws:lambda/alias:Alias", "live", "live"]).await.failed(1);
    assert!(form.contains("<functionName>/<name>"), "{form}");

    let role = import(&["aws:iam/role:Role", "web-role", "shop-test-web", "--component", "web"]).await.succeeded();
    assert_eq!(role["imported"][0]["urn"], ours("aws:iam/role:Role", "role"), "{role}");
    let twice = import(&["aws:iam/role:Role", "another", "shop-test-web"]).await.failed(2);
    assert!(twice.contains("in the stack already"), "{twice}");
    let file = serde_json::json!({ "resources": [
        { "type": "aws:lambda/function:Function", "name": "fn", "id": "shop-test-web" },
        { "type": "shop:index:Group", "name": "group", "component": true },
        { "type": "aws:iam/rolePolicy:RolePolicy", "name": "policy", "id": "shop-test-web:shop-test-web", "parent": "group" },
        { "type": "aws:apigatewayv2/api:Api", "name": "api", "id": made.api },
        { "type": "aws:apigatewayv2/route:Route", "name": "route", "id": format!("{}/{}", made.api, made.route) },
        { "type": "aws:apigatewayv2/stage:Stage", "name": "stage", "id": format!("{}/$default", made.api) },
        { "type": "aws:apigatewayv2/integration:Integration", "name": "proxy", "id": format!("{}/{}", made.api, made.integration) },
    ] });
    project.write("resources.json", &file.to_string());
    let many = import(&["--file", "resources.json"]).await.succeeded();
    assert_eq!(many["imported"].as_array().unwrap().len(), 7, "{many}");
    let records = texts(&project);
    let function: Value = serde_json::from_str(&records[&urn("aws:lambda/function:Function::fn")]).unwrap();
    assert_eq!(function["inputs"]["memorySize"], 512, "{function}");
    assert!(function["inputs"].get("timeout").is_none(), "a default is left out: {function}");
    assert_eq!(function["outputs"]["timeout"], 3, "{function}");
    let history = project.run(&["history", "--provider", "aws", "--env", "test", "--json"]).await.succeeded();
    assert_eq!(history["deployments"][0]["kind"], "resource-import", "{history}");

    let document = project.all("deploy").await;
    assert_eq!((count(&document, "replace"), count(&document, "delete")), (0, 0), "{document}");
    assert_eq!(count(&document, "create"), 4, "{document}");
    assert_eq!(get(&url(&document, "web")).await["version"], "1");
    assert_eq!(project.all("deploy").await["calls"]["write"], 0);
}
