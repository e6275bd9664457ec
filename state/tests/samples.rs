//! Every recorded state of the specification's samples: the valid ones are read and written back the same, the others
//! are refused with the specification's reasons.

#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Tree;
use state::{
    Checkpoint, Deployment, Error, Export, Origin, Passphrase, Resource, SecretsAccess, SecretsManager, StackId,
    StackStore, StoreOptions, ValueDecoder,
};

/// A file of the samples. They aren't part of the repository: `SEMANTEST_SHARED` names the folder that holds them.
fn sample(name: &str) -> Option<(PathBuf, Bytes)> {
    let shared = std::env::var_os("SEMANTEST_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let samples = shared.join("pulumi/samples");
    if !samples.is_dir() {
        eprintln!("skipped: {} is not there (set SEMANTEST_SHARED)", samples.display());
        return None;
    }
    let path = samples.join(name);
    let content = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some((path, content.into()))
}

fn origin(file: &str) -> Origin<'_> {
    Origin { file, stack: "dev" }
}

fn tree(content: &[u8]) -> Tree {
    serde_json::from_slice(content).unwrap()
}

const VALID_EXPORTS: [(&str, &str); 9] = [
    ("apigateway-api-1.0.1-stack.json", "correct horse battery staple"),
    ("apigateway-simple-no-binary-media-type-2.1.0-stack.json", "correct horse battery staple"),
    ("awsx-nodejs-1.0.6-stack.json", "correct horse battery staple"),
    ("aws-lambda-layer-new-5.42.0-stack.json", "correct horse battery staple"),
    ("aws-secretversion-5.42.0-state.json", "correct horse battery staple"),
    ("aws-dynamodb-table-5.42.0-stack.json", "correct horse battery staple"),
    ("azn-upgrade-appservices-webapp-2.76.0-stack.json", "correct horse battery staple"),
    ("synthetic/export.json", "password"),
    ("cli-backend/export.json", "password"),
];

const VALID_CHECKPOINTS: [&str; 6] = [
    "synthetic/backend/.pulumi/stacks/shop/dev.json",
    "cli-backend/.pulumi/stacks/shop/dev.json",
    "cli-backend/.pulumi/stacks/shop/dev.json.bak",
    "cli-backend/.pulumi/history/shop/dev/dev-1795363599650403870.checkpoint.json",
    "cli-backend/.pulumi/history/shop/dev/dev-1795363596767764289.checkpoint.json",
    "cli-backend/.pulumi/backups/shop/dev/dev.1795363596768851430.json",
];

/// A deployment whose resources have lost their texts, so that each is written anew from its fields.
fn rewritten(deployment: &Deployment) -> Deployment {
    let mut deployment = deployment.clone();
    for resource in &mut deployment.resources {
        resource.edit();
    }
    deployment
}

#[test]
fn valid_exports_are_written_back_with_equal_content() {
    for (name, _) in VALID_EXPORTS {
        let Some((_, content)) = sample(name) else { return };
        let export = Export::read(content.clone(), origin(name)).unwrap();
        let deployment = export.deployment.as_ref().unwrap();
        deployment.verify().unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = export.to_bytes();
        assert_eq!(tree(&written), tree(&content), "{name}");
        if name.contains("cli-backend") || name.contains("synthetic") {
            assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&content), "{name}");
        }
        let anew = Export { deployment: Some(rewritten(deployment)), ..export.clone() }.to_bytes();
        assert_eq!(String::from_utf8_lossy(&anew), String::from_utf8_lossy(&written), "{name}, from its fields");
        // As a checkpoint and back nothing is lost either.
        let id = StackId::new("p", "dev").unwrap();
        let checkpoint = Checkpoint::new(&id, deployment.clone()).to_bytes();
        assert!(!checkpoint.contains(&b'\n'));
        let again = Checkpoint::read(checkpoint.into(), origin(name)).unwrap();
        let back = Export { deployment: again.latest, unknown: Vec::new() };
        assert_eq!(tree(&back.to_bytes()), tree(&content), "{name}, by way of a checkpoint");
    }
}

