//! The contract for machines: one document on stdout whatever happens, a stream of events with a last one, each as its
//! schema in `docs/reference` says.

use std::path::Path;

use serde_json::Value;

use crate::cli::program::Program;
use crate::end_to_end::support::Project;

/// Holds a document to its schema.
fn check(document: &Value, schema: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/reference/{schema}.schema.json"));
    let text = std::fs::read_to_string(&file).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{schema}: {errors:#?}\n{document:#}");
}

fn events(stdout: &str) -> Vec<Value> {
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect();
    events.iter().for_each(|event| check(event, "event"));
    events
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["eventType"].as_str().unwrap()).collect()
}

#[test]
fn every_failure_is_one_document() {
    let valid = "project: shop\ncomponents:\n  api: { kind: rest-api, source: ., start: node server.js }\n\
                 environments:\n  test: { aws: { region: us-east-1, endpoint: \"http://127.0.0.1:9\" } }\n";
    let broken = "project: [\n";
    for (yaml, arguments, exit) in [
        (valid, &["deploy", "--json"][..], 2),
        (valid, &["deploy", "--json", "--all"], 2),
        (valid, &["deploy", "--json", "--all", "--yes", "--env", "tset"], 2),
        (valid, &["--json=document", "preview", "--component", "apy"], 2),
        (valid, &["destroy", "--all", "--json", "--frobnicate"], 2),
        (valid, &["outputs", "--json", "--component", "api"], 2),
        (broken, &["deploy", "--all", "--yes", "--json"], 2),
        (broken, &["status", "--json"], 2),
        (broken, &["history", "--json"], 2),
        (broken, &["graph", "--json"], 2),
    ] {
        let program = Program::with(&[("semantest-iac.yaml", yaml)]);
        let run = program.run(arguments);
        assert_eq!(run.code, Some(exit), "{arguments:?}: {}", run.stderr);
        let document = run.document();
        check(&document, "deployment-report");
        assert_eq!(document["result"], "failed");
        assert_eq!(document["command"], *arguments.iter().find(|argument| !argument.starts_with('-')).unwrap());
        assert!(!document["errors"].as_array().unwrap().is_empty());
        assert!(!run.stderr.is_empty(), "people are told too");
        assert_eq!(run.stdout.lines().count(), 1);
        // The same as a stream: nothing but a last event with the same errors.
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| if argument.starts_with("--json") { "--json=events" } else { *argument })
            .collect();
        let run = program.run(&arguments);
        let events = events(&run.stdout);
        assert_eq!((run.code, types(&events)), (Some(exit), vec!["DeploymentFailed"]));
        assert_eq!(events[0]["payload"]["errors"], document["errors"]);
    }
}

