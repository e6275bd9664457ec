//! What holds of a sealed stack that nobody has touched.

use std::sync::Arc;

use state::{Encryption, Error, LockOptions, Passphrase, SealError, SealOptions, SecretsAccess, StoreOptions};

use crate::sealing::stage::{Disk, clear_words, dev, full, furnish, lock, look, manager, options, remembering, state};
use crate::support::{FakeProcesses, lock_options, owner, topics};

#[tokio::test]
async fn all_that_is_written_is_read_back_by_another_process_and_stands_nowhere_in_clear() {
    for disk in Disk::both() {
        furnish(&disk.open(full()), &dev()).await;
        let other = disk.open(full());
        assert_eq!(look(&other, &dev()).await.unwrap(), 2);
        assert_eq!(other.history(&dev(), 9).await.unwrap().len(), 1);
        assert_eq!(other.event_logs(&dev()).await.unwrap().len(), 1);
        let files = disk.files().await;
        assert_eq!(clear_words(&files), Vec::<String>::new());
        // What says so finds them where they stand in clear.
        let [in_clear, _] = Disk::both();
        furnish(&in_clear.open(options(None)), &dev()).await;
        assert!(clear_words(&in_clear.files().await).len() > 7);
        let stacks = other.stacks(None).await.unwrap();
        assert_eq!((stacks.len(), stacks[0].id.clone(), stacks[0].sealed), (1, dev(), true));
        // Pulumi takes what ends like this for stacks, histories and backups.
        let listed =
            files.keys().filter(|name| [".json", ".gz", ".zst", ".yaml"].iter().any(|end| name.ends_with(end)));
        assert_eq!(listed.collect::<Vec<_>>(), [".pulumi/meta.yaml"]);
        let audits = disk.names(".semantest/audit/").await;
        assert_eq!(audits, [".semantest/audit/shop/dev/dep-1.sealed"]);
    }
}

