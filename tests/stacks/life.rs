//! Making, choosing, naming, tagging, listing and removing stacks; history, outputs and drawings.

use serde_json::{Value, json};

use crate::stacks::support::{Project, state, topic};

#[test]
fn an_empty_stack_comes_with_pulumis_files() {
    let project = Project::new();
    let document = project.run(&["stack", "init", "--json"]).json();
    assert_eq!((document["stack"].as_str(), document["warnings"].as_array().unwrap().len()), (Some("aws-test"), 0));
    let checkpoint = project.checkpoint("aws-test");
    assert_eq!(
        (&checkpoint["version"], &checkpoint["checkpoint"]["stack"]),
        (&json!(3), &json!("organization/shop/aws-test"))
    );
    let latest = &checkpoint["checkpoint"]["latest"];
    assert!(latest.get("resources").is_none() && latest["secrets_providers"]["type"] == "passphrase", "{latest:#}");
    let salt = latest["secrets_providers"]["state"]["salt"].as_str().unwrap();
    let settings = std::fs::read_to_string(project.path("Pulumi.aws-test.yaml")).unwrap();
    assert_eq!(settings, format!("encryptionsalt: {salt}\n"));
    let pulumi = std::fs::read_to_string(project.path("Pulumi.yaml")).unwrap();
    assert!(pulumi.starts_with("name: shop\nruntime: yaml\nbackend:\n  url: file://"), "{pulumi}");

    let before = project.files();
    assert!(project.run(&["stack", "init"]).refused(1).contains("already exists"));
    assert!(
        project
            .run(&["stack", "init", "x", "--secrets-provider", "nobody"])
            .refused(2)
            .contains("'nobody' can't be used")
    );
    assert!(project.run(&["stack", "init", "a b"]).refused(2).contains("not allowed"));
    assert_eq!(project.files(), before);
    // Other files are left alone, and told.
    std::fs::write(project.path("Pulumi.yaml"), "name: other\nruntime: nodejs\n").unwrap();
    let run = project.run(&["stack", "init", "second"]);
    assert!(
        run.code == Some(0) && run.stderr.contains("has the name other") && run.stderr.contains("names no backend")
    );
    assert_eq!(std::fs::read_to_string(project.path("Pulumi.yaml")).unwrap(), "name: other\nruntime: nodejs\n");
}

#[test]
fn stacks_are_listed_and_chosen() {
    let project = Project::with_state();
    let list = project.run(&["stack", "ls", "--json"]).json();
    let names: Vec<(&str, bool)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["exists"].as_bool().unwrap()))
        .collect();
    assert_eq!(names, [("aws-test", false), ("dev", true)]);
    assert_eq!((&list[1]["resourceCount"], &list[1]["lastUpdate"]), (&json!(5), &json!("2026-01-02T03:04:05Z")));
    assert_eq!(project.run(&["stack", "--json"]).json(), list, "that is what is shown where nothing is said");
    project.run(&["stack", "select", "dev"]).done();
    let values = project.run(&["config", "ls", "--json"]).json();
    assert_eq!(project.run(&["config", "--json"]).json(), values);
    let text = project.run(&["stack", "ls"]).done();
    assert!(text.starts_with("NAME") && text.contains("\ndev*") && text.contains("not deployed yet"), "{text}");
    // What names no stack is about the chosen one now.
    assert_eq!(project.run(&["state", "ls", "--urns"]).done().lines().count(), 5);
    project.run(&["stack", "select", "--none"]).done();
    assert!(project.run(&["state", "ls"]).refused(2).contains("no stack named 'organization/shop/aws-test'"));
    assert!(project.run(&["stack", "select", "nothing"]).refused(2).contains("no stack named"));

    // Outside of the project, by the store's URL and the whole name.
    let url = format!("file://{}", project.path(".semantest").display());
    let elsewhere = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = project.command(arguments).current_dir(elsewhere.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, stdout, _) = run(&["stack", "ls", "--all", "--state-url", &url]);
    assert!(code == Some(0) && stdout.contains("organization/shop/dev"), "{stdout}");
    assert_eq!(
        run(&["state", "ls", "--state-url", &url, "-s", "organization/shop/dev", "--urns"]).1.lines().count(),
        5
    );
    let (code, _, stderr) = run(&["state", "ls", "--state-url", &url, "-s", "dev"]);
    assert!(code == Some(2) && stderr.contains("organization/<project>/dev"), "{stderr}");
    let (code, _, stderr) = run(&["stack", "ls"]);
    assert!(code == Some(2) && stderr.contains("--state-url"), "{stderr}");
}

