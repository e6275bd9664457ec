//! Export and import.

use serde_json::{Value, json};

use crate::stacks::support::{Project, SECRET, SIGNATURE, changed, state};

#[test]
fn what_is_imported_is_exported_again() {
    let project = Project::with_state();
    let exported = project.run(&["stack", "export", "--stack", "dev"]).done();
    assert!(exported.starts_with("{\n    \"version\": 3,\n    \"deployment\": {\n") && exported.ends_with("}\n"));
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported, state("dev"), "ciphertexts and unknown members included");

    let shown = project.run(&["stack", "export", "-s", "organization/shop/dev", "--show-secrets"]).done();
    assert!(shown.contains("hunter2") && !shown.contains("ciphertext"), "{shown}");
    // In the clear it comes back encrypted.
    project.run_with(&["stack", "import", "-s", "dev"], &shown).done();
    assert!(!project.checkpoint("dev").to_string().contains("hunter2"));
    let again = project.run(&["stack", "export", "-s", "dev", "--show-secrets"]).done();
    assert_eq!(again, shown);

    let file = project.path("out.json");
    project.run(&["stack", "export", "-s", "dev", "--file", "out.json", "--show-secrets"]).done();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), shown);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn a_wrong_passphrase_shows_nothing_and_changes_nothing() {
    let project = Project::with_state().with_passphrase("wrong");
    let before = project.files();
    let told = project.run(&["stack", "export", "-s", "dev", "--show-secrets"]).refused(1);
    assert!(told.contains("incorrect passphrase"), "{told}");
    assert!(project.import("dev", &state("dev")).refused(1).contains("incorrect passphrase"));
    assert!(project.run(&["stack", "verify", "-s", "dev", "--secrets"]).refused(1).contains("incorrect passphrase"));
    assert_eq!(project.files(), before);
    // What shows no secret asks for no passphrase.
    project.run(&["stack", "export", "-s", "dev"]).done();
    project.run(&["stack", "verify", "-s", "dev"]).done();
    let outputs = project.run(&["stack", "output", "-s", "dev"]).done();
    assert!(outputs.contains("[secret]") && outputs.contains("https://example.test"), "{outputs}");
}

/// As Pulumi's CLI exported them until 2026 with a wrong passphrase (SPEC.md section 3.3).
#[test]
fn a_state_whose_every_secret_is_null_is_imported_by_force_alone() {
    let project = Project::with_state();
    let before = project.files();
    let lost = changed(&state("dev"), |it| {
        it["resources"][0]["outputs"]["database"] = json!({ SIGNATURE: SECRET, "plaintext": "null" });
    });
    let told = project.import("dev", &lost).refused(1);
    assert!(told.contains("every secret in the file is null") && told.contains("--force"), "{told}");
    assert_eq!(project.files(), before);
    let run = project.run_with(&["stack", "import", "--force", "-s", "dev"], &lost.to_string());
    assert!(run.code == Some(0) && run.stderr.contains("every secret in the file is null"), "{}", run.stderr);
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
}

#[test]
fn states_that_are_none_or_not_this_stacks_are_refused_with_pulumis_words() {
    let project = Project::with_state();
    let before = project.files();
    let good = state("dev");
    let plaintext = json!({ SIGNATURE: SECRET, "plaintext": "\"x\"" });
    let cases = [
        ("{}".to_owned(), "too old"),
        (String::new(), "stdin is empty"),
        (project.checkpoint("dev").to_string(), "it is a checkpoint"),
        (json!({ "version": 3, "deployment": null }).to_string(), "nothing to import"),
        (json!({ "version": 5, "deployment": {} }).to_string(), "is newer than what this version"),
        (state("prod").to_string(), "is from a different stack (prod != dev)"),
        (changed(&good, |it| it["manifest"]["version"] = "v9".into()).to_string(), "magic cookie mismatch"),
        (changed(&good, |it| it["resources"].as_array_mut().unwrap().swap(2, 3)).to_string(), "comes after it"),
        (changed(&good, |it| drop(it["secrets_providers"].take())).to_string(), ""),
        (
            changed(&good, |it| it["secrets_providers"] = json!({ "type": "cloudy" })).to_string(),
            "constructing secrets manager of type",
        ),
    ];
    for (text, expected) in &cases {
        let run = project.run_with(&["stack", "import", "-s", "dev"], text);
        if expected.is_empty() {
            // Ciphertexts that the stack's own manager opens need no manager of their own.
            run.done();
            project.import("dev", &good).done();
            continue;
        }
        let told = run.refused(1);
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(without_backups(&project), without_backups_of(&before));

    let dangerous = project.import("dev", &state("prod")).refused(1);
    assert!(dangerous.contains("importing this file could be dangerous; rerun with --force to proceed anyway"));
    // A service's secrets are out of reach; in the clear they are taken over.
    let service = json!({ "type": "service", "state": { "url": "https://api.pulumi.com" } });
    let foreign = changed(&good, |it| {
        it["secrets_providers"] = service.clone();
        it["resources"][0]["outputs"]["database"]["ciphertext"] = "v1:AAAAAAAAAAAAAAAB:AAAA".into();
    });
    assert!(project.import("dev", &foreign).refused(1).contains("only Pulumi Cloud can decrypt it"));
    let shown = changed(&good, |it| {
        it["secrets_providers"] = service;
        it["resources"][0]["outputs"]["database"] = plaintext.clone();
    });
    project.import("dev", &shown).done();
    let latest = &project.checkpoint("dev")["checkpoint"]["latest"];
    assert_eq!(latest["secrets_providers"]["type"], "passphrase");
    assert!(latest["resources"][0]["outputs"]["database"]["ciphertext"].is_string());
}

fn without_backups(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    without_backups_of(&project.files())
}

fn without_backups_of(files: &[(std::path::PathBuf, Vec<u8>)]) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    files.iter().filter(|(path, _)| path.extension().is_none_or(|it| it != "bak")).cloned().collect()
}