#[test]
fn documents_of_what_needs_no_cloud() {
    let server = [("api/package.json", r#"{"main":"server.js"}"#), ("api/server.js", "")];
    let program = Program::with(&server);
    check(&program.run(&["version", "--json"]).succeeded(), "version");
    check(&program.run(&["init", "--json"]).succeeded(), "init");
    check(&program.run(&["validate", "--json"]).succeeded(), "validation");
    check(&program.run(&["local", "status", "--json", "--emulator", "localstack"]).succeeded(), "local");
    for (query, schema) in [("status", "status"), ("outputs", "outputs"), ("history", "history"), ("events", "events")]
    {
        check(&program.run(&[query, "--json", "--env", "local"]).succeeded(), schema);
    }
    let graph = program.run(&["graph", "--json", "--env", "local"]).succeeded();
    check(&graph, "graph");
    let urns: Vec<&str> = graph["nodes"].as_array().unwrap().iter().map(|node| node["urn"].as_str().unwrap()).collect();
    assert!(urns.len() > 8 && graph["edges"].as_array().unwrap().len() > 8, "{graph:#}");
    for edge in graph["edges"].as_array().unwrap() {
        assert!(["from", "to"].iter().all(|end| urns.contains(&edge[end].as_str().unwrap())), "{edge}");
    }
    assert_eq!(program.run(&["graph", "--json", "--env", "local", "--output", "graph.json"]).code, Some(2));
    std::fs::write(program.path("semantest-iac.yaml"), "project: shop\ncomponents: { api: { kind: x } }\n").unwrap();
    let run = program.run(&["validate", "--json"]);
    assert_eq!(run.code, Some(2));
    let document = run.document();
    check(&document, "validation");
    assert!(document["problems"][0]["line"].is_u64() && document["valid"] == false, "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_a_stacks_whole_life() {
    let project = Project::new(&["web"]).await;
    let all = |command: &'static str, json: &'static str| [command, "--all", "--env", "test", json];
    let preview = project.run(&all("preview", "--json")).await.succeeded();
    check(&preview, "deployment-report");
    assert!(preview["changes"]["create"].as_u64().unwrap() > 8 && preview.get("deploymentId").is_none());
    let changed = project.run(&["preview", "--all", "--env", "test", "--detailed-exitcode", "--explain"]).await;
    assert_eq!(changed.code, Some(3));
    assert!(changed.stdout.contains("Critical path:") && changed.stdout.contains("bound by"), "{}", changed.stdout);
    assert_eq!(project.proxy.writes(), 0);

    let mut deploy = all("deploy", "--json=events").to_vec();
    deploy.extend(["--yes", "--message", "the first", "--detailed-exitcode"]);
    let run = project.run(&deploy).await;
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let streamed = events(&run.stdout);
    assert_eq!(
        (types(&streamed)[0], *types(&streamed).last().unwrap()),
        ("DeploymentRequested", "DeploymentCompleted")
    );
    let last = &streamed.last().unwrap()["payload"];
    assert_eq!(last["changes"]["create"], preview["changes"]["create"], "what was done is what was shown");
    let id = streamed[0]["aggregateId"].as_str().unwrap();
    assert!(streamed.iter().all(|event| event["aggregateId"] == id));

    // The recorded events are the streamed ones, and following one that is over ends.
    let recorded = project.run(&["events", "--env", "test", "--json=events"]).await;
    assert_eq!(events(&recorded.stdout), streamed);
    let followed = project.run(&["events", "--env", "test", "--json=events", "--follow"]).await;
    assert_eq!(events(&followed.stdout), streamed);
    let told = project.run(&["events", "--env", "test"]).await.stdout;
    assert!(told.contains("aws:lambda/function:Function") && told.contains("completed:"), "{told}");
    for bookkeeping in ["semantest:", "pulumi:", "ResourceOperation", "recorded"] {
        assert!(!told.contains(bookkeeping), "{bookkeeping} in {told}");
    }
    let status = project.run(&["status", "--env", "test"]).await.stdout;
    let count = format!("\n{} resources\n", preview["changes"]["create"]);
    assert!(status.contains(&count) && status.matches("\n  web\n").count() == 1, "{count} in {status}");
    let document = project.run(&["events", "--env", "test", "--json", "--deployment", id]).await.succeeded();
    check(&document, "events");
    assert_eq!(document["events"].as_array().unwrap().len(), streamed.len());

    // Nothing to do: a document without a deployment, a stream with just its end.
    let mut again = all("deploy", "--json").to_vec();
    again.extend(["--yes", "--detailed-exitcode"]);
    let unchanged = project.run(&again).await.succeeded();
    check(&unchanged, "deployment-report");
    assert_eq!(unchanged["changes"]["same"], preview["changes"]["create"]);
    again[4] = "--json=events";
    let run = project.run(&again).await;
    assert_eq!((run.code, types(&events(&run.stdout))), (Some(0), vec!["DeploymentCompleted"]));

    let status = project.run(&["status", "--env", "test", "--json"]).await.succeeded();
    check(&status, "status");
    let outputs = project.run(&["outputs", "--env", "test", "--json"]).await.succeeded();
    check(&outputs, "outputs");
    assert_eq!((&outputs, &status["outputs"]), (&unchanged["outputs"], &unchanged["outputs"]));
    let url = project.run(&["outputs", "--stack", "aws-test", "--component", "web", "url"]).await;
    assert_eq!(url.stdout.trim_end(), outputs["web"]["url"].as_str().unwrap());
    let history = project.run(&["history", "--env", "test", "--json"]).await.succeeded();
    check(&history, "history");
    assert_eq!(history["deployments"][0]["message"], "the first");
    assert_eq!(history["deployments"][0]["deploymentId"], id);

    let mut destroy = all("destroy", "--json").to_vec();
    destroy.push("--yes");
    let destroyed = project.run(&destroy).await.succeeded();
    check(&destroyed, "deployment-report");
    assert_eq!(destroyed["changes"]["delete"], preview["changes"]["create"]);
}
