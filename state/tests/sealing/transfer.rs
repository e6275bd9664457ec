//! A sealed stack under another name, or in another store: it stays sealed under its key, and nothing is lost, whatever stops
//! it in the middle.

use std::io::ErrorKind;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use state::{Encryption, Error, SealError, StackId, StackLock, StackStore, StoreOptions, Transferred};

use crate::sealing::stage::{
    Disk, KEY, clear_words, dev, full, furnish, lock, look, manager, options, remembering, state, state_of,
};
use crate::support::{FailingStore, topics};

const ALL: Transferred = Transferred { history: 2, backups: 1, event_logs: 1, audit_logs: 1, tags: true };

fn renamed() -> StackId {
    StackId::new("store", "production").unwrap()
}

async fn rename_under(store: &StackStore, from: &StackLock, to: &StackLock) -> state::Result<Transferred> {
    store.rename_stack(from, to, manager(KEY).as_ref()).await
}

async fn rename(store: &StackStore) -> state::Result<Transferred> {
    let (from, to) = (lock(store, &dev()).await, lock(store, &renamed()).await);
    let result = rename_under(store, &from, &to).await;
    to.release().await.unwrap();
    from.release().await.unwrap();
    result
}

/// Options of a machine that remembers, and of whoever looks after stacks.
fn tolerant(memory: &std::path::Path, encryption: Option<Encryption>) -> StoreOptions {
    let mut options = StoreOptions { seal: remembering(memory).seal, ..options(None) };
    options.seal.encryption = encryption;
    options.seal.tolerant = true;
    options
}

#[tokio::test]
async fn a_sealed_stack_takes_all_with_it_to_its_new_name() {
    for disk in Disk::both() {
        // Whatever new stacks are to be: this one is sealed.
        for encryption in [None, Some(Encryption::Secrets), Some(Encryption::Full)] {
            let memory = tempfile::tempdir().unwrap();
            furnish(&disk.open(remembering(memory.path())), &dev()).await;
            let store = disk.open(tolerant(memory.path(), encryption));
            assert_eq!(rename(&store).await.unwrap(), ALL);
            let later = disk.open(remembering(memory.path()));
            assert_eq!(look(&later, &renamed()).await.unwrap(), 2);
            let loaded = later.load(&renamed()).await.unwrap().unwrap();
            assert_eq!(loaded.checkpoint.stack, "organization/store/production");
            assert!(loaded.checkpoint.latest.unwrap().resources.iter().all(|it| it.urn.stack() == "production"));
            assert!(later.load(&dev()).await.unwrap().is_none());
            assert_eq!(clear_words(&disk.files().await), Vec::<String>::new());
            let left = disk.names("/shop/").await;
            assert_eq!(left, [".pulumi/stacks/shop/dev.sealed.bak"]);
            // It can be worked with, and the old name is free.
            let held = lock(&later, &renamed()).await;
            later.save(&held, &state(&renamed(), 3), Some(&loaded.revision)).await.unwrap();
            later.remove_stack(&held, true).await.unwrap();
            held.release().await.unwrap();
            let error = rename(&store).await.unwrap_err();
            assert!(matches!(error, Error::NoSuchStack { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn a_sealed_stack_goes_to_another_store_and_stays_sealed() {
    for turned in [false, true] {
        let mut disks = Disk::both();
        if turned {
            disks.reverse();
        }
        let [here, there] = disks;
        furnish(&here.open(full()), &dev()).await;
        let store = here.open(options(None));
        let target = there.open(options(None));
        let (from, to) = (lock(&store, &dev()).await, lock(&target, &dev()).await);
        for _ in 0..2 {
            assert_eq!(store.copy_stack(&from, &to).await.unwrap(), ALL);
        }
        store.remove_stack(&from, true).await.unwrap();
        assert_eq!(look(&there.open(full()), &dev()).await.unwrap(), 2);
        assert_eq!(clear_words(&there.files().await), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_in_either_form() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    for form in [full(), options(None)] {
        let store = disk.open(form);
        store.use_manager(&renamed(), manager(KEY));
        let held = lock(&store, &renamed()).await;
        store.save(&held, &state(&renamed(), 1), None).await.unwrap();
        held.release().await.unwrap();
        let before = disk.files().await;
        let error = rename(&disk.open(options(None))).await.unwrap_err();
        assert!(matches!(error, Error::StackExists { .. }), "{error}");
        assert_eq!(disk.files().await, before);
        let held = lock(&store, &renamed()).await;
        store.remove_stack(&held, true).await.unwrap();
        held.release().await.unwrap();
    }
}

#[tokio::test]
async fn files_of_the_old_name_are_none_of_the_new_one() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    let before = disk.files().await;
    rename(&disk.open(options(None))).await.unwrap();
    disk.put(".pulumi/stacks/store/production.sealed", &before[".pulumi/stacks/shop/dev.sealed"]).await;
    let error = disk.open(full()).load(&renamed()).await.unwrap_err();
    assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::Misplaced { .. })), "{error}");
}

#[tokio::test]
async fn an_anchor_of_a_removed_stack_that_is_put_back_is_refused() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    let anchor = disk.files().await[".pulumi/stacks/shop/dev.sealed-anchor"].clone();
    let store = disk.open(full());
    let held = lock(&store, &dev()).await;
    store.remove_stack(&held, true).await.unwrap();
    held.release().await.unwrap();
    disk.put(".pulumi/stacks/shop/dev.sealed-anchor", &anchor).await;
    // The anchor of before names a checkpoint that isn't there: nobody goes on with that unknowingly.
    let store = disk.open(full());
    let error = store.load(&dev()).await.unwrap_err();
    assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::Older { .. })), "{error}");
}

