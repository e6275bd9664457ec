//! Journals: what was recorded is there after a crash, in order, and only that.

use serde_json::{Value, json};
use state::{Error, JournalContents, JournalError, StoreOptions, TakeoverReason};

use super::{lock, shorten_lease, waiting};
use crate::conformance::places::Place;
use crate::support::{FakeProcesses, checkpoint, id, lock_options, owner};

fn numbers(contents: &JournalContents) -> Vec<u64> {
    contents.records.iter().map(|record| record.parse::<Value>().unwrap()["number"].as_u64().unwrap()).collect()
}

pub async fn records_are_there_in_order_and_finishing_archives_them(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    assert!(store.read_journal(&id()).await.unwrap().is_none());
    let journal = store.create_journal(&lock, "d-1", json!({ "user": "ann" }), None).await.unwrap();
    journal.append_durable(&json!({ "number": 1 })).await.unwrap();
    for number in 2..100 {
        journal.append(&json!({ "number": number }));
    }
    journal.flush().await.unwrap();
    let running = place.open().read_journal(&id()).await.unwrap().unwrap();
    assert_eq!(numbers(&running), (1..100).collect::<Vec<_>>());
    assert_eq!((running.header.deployment.as_str(), &running.header.constants["user"]), ("d-1", &json!("ann")));
    assert_eq!(running.header.fencing_token, lock.fencing_token());
    assert!(running.torn.is_none());
    assert!(store.event_logs(&id()).await.unwrap().is_empty());

    journal.append(&json!({ "number": 100 }));
    journal.finish().await.unwrap();
    let store = place.open();
    assert!(store.read_journal(&id()).await.unwrap().is_none());
    assert_eq!(place.names(".semantest/journal").await, [""; 0]);
    let archived = store.event_log(&id(), "d-1").await.unwrap().unwrap();
    assert_eq!(numbers(&archived), (1..=100).collect::<Vec<_>>());
    assert_eq!(store.event_logs(&id()).await.unwrap()[0].deployment, "d-1");
    assert!(store.event_log(&id(), "d-2").await.unwrap().is_none());
    // The next deployment starts anew.
    store.create_journal(&lock, "d-2", json!({}), None).await.unwrap().finish().await.unwrap();
    assert_eq!(store.event_logs(&id()).await.unwrap().len(), 2);
    assert!(store.remove_event_log(&id(), "d-1").await.unwrap());
    assert_eq!(store.event_logs(&id()).await.unwrap().len(), 1);
}

/// A machine of which nothing more is known dies; another one takes over once the lease has run out, goes on with the
/// journal, and what the first one still writes, should it live, gets nowhere.
pub async fn another_machine_goes_on_where_one_died(place: &Place) {
    let options = lock_options(&FakeProcesses::default());
    let (here, there) = (place.open(), place.open());
    let dead = here.lock(&id(), &owner("here", 1), &options).await.unwrap();
    let base = here.save(&dead, &checkpoint(1), None).await.unwrap();
    let zombie = here.create_journal(&dead, "d-1", json!({ "user": "ann" }), None).await.unwrap();
    zombie.append_durable(&json!({ "number": 1 })).await.unwrap();
    zombie.append_durable(&json!({ "number": 2 })).await.unwrap();

    assert!(matches!(there.lock(&id(), &owner("there", 1), &options).await, Err(Error::Locked(_))));
    shorten_lease(place).await;
    let lock = there.lock(&id(), &owner("there", 1), &waiting()).await.unwrap();
    let takeover = lock.takeover().unwrap();
    assert!(matches!(takeover.reason, TakeoverReason::LeaseRanOut(_)), "{takeover}");
    assert!(lock.fencing_token() > dead.fencing_token());
    let error = there.create_journal(&lock, "d-2", json!({}), None).await.unwrap_err();
    let is_unfinished =
        matches!(&error, Error::Journal(JournalError::Unfinished { deployment, .. }) if deployment == "d-1");
    assert!(is_unfinished && error.hint().is_some(), "{error}");
    let (found, journal) = there.resume_journal(&lock).await.unwrap().unwrap();
    assert_eq!(numbers(&found), [1, 2]);
    assert_eq!(journal.header().fencing_token, lock.fencing_token());

    zombie.append(&json!({ "number": 666 }));
    let _ = zombie.flush().await;
    journal.append_durable(&json!({ "number": 3 })).await.unwrap();
    let error = zombie.append_durable(&json!({ "number": 667 })).await.unwrap_err();
    assert!(matches!(error, Error::LockLost(_) | Error::Journal(JournalError::Fenced { .. })), "{error}");
    assert!(matches!(here.save(&dead, &checkpoint(9), Some(&base)).await, Err(Error::LockLost(_))));
    assert!(matches!(here.create_journal(&dead, "d-3", json!({}), None).await, Err(Error::LockLost(_))));
    assert!(matches!(here.archive_journal(&dead).await, Err(Error::LockLost(_))));
    assert_eq!(numbers(&place.open().read_journal(&id()).await.unwrap().unwrap()), [1, 2, 3]);
    journal.finish().await.unwrap();
    let archived = place.open().event_log(&id(), "d-1").await.unwrap().unwrap();
    assert_eq!(numbers(&archived), [1, 2, 3]);
    assert_eq!(archived.header.constants["user"], "ann");
    assert!(there.resume_journal(&lock).await.unwrap().is_none());
}

