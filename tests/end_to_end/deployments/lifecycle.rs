//! From the first deployment through changes of every kind to the end.

use serde_json::json;

use crate::end_to_end::support::{Project, get, http, url};

fn changes(document: &serde_json::Value) -> [u64; 4] {
    ["create", "update", "replace", "delete"].map(|kind| document["changes"][kind].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_deployed_changed_and_destroyed() {
    let project = Project::new(&["web"]).await;
    let first = project.all("deploy").await;
    assert_eq!(first["result"], "succeeded");
    assert_eq!(changes(&first), [11, 0, 0, 0], "{first}");
    let address = url(&first, "web");

    // What an unchanged server answers through the gateway.
    let answer = get(&format!("{address}/a%20b/c?x=1&x=2")).await;
    assert_eq!(answer["url"], "/a%20b/c?x=1&x=2");
    assert_eq!(answer["version"], "1");
    let posted = http()
        .post(format!("{address}/things"))
        .header("content-type", "text/plain")
        .header("cookie", "seen=yes; other=1")
        .body("hello")
        .send()
        .await
        .unwrap();
    let cookies: Vec<_> =
        posted.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2; HttpOnly"]);
    let posted: serde_json::Value = serde_json::from_slice(&posted.bytes().await.unwrap()).unwrap();
    assert_eq!(posted["body"], "hello");
    assert_eq!(posted["method"], "POST");
    assert_eq!(posted["cookie"], "seen=yes; other=1");
    let missing = http().get(format!("{address}/missing")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.bytes().await.unwrap(), "no such page");

    // Nothing changed: nothing is written, and hardly anything asked.
    project.proxy.clear();
    let again = project.all("deploy").await;
    assert_eq!(changes(&again), [0, 0, 0, 0], "{again}");
    assert_eq!(project.proxy.writes(), 0);
    assert!(project.proxy.exchanges().len() <= 2, "{:?}", project.proxy.exchanges());
    assert!(again.get("deploymentId").is_none(), "nothing is begun when nothing changes: {again}");
    assert_eq!(again["calls"], json!({ "read": 1, "write": 0 }));

    // New code: a new version, and the alias moves there.
    project.write_server("web", "2");
    let changed = project.all("deploy").await;
    assert_eq!(changes(&changed), [0, 2, 0, 0], "{changed}");
    assert_eq!(changed["changes"]["same"], 9, "{changed}");
    assert_eq!(get(&format!("{address}/")).await["version"], "2");
    let lambda = aws_sdk_lambda::Client::new(&project.sdk().await);
    let function = lambda.list_functions().send().await.unwrap().functions()[0].function_name().unwrap().to_owned();
    let alias = lambda.get_alias().function_name(&function).name("live").send().await.unwrap();
    assert_eq!(alias.function_version(), Some("2"));

    // More memory, an environment variable, and a route with its own rules.
    project.configure(&[("web", "memory: 512MB\nenvironment: { SETTING: new }\ngateway: { catch-all: false, routes: [ { path: /health }, { path: /things, method: POST } ] }")]);
    let changed = project.all("deploy").await;
    assert_eq!(changed["result"], "succeeded");
    assert_eq!(get(&format!("{address}/health")).await["setting"], "new");
    let configuration = lambda.get_function_configuration().function_name(&function).send().await.unwrap();
    assert_eq!(configuration.memory_size(), Some(512));
    let unrouted = http().get(format!("{address}/elsewhere")).send().await.unwrap();
    assert_eq!(unrouted.status(), 404);

    let destroyed = project.all("destroy").await;
    assert_eq!(destroyed["result"], "succeeded");
    assert_eq!(project.inventory().await, Vec::<String>::new());
    let again = project.all("destroy").await;
    assert_eq!(changes(&again), [0, 0, 0, 0]);
}

/// A package that is too large for the call goes through a bucket, which is there only as long as it is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_package_goes_through_a_bucket() {
    let project = Project::new(&["web"]).await;
    let buckets = async || project.inventory().await.iter().filter(|name| name.starts_with("bucket ")).count();
    let mut bytes = vec![0; 60_000_000];
    fastrand::Rng::with_seed(1).fill(&mut bytes);
    let large = project.path("web/model.bin");
    std::fs::write(&large, bytes).unwrap();
    let first = project.all("deploy").await;
    assert_eq!(changes(&first), [13, 0, 0, 0], "{first}");
    assert_eq!(buckets().await, 1);
    let address = url(&first, "web");
    assert_eq!(get(&address).await["version"], "1");
    assert_eq!(changes(&project.all("deploy").await), [0, 0, 0, 0]);

    project.write_server("web", "2");
    let changed = project.all("deploy").await;
    assert_eq!(changed["changes"]["replace"], 1, "the object is named by its content: {changed}");
    assert_eq!(get(&address).await["version"], "2");

    std::fs::remove_file(large).unwrap();
    project.write_server("web", "3");
    let small = project.all("deploy").await;
    assert_eq!(small["changes"]["delete"], 2, "{small}");
    assert_eq!((get(&address).await["version"].clone(), buckets().await), ("3".into(), 0));
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_comes_and_goes_without_the_other() {
    let project = Project::new(&["one", "two"]).await;
    let only = ["deploy", "--component", "one", "--provider", "aws", "--env", "test", "--yes", "--json"];
    let first = project.run(&only).await.succeeded();
    assert!(first["outputs"].get("two").is_none(), "{first}");
    // The other one isn't there yet: there is nothing to destroy. A name that nobody knows is a mistake.
    let destroy = |name| ["destroy", "--component", name, "--provider", "aws", "--env", "test", "--yes", "--json"];
    assert_eq!(changes(&project.run(&destroy("two")).await.succeeded()), [0, 0, 0, 0]);
    let unknown = project.run(&destroy("tow")).await.failed(2);
    assert!(unknown.contains("no component tow"), "{unknown}");
    let both = project.all("deploy").await;
    assert_eq!(changes(&both)[1..], [0, 0, 0], "{both}");
    let (one, two) = (url(&both, "one"), url(&both, "two"));
    assert_eq!(get(&two).await["version"], "1");
    let tagged = |name: &String| name.starts_with("tagged ") && name.contains("two");
    assert!(project.inventory().await.iter().any(tagged), "tags find what was made");

    // Taken out of the configuration: deleted by the next deployment of everything, and by no other.
    project.configure(&[("one", "")]);
    assert_eq!(changes(&project.run(&only).await.succeeded()), [0, 0, 0, 0]);
    let removed = project.all("deploy").await;
    assert!(changes(&removed)[3] > 5, "{removed}");
    assert!(removed["outputs"].get("two").is_none());
    assert_eq!(get(&one).await["version"], "1");
    assert!(project.inventory().await.iter().all(|name| !name.contains("two")));
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn cross_origin_requests_are_answered_by_the_gateway() {
    let project = Project::new(&["web"]).await;
    project.configure(&[(
        "web",
        "gateway: { cors: { origins: [\"https://semantest.com\"], methods: [GET, POST], headers: [authorization], max-age: 1h } }",
    )]);
    let address = url(&project.all("deploy").await, "web");
    let preflight = |origin: &'static str| {
        http()
            .request(reqwest::Method::OPTIONS, format!("{address}/things"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization")
            .send()
    };
    let allowed = preflight("https://semantest.com").await.unwrap();
    assert!(allowed.status().is_success());
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://semantest.com");
    assert!(allowed.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert_eq!(allowed.headers()["access-control-max-age"], "3600");
    let refused = preflight("https://elsewhere.example").await.unwrap();
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_or_deleted_is_mended() {
    let project = Project::new(&["web"]).await;
    let first = project.all("deploy").await;
    let sdk = project.sdk().await;
    let lambda = aws_sdk_lambda::Client::new(&sdk);
    let function = first["outputs"]["web"]["functionName"].as_str().unwrap().to_owned();
    lambda.update_function_configuration().function_name(&function).memory_size(1024).send().await.unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
    let group = format!("/aws/lambda/{function}");
    logs.delete_log_group().log_group_name(&group).send().await.unwrap();

    // By default only what the plan touches is read; asked for, everything is.
    assert_eq!(changes(&project.all("deploy").await), [0, 0, 0, 0]);
    let every = ["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json", "--refresh=all"];
    let mended = project.run(&every).await.succeeded();
    assert!(changes(&mended)[0] >= 1 && changes(&mended)[1] >= 1, "{mended}");
    let configuration = lambda.get_function_configuration().function_name(&function).send().await.unwrap();
    assert_eq!(configuration.memory_size(), Some(256));
    let groups = logs.describe_log_groups().log_group_name_prefix(&group).send().await.unwrap();
    assert_eq!(groups.log_groups().len(), 1);
    assert_eq!(changes(&project.run(&every).await.succeeded()), [0, 0, 0, 0]);
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_tell_what_is_there_and_what_happened() {
    let project = Project::new(&["web"]).await;
    let target = ["--provider", "aws", "--env", "test", "--json"];
    let query = |command: &'static str| {
        let mut arguments = vec![command];
        arguments.extend(target);
        arguments
    };
    let empty = project.run(&query("status")).await.succeeded();
    assert_eq!(empty["exists"], false);
    let deployed = project.all("deploy").await;
    let status = project.run(&query("status")).await.succeeded();
    assert_eq!(status["exists"], true);
    assert!(
        status["resources"]
            .as_array()
            .unwrap()
            .iter()
            .any(|resource| resource["type"] == "aws:lambda/function:Function")
    );
    let outputs = project.run(&query("outputs")).await.succeeded();
    assert_eq!(outputs, deployed["outputs"]);
    project.write_server("web", "2");
    project.all("deploy").await;
    let history = project.run(&query("history")).await.succeeded();
    let entries = history["deployments"].as_array().unwrap_or_else(|| panic!("{history}"));
    assert_eq!(entries.len(), 2, "{history}");
    assert_eq!(entries[0]["changes"]["update"], 2);
    // What a person sees of the history leads on to each deployment's events.
    let id = entries[1]["deploymentId"].as_str().unwrap();
    let shown = project.run(&["history", "--env", "test"]).await;
    assert!(shown.stdout.contains(id), "{}", shown.stdout);
    let first = project.run(&["events", "--deployment", id, "--env", "test", "--json"]).await.succeeded();
    assert!(!first["events"].as_array().unwrap().is_empty(), "{first}");
    let events = project.run(&query("events")).await.succeeded();
    let types: Vec<String> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["eventType"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types.first().map(String::as_str), Some("DeploymentRequested"));
    assert_eq!(types.last().map(String::as_str), Some("DeploymentCompleted"));
    project.all("destroy").await;
}
