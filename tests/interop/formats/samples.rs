//! Every valid sample of a state: read and written by us, imported and exported by the CLI, nothing lost; and what the CLI
//! writes, exports and checkpoints alike, read and written back by us byte for byte.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use state::{
    Checkpoint, Deployment, Export, LockOptions, Origin, Owner, StackId, StackStore, StoreOptions, SystemProcesses,
    UpdateInfo,
};

use crate::interop::stash;
use crate::interop::support::{Pulumi, differences, read_json, samples};

const RECORDED: &str = "correct horse battery staple";
const SYNTHETIC: &str = "password";

/// The samples that follow the rules, and the passphrase of each.
const VALID: [(&str, &str); 9] = [
    ("apigateway-api-1.0.1-stack.json", RECORDED),
    ("apigateway-simple-no-binary-media-type-2.1.0-stack.json", RECORDED),
    ("awsx-nodejs-1.0.6-stack.json", RECORDED),
    ("aws-lambda-layer-new-5.42.0-stack.json", RECORDED),
    ("aws-secretversion-5.42.0-state.json", RECORDED),
    ("aws-dynamodb-table-5.42.0-stack.json", RECORDED),
    ("azn-upgrade-appservices-webapp-2.76.0-stack.json", RECORDED),
    ("synthetic/export.json", SYNTHETIC),
    ("cli-backend/export.json", SYNTHETIC),
];

fn origin(file: &str) -> Origin<'_> {
    Origin { file, stack: "sample" }
}

/// The same state, each resource written anew from its fields rather than as it stood in the file.
fn rewritten(export: &Export) -> Vec<u8> {
    let mut deployment: Deployment = export.deployment.clone().unwrap();
    deployment.resources.iter_mut().for_each(|resource| {
        resource.edit();
    });
    Export { deployment: Some(deployment), ..export.clone() }.to_bytes()
}

/// Stack and project of a state.
fn stack_of(export: &Value) -> (String, String) {
    let urn = export["deployment"]["resources"][0]["urn"].as_str().unwrap();
    let mut parts = urn.split("::");
    (parts.next().unwrap().strip_prefix("urn:pulumi:").unwrap().to_owned(), parts.next().unwrap().to_owned())
}

async fn sample_through_both(file: PathBuf, passphrase: &'static str) {
    let name = file.display().to_string();
    let original = read_json(&file);
    let (stack, project) = stack_of(&original);
    let stack = format!("organization/{project}/{stack}");
    let folder = tempfile::tempdir().unwrap();
    let backend = folder.path().join("backend");
    std::fs::create_dir(&backend).unwrap();
    let pulumi = Pulumi::on(&format!("file://{}", backend.display()), &project, folder.path(), passphrase).await;

    let read = Export::read(std::fs::read(&file).unwrap().into(), origin(&name)).unwrap();
    let ours: Value = serde_json::from_slice(&rewritten(&read)).unwrap();
    pulumi.succeeds(&["stack", "init", &stack]).await;
    pulumi.import(&stack, &ours).await.succeeded();
    for arguments in
        [&["stack", "export", "--stack", &stack][..], &["stack", "export", "--show-secrets", "--stack", &stack]]
    {
        let text = pulumi.succeeds(arguments).await;
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(differences(&original, &theirs), [""; 0], "{name}, {arguments:?}");
        let read = Export::read(Bytes::from(text.clone()), origin(&name)).unwrap();
        assert!(read.to_bytes() == text.as_bytes(), "{name}, {arguments:?}: not the same bytes");
        assert!(rewritten(&read) == text.as_bytes(), "{name}, {arguments:?}: not the same bytes when written anew");
    }
    checkpoint_written_back(&backend.join(format!(".pulumi/stacks/{}.json", &stack["organization/".len()..])));
}

