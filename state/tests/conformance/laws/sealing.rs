//! Sealed stacks: what is sealed is read by another machine that has the key, and stands nowhere in clear.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use state::{Encryption, Error, Passphrase, SealOptions, SecretsAccess, StackStore, StoreOptions, UpdateInfo};

use super::lock;
use crate::conformance::places::Place;
use crate::support::{checkpoint, id, no_secrets, topics};

fn options(encryption: Option<Encryption>) -> StoreOptions {
    // That of the manager that the tests' states name.
    let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("password")));
    let seal = SealOptions { encryption, access: Some(access), ..SealOptions::default() };
    StoreOptions { seal, ..StoreOptions::default() }
}

/// A stack with all that there can be.
async fn furnish(store: &StackStore) {
    store.use_manager(&id(), no_secrets());
    let lock = lock(store).await;
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    journal.append_durable(&json!({ "event": "a-planned-event" })).await.unwrap();
    let first = store.save_during(&lock, &checkpoint(1), None, Some(&journal)).await.unwrap();
    journal.append_durable(&json!({ "event": "the-next-event" })).await.unwrap();
    store.save_during(&lock, &checkpoint(2), Some(&first), Some(&journal)).await.unwrap();
    store.record_history(&lock, &UpdateInfo { message: "a-message".into(), ..UpdateInfo::default() }).await.unwrap();
    store.set_tags(&lock, [("owner".to_owned(), "an-owner".to_owned())].into()).await.unwrap();
    store.record_audit(&lock, "d-1", "an-audited-line\n".into()).await.unwrap();
    journal.finish().await.unwrap();
    lock.release().await.unwrap();
}

async fn look(store: &StackStore) {
    let (loaded, journal) = store.load_with_journal(&id()).await.unwrap();
    assert_eq!(topics(&loaded.unwrap().checkpoint), 2);
    assert!(journal.is_none());
    let entry = &store.history(&id(), 10).await.unwrap()[0];
    assert_eq!(entry.update.message, "a-message");
    assert_eq!(topics(&store.history_checkpoint(&id(), entry.number).await.unwrap().unwrap()), 2);
    assert_eq!(store.tags(&id()).await.unwrap()["owner"], "an-owner");
    assert_eq!(store.event_log(&id(), "d-1").await.unwrap().unwrap().records.len(), 2);
}

/// All files but the lease, which says when it was given back.
async fn files(place: &Place) -> BTreeMap<String, Bytes> {
    let mut files = place.files().await;
    files.retain(|key, _| !key.starts_with(".semantest/leases"));
    files
}

fn in_clear(files: &BTreeMap<String, Bytes>) -> Vec<&String> {
    let words = ["topic-0", "a-planned-event", "a-message", "an-owner", "an-audited-line"];
    let holds = |content: &Bytes| words.iter().any(|word| content.windows(word.len()).any(|at| at == word.as_bytes()));
    files.iter().filter(|(_, content)| holds(content)).map(|(key, _)| key).collect()
}

pub async fn another_machine_reads_what_stands_nowhere_in_clear(place: &Place) {
    furnish(&place.open_with(options(Some(Encryption::Full)))).await;
    look(&place.open_with(options(Some(Encryption::Full)))).await;
    assert_eq!(in_clear(&files(place).await), Vec::<&String>::new());
}

pub async fn a_stack_is_sealed_and_opened_and_all_is_what_it_was(place: &Place) {
    let store = place.open_with(options(None));
    furnish(&store).await;
    let before = files(place).await;
    assert!(in_clear(&before).len() > 5);
    let held = lock(&store).await;
    let sealed = store.encrypt_stack(&held).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(in_clear(&files(place).await), Vec::<&String>::new());
    look(&place.open_with(options(Some(Encryption::Full)))).await;
    let held = lock(&store).await;
    let opened = store.decrypt_stack(&held).await.unwrap();
    held.release().await.unwrap();
    assert_eq!((sealed.written.len(), sealed.removed.len()), (opened.removed.len(), opened.written.len()));
    assert_eq!(files(place).await, before);
}

pub async fn older_and_shortened_files_are_refused(place: &Place) {
    let store = place.open_with(options(Some(Encryption::Full)));
    store.use_manager(&id(), no_secrets());
    let held = lock(&store).await;
    let journal = store.create_journal(&held, "d-1", json!({}), None).await.unwrap();
    journal.append_durable(&json!({ "number": 1 })).await.unwrap();
    let first = store.save_during(&held, &checkpoint(1), None, Some(&journal)).await.unwrap();
    let before = files(place).await;
    store.save_during(&held, &checkpoint(2), Some(&first), Some(&journal)).await.unwrap();
    let after = files(place).await;
    let journals: Vec<&String> = after.keys().filter(|key| key.contains("sealed-journal")).collect();
    for key in [".pulumi/stacks/shop/dev.sealed", ".pulumi/stacks/shop/dev.sealed-anchor", journals[0].as_str()] {
        match before.get(key).filter(|older| **older != after[key]) {
            Some(older) => place.put(key, older.clone()).await,
            None => place.delete(key).await,
        }
        let error = place.open_with(options(Some(Encryption::Full))).load_with_journal(&id()).await.unwrap_err();
        assert!(matches!(error, Error::Seal(_)), "{key}: {error}");
        place.put(key, after[key].clone()).await;
    }
    let (_, found) = place.open_with(options(Some(Encryption::Full))).load_with_journal(&id()).await.unwrap();
    assert_eq!(found.unwrap().records.len(), 1);
    drop(journal);
    held.release().await.unwrap();
}
