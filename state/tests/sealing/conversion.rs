//! The way from one form to the other and to another key, broken off at every write.

use std::io::ErrorKind;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::json;
use state::{Compression, Converted, Error, SealError, StackStore, StoreOptions};

use crate::sealing::stage::{
    Disk, Files, KEY, clear_words, dev, full, furnish, lock, look, manager, options, remembering, state, state_of,
};
use crate::support::{FailingStore, FakeProcesses, lock_options, owner, topics};

const SECOND: &str = "awskms://alias/the-second?region=eu-west-1";

async fn encrypt(store: &StackStore) -> state::Result<Converted> {
    let held = lock(store, &dev()).await;
    let done = store.encrypt_stack(&held).await;
    held.release().await.unwrap();
    done
}

async fn decrypt(store: &StackStore) -> state::Result<Converted> {
    let held = lock(store, &dev()).await;
    let done = store.decrypt_stack(&held).await;
    held.release().await.unwrap();
    done
}

/// A furnished stack in clear.
async fn in_clear(disk: &Disk) -> Files {
    furnish(&disk.open(options(None)), &dev()).await;
    disk.files().await
}

#[tokio::test]
async fn there_and_back_all_files_are_what_they_were() {
    for disk in Disk::both() {
        let before = in_clear(&disk).await;
        disk.put(".pulumi/history/shop/dev/notes.txt", b"mine").await;
        let done = encrypt(&disk.open(options(None))).await.unwrap();
        let mut sealed = disk.files().await;
        assert!(sealed.remove(".pulumi/history/shop/dev/notes.txt").is_some());
        assert_eq!(clear_words(&sealed), Vec::<String>::new());
        assert_eq!(done.left.len(), 1, "{done:?}");
        assert!(done.left[0].ends_with("notes.txt"));
        // Checkpoint, .bak, tags, history with its checkpoint, backup, event log, audit log.
        assert_eq!((done.written.len(), done.removed.len()), (8, 8), "{done:?}");
        assert_eq!(look(&disk.open(full()), &dev()).await.unwrap(), 2);
        assert_eq!(encrypt(&disk.open(full())).await.unwrap(), Converted::default(), "nothing is left to do");
        let done = decrypt(&disk.open(options(None))).await.unwrap();
        assert_eq!((done.written.len(), done.removed.len()), (8, 8), "{done:?}");
        disk.remove(".pulumi/history/shop/dev/notes.txt").await;
        assert_eq!(disk.files().await, before);
        assert_eq!(decrypt(&disk.open(options(None))).await.unwrap(), Converted::default());
    }
}

#[tokio::test]
async fn packed_files_get_their_names_back() {
    let [disk, _] = Disk::both();
    let packing = StoreOptions { compression: Some(Compression::Gzip), ..options(None) };
    let store = disk.open(packing);
    furnish(&store, &dev()).await;
    let before = disk.files().await;
    assert!(before.contains_key(".pulumi/stacks/shop/dev.json.gz.bak"));
    encrypt(&disk.open(options(None))).await.unwrap();
    decrypt(&disk.open(options(None))).await.unwrap();
    assert_eq!(disk.files().await, before);
}

#[tokio::test]
async fn a_stack_in_the_middle_of_a_deployment_is_left_as_it_is() {
    for encryption in [None, Some(state::Encryption::Full)] {
        for disk in Disk::both() {
            let store = disk.open(options(encryption));
            store.use_manager(&dev(), manager(KEY));
            let held = lock(&store, &dev()).await;
            store.save(&held, &state(&dev(), 1), None).await.unwrap();
            let journal = store.create_journal(&held, "dep-1", json!({}), None).await.unwrap();
            journal.append_durable(&json!({ "number": 1 })).await.unwrap();
            let before = disk.files().await;
            for result in [store.encrypt_stack(&held).await, store.decrypt_stack(&held).await] {
                match result {
                    Ok(done) => assert_eq!(done, Converted::default(), "it has that form"),
                    Err(error) => assert!(error.to_string().starts_with("deployment dep-1"), "{error}"),
                }
            }
            assert_eq!(disk.files().await, before);
            drop(journal);
        }
    }
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_said_to_be_none() {
    let [disk, _] = Disk::both();
    for result in [encrypt(&disk.open(options(None))).await, decrypt(&disk.open(options(None))).await] {
        assert!(matches!(result, Err(Error::NoSuchStack { .. })), "{result:?}");
    }
}

/// What is tried with each number of writes that still succeed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Encrypt,
    Decrypt,
}

