//! What is kept beside a checkpoint: history, backups, tags; and what is left of a removed stack.

use std::collections::BTreeMap;

use state::{StoreOptions, UpdateInfo};

use super::lock;
use crate::conformance::places::Place;
use crate::support::{checkpoint, id, topics};

fn update(kind: &str) -> UpdateInfo {
    UpdateInfo { kind: kind.to_owned(), result: "succeeded".to_owned(), ..UpdateInfo::default() }
}

pub async fn operations_are_recorded_with_their_checkpoints(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    let mut base = None;
    let mut entries = Vec::new();
    for (count, kind) in [(1, "update"), (2, "refresh"), (3, "destroy")] {
        base = Some(store.save(&lock, &checkpoint(count), base.as_ref()).await.unwrap());
        entries.push(store.record_history(&lock, &update(kind)).await.unwrap());
    }
    let store = place.open();
    let kinds: Vec<String> =
        store.history(&id(), 2).await.unwrap().into_iter().map(|entry| entry.update.kind).collect();
    assert_eq!(kinds, ["destroy", "refresh"], "from the end");
    for (entry, count) in entries.iter().zip(1..) {
        let kept = store.history_checkpoint(&id(), entry.number).await.unwrap().unwrap();
        assert_eq!(topics(&kept), count);
        let backup = format!(".pulumi/backups/shop/dev/dev.{}.json", entry.number);
        assert_eq!(place.get(&backup).await, checkpoint(count).to_bytes());
        let file = format!(".pulumi/history/shop/dev/dev-{}.history.json", entry.number);
        assert!(place.get(&file).await.starts_with(b"{\"kind\":"));
    }
    let file = format!(".pulumi/history/shop/dev/dev-{}.history.json", entries[0].number);
    place.put(&file, "{\"kind\":").await;
    let error = store.history(&id(), 10).await.unwrap_err();
    assert!(error.to_string().contains(&file), "{error}");
}

pub async fn backups_can_be_left_out(place: &Place) {
    let store = place.open_with(StoreOptions { backups: false, ..StoreOptions::default() });
    let lock = lock(&store).await;
    let first = store.save(&lock, &checkpoint(1), None).await.unwrap();
    store.record_history(&lock, &update("update")).await.unwrap();
    store.save(&lock, &checkpoint(2), Some(&first)).await.unwrap();
    assert_eq!(place.names(".pulumi/backups").await, [""; 0]);
    assert_eq!(place.names(".pulumi/history/shop/dev").await.len(), 2);
    assert_eq!(place.get(".pulumi/stacks/shop/dev.json.bak").await, checkpoint(1).to_bytes());
}

pub async fn tags_are_kept_beside_the_checkpoint(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    assert!(store.tags(&id()).await.unwrap().is_empty());
    let tags = BTreeMap::from([("owner".to_owned(), "shop".to_owned())]);
    store.set_tags(&lock, tags.clone()).await.unwrap();
    let file = ".pulumi/stacks/shop/dev.pulumi-tags";
    assert_eq!(place.get(file).await, r#"{"version":1,"tags":{"owner":"shop"}}"#);
    assert_eq!(place.open().tags(&id()).await.unwrap(), tags);
    store.set_tags(&lock, BTreeMap::new()).await.unwrap();
    assert!(!place.files().await.contains_key(file));
    // Removing none is fine.
    store.set_tags(&lock, BTreeMap::new()).await.unwrap();
    place.put(file, r#"{"version":2,"tags":{}}"#).await;
    let error = store.tags(&id()).await.unwrap_err();
    assert!(error.to_string().contains(file) && error.to_string().contains("(2)"), "{error}");
}

pub async fn a_removed_stack_leaves_its_last_state_as_a_backup(place: &Place) {
    for remove_backups in [false, true] {
        let store = place.open();
        let lock = lock(&store).await;
        store.save(&lock, &checkpoint(2), None).await.unwrap();
        store.record_history(&lock, &update("update")).await.unwrap();
        store.set_tags(&lock, BTreeMap::from([("a".to_owned(), "b".to_owned())])).await.unwrap();
        store.remove_stack(&lock, remove_backups).await.unwrap();
        lock.release().await.unwrap();
        let store = place.open();
        assert!(store.load(&id()).await.unwrap().is_none());
        assert!(store.stacks(None).await.unwrap().is_empty());
        assert!(store.history(&id(), 10).await.unwrap().is_empty());
        assert!(store.tags(&id()).await.unwrap().is_empty());
        assert_eq!(place.get(".pulumi/stacks/shop/dev.json.bak").await, checkpoint(2).to_bytes());
        assert_eq!(place.names(".pulumi/backups/shop/dev").await.is_empty(), remove_backups);
    }
}
