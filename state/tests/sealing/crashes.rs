//! A process that dies at any write of a deployment on a sealed stack: what is there afterwards is the newest, and the next
//! process goes on.

use std::io::ErrorKind;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::json;
use state::{StackStore, UpdateInfo};

use crate::sealing::stage::{Disk, KEY, clear_words, dev, full, lock, manager, remembering, state};
use crate::support::{FailingStore, FakeProcesses, lock_options, owner, topics};

/// One deployment; counts up by one topic with each checkpoint.
async fn deploy(store: &StackStore, processes: &FakeProcesses, pid: u32, name: &str) -> state::Result<()> {
    store.use_manager(&dev(), manager(KEY));
    let held = store.lock(&dev(), &owner("here", pid), &lock_options(processes)).await?;
    let (loaded, open) = store.load_with_journal(&dev()).await?;
    let mut base = loaded.as_ref().map(|loaded| loaded.revision.clone());
    let mut count = loaded.as_ref().map_or(0, |loaded| topics(&loaded.checkpoint));
    let journal = match open {
        // One that died: it is settled first.
        Some(_) => store.resume_journal(&held).await?.map(|(_, journal)| journal),
        None => {
            let digest = loaded.as_ref().map(|loaded| loaded.digest());
            Some(store.create_journal(&held, name, json!({}), digest).await?)
        }
    };
    let journal = journal.unwrap();
    for number in 0..3 {
        journal.append_durable(&json!({ "number": number })).await?;
        count += 1;
        base = Some(store.save_during(&held, &state(&dev(), count), base.as_ref(), Some(&journal)).await?);
    }
    store.record_history(&held, &UpdateInfo::default()).await?;
    store.set_tags(&held, [("count".to_owned(), count.to_string())].into()).await?;
    journal.finish().await?;
    held.release().await
}

#[tokio::test]
async fn dying_at_any_write_leaves_a_state_that_the_next_goes_on_from() {
    for first in [true, false] {
        for allowed in 0.. {
            let memory = Arc::new(InMemory::new());
            let disk = Disk::Memory(memory.clone());
            let processes = FakeProcesses::default();
            let before = match first {
                true => 0,
                false => {
                    deploy(&disk.open(full()), &processes, 1, "dep-0").await.unwrap();
                    3
                }
            };
            let inner: Arc<dyn ObjectStore> = memory;
            let failing = Arc::new(FailingStore::new(inner, allowed, ErrorKind::Other));
            let broken = StackStore::over_object_store(failing.clone(), Path::from(""), "memory://bucket", full());
            let result = deploy(&broken, &processes, 2, "dep-1").await;
            processes.kill(2);
            drop(broken);
            let store = disk.open(full());
            let (loaded, _) = store.load_with_journal(&dev()).await.unwrap_or_else(|e| panic!("{allowed}: {e}"));
            let found = loaded.map_or(0, |loaded| topics(&loaded.checkpoint));
            assert!((before..=before + 3).contains(&found), "{allowed}: {found}");
            deploy(&store, &processes, 3, "dep-2").await.unwrap_or_else(|error| panic!("{allowed}: {error}"));
            let (loaded, journal) = disk.open(full()).load_with_journal(&dev()).await.unwrap();
            assert_eq!(topics(&loaded.unwrap().checkpoint), found + 3);
            assert!(journal.is_none());
            assert_eq!(clear_words(&disk.files().await), Vec::<String>::new());
            if result.is_ok() && !failing.has_failed() {
                assert!(allowed > 20, "only {allowed} writes were tried");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_while_another_writes_sees_no_older_state() {
    for disk in Disk::both() {
        let processes = FakeProcesses::default();
        deploy(&disk.open(full()), &processes, 1, "dep-0").await.unwrap();
        let disk = Arc::new(disk);
        let memory = Arc::new(tempfile::tempdir().unwrap());
        let writer = {
            let (disk, memory) = (Arc::clone(&disk), Arc::clone(&memory));
            tokio::spawn(async move {
                let store = disk.open(remembering(memory.path()));
                for round in 1..15 {
                    deploy(&store, &FakeProcesses::default(), 1, &format!("dep-{round}")).await.unwrap();
                }
            })
        };
        // Both are processes of one machine.
        let reader = disk.open(remembering(memory.path()));
        let mut last = 0;
        while !writer.is_finished() {
            let (loaded, _) = reader.load_with_journal(&dev()).await.unwrap();
            let found = topics(&loaded.unwrap().checkpoint);
            assert!(found >= last);
            last = found;
            reader.tags(&dev()).await.unwrap();
        }
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_torn_end_of_a_journal_file_is_cut_off_and_gone_on_from() {
    let disk = Disk::Folder(tempfile::tempdir().unwrap());
    let store = disk.open(full());
    store.use_manager(&dev(), manager(KEY));
    let held = lock(&store, &dev()).await;
    let journal = store.create_journal(&held, "dep-1", json!({}), None).await.unwrap();
    for number in 1..=3 {
        journal.append_durable(&json!({ "number": number })).await.unwrap();
    }
    drop(journal);
    let name = ".semantest/sealed-journal/shop/dev.sealed";
    let whole = disk.files().await.remove(name).unwrap();
    for cut in [1, 16, 40] {
        disk.put(name, &whole[..whole.len() - cut]).await;
        assert_eq!(store.read_journal(&dev()).await.unwrap().unwrap().records.len(), 2, "{cut}");
    }
    let (_, journal) = store.resume_journal(&held).await.unwrap().unwrap();
    journal.append_durable(&json!({ "number": 4 })).await.unwrap();
    assert_eq!(store.read_journal(&dev()).await.unwrap().unwrap().records.len(), 3);
}
