//! Journals, on a file and on an object store: what was recorded is there after a crash, in order, and only that.

mod support;

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::{Value, json};
use state::{Error, JournalContents, JournalError, StackStore, StoreOptions};
use support::{FakeProcesses, checkpoint, files, id, lock_options, owner, store};

/// The laws hold on both kinds of stores.
fn stores() -> Vec<(StackStore, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(InMemory::new());
    vec![
        (store(folder.path()), Some(folder)),
        (StackStore::over_object_store(memory, Path::from("x"), "memory://x", StoreOptions::default()), None),
    ]
}

fn numbers(contents: &JournalContents) -> Vec<u64> {
    contents.records.iter().map(|record| record.parse::<Value>().unwrap()["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn records_are_there_in_order_and_finishing_archives_them() {
    for (store, _folder) in stores() {
        let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
        assert!(store.read_journal(&id()).await.unwrap().is_none());
        let journal = store.create_journal(&lock, "d-1", json!({ "user": "ann" }), None).await.unwrap();
        journal.append_durable(&json!({ "number": 1 })).await.unwrap();
        for number in 2..100 {
            journal.append(&json!({ "number": number }));
        }
        journal.flush().await.unwrap();
        let running = store.read_journal(&id()).await.unwrap().unwrap();
        assert_eq!(numbers(&running), (1..100).collect::<Vec<_>>());
        assert_eq!((running.header.deployment.as_str(), &running.header.constants["user"]), ("d-1", &json!("ann")));
        assert_eq!(running.header.fencing_token, lock.fencing_token());
        assert!(running.torn.is_none());
        assert!(store.event_logs(&id()).await.unwrap().is_empty());

        journal.append(&json!({ "number": 100 }));
        journal.finish().await.unwrap();
        assert!(store.read_journal(&id()).await.unwrap().is_none());
        let archived = store.event_log(&id(), "d-1").await.unwrap().unwrap();
        assert_eq!(numbers(&archived), (1..=100).collect::<Vec<_>>());
        assert_eq!(store.event_logs(&id()).await.unwrap()[0].deployment, "d-1");
        assert!(store.event_log(&id(), "d-2").await.unwrap().is_none());
        // The next deployment starts anew.
        store.create_journal(&lock, "d-2", json!({}), None).await.unwrap().finish().await.unwrap();
        assert_eq!(store.event_logs(&id()).await.unwrap().len(), 2);
        assert!(store.remove_event_log(&id(), "d-1").await.unwrap());
    }
}

#[tokio::test]
async fn an_unfinished_journal_is_a_deployment_that_died_and_the_next_goes_on_with_it() {
    for (store, _folder) in stores() {
        let processes = FakeProcesses::default();
        let options = lock_options(&processes);
        let dead = store.lock(&id(), &owner("here", 1), &options).await.unwrap();
        let zombie = store.create_journal(&dead, "d-1", json!({ "user": "ann" }), None).await.unwrap();
        zombie.append_durable(&json!({ "number": 1 })).await.unwrap();
        processes.kill(1);
        let lock = store.lock(&id(), &owner("here", 2), &options).await.unwrap();
        let error = store.create_journal(&lock, "d-2", json!({}), None).await.unwrap_err();
        assert!(
            matches!(&error, Error::Journal(JournalError::Unfinished { deployment, .. }) if deployment == "d-1"),
            "{error}"
        );
        assert!(error.hint().is_some());
        let (found, journal) = store.resume_journal(&lock).await.unwrap().unwrap();
        assert_eq!(numbers(&found), [1]);
        assert_eq!(journal.header().fencing_token, lock.fencing_token());
        // What the dead one still writes, should it live, gets nowhere.
        zombie.append(&json!({ "number": 666 }));
        let _ = zombie.flush().await;
        journal.append_durable(&json!({ "number": 2 })).await.unwrap();
        let error = zombie.append_durable(&json!({ "number": 667 })).await.unwrap_err();
        let is_fenced = matches!(error, Error::LockLost(_) | Error::Journal(JournalError::Fenced { .. }));
        assert!(is_fenced, "{error}");
        assert_eq!(numbers(&store.read_journal(&id()).await.unwrap().unwrap()), [1, 2]);
        journal.finish().await.unwrap();
        let archived = store.event_log(&id(), "d-1").await.unwrap().unwrap();
        assert_eq!(numbers(&archived), [1, 2]);
        assert_eq!(archived.header.constants["user"], "ann");
        assert!(store.resume_journal(&lock).await.unwrap().is_none());
        // Nor may the dead one start or touch anything else.
        assert!(matches!(store.create_journal(&dead, "d-3", json!({}), None).await, Err(Error::LockLost(_))));
        assert!(matches!(store.archive_journal(&dead).await, Err(Error::LockLost(_))));
    }
}

#[tokio::test]
async fn a_settled_journal_is_archived_without_its_writer() {
    for (store, _folder) in stores() {
        let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
        store.archive_journal(&lock).await.unwrap();
        let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
        journal.append_durable(&json!({ "number": 1 })).await.unwrap();
        drop(journal);
        store.archive_journal(&lock).await.unwrap();
        assert!(store.read_journal(&id()).await.unwrap().is_none());
        assert_eq!(numbers(&store.event_log(&id(), "d-1").await.unwrap().unwrap()), [1]);
    }
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_the_next_writer_goes_on_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    for number in 1..=3 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    drop(journal);
    let path = folder.path().join(".semantest/journal/shop/dev.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last + 1..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let torn = store.read_journal(&id()).await.unwrap().unwrap();
        assert_eq!(numbers(&torn), [1, 2], "{cut}");
        assert_eq!(torn.torn.unwrap().offset as usize, last);
    }
    let (_, journal) = store.resume_journal(&lock).await.unwrap().unwrap();
    journal.append_durable(&json!({ "number": 4 })).await.unwrap();
    let found = store.read_journal(&id()).await.unwrap().unwrap();
    assert_eq!(numbers(&found), [1, 2, 4]);
    assert!(found.torn.is_none());
}

#[tokio::test]
async fn damage_before_the_end_is_named_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    for number in 1..=3 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    drop(journal);
    let path = folder.path().join(".semantest/journal/shop/dev.jsonl");
    let mut content = std::fs::read(&path).unwrap();
    let at = content.windows(10).position(|window| window == b"\"number\":2").unwrap();
    content[at + 9] = b'7';
    std::fs::write(&path, &content).unwrap();
    for error in [
        store.read_journal(&id()).await.unwrap_err(),
        store.resume_journal(&lock).await.unwrap_err(),
        store.create_journal(&lock, "d-2", json!({}), None).await.unwrap_err(),
        store.archive_journal(&lock).await.unwrap_err(),
    ] {
        let expected = format!("{} is damaged at line 3 (byte ", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.to_string().ends_with("its checksum is wrong"), "{error}");
        assert!(error.hint().unwrap().contains("--refresh=all"));
    }
    assert_eq!(std::fs::read(&path).unwrap(), content);
    let newer = String::from_utf8(content).unwrap().replacen("\"version\":1", "\"version\":2", 1);
    std::fs::write(&path, &newer).unwrap();
    // The checksum of the header no longer fits either; but nothing is taken for a journal that isn't one.
    assert!(store.read_journal(&id()).await.is_err());
}

#[tokio::test]
async fn a_journal_of_which_nothing_was_written_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let path = folder.path().join(".semantest/journal/shop/dev.jsonl");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for content in ["", "[0,\"12345678\",{\"kind\":\"semant"] {
        std::fs::write(&path, content).unwrap();
        assert!(store.read_journal(&id()).await.unwrap().is_none());
    }
    store.create_journal(&lock, "d-1", json!({}), None).await.unwrap().finish().await.unwrap();
    std::fs::write(&path, "").unwrap();
    store.archive_journal(&lock).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_journal_that_can_not_be_written_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    std::fs::write(folder.path().join(".semantest/journal"), "in the way").unwrap();
    let error = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap_err();
    assert!(error.to_string().contains(".semantest/journal/shop/dev.jsonl"), "{error}");
    for name in ["", "a/b", "..", ".hidden", "a b"] {
        std::fs::remove_file(folder.path().join(".semantest/journal")).ok();
        let error = store.create_journal(&lock, name, json!({}), None).await.unwrap_err();
        assert!(matches!(error, Error::Journal(JournalError::InvalidDeployment(_))), "{name}: {error}");
    }
}

#[tokio::test]
async fn many_records_go_out_in_few_writes_and_cost_the_same_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let journal = store.create_journal(&lock, "d-1", json!({}), None).await.unwrap();
    let before = store.bytes_written();
    let mut length = 0;
    for number in 0..10_000 {
        let record = json!({ "number": number });
        length += record.to_string().len() as u64;
        journal.append(&record);
    }
    journal.flush().await.unwrap();
    let written = store.bytes_written() - before;
    assert!(written < length + 10_000 * 24, "{written} bytes for {length}");
    let content = String::from_utf8(files(folder.path()).remove(".semantest/journal/shop/dev.jsonl").unwrap()).unwrap();
    // The first line of each write has a fourth member.
    let groups = content
        .lines()
        .filter(|line| line.rsplit(',').next().is_some_and(|end| end.trim_end_matches(']').parse::<u64>().is_ok()))
        .count();
    assert!(groups < 2_000, "{groups} writes");
    for line in content.lines() {
        serde_json::from_str::<Vec<Value>>(line).unwrap();
    }
}

#[tokio::test]
async fn a_journal_names_the_checkpoints_that_its_records_belong_to() {
    for (store, _folder) in stores() {
        let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
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
}
