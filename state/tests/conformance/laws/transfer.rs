//! A stack under another name or in another store: nothing is lost, whatever stops it in the middle.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use resource_graph::{ResourceReference, Urn, Value};
use serde_json::json;
use state::{
    Checkpoint, Crypter, Error, JournalError, StackId, StackLock, StackStore, StoreOptions, Transferred, UpdateInfo,
    ValueDecoder,
};

use super::lock;
use crate::conformance::places::Place;
use crate::support::{FailingStore, FakeProcesses, checkpoint, id, lock_options, no_secrets, owner, topics};

fn renamed() -> StackId {
    StackId::new("store", "production").unwrap()
}

async fn lock_of(store: &StackStore, id: &StackId) -> StackLock {
    store.lock(id, &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap()
}

/// A stack with all that can belong to one.
async fn fill(store: &StackStore, lock: &StackLock) {
    let mut base = None;
    for count in 1..=2 {
        let journal = store.create_journal(lock, &format!("d-{count}"), json!({}), None).await.unwrap();
        base = Some(store.save_during(lock, &checkpoint(count), base.as_ref(), Some(&journal)).await.unwrap());
        journal.finish().await.unwrap();
        store.record_audit(lock, &format!("d-{count}"), "{}\n".into()).await.unwrap();
        let update = UpdateInfo { kind: format!("update-{count}"), ..UpdateInfo::default() };
        store.record_history(lock, &update).await.unwrap();
    }
    store.set_tags(lock, BTreeMap::from([("a".to_owned(), "b".to_owned())])).await.unwrap();
}

const ALL: Transferred = Transferred { history: 4, backups: 2, event_logs: 2, audit_logs: 2, tags: true };

/// All is there under a name, and belongs to it.
async fn assert_whole(store: &StackStore, id: &StackId) {
    let loaded = store.load(id).await.unwrap().unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(topics(&loaded.checkpoint), 2);
    assert_eq!(loaded.checkpoint.stack, id.qualified());
    let project = format!("urn:pulumi:{}::{}::", id.stack(), id.project());
    for resource in &loaded.checkpoint.latest.as_ref().unwrap().resources {
        assert!(resource.urn.as_str().starts_with(&project), "{}", resource.urn);
    }
    let history = store.history(id, 10).await.unwrap();
    assert_eq!(history.iter().map(|entry| &*entry.update.kind).collect::<Vec<_>>(), ["update-2", "update-1"]);
    for entry in history {
        assert!(store.history_checkpoint(id, entry.number).await.unwrap().is_some());
    }
    assert_eq!(store.event_logs(id).await.unwrap().len(), 2);
    assert!(store.event_log(id, "d-2").await.unwrap().is_some());
    assert_eq!(store.tags(id).await.unwrap().len(), 1);
}

async fn rename(store: &StackStore) -> state::Result<Transferred> {
    let (from, to) = (lock(store).await, lock_of(store, &renamed()).await);
    let secrets = no_secrets();
    let result = store.rename_stack(&from, &to, &*secrets as &dyn Crypter).await;
    // Given back where that can be; a store that fails doesn't take it.
    let _ = to.release().await;
    let _ = from.release().await;
    result
}

pub async fn a_stack_takes_all_with_it_to_its_new_name(place: &Place) {
    let store = place.open();
    let first = lock(&store).await;
    fill(&store, &first).await;
    first.release().await.unwrap();
    assert_eq!(rename(&store).await.unwrap(), ALL);
    let store = place.open();
    assert_whole(&store, &renamed()).await;
    assert!(store.load(&id()).await.unwrap().is_none());
    assert_eq!(store.stacks(None).await.unwrap().len(), 1);
    let left: Vec<String> = place.files().await.into_keys().filter(|key| key.contains("shop/dev")).collect();
    assert_eq!(left, [".pulumi/stacks/shop/dev.json.bak", ".semantest/leases/shop/dev.json"]);
    let names = place.names(".pulumi/history/store/production").await;
    assert!(names.iter().all(|name| name.starts_with("production-")), "{names:?}");
    let error = rename(&store).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchStack { .. }), "{error}");
}

pub async fn a_name_that_is_taken_is_refused(place: &Place) {
    let store = place.open();
    let (from, to) = (lock(&store).await, lock_of(&store, &renamed()).await);
    fill(&store, &from).await;
    let mut other = checkpoint(0);
    other.stack = renamed().qualified();
    other.latest = None;
    store.save(&to, &other, None).await.unwrap();
    let before = place.files().await;
    let error = store.rename_stack(&from, &to, &*no_secrets()).await.unwrap_err();
    assert!(matches!(error, Error::StackExists { .. }) && error.hint().is_some(), "{error}");
    assert_eq!(place.files().await, before);
}