#[test]
fn valid_checkpoints_are_written_back_byte_for_byte() {
    for name in VALID_CHECKPOINTS {
        let Some((_, content)) = sample(name) else { return };
        let checkpoint = Checkpoint::read(content.clone(), origin(name)).unwrap();
        let latest = checkpoint.latest.as_ref().unwrap();
        latest.verify().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(String::from_utf8_lossy(&checkpoint.to_bytes()), String::from_utf8_lossy(&content), "{name}");
        let anew = Checkpoint { latest: Some(rewritten(latest)), ..checkpoint.clone() }.to_bytes();
        assert_eq!(tree(&anew), tree(&content), "{name}, from its fields");
        if !content.windows(6).any(|window| window == b"\\u003e") {
            assert_eq!(String::from_utf8_lossy(&anew), String::from_utf8_lossy(&content), "{name}, from its fields");
        }
    }
}

#[test]
fn the_export_of_a_checkpoint_is_what_the_cli_prints() {
    for (stored, printed) in [
        ("cli-backend/.pulumi/stacks/shop/dev.json", "cli-backend/export.json"),
        ("synthetic/backend/.pulumi/stacks/shop/dev.json", "synthetic/export.json"),
    ] {
        let (Some((_, stored)), Some((_, printed))) = (sample(stored), sample(printed)) else { return };
        let checkpoint = Checkpoint::read(stored, origin("dev.json")).unwrap();
        let export = Export { deployment: checkpoint.latest, unknown: Vec::new() };
        assert_eq!(String::from_utf8(export.to_bytes()).unwrap(), String::from_utf8_lossy(&printed));
    }
}

#[test]
fn every_value_of_the_samples_is_decoded_and_written_back_the_same() {
    for (name, passphrase) in VALID_EXPORTS {
        let Some((_, content)) = sample(name) else { return };
        let deployment = Export::read(content, origin(name)).unwrap().deployment.unwrap();
        let access = SecretsAccess::with_passphrase(move || Ok(Passphrase::new(passphrase)));
        let secrets = deployment.secrets_provider.as_ref().unwrap().open(&access).unwrap();
        let decoder = ValueDecoder::revealing(&*secrets);
        for resource in &deployment.resources {
            let record = resource.to_record(&decoder).unwrap_or_else(|error| panic!("{name}: {error}"));
            // An unchanged record leaves the resource's text alone.
            let mut same = resource.clone();
            same.update_from(&record, &*secrets).unwrap();
            let had_plaintext = resource.to_json().as_str().contains("\"plaintext\"");
            if !had_plaintext {
                assert_eq!(same.to_json(), resource.to_json(), "{name}: {}", resource.urn);
            }
            // Made anew from the record, only ciphertexts differ.
            let anew = Resource::from_record(&record, &*secrets).unwrap();
            assert_eq!(anew.to_record(&decoder).unwrap(), record, "{name}: {}", resource.urn);
        }
    }
}

#[test]
fn secrets_are_revealed_only_where_they_are_asked_for() {
    let Some((_, content)) = sample("synthetic/export.json") else { return };
    let deployment = Export::read(content, origin("synthetic")).unwrap().deployment.unwrap();
    let never = SecretsAccess::with_passphrase(|| Err(state::SecretsError::NoPassphrase));
    let secrets: Arc<dyn SecretsManager> = deployment.secrets_provider.as_ref().unwrap().open(&never).unwrap();
    let decoder = ValueDecoder::revealing(&*secrets);
    let (with, without): (Vec<_>, Vec<_>) =
        deployment.resources.iter().partition(|resource| resource.inputs.contain_secret());
    assert!(!with.is_empty() && !without.is_empty());
    for resource in without {
        decoder.properties(&resource.inputs).unwrap();
    }
    for resource in with {
        let error = decoder.properties(&resource.inputs).unwrap_err();
        assert!(error.to_string().contains("passphrase must be set"), "{error}");
        // Another property of the same resource needs no passphrase.
        assert!(decoder.property(&resource.inputs, "name").unwrap().is_some());
        // Hidden secrets need none, and are written back as they were, even then.
        let hidden = ValueDecoder::hiding().properties(&resource.inputs).unwrap();
        let encoder = state::ValueEncoder::new(&*secrets);
        let written = encoder.properties(&hidden, &resource.inputs).unwrap();
        assert_eq!(tree(written.json().unwrap().as_bytes()), tree(resource.inputs.json().unwrap().as_bytes()));
    }
    let wrong = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("wrong")));
    let wrong = deployment.secrets_provider.as_ref().unwrap().open(&wrong).unwrap();
    let decoder = ValueDecoder::revealing(&*wrong);
    let error = deployment.resources.iter().find_map(|resource| decoder.properties(&resource.inputs).err()).unwrap();
    assert!(error.to_string().starts_with("failed to decrypt: incorrect passphrase"), "{error}");
}

