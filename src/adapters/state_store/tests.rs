//! What the port keeps of a state that other programs have written too.

use std::sync::Arc;

use resource_graph::{Cancellation, ResourceRecord, TypeToken, Urn};
use serde_json::{Value, json};
use state::{LockOptions, Owner, Passphrase, SecretsAccess, StoreOptions, SystemProcesses};

use super::*;
use crate::domain::deployment::ResourceImage;

struct Nobody;

impl NoticeHandler for Nobody {
    fn notice(&self, _: Notice) {}
}

fn urn(name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name)
}

/// A resource as a state holds it.
fn resource(name: &str) -> Value {
    json!({ "urn": urn(name), "custom": true, "id": name, "type": "a:b:C" })
}

fn record(name: &str) -> ResourceRecord {
    ResourceRecord { id: Some(name.to_owned()), ..ResourceRecord::new(urn(name), true) }
}

struct Fixture {
    folder: tempfile::TempDir,
    store: StateStore,
}

impl Fixture {
    fn new(resources: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time: state::TimeSource = Arc::new(|| "2026-03-04T05:06:07Z".parse().unwrap());
        let options = StoreOptions { time, ..StoreOptions::default() };
        let store = state::StackStore::open_folder(folder.path(), options).unwrap();
        let owner = Owner::this_process("ann", "here", &SystemProcesses);
        let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("test")));
        let store = StateStore::new(store, "shop", "dev", owner, LockOptions::default(), access).unwrap();
        std::fs::create_dir_all(folder.path().join(".pulumi/stacks/shop")).unwrap();
        std::fs::write(folder.path().join(".pulumi/meta.yaml"), "version: 1\n").unwrap();
        let fixture = Self { folder, store };
        let manifest = json!({ "time": "2026-01-01T00:00:00Z", "magic": "", "version": "" });
        fixture.write(&json!({
            "version": 3,
            "checkpoint": {
                "stack": "organization/shop/dev",
                "config": { "shop:size": "large" },
                "latest": {
                    "manifest": manifest,
                    "resources": resources,
                    "pending_operations": [
                        { "resource": { "urn": urn("half"), "custom": true, "type": "a:b:C" }, "type": "creating" },
                        { "resource": resource("old"), "type": "updating" },
                    ],
                },
                "new": [1],
            },
        }));
        fixture
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(".pulumi/stacks/shop/dev.json")
    }

    fn write(&self, checkpoint: &Value) {
        std::fs::write(self.file(), checkpoint.to_string()).unwrap();
    }

    fn checkpoint(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    async fn lock(&self) -> Arc<dyn LockedStack> {
        let request = LockRequest { timeout: std::time::Duration::ZERO };
        self.store.lock(request, &Cancellation::new(), &Nobody).await.unwrap()
    }
}

fn put(stack: &dyn LockedStack, record: &ResourceRecord) -> CheckpointChange {
    CheckpointChange::Put { urn: record.urn.clone(), image: stack.encode(record).unwrap() }
}

fn pending(checkpoint: &Value) -> Vec<String> {
    let pending = checkpoint["checkpoint"]["latest"]["pending_operations"].as_array().into_iter().flatten();
    pending.map(|operation| operation["resource"]["urn"].as_str().unwrap().rsplit(':').next().unwrap().into()).collect()
}

