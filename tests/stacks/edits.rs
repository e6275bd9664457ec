//! Edits of states.

use serde_json::{Value, json};

use crate::stacks::support::{Project, changed, state, topic, urn};

#[test]
fn resources_are_listed_and_shown_with_their_secrets_hidden() {
    let project = Project::with_state();
    let tree = project.run(&["state", "ls", "-s", "dev"]).done();
    assert!(tree.starts_with("pulumi:pulumi:Stack shop-dev\n  aws:sns/topic:Topic a  id-a\n"), "{tree}");
    assert!(tree.contains("c  id-c  protected") && tree.contains("\npulumi:providers:aws default"), "{tree}");
    let urns = project.run(&["state", "ls", "-s", "dev", "--urns"]).done();
    assert_eq!(urns.lines().nth(2), Some(topic("a").as_str()));
    let document = project.run(&["state", "ls", "-s", "dev", "--json"]).json();
    assert_eq!(document["resources"].as_array().unwrap().len(), 5);

    let root = urn("dev", "pulumi:pulumi:Stack", "shop-dev");
    let shown = project.run(&["state", "show", "-s", "dev", &root]).done();
    assert!(shown.contains("[secret]") && !shown.contains("ciphertext"), "{shown}");
    let shown = project.run(&["state", "show", "-s", "dev", &root, "--show-secrets", "--json"]).json();
    assert_eq!(shown[0]["outputs"]["database"]["DB_PASSWORD"], "hunter2");
    let told = project.run(&["state", "show", "-s", "dev", &topic("aa")]).refused(2);
    assert!(told.contains("No such resource") && told.contains(&topic("a")), "{told}");
}