/// Every writing call fails in turn, as if the process had died there: the stack is whole under one of its names at least, the
/// same call again ends what was begun, and the old name can be used for another stack with another key.
#[tokio::test]
async fn a_renaming_that_is_cut_off_anywhere_is_ended_by_the_next() {
    let other = "awskms://alias/another?region=eu-west-1";
    let mut cuts = 0;
    for allowed in 0.. {
        let memory = Arc::new(InMemory::new());
        let disk = Disk::Memory(memory.clone());
        furnish(&disk.open(full()), &dev()).await;
        let failing = Arc::new(FailingStore::new(memory, usize::MAX, ErrorKind::ConnectionReset));
        let store = StackStore::over_object_store(failing.clone(), Path::from(""), "memory://bucket", options(None));
        let (from, to) = (lock(&store, &dev()).await, lock(&store, &renamed()).await);
        failing.fail_after(allowed);
        let result = rename_under(&store, &from, &to).await;
        failing.fail_after(usize::MAX);
        to.release().await.unwrap();
        from.release().await.unwrap();
        assert_eq!(clear_words(&disk.files().await), Vec::<String>::new(), "after {allowed} writes");
        let fresh = disk.open(options(None));
        let places = [fresh.load(&dev()).await.unwrap(), fresh.load(&renamed()).await.unwrap()];
        assert!(places.iter().flatten().any(|found| topics(&found.checkpoint) == 2), "after {allowed} writes");
        if result.is_err() {
            cuts += 1;
            match rename(&disk.open(options(None))).await {
                Ok(_) => {}
                // Only what tells of the old name was left to do.
                Err(error) => assert!(matches!(error, Error::NoSuchStack { .. }), "after {allowed} writes: {error}"),
            }
        }
        let later = disk.open(full());
        assert_eq!(look(&later, &renamed()).await.unwrap(), 2);
        assert!(later.load(&dev()).await.unwrap().is_none());
        assert!(later.history(&dev(), 10).await.unwrap().is_empty());
        later.use_manager(&dev(), manager(other));
        let held = lock(&later, &dev()).await;
        later.save(&held, &state_of(&dev(), 1, other), None).await.unwrap();
        held.release().await.unwrap();
        let again = disk.open(full());
        let loaded = again.load(&dev()).await.unwrap().unwrap();
        assert_eq!(topics(&loaded.checkpoint), 1);
        let sealing = again.sealing_manager(&dev()).await.unwrap().unwrap();
        assert_eq!(sealing.provider(), manager(other).provider());
        if result.is_ok() {
            break;
        }
    }
    assert!(cuts > 15, "only {cuts} places to be cut off at");
}