#[test]
fn a_renamed_stack_takes_everything_along() {
    let project = Project::with_state();
    project.run(&["stack", "tag", "set", "team", "blue", "-s", "dev"]).done();
    project.run(&["stack", "init", "taken"]).done();
    let before = project.files();
    assert!(project.run(&["stack", "rename", "taken", "-s", "dev"]).refused(1).contains("taken"));
    assert!(project.run(&["stack", "rename", "dev", "-s", "dev"]).refused(2).contains("already"));
    assert_eq!(project.files(), before);
    let told = project.run(&["stack", "rename", "prod", "-s", "dev"]).done();
    assert_eq!(told, "Renamed organization/shop/dev to organization/shop/prod\n");
    assert!(!project.backend().join("stacks/shop/dev.json").exists());
    assert_eq!(project.names("prod"), ["shop-prod", "default", "a", "b", "c"]);
    let exported: Value = serde_json::from_str(&project.run(&["stack", "export", "-s", "prod"]).done()).unwrap();
    assert_eq!(exported, state("prod"), "every name in it is of the new stack, and nothing else changed");
    assert_eq!(project.run(&["stack", "tag", "get", "team", "-s", "prod"]).done(), "blue\n");
    project.run(&["stack", "verify", "-s", "prod", "--secrets"]).done();
    assert!(project.path("Pulumi.prod.yaml").exists() && !project.path("Pulumi.dev.yaml").exists());

    // The stack of an environment keeps its name unless somebody insists.
    project.run(&["stack", "init", "aws-test"]).done();
    let told = project.run(&["stack", "rename", "else", "-s", "aws-test"]).refused(1);
    assert!(told.contains("the environment 'test'") && told.contains("--stack else"), "{told}");
    project.run(&["stack", "rename", "else", "-s", "aws-test", "--force"]).done();
}

#[test]
fn a_stack_goes_to_another_store() {
    let project = Project::with_state();
    project.run(&["stack", "tag", "set", "team", "blue", "-s", "dev"]).done();
    let before = project.files();
    assert!(project.run(&["stack", "migrate", "file://./.semantest", "-s", "dev"]).refused(2).contains("already"));
    assert_eq!(project.files(), before);
    let target = format!("file://{}", project.path("elsewhere").display());
    let there = |arguments: &[&str]| project.run(&[arguments, &["-s", "dev", "--state-url", &target]].concat());
    project.run(&["stack", "migrate", &target, "-s", "dev"]).done();
    assert_eq!(project.files(), before, "it is still here");
    assert_eq!(there(&["stack", "tag", "get", "team"]).done(), "blue\n");
    let exported: Value = serde_json::from_str(&there(&["stack", "export"]).done()).unwrap();
    assert_eq!(exported, state("dev"));
    let migrated = project.run(&["stack", "migrate", &target, "-s", "dev", "--remove", "--json"]).json();
    assert_eq!(migrated["removed"], true);
    assert!(project.run(&["state", "ls", "-s", "dev"]).refused(2).contains("no stack named"));
    there(&["stack", "verify", "--secrets"]).done();
}

#[test]
fn a_stack_with_resources_stays() {
    let project = Project::with_state();
    let before = project.files();
    assert!(project.run(&["stack", "rm", "dev"]).refused(2).contains("--yes"));
    let told = project.run(&["stack", "rm", "dev", "--yes"]).refused(1);
    assert!(
        told.contains("'organization/shop/dev' still has resources; removal rejected. Possible actions:"),
        "{told}"
    );
    assert!(project.run(&["stack", "rm", "nothing", "--yes"]).refused(2).contains("no stack named"));
    assert_eq!(project.files(), before);
    project.run(&["stack", "rm", "dev", "--yes", "--force", "--preserve-config"]).done();
    assert!(project.backend().join("stacks/shop/dev.json.bak").exists() && project.path("Pulumi.dev.yaml").exists());
    assert!(project.run(&["state", "ls", "-s", "dev"]).refused(2).contains("no stack named"));
    // Only the root left is nothing left.
    project.run(&["stack", "init", "dev"]).done();
    project.import("dev", &state("dev")).done();
    let all =
        [topic("b"), topic("a"), topic("c"), crate::stacks::support::urn("dev", "pulumi:providers:aws", "default")];
    let mut arguments = vec!["state", "delete", "-s", "dev", "--yes", "--force"];
    arguments.extend(all.iter().map(String::as_str));
    project.run(&arguments).done();
    project.run(&["stack", "rm", "dev", "--yes"]).done();
    assert!(!project.path("Pulumi.dev.yaml").exists());
}

