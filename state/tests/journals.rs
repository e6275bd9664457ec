//! Journals in a file: torn ends, damage, and what can't be written. What journals of every store have to keep to stands
//! among the laws of `conformance`.

use crate::support::{FakeProcesses, files, id, lock_options, owner, store};
use serde_json::{Value, json};
use state::{Error, JournalContents, JournalError};

fn numbers(contents: &JournalContents) -> Vec<u64> {
    contents.records.iter().map(|record| record.parse::<Value>().unwrap()["number"].as_u64().unwrap()).collect()
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