pub async fn a_settled_journal_is_archived_without_its_writer(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    store.archive_journal(&lock).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    journal.append_durable(&json!({ "number": 1 })).await.unwrap();
    drop(journal);
    store.archive_journal(&lock).await.unwrap();
    assert!(store.read_journal(&id()).await.unwrap().is_none());
    assert_eq!(numbers(&store.event_log(&id(), "d-1").await.unwrap().unwrap()), [1]);
}

pub async fn a_journal_names_the_checkpoints_that_its_records_belong_to(place: &Place) {
    let store = place.open_with(StoreOptions::default());
    let lock = lock(&store).await;
    store.save(&lock, &checkpoint(1), None).await.unwrap();
    let first = store.load(&id()).await.unwrap().unwrap();
    let journal = store.create_journal(&lock, "d-1", json!({}), Some(first.digest())).await.unwrap();
    store.save_during(&lock, &checkpoint(2), Some(&first.revision), Some(&journal)).await.unwrap();
    journal.append_durable(&json!({ "number": 1 })).await.unwrap();
    let second = store.load(&id()).await.unwrap().unwrap();
    drop(journal);
    let (_, _journal) = store.resume_journal(&lock).await.unwrap().unwrap();
    let found = store.read_journal(&id()).await.unwrap().unwrap();
    assert_eq!(numbers(&found), [1]);
    assert!(found.belongs_to(Some(&first.digest())) && found.belongs_to(Some(&second.digest())));
    // Another program writes the state, or removes it.
    store.save(&lock, &checkpoint(3), Some(&second.revision)).await.unwrap();
    assert!(!found.belongs_to(Some(&store.load(&id()).await.unwrap().unwrap().digest())));
    assert!(!found.belongs_to(None));
}

pub async fn audit_logs_are_written_over(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    for lines in ["one\n", "one\ntwo\n"] {
        store.record_audit(&lock, "d-1", lines.into()).await.unwrap();
        assert_eq!(place.get(".semantest/audit/shop/dev/d-1.jsonl").await, lines);
    }
}

/// A process may die at each write of its journal, and in a file at each byte of one. Whatever is there then, the next plain
/// deployment goes on from it and ends.
pub async fn every_beginning_of_a_journal_is_gone_on_with(place: &Place) {
    let store = place.open();
    let folder = ".semantest/journal/shop";
    let held = lock(&store).await;
    let journal = store.create_journal(&held, "d-1", json!({}), None).await.unwrap();
    for number in 1..=2 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    drop(journal);
    held.release().await.unwrap();
    let whole: Vec<(String, bytes::Bytes)> =
        place.files().await.into_iter().filter(|(name, _)| name.starts_with(folder)).collect();
    // Objects are there or not; the bytes of a file come one after the other.
    let mut beginnings: Vec<Vec<(String, bytes::Bytes)>> = (0..=whole.len()).map(|end| whole[..end].to_vec()).collect();
    if place.is_local() {
        let (name, content) = &whole[0];
        beginnings.extend((0..content.len()).map(|end| vec![(name.clone(), content.slice(..end))]));
    }
    for beginning in beginnings {
        for (name, _) in place.files().await.into_iter().filter(|(name, _)| name.starts_with(folder)) {
            place.delete(&name).await;
        }
        for (name, content) in &beginning {
            place.put(name, content.clone()).await;
        }
        let what = beginning.iter().map(|(name, content)| format!("{name}: {} bytes; ", content.len()));
        let what: String = what.collect();
        let store = place.open();
        let held = lock(&store).await;
        if let Some((found, journal)) = store.resume_journal(&held).await.unwrap() {
            assert!((1..=2).contains(&found.records.len()), "{what}");
            assert_eq!(numbers(&found), (1..=found.records.len() as u64).collect::<Vec<_>>(), "{what}");
            journal.finish().await.unwrap();
        }
        let journal = store.create_journal(&held, "d-2", json!({}), None).await.unwrap_or_else(|error| {
            panic!("{what}{error}");
        });
        journal.append_durable(&json!({ "number": 1 })).await.unwrap();
        assert_eq!(numbers(&store.read_journal(&id()).await.unwrap().unwrap()), [1], "{what}");
        journal.finish().await.unwrap();
        held.release().await.unwrap();
        assert_eq!(place.names(folder).await, [""; 0], "{what}");
    }
}