#[tokio::test]
async fn a_head_says_in_clear_what_the_file_is_and_of_which_key() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    let content = disk.files().await.remove(".pulumi/stacks/shop/dev.sealed").unwrap();
    let line = content.split(|byte| *byte == b'\n').next().unwrap();
    let head: serde_json::Value = serde_json::from_slice(line).unwrap();
    assert_eq!((head["format"].as_str(), head["version"].as_u64()), (Some("semantest-sealed"), Some(1)));
    assert_eq!((head["project"].as_str(), head["stack"].as_str()), (Some("shop"), Some("dev")));
    assert_eq!(head["kind"], "checkpoint");
    assert_eq!(head["provider"]["type"], "cloud");
    assert_eq!(head["key"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn copies_of_a_sealed_checkpoint_take_no_space_on_a_local_store() {
    let [disk, _] = Disk::both();
    let store = disk.open(full());
    store.use_manager(&dev(), manager(crate::sealing::stage::KEY));
    let lock = lock(&store, &dev()).await;
    store.save(&lock, &state(&dev(), 500), None).await.unwrap();
    let before = store.bytes_written();
    store.record_history(&lock, &state::UpdateInfo::default()).await.unwrap();
    assert!(store.bytes_written() - before < 2_000);
}

#[tokio::test]
async fn without_the_key_nothing_is_read() {
    for disk in Disk::both() {
        furnish(&disk.open(full()), &dev()).await;
        let mut none = full();
        none.seal.access = None;
        let error = disk.open(none).load(&dev()).await.unwrap_err();
        assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::NoAccess { .. })), "{error}");
        let mut other = full();
        other.seal.access.as_mut().unwrap().key_override = Some("awskms://denied".to_owned());
        assert!(disk.open(other).load(&dev()).await.unwrap_err().to_string().contains("access denied"));
        // A key that decrypts the data key to another one.
        let mut other = full();
        other.seal.access.as_mut().unwrap().key_override = Some("awskms://other".to_owned());
        let error = disk.open(other).load(&dev()).await.unwrap_err();
        assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::OtherKey { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_passphrase_is_asked_for_once_and_a_wrong_one_is_an_error() {
    let [disk, _] = Disk::both();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let with = |passphrase: &'static str| {
        let asked = Arc::clone(&asked);
        let access = SecretsAccess::with_passphrase(move || {
            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(Passphrase::new(passphrase))
        });
        let seal = SealOptions { encryption: Some(Encryption::Full), access: Some(access), ..SealOptions::default() };
        StoreOptions { seal, ..StoreOptions::default() }
    };
    let store = disk.open(with("right"));
    let held = lock(&store, &dev()).await;
    let mut named = state(&dev(), 3);
    named.latest.as_mut().unwrap().secrets_provider = None;
    store.save(&held, &named, None).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(asked.swap(0, std::sync::atomic::Ordering::SeqCst), 1);
    let store = disk.open(with("right"));
    let (loaded, _) = store.load_with_journal(&dev()).await.unwrap();
    store.history(&dev(), 1).await.unwrap();
    assert_eq!(topics(&loaded.unwrap().checkpoint), 3);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    let error = disk.open(with("wrong")).load(&dev()).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to decrypt: incorrect passphrase"), "{error}");
}

#[tokio::test]
async fn the_manager_of_a_sealed_stack_is_opened_once_for_its_values_too() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    let store = disk.open(full());
    let provider = manager(crate::sealing::stage::KEY).provider();
    assert!(store.opened_manager(&provider).is_none());
    store.load(&dev()).await.unwrap();
    let content = disk.files().await.remove(".pulumi/stacks/shop/dev.sealed").unwrap();
    let head: serde_json::Value = serde_json::from_slice(content.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let named = state::SecretsProvider {
        state: Some(state::Json::of(&head["provider"]["state"])),
        ..state::SecretsProvider::cloud("", "")
    };
    assert_eq!(store.opened_manager(&named).unwrap().provider(), named);
}

#[tokio::test]
async fn a_stack_of_the_other_form_is_told_and_left_as_it_is() {
    for disk in Disk::both() {
        furnish(&disk.open(options(None)), &dev()).await;
        let before = disk.files().await;
        let store = disk.open(full());
        let error = store.load(&dev()).await.unwrap_err();
        assert!(error.to_string().ends_with("is not sealed, but the configuration says `encryption: full`"), "{error}");
        assert!(error.hint().unwrap().contains("`stack encrypt`"));
        let held = lock(&store, &dev()).await;
        assert!(store.save(&held, &state(&dev(), 3), None).await.is_err());
        held.release().await.unwrap();
        assert_eq!(disk.files().await, before);
        // Whoever looks after stacks takes each as it is, and makes new ones as they are to be.
        let mut tolerant = full();
        tolerant.seal.tolerant = true;
        let store = disk.open(tolerant);
        assert_eq!(look(&store, &dev()).await.unwrap(), 2);
        assert!(!store.is_sealed_stack(&dev()).await.unwrap());
        assert!(store.is_sealed_stack(&state::StackId::new("shop", "new").unwrap()).await.unwrap());
    }
    for disk in Disk::both() {
        furnish(&disk.open(full()), &dev()).await;
        let before = disk.files().await;
        let store = disk.open(options(Some(Encryption::Secrets)));
        let error = store.load(&dev()).await.unwrap_err();
        assert!(error.to_string().ends_with("is sealed, but the configuration says `encryption: secrets`"), "{error}");
        assert!(error.hint().unwrap().contains("`stack decrypt`"));
        assert_eq!(disk.files().await, before);
        // Without a wish each is taken as it is, and stays so.
        let store = disk.open(options(None));
        let base = store.load(&dev()).await.unwrap().unwrap();
        let held = lock(&store, &dev()).await;
        store.save(&held, &state(&dev(), 3), Some(&base.revision)).await.unwrap();
        held.release().await.unwrap();
        assert_eq!(clear_words(&disk.files().await), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_stack_that_pulumi_made_beside_a_sealed_one_is_noticed_and_nothing_is_written() {
    for disk in Disk::both() {
        furnish(&disk.open(full()), &dev()).await;
        disk.put(".pulumi/stacks/shop/dev.json", &state(&dev(), 7).to_bytes()).await;
        let before = disk.files().await;
        for encryption in [None, Some(Encryption::Full), Some(Encryption::Secrets)] {
            let store = disk.open(options(encryption));
            let held = lock(&store, &dev()).await;
            let mut errors = vec![
                store.load(&dev()).await.unwrap_err(),
                store.save(&held, &state(&dev(), 3), None).await.unwrap_err(),
                store.create_journal(&held, "d", serde_json::json!({}), None).await.unwrap_err(),
                store.encrypt_stack(&held).await.unwrap_err(),
                store.decrypt_stack(&held).await.unwrap_err(),
            ];
            errors.push(store.history(&dev(), 1).await.unwrap_err());
            for error in errors {
                assert!(error.to_string().contains("another program has made a stack of the same name"), "{error}");
                assert!(error.hint().unwrap().contains("`semantest-iac stack rename`"));
            }
            held.release().await.unwrap();
        }
        assert_eq!(disk.files().await, before);
    }
}

#[tokio::test]
async fn a_deployment_that_died_is_gone_on_with() {
    for disk in Disk::both() {
        let store = disk.open(full());
        store.use_manager(&dev(), manager(crate::sealing::stage::KEY));
        let processes = FakeProcesses::default();
        let options: LockOptions = lock_options(&processes);
        let dead = store.lock(&dev(), &owner("here", 1), &options).await.unwrap();
        // It dies before its first checkpoint.
        let zombie = store.create_journal(&dead, "dep-1", serde_json::json!({}), None).await.unwrap();
        zombie.append_durable(&serde_json::json!({ "number": 1 })).await.unwrap();
        processes.kill(1);
        let next = disk.open(full());
        let held = next.lock(&dev(), &owner("here", 2), &options).await.unwrap();
        // The next process finds out by whose key, though there is no state that names it.
        let sealing = next.sealing_manager(&dev()).await.unwrap().unwrap();
        assert_eq!(sealing.provider(), manager(crate::sealing::stage::KEY).provider());
        let (loaded, journal) = next.load_with_journal(&dev()).await.unwrap();
        assert!(loaded.is_none());
        assert_eq!(journal.unwrap().records.len(), 1);
        let error = next.create_journal(&held, "dep-2", serde_json::json!({}), None).await.unwrap_err();
        assert!(error.to_string().contains("dep-1"), "{error}");
        let (_, journal) = next.resume_journal(&held).await.unwrap().unwrap();
        assert!(zombie.append_durable(&serde_json::json!({ "number": 666 })).await.is_err());
        journal.append_durable(&serde_json::json!({ "number": 2 })).await.unwrap();
        next.save_during(&held, &state(&dev(), 1), None, Some(&journal)).await.unwrap();
        let digest = next.load(&dev()).await.unwrap().unwrap().digest();
        assert!(next.read_journal(&dev()).await.unwrap().unwrap().belongs_to(Some(&digest)));
        drop(journal);
        next.archive_journal(&held).await.unwrap();
        let log = next.event_log(&dev(), "dep-1").await.unwrap().unwrap();
        assert_eq!(log.records.len(), 2);
        assert!(next.remove_event_log(&dev(), "dep-1").await.unwrap());
        held.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_removed_stack_leaves_no_state_and_can_be_made_again() {
    for disk in Disk::both() {
        let memory = tempfile::tempdir().unwrap();
        let store = disk.open(remembering(memory.path()));
        furnish(&store, &dev()).await;
        let held = lock(&store, &dev()).await;
        store.remove_stack(&held, true).await.unwrap();
        held.release().await.unwrap();
        assert!(disk.open(remembering(memory.path())).load(&dev()).await.unwrap().is_none());
        assert_eq!(disk.names(".sealed").await.iter().filter(|name| !name.contains("audit")).count(), 1, "the .bak");
        furnish(&disk.open(remembering(memory.path())), &dev()).await;
        assert_eq!(look(&disk.open(remembering(memory.path())), &dev()).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn packed_states_are_sealed_packed() {
    let [disk, _] = Disk::both();
    let packing = StoreOptions { compression: Some(state::Compression::Zstd), ..full() };
    let store = disk.open(packing);
    store.use_manager(&dev(), manager(crate::sealing::stage::KEY));
    let held = lock(&store, &dev()).await;
    store.save(&held, &state(&dev(), 500), None).await.unwrap();
    store.record_history(&held, &state::UpdateInfo::default()).await.unwrap();
    let size = disk.files().await[".pulumi/stacks/shop/dev.sealed"].len();
    assert!(size < state(&dev(), 500).to_bytes().len() / 5, "{size}");
    let other = disk.open(full());
    assert_eq!(topics(&other.load(&dev()).await.unwrap().unwrap().checkpoint), 500);
    assert_eq!(other.history(&dev(), 1).await.unwrap().len(), 1);
}