#[tokio::test]
async fn what_other_programs_have_left_open_stays_until_it_is_recorded() {
    let fixture = Fixture::new(&[resource("old")]);
    let stack = fixture.lock().await;
    let snapshot = stack.read().await.unwrap();
    let kinds: Vec<_> = snapshot.pending.iter().map(|operation| operation.kind.as_str()).collect();
    assert_eq!(kinds, ["creating", "updating"]);
    let ours: ResourceImage = stack.encode(&record("ours")).unwrap();
    stack.checkpoint(&[], &[ours]).await.unwrap();
    assert_eq!(pending(&fixture.checkpoint()), ["half", "old", "ours"]);
    stack.checkpoint(&[put(stack.as_ref(), &record("ours")), put(stack.as_ref(), &record("half"))], &[]).await.unwrap();
    assert_eq!(pending(&fixture.checkpoint()), ["old"]);
    stack.release().await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_keeps_what_it_does_not_know_and_has_the_stores_time() {
    let fixture = Fixture::new(&[resource("old")]);
    let before = fixture.checkpoint();
    let stack = fixture.lock().await;
    stack.read().await.unwrap();
    stack.checkpoint(&[], &[]).await.unwrap();
    let after = fixture.checkpoint();
    for member in ["config", "new", "stack"] {
        assert_eq!(after["checkpoint"][member], before["checkpoint"][member], "{member}");
    }
    assert_eq!(after["checkpoint"]["latest"]["manifest"]["time"], "2026-03-04T05:06:07Z");
    stack.release().await.unwrap();
}

#[tokio::test]
async fn a_state_is_written_though_a_reference_in_it_leads_nowhere() {
    let mut refers = resource("refers");
    refers["propertyDependencies"] = json!({ "x": [urn("old")] });
    refers["replaceWith"] = json!([urn("old")]);
    let fixture = Fixture::new(&[resource("old"), refers]);
    let stack = fixture.lock().await;
    stack.read().await.unwrap();
    stack.checkpoint(&[CheckpointChange::Remove { urn: urn("old") }], &[]).await.unwrap();
    let resources = fixture.checkpoint()["checkpoint"]["latest"]["resources"].take();
    assert_eq!(resources.as_array().unwrap().len(), 1);
    assert!(!resources.to_string().contains(urn("old").as_str()), "{resources}");
    stack.release().await.unwrap();
}

#[tokio::test]
async fn a_tainted_resource_that_was_replaced_is_not_tainted_any_more() {
    let mut tainted = resource("old");
    (tainted["taint"], tainted["importID"], tainted["created"]) =
        (true.into(), "old".into(), "2026-01-01T00:00:00Z".into());
    let fixture = Fixture::new(&[tainted]);
    let stack = fixture.lock().await;
    assert!(stack.read().await.unwrap().resources[0].marks().tainted);
    let mut new = record("old");
    (new.id, new.created) = (Some("new".into()), Some("2026-03-04T05:06:07Z".into()));
    let image = stack.encode(&new).unwrap();
    let change = CheckpointChange::PutReplacement { urn: urn("old"), image, taken_back: false };
    stack.checkpoint(&[change], &[]).await.unwrap();
    let resources = stack.read().await.unwrap().resources;
    let live = resources.iter().find(|resource| resource.id() == Some("new")).unwrap();
    assert!(!live.marks().tainted && !live.marks().pending_deletion);
    assert_eq!(fixture.checkpoint()["checkpoint"]["latest"]["resources"][0].get("importID"), None);
    stack.release().await.unwrap();
}

#[tokio::test]
async fn who_settles_a_death_and_dies_of_it_is_not_taken_for_another_program() {
    let fixture = Fixture::new(&[resource("old")]);
    let dead = fixture.lock().await;
    dead.read().await.unwrap();
    dead.begin(&recorded_event(&dead.encode(&record("made")).unwrap(), "made", 0)).await.unwrap();
    dead.release().await.unwrap();

    let settling = fixture.lock().await;
    let found = settling.read().await.unwrap();
    assert!(found.interrupted.unwrap().overwritten.is_none());
    assert_eq!(found.resources.len(), 2);
    settling.checkpoint(&[], &[]).await.unwrap();
    // It dies before it has put the journal away.
    settling.release().await.unwrap();

    let next = fixture.lock().await;
    let found = next.read().await.unwrap();
    assert!(found.interrupted.unwrap().overwritten.is_none(), "nobody else has written the state");
    assert_eq!(found.resources.len(), 2);
    next.checkpoint(&[], &[]).await.unwrap();
    next.settle(None).await.unwrap();
    assert!(next.read().await.unwrap().interrupted.is_none());
    next.release().await.unwrap();
    assert_eq!(fixture.store.deployments().await.unwrap(), ["d-1"]);
}

/// A process dies after it has recorded the stack's first secret, and before any checkpoint names the manager of it.
#[tokio::test]
async fn a_journal_names_the_manager_of_the_first_secret() {
    for secret_comes in ["before the journal", "after it"] {
        let fixture = Fixture::new(&[resource("old")]);
        let secret = || {
            let mut record = record("old");
            record.inputs.insert("token", resource_graph::Value::secret("hunter2"));
            record
        };
        let dead = fixture.lock().await;
        dead.read().await.unwrap();
        if secret_comes == "before the journal" {
            dead.encode(&secret()).unwrap();
        }
        dead.begin(&recorded_event(&dead.encode(&record("made")).unwrap(), "made", 0)).await.unwrap();
        dead.append(&recorded_event(&dead.encode(&secret()).unwrap(), "old", 1));
        dead.flush().await.unwrap();
        dead.release().await.unwrap();

        let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("test")));
        let owner = Owner::this_process("ann", "here", &SystemProcesses);
        let options = StoreOptions::default();
        let store = state::StackStore::open_folder(fixture.folder.path(), options).unwrap();
        let fresh = StateStore::new(store, "shop", "dev", owner, LockOptions::default(), access).unwrap();
        let stack = fresh
            .lock(LockRequest { timeout: std::time::Duration::ZERO }, &Cancellation::new(), &Nobody)
            .await
            .unwrap();
        for settled in [false, true] {
            let found = stack.read().await.unwrap();
            assert_eq!(found.interrupted.is_some(), !settled);
            let old = found.resources.iter().find(|found| *found.urn() == urn("old")).unwrap().to_record().unwrap();
            assert_eq!(old.inputs, secret().inputs, "{secret_comes}");
            stack.checkpoint(&[put(stack.as_ref(), &secret())], &[]).await.unwrap();
            if !settled {
                stack.settle(None).await.unwrap();
            }
        }
        stack.release().await.unwrap();
    }
}

/// What tells that a resource was made.
fn recorded_event(image: &ResourceImage, name: &str, position: u64) -> DomainEvent {
    let payload = json!({
        "step": 1, "operation": "create", "urn": urn(name), "durationMs": 3,
        "resource": serde_json::from_str::<Value>(image.0.get()).unwrap(),
    });
    let event = json!({
        "eventId": format!("evt_d-1_{position}"), "aggregateId": "d-1", "eventType": "ResourceOperationSucceeded",
        "payload": payload, "eventVersion": 1, "metadata": {
            "correlationId": "c", "causationId": null, "userId": "u", "timestamp": "2026-01-02T03:04:05.000Z",
            "sequenceNumber": position,
        },
    });
    DomainEvent::from_json(&event.to_string()).unwrap()
}