#[test]
fn tags_outputs_and_drawings_are_pulumis() {
    let project = Project::with_state();
    assert_eq!(project.run(&["stack", "tag", "ls", "-s", "dev", "--json"]).json(), json!({}));
    project.run(&["stack", "tag", "set", "a", "1", "-s", "dev"]).done();
    project.run(&["stack", "tag", "set", "b", "2", "-s", "dev"]).done();
    project.run(&["stack", "tag", "rm", "a", "-s", "dev"]).done();
    assert_eq!(project.run(&["stack", "tag", "ls", "-s", "dev"]).done(), "NAME  VALUE\nb     2\n");
    assert!(project.run(&["stack", "tag", "get", "a", "-s", "dev"]).refused(2).contains("stack tag 'a' not found"));

    let text = project.run(&["stack", "output", "-s", "dev"]).done();
    assert!(text.starts_with("Current stack outputs (2):\n    OUTPUT    VALUE\n    database  [secret]\n"), "{text}");
    assert_eq!(project.run(&["stack", "output", "url", "-s", "dev"]).done(), "https://example.test\n");
    assert_eq!(project.run(&["stack", "output", "-s", "dev", "--json"]).json()["database"], "[secret]");
    let shown = project.run(&["stack", "output", "-s", "dev", "--json", "--show-secrets"]).json();
    assert_eq!(shown["database"]["DB_PASSWORD"], "hunter2");
    assert_eq!(project.run(&["stack", "output", "url", "--shell", "-s", "dev"]).done(), "url=https://example.test\n");
    let told = project.run(&["stack", "output", "ulr", "-s", "dev"]).refused(2);
    assert!(told.contains("current stack does not have output property 'ulr'"), "{told}");

    project.run(&["stack", "graph", "graph.dot", "--short-node-name", "-s", "dev"]).done();
    let drawn = std::fs::read_to_string(project.path("graph.dot")).unwrap();
    assert!(drawn.starts_with("strict digraph {\n    Resource0 [label=\"a\"];\n"), "{drawn}");
    assert!(drawn.contains("[color = \"#246C60\", label = \"name\"];"), "{drawn}");
    assert_eq!(project.run(&["stack", "history", "-s", "dev"]).done(), "Stack has never been updated\n");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn the_clis_own_backend_has_a_history_as_the_cli_shows_it() {
    let shared = std::env::var_os("SEMANTEST_SHARED")
        .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), Into::into);
    let sample = shared.join("pulumi/samples/cli-backend");
    if !sample.is_dir() {
        eprintln!(
            "skipped: {} is not there; set SEMANTEST_SHARED to the folder that holds the samples",
            sample.display()
        );
        return;
    }
    let project = Project::new();
    let url = format!("file://{}", sample.display());
    let run =
        |arguments: &[&str]| project.run(&[arguments, &["-s", "organization/shop/dev", "--state-url", &url]].concat());
    let mut history = run(&["stack", "history", "--json"]).json();
    let expected: Value = serde_json::from_slice(&std::fs::read(sample.join("history.json")).unwrap()).unwrap();
    let numbers: Vec<Value> = history
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|it| it.as_object_mut().unwrap().remove("number").unwrap())
        .collect();
    assert_eq!((history, numbers), (expected, vec![json!(2), json!(1)]));
    let shown = run(&["stack", "history", "--json", "--show-secrets", "--page-size", "1"]).json();
    assert_eq!(shown[0]["config"]["shop:token"], json!({ "value": "s3cr3t", "secret": true }));
    let text = run(&["stack", "history", "--full-dates", "--page", "2", "--page-size", "1"]).done();
    assert!(text.starts_with("Version: 1\nUpdateKind: "), "{text}");
    // The state after the first is the one that the history keeps with it.
    let first: Value = serde_json::from_str(&run(&["stack", "export", "--version", "1"]).done()).unwrap();
    assert!(first["deployment"]["resources"].as_array().unwrap().len() > 8, "{first:#}");
    assert!(run(&["stack", "export", "--version", "3"]).refused(2).contains("none of number 3"));
    assert_eq!(run(&["stack", "export"]).done(), std::fs::read_to_string(sample.join("export.json")).unwrap());
    run(&["stack", "verify", "--secrets"]).done();
}
