//! The commands on a sealed stack: each does what it does to one in clear, and leaves it sealed.

use std::path::Path;

use serde_json::{Value, json};

use crate::stacks::support::{PASSPHRASE, Project, SECRET, state, topic, urn};

/// Words of the state that may stand nowhere in clear.
const WORDS: [&str; 4] = ["aws:sns/topic:Topic", "hunter2", SECRET, "blue"];

/// A project whose stack `dev` holds the usual state, sealed.
fn sealed() -> Project {
    let project = Project::with_state();
    project.run(&["stack", "encrypt", "-s", "dev"]).done();
    assert_sealed(&project);
    project
}

/// Nothing of any stack stands in clear, under the project's folder.
fn assert_sealed(project: &Project) {
    assert_eq!(in_clear(&project.files()), Vec::<String>::new());
}

fn in_clear(files: &[(std::path::PathBuf, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, content) in files {
        let text = String::from_utf8_lossy(content);
        found.extend(
            WORDS.iter().filter(|word| text.contains(**word)).map(|word| format!("{}: {word}", path.display())),
        );
    }
    found
}

fn exported(project: &Project, stack: &str) -> Value {
    serde_json::from_str(&project.run(&["stack", "export", "-s", stack]).done()).unwrap()
}

fn names(project: &Project, stack: &str) -> Vec<String> {
    let exported = exported(project, stack);
    let resources = exported["deployment"]["resources"].as_array().unwrap();
    resources.iter().map(|it| it["urn"].as_str().unwrap().rsplit("::").next().unwrap().to_owned()).collect()
}

#[test]
fn a_sealed_stack_is_read_and_edited() {
    let project = sealed();
    assert_eq!(exported(&project, "dev"), state("dev"));
    let list = project.run(&["stack", "ls", "--json"]).json();
    assert!(list.as_array().unwrap().iter().any(|it| it["name"] == "dev" && it["sealed"] == true), "{list}");
    project.run(&["stack", "tag", "set", "team", "blue", "-s", "dev"]).done();
    assert_eq!(project.run(&["stack", "tag", "get", "team", "-s", "dev"]).done(), "blue\n");
    project.run(&["stack", "output", "-s", "dev", "--show-secrets"]).done();
    project.run(&["stack", "graph", "-s", "dev", "graph.dot"]).done();
    project.run(&["state", "protect", &topic("a"), "-s", "dev", "--yes"]).done();
    assert!(project.run(&["state", "delete", &topic("a"), "-s", "dev", "--yes"]).refused(1).contains("protected"));
    project.run(&["state", "unprotect", "--all", "-s", "dev", "--yes"]).done();
    project.run(&["state", "rename", &topic("c"), "z", "-s", "dev", "--yes"]).done();
    project.run(&["state", "delete", &topic("z"), "-s", "dev", "--yes"]).done();
    assert_eq!(names(&project, "dev"), ["shop-dev", "default", "a", "b"]);
    project.import("dev", &state("dev")).done();
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    let wrong = sealed().with_passphrase("another");
    assert!(wrong.run(&["stack", "export", "-s", "dev"]).refused(1).contains("passphrase"));
    assert_sealed(&project);
    project.run(&["stack", "rm", "-s", "dev", "--yes", "--force"]).done();
    assert!(project.run(&["stack", "export", "-s", "dev"]).refused(2).contains("no stack named"));
}

#[test]
fn a_sealed_stack_gets_another_name_and_stays_sealed() {
    let project = sealed();
    project.run(&["stack", "tag", "set", "team", "blue", "-s", "dev"]).done();
    project.run(&["stack", "rename", "prod", "-s", "dev"]).done();
    assert_sealed(&project);
    assert_eq!(exported(&project, "prod"), state("prod"));
    assert_eq!(project.run(&["stack", "tag", "get", "team", "-s", "prod"]).done(), "blue\n");
    project.run(&["stack", "verify", "-s", "prod", "--secrets"]).done();
    assert!(project.run(&["stack", "export", "-s", "dev"]).refused(2).contains("no stack named"));
    // The old name is free for another stack, with a passphrase of its own.
    let project = project.with_passphrase("another");
    project.run(&["stack", "init", "dev"]).done();
    project.run(&["stack", "encrypt", "-s", "dev"]).done();
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
}

#[test]
fn a_sealed_stack_goes_to_another_store_and_stays_sealed() {
    let project = sealed();
    let target = format!("file://{}", project.path("elsewhere").display());
    project.run(&["stack", "migrate", &target, "-s", "dev", "--remove"]).done();
    let mut files = Vec::new();
    crate::stacks::support::collect(&project.path("elsewhere"), &mut files);
    assert!(files.iter().any(|(path, _)| path.ends_with(Path::new("shop/dev.sealed"))));
    assert_eq!(in_clear(&files), Vec::<String>::new());
    let there = project.run(&["stack", "export", "-s", "dev", "--state-url", &target]).done();
    assert_eq!(serde_json::from_str::<Value>(&there).unwrap(), state("dev"));
}

#[test]
fn resources_move_between_a_sealed_stack_and_one_in_clear() {
    let project = sealed();
    project.run(&["stack", "init", "other"]).done();
    let there = ["state", "move", "--source", "dev", "--dest", "other", "--yes", &topic("b")];
    project.run(&there).done();
    assert_eq!(names(&project, "dev"), ["shop-dev", "default", "a", "c"]);
    assert_eq!(names(&project, "other"), ["shop-other", "default", "b"]);
    let moved = urn("other", "aws:sns/topic:Topic", "b");
    project.run(&["state", "move", "--source", "other", "--dest", "dev", "--yes", &moved]).done();
    assert_eq!(names(&project, "dev"), ["shop-dev", "default", "a", "c", "b"]);
    for stack in ["dev", "other"] {
        project.run(&["stack", "verify", "-s", stack, "--secrets"]).done();
    }
    assert!(project.backend().join("stacks/shop/dev.sealed").exists());
    assert!(project.backend().join("stacks/shop/other.json").exists());
}

#[test]
fn another_passphrase_seals_everything_anew() {
    let project = sealed();
    std::fs::write(project.path("new"), "another").unwrap();
    let change =
        ["stack", "change-secrets-provider", "passphrase", "-s", "dev", "--new-passphrase-file", "new", "--json"];
    let changed = project.run(&change).json();
    assert_eq!((&changed["state"], &changed["after"]), (&json!(true), &json!("passphrase")), "{changed}");
    assert_sealed(&project);
    assert!(project.run(&["stack", "export", "-s", "dev"]).refused(1).contains("passphrase"));
    let project = project.with_passphrase("another");
    let shown = project.run(&["stack", "export", "-s", "dev", "--show-secrets"]).done();
    assert!(shown.contains("hunter2"), "{shown}");
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    // Opened, it is Pulumi's, under the new passphrase, which the settings name, too.
    project.run(&["stack", "decrypt", "-s", "dev"]).done();
    let salt = project.checkpoint("dev")["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"].clone();
    let settings = std::fs::read_to_string(project.path("Pulumi.dev.yaml")).unwrap();
    assert_eq!(settings, format!("encryptionsalt: {}\n", salt.as_str().unwrap()));
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    let old = project.with_passphrase(PASSPHRASE);
    assert!(old.run(&["stack", "verify", "-s", "dev", "--secrets"]).code == Some(1));
}

#[test]
fn new_stacks_are_sealed_where_the_configuration_says_so() {
    let project = Project::new();
    let yaml = std::fs::read_to_string(project.path("semantest-iac.yaml")).unwrap();
    std::fs::write(project.path("semantest-iac.yaml"), format!("{yaml}state: {{ encryption: full }}\n")).unwrap();
    project.run(&["stack", "init", "dev"]).done();
    assert!(project.backend().join("stacks/shop/dev.sealed").exists());
    assert!(!project.backend().join("stacks/shop/dev.json").exists());
    // One manager for the files, the values and the configuration.
    project.run(&["config", "set", "--secret", "token", "hunter2", "-s", "dev"]).done();
    let provider = exported(&project, "dev")["deployment"]["secrets_providers"].clone();
    let settings = std::fs::read_to_string(project.path("Pulumi.dev.yaml")).unwrap();
    assert!(settings.contains(provider["state"]["salt"].as_str().unwrap()), "{settings}\n{provider}");
    assert_eq!(project.run(&["config", "get", "token", "-s", "dev"]).done(), "hunter2\n");
    project.import("dev", &state("dev")).done();
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    assert_sealed(&project);
    project.run(&["stack", "rename", "prod", "-s", "dev"]).done();
    project.run(&["stack", "verify", "-s", "prod", "--secrets"]).done();
    assert_sealed(&project);
}
