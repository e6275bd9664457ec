//! Checkpoints that are packed with gzip or zstd by either program, read by the other.

use std::path::Path;

use serde_json::Value;
use state::{Checkpoint, Compression, LockOptions, Owner, StackId, StackStore, StoreOptions, SystemProcesses};

use crate::interop::stash;
use crate::interop::support::{Pulumi, differences};

const STACK: &str = "organization/shop/dev";

const FORMS: [(Compression, &str, &str); 2] = [
    (Compression::Gzip, "PULUMI_DIY_BACKEND_GZIP", "dev.json.gz"),
    (Compression::Zstd, "PULUMI_DIY_BACKEND_ZSTD", "dev.json.zst"),
];

async fn pulumi_in(folder: &Path) -> Pulumi {
    let backend = folder.join("backend");
    std::fs::create_dir_all(&backend).unwrap();
    Pulumi::on(&format!("file://{}", backend.display()), "shop", folder, "password").await
}

/// Names of the checkpoint's files.
fn forms(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder.join("backend/.pulumi/stacks/shop")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".bak") && !name.ends_with(".attrs")).collect();
    names.sort();
    names
}

/// Reads the stack and writes it again, as a deployment of ours does.
async fn rewrite(folder: &Path, compression: Option<Compression>) {
    let options = StoreOptions { compression, ..StoreOptions::default() };
    let store = StackStore::open_folder(folder.join("backend"), options).unwrap();
    let id = StackId::new("shop", "dev").unwrap();
    let owner = Owner::this_process("tester", "here", &SystemProcesses);
    let lock = store.lock(&id, &owner, &LockOptions::default()).await.unwrap();
    let loaded = store.load(&id).await.unwrap().unwrap();
    let latest = loaded.checkpoint.latest.clone().unwrap();
    store.save(&lock, &Checkpoint::new(&id, latest), Some(&loaded.revision)).await.unwrap();
    lock.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cli_packed_is_read_and_stays_packed() {
    for (_, variable, name) in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let pulumi = pulumi_in(folder.path()).await.with(variable, "1");
        pulumi.succeeds(&["stack", "init", STACK]).await;
        pulumi.import(STACK, &stash::state("dev", "shop", 20)).await.succeeded();
        let before: Value = pulumi.export(STACK).await;
        assert_eq!(forms(folder.path()), [name]);
        rewrite(folder.path(), None).await;
        assert_eq!(forms(folder.path()), [name]);
        assert_eq!(differences(&before, &pulumi.export(STACK).await), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_packed_is_read_by_the_cli_which_writes_its_own_form() {
    for (compression, _, name) in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let pulumi = pulumi_in(folder.path()).await;
        pulumi.succeeds(&["stack", "init", STACK]).await;
        pulumi.import(STACK, &stash::state("dev", "shop", 20)).await.succeeded();
        let before: Value = pulumi.export(STACK).await;
        rewrite(folder.path(), Some(compression)).await;
        assert_eq!(forms(folder.path()), [name]);
        assert_eq!(differences(&before, &pulumi.export(STACK).await), [""; 0]);
        // Not asked to pack, the CLI's next write replaces the packed form.
        let refreshed = pulumi.succeeds(&["refresh", "--yes", "--skip-preview", "--stack", STACK]).await;
        assert!(refreshed.contains("unchanged"), "{refreshed}");
        assert_eq!(forms(folder.path()), ["dev.json"]);
        rewrite(folder.path(), None).await;
        let after = pulumi.export(STACK).await;
        assert_eq!(after["deployment"]["resources"].as_array().unwrap().len(), 22);
    }
}