#[test]
fn what_is_depended_on_or_protected_is_not_forgotten() {
    let project = Project::with_state();
    let before = project.files();
    let a = topic("a");
    let told = project.run(&["state", "delete", "-s", "dev", "--yes", &a]).refused(1);
    assert!(told.contains("can't be safely deleted because the following resources depend on it:"), "{told}");
    assert!(told.contains(&topic("b")) && told.contains("--target-dependents"), "{told}");
    let told = project.run(&["state", "delete", "-s", "dev", "--yes", &topic("c")]).refused(1);
    assert!(told.contains("because it is protected") && told.contains("--force"), "{told}");
    let told = project.run(&["state", "delete", "-s", "dev", "--yes", &topic("x")]).refused(2);
    assert!(told.contains("No such resource") && told.contains("did you mean"), "{told}");
    assert!(project.run(&["state", "delete", "-s", "dev", &a]).refused(2).contains("--yes"));
    assert!(project.run(&["state", "delete", "-s", "dev", "--yes", "no-urn"]).refused(2).contains("is not a URN"));
    assert!(project.run(&["state", "delete", "-s", "dev", "--yes"]).refused(2).contains("URN"));
    assert_eq!(project.files(), before);

    let document = project.run(&["state", "delete", "-s", "dev", "--yes", "--json", "--target-dependents", &a]).json();
    assert_eq!((document["changed"].as_bool(), document["changes"].as_array().unwrap().len()), (Some(true), 2));
    assert_eq!(project.names("dev"), ["shop-dev", "default", "c"]);
    let backup = std::fs::read(project.backend().join("stacks/shop/dev.json.bak")).unwrap();
    let backup: Value = serde_json::from_slice(&backup).unwrap();
    assert_eq!(backup["checkpoint"]["latest"]["resources"].as_array().unwrap().len(), 5, "the state before is kept");
    // What wasn't touched is byte for byte as it was.
    let exported = project.run(&["stack", "export", "-s", "dev"]).done();
    let text = exported.replace([' ', '\n'], "");
    let kept = state("dev")["deployment"]["resources"][4].clone();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["deployment"]["resources"][2], kept);
    assert!(text.contains(r#""count":1.0"#) && text.contains(r#""fromTheFuture":{"x":[1,2]}"#), "{text}");
    let told = project.run(&["state", "delete", "-s", "dev", "--yes", "--force", &topic("c")]).done();
    assert_eq!(told, "1 resource deleted\n");
}

#[test]
fn protection_is_set_and_taken_away() {
    let project = Project::with_state();
    let protected = |project: &Project| {
        let resources = project.checkpoint("dev")["checkpoint"]["latest"]["resources"].as_array().unwrap().clone();
        resources.iter().filter(|it| it["protect"] == true).count()
    };
    assert_eq!(
        project.run(&["state", "protect", "-s", "dev", "--yes", &topic("a"), &topic("b")]).done(),
        "2 resources protected\n"
    );
    assert_eq!(protected(&project), 3);
    let before = project.files();
    let again = project.run(&["state", "protect", "-s", "dev", "--yes", &topic("a")]);
    assert!(again.code == Some(0) && again.stderr.contains("protected already"), "{}", again.stderr);
    assert!(
        project
            .run(&["state", "unprotect", "-s", "dev", "--yes", &topic("a"), &topic("y")])
            .refused(2)
            .contains("No such")
    );
    assert_eq!(project.files(), before);
    project.run(&["state", "unprotect", "-s", "dev", "--yes", "--all"]).done();
    assert_eq!(protected(&project), 0);
}

#[test]
fn a_renamed_resource_keeps_those_that_refer_to_it() {
    let project = Project::with_state();
    let before = project.files();
    let told = project.run(&["state", "rename", "-s", "dev", "--yes", &topic("a"), "b"]).refused(1);
    assert!(told.contains("already existing resource"), "{told}");
    let root = urn("dev", "pulumi:pulumi:Stack", "shop-dev");
    assert!(project.run(&["state", "rename", "-s", "dev", "--yes", &root, "x"]).refused(1).contains("stack rename"));
    assert_eq!(project.files(), before);
    assert_eq!(
        project.run(&["state", "rename", "-s", "dev", "--yes", &topic("a"), "new"]).done(),
        "Resource renamed\n"
    );
    assert_eq!(project.names("dev"), ["shop-dev", "default", "new", "b", "c"]);
    let latest = &project.checkpoint("dev")["checkpoint"]["latest"];
    assert_eq!(latest["resources"][3]["dependencies"], json!([topic("new")]));
    let provider = urn("dev", "pulumi:providers:aws", "default");
    project.run(&["state", "rename", "-s", "dev", "--yes", &provider, "mine"]).done();
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
}

#[test]
fn resources_move_to_another_stack_with_their_secrets() {
    let project = Project::with_state();
    project.run(&["stack", "init", "other"]).done();
    let secret = changed(&state("dev"), |it| {
        it["resources"][3]["outputs"]["password"] = it["resources"][0]["outputs"]["database"].clone();
    });
    project.import("dev", &secret).done();
    let before = project.files();
    let arguments = ["state", "move", "--source", "dev", "--dest", "other", "--json", "--yes"];
    let provider = urn("dev", "pulumi:providers:aws", "default");
    let run = project.run(&[&arguments[..], &[&provider]].concat());
    assert!(run.code == Some(1) && run.stderr.contains("cannot move providers"), "{}", run.stderr);
    let run = project.run(&["state", "move", "--source", "dev", "--dest", "nowhere", "--yes", &topic("b")]);
    assert!(run.refused(2).contains("no stack named"));
    assert_eq!(project.files(), before);

    let moved = project.run(&[&arguments[..], &[&topic("b")]].concat()).json();
    assert_eq!(moved["moved"][0]["to"], urn("other", "aws:sns/topic:Topic", "b"));
    assert_eq!(moved["brokenInDestination"].as_array().unwrap().len(), 2, "{moved:#}");
    assert_eq!(project.names("dev"), ["shop-dev", "default", "a", "c"]);
    assert_eq!(project.names("other"), ["shop-other", "default", "b"]);
    for stack in ["dev", "other"] {
        project.run(&["stack", "verify", "-s", stack, "--secrets"]).done();
    }
    let shown = project.run(&["stack", "export", "-s", "other", "--show-secrets"]).done();
    assert!(shown.contains("hunter2"), "{shown}");

    // Cut off between both writes, the resource is in both; the same command takes it out of the first.
    project.import("dev", &secret).done();
    let again = project.run(&[&arguments[..], &[&topic("b")]].concat()).json();
    assert_eq!(again["alreadyThere"], json!([topic("b")]), "{again:#}");
    assert_eq!((project.names("dev").len(), project.names("other").len()), (4, 3));
}