#[test]
fn invalid_samples_are_refused_with_their_reasons() {
    let read = |name: &str| sample(name).map(|(_, content)| Export::read(content, origin(name)));
    let Some(result) = read("pulumicost-sample-stack.json") else { return };
    assert_eq!(
        result.unwrap_err().to_string(),
        "the stack 'dev' is too old to be used by this version of semantest-iac"
    );
    assert!(matches!(read("pulumi-checkpoint-v0.json").unwrap(), Err(Error::TooOld { .. })));
    for name in ["pulumicost-multi-provider.json", "pulumicost-valid-state.json"] {
        let error = read(name).unwrap().unwrap().deployment.unwrap().verify().unwrap_err();
        assert_eq!(
            error.problems[0].message, "magic cookie mismatch; possible tampering/corruption detected",
            "{name}"
        );
        assert!(error.to_string().starts_with("state file contains errors: magic cookie mismatch"));
    }
    for name in ["pulumi-checkpoint-v1.json", "pulumi-checkpoint-v3.json", "pulumi-checkpoint-secrets.json"] {
        let error = read(name).unwrap().unwrap_err().to_string();
        assert!(error.contains("is not a Pulumi state: it is a checkpoint"), "{error}");
    }
    let error = read("pulumi-checkpoint-v4-unsupported-feature.json").unwrap().unwrap_err();
    assert!(error.to_string().contains("features that are not supported"), "{error}");
    assert!(error.to_string().ends_with(": unsupported-feature"), "{error}");
}

#[test]
fn old_and_new_checkpoint_versions_are_read() {
    let read = |name: &str| sample(name).map(|(_, content)| Checkpoint::read(content, origin(name)));
    for name in [
        "pulumi-checkpoint-v0.json",
        "pulumi-checkpoint-v1.json",
        "pulumi-checkpoint-v3.json",
        "pulumi-checkpoint-v4.json",
        "pulumi-checkpoint-secrets.json",
    ] {
        let Some(result) = read(name) else { return };
        let checkpoint = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(checkpoint.latest.unwrap().resources.len(), 30, "{name}");
    }
    // They break the rule of order, as the specification says.
    let broken = read("pulumi-checkpoint-v3.json").unwrap().unwrap().latest.unwrap().verify().unwrap_err();
    assert!(
        broken.problems.iter().any(|problem| problem.message.ends_with("comes after it")
            && problem.message.starts_with("child resource urn:pulumi:foo::countdown::")),
        "{broken}"
    );
    let error = read("pulumi-checkpoint-v4-unsupported-feature.json").unwrap().unwrap_err();
    assert!(matches!(error, Error::UnsupportedFeatures { .. }), "{error}");
}

/// A copy of a sample's backend, whose files may be written.
fn backend(name: &str) -> Option<tempfile::TempDir> {
    let (path, _) = sample(&format!("{name}/.pulumi/meta.yaml"))?;
    let target = tempfile::tempdir().unwrap();
    copy_folder(path.parent().unwrap(), &target.path().join(".pulumi"));
    Some(target)
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_backend_that_the_cli_left_is_read_whole() {
    let Some(folder) = backend("cli-backend") else { return };
    let store = StackStore::open_folder(folder.path(), StoreOptions::default()).unwrap();
    let stacks = store.stacks(None).await.unwrap();
    assert_eq!(stacks.iter().map(|stack| stack.id.to_string()).collect::<Vec<_>>(), ["shop/dev"]);
    let id = &stacks[0].id;
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.checkpoint.stack, "organization/shop/dev");
    assert_eq!(loaded.checkpoint.latest.unwrap().resources.len(), 9);
    assert_eq!(store.tags(id).await.unwrap()["owner"], "platform");
    let history = store.history(id, 10).await.unwrap();
    let kinds: Vec<_> =
        history.iter().map(|entry| (entry.update.kind.as_str(), entry.update.message.as_str())).collect();
    assert_eq!(kinds, [("destroy", "drop r4"), ("refresh", "refresh one")]);
    assert_eq!(history[0].update.resource_changes["delete"], 1);
    let before = store.history_checkpoint(id, history[1].number).await.unwrap().unwrap();
    assert_eq!(before.latest.unwrap().resources.len(), 10);
    // What is written back of an entry is what was there.
    for entry in &history {
        let name = format!("cli-backend/.pulumi/history/shop/dev/dev-{}.history.json", entry.number);
        let (_, content) = sample(&name).unwrap();
        assert_eq!(serde_json::to_string(&entry.update).unwrap(), String::from_utf8_lossy(&content));
    }
}
