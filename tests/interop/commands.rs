//! The commands on stacks and states: what ours made the CLI reads, and ours read what the CLI made; refusals have the CLI's
//! words.

use serde_json::{Value, json};

use crate::interop::support::{Pulumi, differences};
use crate::stacks::support::{PASSPHRASE, Project, changed, state, topic, urn};

async fn pulumi(project: &Project) -> Pulumi {
    // The CLI makes no folder for its backend.
    std::fs::create_dir_all(project.path(".semantest")).unwrap();
    let backend = format!("file://{}", project.path(".semantest").display());
    Pulumi::on(&backend, "shop", &project.path(""), PASSPHRASE).await
}

/// Whether both say each of these.
fn both_say(ours: &str, theirs: &str, texts: &[&str]) {
    for text in texts {
        assert!(ours.contains(text), "{text}: {ours}");
        assert!(theirs.contains(text), "{text}: {theirs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_works_on_stacks_that_ours_made() {
    let project = Project::new();
    // Pulumi's files are written by `stack init`; the CLI needs no more than them.
    project.run(&["stack", "init", "dev"]).done();
    let pulumi = pulumi(&project).await;
    let listed = pulumi.json(&["stack", "ls", "--json"]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["resourceCount"]), (&json!("dev"), &json!(0)), "{listed:#}");
    // A secret that the CLI encrypts with the stack's manager is one of ours.
    pulumi.succeeds(&["config", "set", "--secret", "token", "s3cr3t", "--stack", "dev"]).await;
    assert_eq!(pulumi.succeeds(&["config", "get", "token", "--stack", "dev"]).await.trim(), "s3cr3t");

    project.import("dev", &state("dev")).done();
    project.run(&["stack", "tag", "set", "team", "blue", "-s", "dev"]).done();
    project.run(&["state", "protect", "-s", "dev", "--yes", &topic("a")]).done();
    project.run(&["state", "rename", "-s", "dev", "--yes", &topic("b"), "renamed"]).done();
    let ours: Value = serde_json::from_str(&project.run(&["stack", "export", "-s", "dev"]).done()).unwrap();
    let mut known = ours.clone();
    // The CLI's export has no member that it doesn't know.
    known["deployment"]["resources"][4].as_object_mut().unwrap().remove("fromTheFuture");
    assert_eq!(differences(&known, &pulumi.export("dev").await), Vec::<String>::new());
    assert_eq!(pulumi.json(&["stack", "tag", "ls", "--json", "--stack", "dev"]).await, json!({ "team": "blue" }));
    for arguments in [&["stack", "output", "--json"][..], &["stack", "output", "--json", "--show-secrets"]] {
        let theirs = pulumi.json(&[arguments, &["--stack", "dev"]].concat()).await;
        assert_eq!(project.run(&[arguments, &["--stack", "dev"]].concat()).json(), theirs);
    }
    let text = pulumi.succeeds(&["stack", "output", "--stack", "dev"]).await;
    assert_eq!(project.run(&["stack", "output", "--stack", "dev"]).done(), text);
    for more in [&[][..], &["--short-node-name", "--ignore-parent-edges"]] {
        pulumi.succeeds(&[&["stack", "graph", "theirs.dot", "--stack", "dev"], more].concat()).await;
        project.run(&[&["stack", "graph", "ours.dot", "--stack", "dev"], more].concat()).done();
        let read = |name: &str| std::fs::read_to_string(project.path(name)).unwrap();
        assert_eq!(read("ours.dot"), read("theirs.dot"));
    }

    project.run(&["stack", "rename", "prod", "-s", "dev"]).done();
    let names: Vec<Value> = pulumi.json(&["stack", "ls", "--json"]).await.as_array().unwrap().clone();
    assert!(names.len() == 1 && names[0]["name"] == "prod", "{names:#?}");
    let exported = pulumi.export_with_secrets("prod").await;
    assert!(exported.to_string().contains("hunter2") && !exported.to_string().contains("urn:pulumi:dev::"));
    assert_eq!(pulumi.succeeds(&["config", "get", "token", "--stack", "prod"]).await.trim(), "s3cr3t");
    project.run(&["stack", "rm", "prod", "--yes", "--force"]).done();
    assert_eq!(pulumi.json(&["stack", "ls", "--json"]).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_read_what_the_cli_made() {
    let project = Project::new();
    let pulumi = pulumi(&project).await;
    pulumi.succeeds(&["stack", "init", "dev"]).await;
    pulumi.import("dev", &state("dev")).await.succeeded();
    pulumi.succeeds(&["state", "unprotect", &topic("c"), "--yes", "--stack", "dev"]).await;
    pulumi.succeeds(&["state", "rename", &topic("a"), "new", "--yes", "--stack", "dev"]).await;
    pulumi.succeeds(&["stack", "tag", "set", "team", "blue", "--stack", "dev"]).await;
    let theirs = pulumi.export("dev").await;
    let ours = project.run(&["stack", "export", "-s", "dev"]).done();
    assert_eq!(ours, pulumi.succeeds(&["stack", "export", "--stack", "dev"]).await, "byte for byte");
    assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), theirs);
    assert_eq!(project.run(&["stack", "tag", "get", "team", "-s", "dev"]).done(), "blue\n");
    assert_eq!(project.names("dev"), ["shop-dev", "default", "new", "b", "c"]);
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    let shown = project.run(&["stack", "export", "--show-secrets", "-s", "dev"]).done();
    assert_eq!(shown, pulumi.succeeds(&["stack", "export", "--show-secrets", "--stack", "dev"]).await);

    // Resources moved by one are there for the other.
    project.run(&["stack", "init", "other"]).done();
    let moved = ["state", "move", "--source", "dev", "--dest", "other", "--yes"];
    project.run(&[&moved[..], &[&topic("b")]].concat()).done();
    assert_eq!(pulumi.export("other").await["deployment"]["resources"].as_array().unwrap().len(), 3);
    let back = ["state", "move", "--source", "other", "--dest", "dev", "--yes"];
    pulumi.succeeds(&[&back[..], &[&urn("other", "aws:sns/topic:Topic", "b")]].concat()).await;
    assert!(project.names("dev").contains(&"b".to_owned()) && project.names("other") == ["shop-other", "default"]);
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_clis_words() {
    let project = Project::with_state();
    let pulumi = pulumi(&project).await;
    let before = project.files();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["state", "delete", &topic("a")], &["can't be safely deleted because the following resources depend on it:"]),
        (&["state", "delete", &topic("c")], &["can't be safely deleted because it is protected"]),
        (&["state", "delete", &topic("x")], &["No such resource", "exists in the current state"]),
        (&["stack", "rm", "dev"], &["still has resources; removal rejected. Possible actions:"]),
    ];
    for (arguments, texts) in cases {
        let stack: &[&str] = if arguments[0] == "state" { &["--yes", "--stack", "dev"] } else { &["--yes"] };
        let arguments = [arguments, stack].concat();
        let ours = project.run(&arguments);
        assert_ne!(ours.code, Some(0));
        both_say(&ours.stderr, &pulumi.fails(&arguments).await, texts);
    }
    let broken = [
        (state("prod"), "is from a different stack (prod != dev)"),
        (
            changed(&state("dev"), |it| it["manifest"]["version"] = "v9".into()),
            "magic cookie mismatch; possible tampering",
        ),
        (changed(&state("dev"), |it| it["resources"].as_array_mut().unwrap().swap(2, 3)), "comes after it"),
    ];
    for (state, text) in broken {
        let theirs = pulumi.import("dev", &state).await.failed();
        let ours = project.import("dev", &state).refused(1);
        both_say(
            &ours,
            &theirs,
            &[text, "importing this file could be dangerous; rerun with --force to proceed anyway"],
        );
    }
    assert_eq!(project.files(), before);
}