#[test]
fn force_imports_what_is_broken_and_repair_puts_it_right() {
    let project = Project::with_state();
    let broken = changed(&state("dev"), |it| {
        let resources = it["resources"].as_array_mut().unwrap();
        resources.swap(2, 3);
        resources[3]["dependencies"] = json!(["urn:pulumi:dev::shop::aws:sns/topic:Topic::gone"]);
        it["pending_operations"] = json!([{ "resource": resources[3].clone(), "type": "creating" }]);
    });
    let run = project.run_with(&["stack", "import", "-s", "dev", "--force"], &broken.to_string());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("removing pending operation 'creating' on '"), "{}", run.stderr);
    assert!(project.checkpoint("dev")["checkpoint"]["latest"].get("pending_operations").is_none());

    let told = project.run(&["stack", "verify", "-s", "dev"]).refused(1);
    assert!(told.contains("comes after it") && told.contains("missing"), "all that is wrong is told: {told}");
    assert!(project.run(&["state", "protect", "-s", "dev", "--all", "--yes"]).refused(1).contains("integrity failure"));
    // Broken as it is, it can be exported.
    project.run(&["stack", "export", "-s", "dev"]).done();
    let before = project.files();
    assert!(project.run(&["state", "repair", "-s", "dev"]).refused(2).contains("--yes"));
    assert_eq!(project.files(), before);
    let repaired = project.run(&["state", "repair", "-s", "dev", "--yes", "--json"]).json();
    let kinds: Vec<&str> =
        repaired["changes"].as_array().unwrap().iter().map(|it| it["change"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reorder", "repoint"], "{repaired:#}");
    project.run(&["stack", "verify", "-s", "dev", "--secrets"]).done();
    let again = project.run(&["state", "repair", "-s", "dev", "--yes"]);
    assert!(again.stderr.contains("The snapshot is already valid; skipping repair"), "{}", again.stderr);
}

#[tokio::test]
async fn a_deployment_that_was_cut_off_is_told_and_stands_in_the_way_of_changes() {
    let project = Project::with_state();
    project.interrupt("dev").await;
    let before = project.files();
    let exported = project.run(&["stack", "export", "-s", "dev"]);
    assert!(exported.code == Some(0) && exported.stderr.contains("deployment-1"), "{}", exported.stderr);
    let list = project.run(&["stack", "ls", "--json"]).json();
    assert_eq!(list[1]["interrupted"], "deployment-1", "{list:#}");
    project.run(&["stack", "verify", "-s", "dev"]).done();
    for arguments in [
        &["state", "protect", "--all", "--yes"][..],
        &["state", "repair", "--yes"],
        &["stack", "rename", "prod"],
        &["stack", "rm", "--yes"],
    ] {
        let told = project.run(&[arguments, &["-s", "dev"]].concat()).refused(1);
        assert!(told.contains("deployment-1") && told.contains("run `deploy` (or `destroy`) to settle it"), "{told}");
    }
    assert!(project.import("dev", &state("dev")).refused(1).contains("--force"));
    assert_eq!(project.files(), before);
    let run = project.run_with(&["stack", "import", "-s", "dev", "--force"], &state("dev").to_string());
    assert!(run.code == Some(0) && run.stderr.contains("deployment-1"), "{}", run.stderr);
}