pub async fn a_deployment_that_died_is_settled_before_its_stack_moves(place: &Place) {
    let store = place.open();
    let (from, to) = (lock(&store).await, lock_of(&store, &renamed()).await);
    store.save(&from, &checkpoint(1), None).await.unwrap();
    let journal = store.create_journal(&from, "d-1", json!({}), None).await.unwrap();
    journal.append_durable(&json!({ "number": 1 })).await.unwrap();
    drop(journal);
    let secrets = no_secrets();
    for error in
        [store.rename_stack(&from, &to, &*secrets).await.unwrap_err(), store.copy_stack(&from, &to).await.unwrap_err()]
    {
        assert!(matches!(error, Error::Journal(JournalError::Unfinished { .. })), "{error}");
    }
    assert!(store.load(&renamed()).await.unwrap().is_none());
}

pub async fn a_stack_goes_to_another_store(place: &Place) {
    for (here, there) in [(place, &Place::folder().await), (&Place::folder().await, place)] {
        let (store, target) = (here.open(), there.open());
        let (from, to) = (lock(&store).await, lock(&target).await);
        fill(&store, &from).await;
        assert_eq!(store.copy_stack(&from, &to).await.unwrap(), ALL);
        assert_whole(&target, &id()).await;
        assert_whole(&store, &id()).await;
        // Once more brings the same.
        assert_eq!(store.copy_stack(&from, &to).await.unwrap(), ALL);
        store.remove_stack(&from, true).await.unwrap();
        assert_whole(&there.open(), &id()).await;
        target.remove_stack(&to, true).await.unwrap();
        to.release().await.unwrap();
        from.release().await.unwrap();
    }
}

/// A state with a secret that names a resource: it is encrypted anew when the stack is renamed.
fn with_secret_reference() -> Checkpoint {
    let mut state = checkpoint(2);
    let (urn, id) = (Urn::root("dev", "shop").to_string(), None);
    let reference = Value::Resource(Box::new(ResourceReference { urn, id, package_version: String::new() }));
    let latest = state.latest.as_mut().unwrap();
    let mut record = latest.resources[1].to_record(&ValueDecoder::revealing(&*no_secrets())).unwrap();
    record.outputs = [("group", Value::secret(reference))].into();
    latest.edit().upsert(&record, &*no_secrets()).unwrap();
    state
}

#[tokio::test]
async fn a_renaming_whose_secrets_name_resources_is_gone_on_with() {
    let store =
        StackStore::over_object_store(Arc::new(InMemory::new()), Path::from(""), "memory://", StoreOptions::default());
    let first = lock(&store).await;
    store.save(&first, &with_secret_reference(), None).await.unwrap();
    first.release().await.unwrap();
    let (from, to) = (lock(&store).await, lock_of(&store, &renamed()).await);
    let before = store.load(&id()).await.unwrap().unwrap().checkpoint;
    store.rename_stack(&from, &to, &*no_secrets()).await.unwrap();
    let moved = store.load(&renamed()).await.unwrap().unwrap().checkpoint;
    // As if it had been cut off before anything of the old name was taken away.
    store.save(&from, &before, None).await.unwrap();
    from.release().await.unwrap();
    to.release().await.unwrap();
    rename(&store).await.unwrap();
    assert_eq!(store.load(&renamed()).await.unwrap().unwrap().checkpoint.to_bytes(), moved.to_bytes());
    let decoder_secrets = no_secrets();
    let resource = &moved.latest.as_ref().unwrap().resources[1];
    let record = resource.to_record(&ValueDecoder::revealing(&*decoder_secrets)).unwrap();
    let Some(Value::Resource(reference)) = record.outputs.get("group").map(Value::exposed) else {
        panic!("no reference")
    };
    assert_eq!(reference.urn, Urn::root("production", "store").to_string());
}

/// Every writing call of a renaming fails in turn, as if the process had died there: the stack is whole under one of its
/// names at least, and the same call again ends what was begun.
#[tokio::test]
async fn a_renaming_that_is_cut_off_anywhere_is_ended_by_the_next() {
    let mut cuts = 0;
    for allowed in 0.. {
        let failing = Arc::new(FailingStore::new(Arc::new(InMemory::new()), usize::MAX, ErrorKind::ConnectionReset));
        let store =
            StackStore::over_object_store(failing.clone(), Path::from(""), "memory://", StoreOptions::default());
        let (from, to) = (lock(&store).await, lock_of(&store, &renamed()).await);
        fill(&store, &from).await;
        failing.fail_after(allowed);
        let result = store.rename_stack(&from, &to, &*no_secrets()).await;
        failing.fail_after(usize::MAX);
        to.release().await.unwrap();
        from.release().await.unwrap();
        if result.is_ok() {
            break;
        }
        cuts += 1;
        let places = [store.load(&id()).await.unwrap(), store.load(&renamed()).await.unwrap()];
        assert!(places.iter().flatten().any(|found| topics(&found.checkpoint) == 2), "after {allowed} writes");
        match rename(&store).await {
            Ok(_) => {}
            // Only what tells of the old name was left to do.
            Err(error) => assert!(matches!(error, Error::NoSuchStack { .. }), "{error}"),
        }
        assert_whole(&store, &renamed()).await;
        assert!(store.load(&id()).await.unwrap().is_none());
        assert!(store.history(&id(), 10).await.unwrap().is_empty());
    }
    assert!(cuts > 15, "only {cuts} places to be cut off at");
}