/// What stands in a backend of the CLI is what we write for it.
pub fn checkpoint_written_back(file: &Path) {
    let name = file.display().to_string();
    let content = Bytes::from(std::fs::read(file).unwrap());
    let mut checkpoint = Checkpoint::read(content.clone(), origin(&name)).unwrap();
    assert!(checkpoint.to_bytes() == content, "{name}: not the same bytes");
    checkpoint.latest.iter_mut().flat_map(|deployment| &mut deployment.resources).for_each(|resource| {
        resource.edit();
    });
    // The CLI escapes these in checkpoints, but not in exports; readers don't care.
    let text =
        String::from_utf8_lossy(&content).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&");
    assert!(checkpoint.to_bytes() == text.as_bytes(), "{name}: not the same bytes when written anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_valid_sample_goes_through_both_and_loses_nothing() {
    let Some(samples) = samples() else { return };
    let mut all = tokio::task::JoinSet::new();
    for (name, passphrase) in VALID {
        all.spawn(sample_through_both(samples.join(name), passphrase));
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

/// What both refuse, in the same words where the words are Pulumi's.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_cli_refuses_we_refuse_for_the_same_reason() {
    let Some(samples) = samples() else { return };
    for (name, reason) in [
        ("pulumicost-multi-provider.json", "magic cookie mismatch; possible tampering/corruption detected"),
        ("pulumicost-valid-state.json", "magic cookie mismatch; possible tampering/corruption detected"),
        ("pulumi-checkpoint-v0.json", "is too old"),
        ("pulumicost-sample-stack.json", "is too old"),
        ("pulumi-checkpoint-v4-unsupported-feature.json", "unsupported-feature"),
        ("pulumi-checkpoint-v3.json", ""),
    ] {
        let content = Bytes::from(std::fs::read(samples.join(name)).unwrap());
        let ours = match Export::read(content.clone(), origin(name)) {
            Err(error) => error.to_string(),
            Ok(export) => match export.deployment.unwrap().verify() {
                Err(error) => error.to_string(),
                Ok(()) => panic!("{name} is accepted"),
            },
        };
        let folder = tempfile::tempdir().unwrap();
        let pulumi = Pulumi::on(&format!("file://{}", folder.path().display()), "shop", folder.path(), SYNTHETIC).await;
        pulumi.succeeds(&["stack", "init", "dev"]).await;
        let file = samples.join(name);
        let theirs = pulumi.fails(&["stack", "import", "--stack", "dev", "--file", file.to_str().unwrap()]).await;
        println!("{name}\n  ours: {ours}\n  theirs: {theirs}");
        assert!(ours.contains(reason), "{name}: {ours}");
        assert!(theirs.contains(reason), "{name}: {theirs}");
    }
}

/// A folder and all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_the_cli_left_is_gone_on_with_by_both() {
    let Some(samples) = samples() else { return };
    let folder = tempfile::tempdir().unwrap();
    copy(&samples.join("cli-backend"), folder.path());
    let pulumi = Pulumi::on(&format!("file://{}", folder.path().display()), "shop", folder.path(), SYNTHETIC).await;
    const STACK: &str = "organization/shop/dev";
    let before = std::fs::read_to_string(folder.path().join("export.json")).unwrap();
    assert_eq!(pulumi.succeeds(&["stack", "export", "--stack", STACK]).await, before);

    let store = StackStore::open_folder(folder.path(), StoreOptions::default()).unwrap();
    let id = StackId::new("shop", "dev").unwrap();
    let owner = Owner::this_process("tester", "here", &SystemProcesses);
    let lock = store.lock(&id, &owner, &LockOptions::default()).await.unwrap();
    let loaded = store.load(&id).await.unwrap().unwrap();
    let latest = loaded.checkpoint.latest.clone().unwrap();
    let resources = latest.resources.len();
    store.save(&lock, &Checkpoint::new(&id, latest), Some(&loaded.revision)).await.unwrap();
    let update = UpdateInfo { kind: "update".to_owned(), result: "succeeded".to_owned(), ..UpdateInfo::default() };
    store.record_history(&lock, &update).await.unwrap();
    lock.release().await.unwrap();

    // Resources that nobody changed are written as they were; side files of what was overwritten are gone.
    assert_eq!(pulumi.succeeds(&["stack", "export", "--stack", STACK]).await, before);
    assert!(!folder.path().join(".pulumi/stacks/shop/dev.json.attrs").exists());
    let mut history = pulumi.json(&["stack", "history", "--json", "--stack", STACK]).await;
    assert_eq!(history.as_array_mut().unwrap().remove(0)["kind"], "update");
    assert_eq!(history, read_json(&folder.path().join("history.json")));
    let tags = pulumi.json(&["stack", "tag", "ls", "--json", "--stack", STACK]).await;
    assert_eq!(tags.as_object().unwrap().len(), 1, "{tags}");
    // The CLI goes on from there.
    let stash = stash::urn("dev", "shop", "**");
    pulumi.succeeds(&["refresh", "--yes", "--skip-preview", "--stack", STACK, "--target", &stash]).await;
    assert_eq!(store.load(&id).await.unwrap().unwrap().checkpoint.latest.unwrap().resources.len(), resources);
}