/// Breaks a way off after each number of writes, looks, and goes on with it or turns back.
async fn broken_off(way: Way, goes_on: Way) {
    for allowed in 0.. {
        let memory = Arc::new(InMemory::new());
        let disk = Disk::Memory(memory.clone());
        let clear = in_clear(&disk).await;
        if way == Way::Decrypt {
            encrypt(&disk.open(options(None))).await.unwrap();
        }
        let inner: Arc<dyn ObjectStore> = memory;
        let failing = Arc::new(FailingStore::new(inner, allowed, ErrorKind::Other));
        let broken = StackStore::over_object_store(failing.clone(), Path::from(""), "memory://bucket", options(None));
        let processes = FakeProcesses::default();
        let attempt = async {
            let held = broken.lock(&dev(), &owner("here", 2), &lock_options(&processes)).await?;
            match way {
                Way::Encrypt => broken.encrypt_stack(&held).await?,
                Way::Decrypt => broken.decrypt_stack(&held).await?,
            };
            held.release().await
        };
        let result = attempt.await;
        processes.kill(2);
        // Whatever there is, one of the two forms is whole, and whoever looks is told or sees it.
        let store = disk.open(options(None));
        match look(&store, &dev()).await {
            Ok(found) => assert_eq!(found, 2),
            Err(Error::Seal(seal)) if matches!(*seal, SealError::Unfinished { .. }) => {
                assert!(seal.hint().contains("again: it finishes what was begun"), "{}", seal.hint());
            }
            Err(error) => panic!("{way:?} after {allowed}: {error}"),
        }
        let held = store.lock(&dev(), &owner("here", 3), &lock_options(&processes)).await.unwrap();
        match goes_on {
            Way::Encrypt => store.encrypt_stack(&held).await.unwrap(),
            Way::Decrypt => store.decrypt_stack(&held).await.unwrap(),
        };
        held.release().await.unwrap();
        let mut files = disk.files().await;
        // What befell the lock is written down, too.
        files.retain(|name, _| !name.contains("/lock-"));
        match goes_on {
            Way::Encrypt => {
                assert_eq!(clear_words(&files), Vec::<String>::new(), "{allowed}");
                assert_eq!(look(&disk.open(full()), &dev()).await.unwrap(), 2);
            }
            Way::Decrypt => assert_eq!(files, clear, "{allowed}"),
        }
        if result.is_ok() && !failing.has_failed() {
            assert!(allowed > 20, "only {allowed} writes were tried");
            return;
        }
    }
}

#[tokio::test]
async fn sealing_that_is_broken_off_anywhere_is_finished_by_the_next() {
    broken_off(Way::Encrypt, Way::Encrypt).await;
}

#[tokio::test]
async fn sealing_that_is_broken_off_anywhere_can_be_turned_back() {
    broken_off(Way::Encrypt, Way::Decrypt).await;
}

#[tokio::test]
async fn opening_that_is_broken_off_anywhere_is_finished_by_the_next() {
    broken_off(Way::Decrypt, Way::Decrypt).await;
}

#[tokio::test]
async fn opening_that_is_broken_off_anywhere_can_be_turned_back() {
    broken_off(Way::Decrypt, Way::Encrypt).await;
}

#[tokio::test]
async fn what_pulumi_wrote_while_sealing_was_broken_off_is_not_removed() {
    for allowed in 0.. {
        let memory = Arc::new(InMemory::new());
        let disk = Disk::Memory(memory.clone());
        in_clear(&disk).await;
        let inner: Arc<dyn ObjectStore> = memory;
        let failing = Arc::new(FailingStore::new(inner, allowed, ErrorKind::Other));
        let broken = StackStore::over_object_store(failing.clone(), Path::from(""), "memory://bucket", options(None));
        let processes = FakeProcesses::default();
        if let Ok(held) = broken.lock(&dev(), &owner("here", 2), &lock_options(&processes)).await {
            let _ = broken.encrypt_stack(&held).await;
        }
        processes.kill(2);
        if !disk.files().await.contains_key(".pulumi/stacks/shop/dev.json") {
            assert!(allowed > 10);
            return;
        }
        disk.put(".pulumi/stacks/shop/dev.json", &state(&dev(), 77).to_bytes()).await;
        let store = disk.open(StoreOptions { ..options(None) });
        store.use_manager(&dev(), manager(KEY));
        let held = store.lock(&dev(), &owner("here", 3), &lock_options(&processes)).await.unwrap();
        let written = disk.files().await[".pulumi/stacks/shop/dev.json"].clone();
        match store.encrypt_stack(&held).await {
            // It was sealed anew.
            Ok(_) => assert_eq!(topics(&store.load(&dev()).await.unwrap().unwrap().checkpoint), 77),
            Err(error) => {
                assert_eq!(disk.files().await.get(".pulumi/stacks/shop/dev.json"), Some(&written), "{error}");
            }
        }
        held.release().await.unwrap();
    }
}

#[tokio::test]
async fn another_key_seals_everything_anew_and_the_old_one_opens_nothing() {
    for disk in Disk::both() {
        let memory = tempfile::tempdir().unwrap();
        let store = disk.open(remembering(memory.path()));
        furnish(&store, &dev()).await;
        let before = disk.files().await;
        let held = lock(&store, &dev()).await;
        let loaded = store.load(&dev()).await.unwrap().unwrap();
        // Whoever saves a state that another manager encrypts changes the key.
        let revision = store.save(&held, &state_of(&dev(), 4, SECOND), Some(&loaded.revision)).await.unwrap();
        let after = store.load(&dev()).await.unwrap().unwrap();
        assert_eq!((topics(&after.checkpoint), &after.revision), (4, &revision));
        store.save(&held, &state_of(&dev(), 5, SECOND), Some(&revision)).await.unwrap();
        held.release().await.unwrap();
        assert_eq!(look(&disk.open(remembering(memory.path())), &dev()).await.unwrap(), 5);
        let files = disk.files().await;
        assert_eq!(files.len(), before.len());
        let mut old = full();
        old.seal.access.as_mut().unwrap().key_override = Some(KEY.to_owned());
        assert!(disk.open(old).load(&dev()).await.is_err());
        for (name, content) in files.iter().filter(|(name, _)| name.contains("sealed")) {
            let head = String::from_utf8_lossy(&content[..400.min(content.len())]).into_owned();
            assert!(head.contains("the-second"), "{name}: {head}");
        }
        // A file of before the change isn't taken any more.
        let history = files.keys().find(|name| name.ends_with(".history.sealed")).unwrap();
        disk.put(history, &before[history]).await;
        let error = look(&disk.open(full()), &dev()).await.unwrap_err();
        assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::OtherKey { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_change_of_the_key_that_is_broken_off_leaves_the_old_key_or_is_finished() {
    for allowed in 0.. {
        let memory = Arc::new(InMemory::new());
        let disk = Disk::Memory(memory.clone());
        furnish(&disk.open(full()), &dev()).await;
        let inner: Arc<dyn ObjectStore> = memory;
        let failing = Arc::new(FailingStore::new(inner, allowed, ErrorKind::Other));
        let broken = StackStore::over_object_store(failing.clone(), Path::from(""), "memory://bucket", full());
        let processes = FakeProcesses::default();
        let attempt = async {
            let held = broken.lock(&dev(), &owner("here", 2), &lock_options(&processes)).await?;
            let loaded = broken.load(&dev()).await?.unwrap();
            broken.change_key(&held, manager(SECOND), &state_of(&dev(), 4, SECOND), Some(&loaded.revision)).await?;
            held.release().await
        };
        let result = attempt.await;
        processes.kill(2);
        let store = disk.open(full());
        let held = store.lock(&dev(), &owner("here", 3), &lock_options(&processes)).await.unwrap();
        let found = match store.load(&dev()).await {
            Ok(loaded) => topics(&loaded.unwrap().checkpoint),
            Err(error) => {
                assert!(error.hint().unwrap().contains("`stack encrypt`"), "{allowed}: {error}");
                store.encrypt_stack(&held).await.unwrap();
                assert_eq!(topics(&store.load(&dev()).await.unwrap().unwrap().checkpoint), 4);
                4
            }
        };
        held.release().await.unwrap();
        assert_eq!(look(&disk.open(full()), &dev()).await.unwrap(), found, "{allowed}");
        assert!(found == 4 || result.is_err());
        if result.is_ok() && !failing.has_failed() {
            assert!(allowed > 20, "only {allowed} writes were tried");
            return;
        }
    }
}
