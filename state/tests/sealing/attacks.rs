//! What somebody does who can write to the store, and hasn't the key.

use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use state::{Error, SealError, StackId, StackStore};

use crate::sealing::stage::{Disk, Files, KEY, dev, full, furnish, lock, look, manager, remembering, state, state_of};

fn stack(name: &str) -> String {
    format!(".pulumi/stacks/shop/{name}")
}

/// Whether all can be read, from a process that has never seen the stack.
async fn read(disk: &Disk) -> Result<usize, Error> {
    look(&disk.open(full()), &dev()).await
}

async fn refused(disk: &Disk, what: &str) -> String {
    let before = disk.files().await;
    let error = match read(disk).await {
        Err(error) => error,
        Ok(topics) => panic!("{what} was not noticed ({topics} topics)"),
    };
    assert!(matches!(error, Error::Seal(_)), "{what}: {error}");
    let text = error.to_string();
    assert!(text.contains(".sealed") || text.contains("memory://") || text.contains(".pulumi"), "{what}: {text}");
    assert!(error.hint().is_some());
    assert_eq!(disk.files().await, before, "{what}: nothing was overwritten");
    text
}

#[tokio::test]
async fn a_file_in_the_place_of_any_other_is_refused() {
    for disk in Disk::both() {
        let store = disk.open(full());
        furnish(&store, &dev()).await;
        let other = StackId::new("other", "dev").unwrap();
        furnish(&store, &other).await;
        // A second deployment, so that there are two of each.
        let held = lock(&store, &dev()).await;
        store.create_journal(&held, "dep-2", json!({}), None).await.unwrap().finish().await.unwrap();
        store.record_audit(&held, "dep-2", "line".into()).await.unwrap();
        let message = "why-it-was-done".to_owned();
        let base = store.load(&dev()).await.unwrap().unwrap().revision;
        store.save(&held, &state(&dev(), 3), Some(&base)).await.unwrap();
        store.record_history(&held, &state::UpdateInfo { message, ..Default::default() }).await.unwrap();
        held.release().await.unwrap();

        let good = disk.files().await;
        let sealed: Vec<&String> = good.keys().filter(|name| name.contains("sealed")).collect();
        // Those that are read; audit logs, backups and `.bak` files aren't.
        let is_read = |name: &&&String| {
            name.contains("/shop/") && !["audit", "backups", ".bak"].iter().any(|part| name.contains(part))
        };
        let mut swaps = 0;
        for place in sealed.iter().filter(is_read) {
            for from in sealed.iter().filter(|from| good[**from] != good[*place]) {
                // Event logs of two deployments differ by their names alone, and `look` wants two records.
                disk.put(place, &good[*from]).await;
                refused(&disk, &format!("{from} in the place of {place}")).await;
                disk.put(place, &good[*place]).await;
                swaps += 1;
            }
        }
        assert!(swaps > 100, "{swaps}");
    }
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_is_refused() {
    let [disk, _] = Disk::both();
    furnish(&disk.open(full()), &dev()).await;
    let good = disk.files().await;
    let read_files: Vec<String> = good
        .keys()
        .filter(|name| name.contains("sealed") && !["audit", "backups", ".bak"].iter().any(|part| name.contains(part)))
        .cloned()
        .collect();
    assert_eq!(read_files.len(), 6, "{read_files:?}");
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
        let strategy = (0..read_files.len(), 0..usize::MAX, 1..=255_u8, proptest::bool::weighted(0.3));
        let outcome = runner.run(&strategy, |(file, at, change, cut)| {
            let name = &read_files[file];
            let mut content = good[name].clone();
            let at = at % content.len();
            match cut {
                true => content.truncate(at),
                false => content[at] ^= change,
            }
            runtime.block_on(async {
                disk.put(name, &content).await;
                let result = read(&disk).await;
                disk.put(name, &good[name]).await;
                match result {
                    Err(Error::Seal(_) | Error::Secrets(_)) => {}
                    other => panic!("{name}, byte {at}, cut {cut}: {other:?}"),
                }
            });
            Ok(())
        });
        outcome.unwrap();
    })
    .await
    .unwrap();
}

/// Two moments of a stack: after its first deployment, and after a second that changed everything.
async fn two_moments(disk: &Disk, store: &StackStore) -> (Files, Files) {
    furnish(store, &dev()).await;
    let first = disk.files().await;
    let held = lock(store, &dev()).await;
    let base = store.load(&dev()).await.unwrap().unwrap().revision;
    store.save(&held, &state(&dev(), 5), Some(&base)).await.unwrap();
    let tags = [("owner".to_owned(), "the-owner".to_owned()), ("new".to_owned(), "tag".to_owned())];
    store.set_tags(&held, tags.into()).await.unwrap();
    held.release().await.unwrap();
    (first, disk.files().await)
}

#[tokio::test]
async fn an_older_file_is_noticed_by_whoever_has_never_seen_the_stack() {
    for disk in Disk::both() {
        let (first, second) = two_moments(&disk, &disk.open(full())).await;
        for name in ["dev.sealed", "dev.sealed-tags", "dev.sealed-anchor"].map(stack) {
            disk.put(&name, &first[&name]).await;
            let text = refused(&disk, &format!("an older {name}")).await;
            assert!(text.contains("generation"), "{text}");
            disk.put(&name, &second[&name]).await;
        }
        // The copy beside it is an older one, too.
        disk.put(&stack("dev.sealed"), &second[&stack("dev.sealed.bak")]).await;
        refused(&disk, "the .bak").await;
        disk.put(&stack("dev.sealed"), &second[&stack("dev.sealed")]).await;
        for name in ["dev.sealed", "dev.sealed-tags", "dev.sealed-anchor"].map(stack) {
            disk.remove(&name).await;
            refused(&disk, &format!("{name} removed")).await;
            disk.put(&name, &second[&name]).await;
        }
        assert_eq!(read(&disk).await.unwrap(), 5);
    }
}

#[tokio::test]
async fn a_whole_store_of_an_earlier_day_is_noticed_by_a_machine_that_has_seen_a_later_one() {
    for disk in Disk::both() {
        let memory = tempfile::tempdir().unwrap();
        let store = disk.open(remembering(memory.path()));
        let (first, second) = two_moments(&disk, &store).await;
        disk.restore(&first).await;
        // Nothing in the store itself tells.
        assert_eq!(read(&disk).await.unwrap(), 2);
        let error = disk.open(remembering(memory.path())).load(&dev()).await.unwrap_err();
        assert!(error.to_string().contains("but this machine has seen"), "{error}");
        // Nor may all of it be gone, or be there in clear.
        for name in ["dev.sealed", "dev.sealed-anchor"].map(stack) {
            disk.remove(&name).await;
        }
        let error = disk.open(remembering(memory.path())).load(&dev()).await.unwrap_err();
        assert!(error.to_string().contains("is not there, but this machine has seen"), "{error}");
        disk.put(&stack("dev.json"), &state(&dev(), 2).to_bytes()).await;
        let error = disk.open(remembering(memory.path())).load(&dev()).await.unwrap_err();
        assert!(error.hint().unwrap().contains("somebody has put another state in its place"), "{error}");
        disk.restore(&second).await;
        assert_eq!(look(&disk.open(remembering(memory.path())), &dev()).await.unwrap(), 5);
        // What others write meanwhile is newer, and no matter.
        let elsewhere = disk.open(full());
        let held = lock(&elsewhere, &dev()).await;
        let base = elsewhere.load(&dev()).await.unwrap().unwrap().revision;
        elsewhere.save(&held, &state(&dev(), 6), Some(&base)).await.unwrap();
        held.release().await.unwrap();
        assert_eq!(look(&disk.open(remembering(memory.path())), &dev()).await.unwrap(), 6);
    }
}

#[tokio::test]
async fn an_older_state_can_be_accepted_on_purpose() {
    for disk in Disk::both() {
        let memory = tempfile::tempdir().unwrap();
        let (first, _) = two_moments(&disk, &disk.open(remembering(memory.path()))).await;
        for lost_anchor in [false, true] {
            disk.restore(&first).await;
            if lost_anchor {
                disk.remove(&stack("dev.sealed-anchor")).await;
            }
            let store = disk.open(remembering(memory.path()));
            assert!(store.load(&dev()).await.is_err());
            let held = lock(&store, &dev()).await;
            store.accept_sealed_state(&held).await.unwrap();
            let base = store.load(&dev()).await.unwrap().unwrap();
            store.save(&held, &state(&dev(), 8), Some(&base.revision)).await.unwrap();
            held.release().await.unwrap();
            assert_eq!(look(&disk.open(remembering(memory.path())), &dev()).await.unwrap(), 8);
            assert_eq!(read(&disk).await.unwrap(), 8);
        }
        // Of a stack that was removed elsewhere.
        let all = disk.files().await;
        for name in ["dev.sealed", "dev.sealed-anchor"].map(stack) {
            disk.remove(&name).await;
        }
        let store = disk.open(remembering(memory.path()));
        assert!(store.load(&dev()).await.is_err());
        let held = lock(&store, &dev()).await;
        store.accept_sealed_state(&held).await.unwrap();
        assert!(store.load(&dev()).await.unwrap().is_none());
        held.release().await.unwrap();
        disk.restore(&all).await;
        // What isn't authentic is none the less refused.
        let mut content = disk.files().await.remove(&stack("dev.sealed")).unwrap();
        *content.last_mut().unwrap() ^= 1;
        disk.put(&stack("dev.sealed"), &content).await;
        let store = disk.open(remembering(memory.path()));
        let held = lock(&store, &dev()).await;
        let error = store.accept_sealed_state(&held).await.unwrap_err();
        assert!(matches!(&error, Error::Seal(seal) if matches!(**seal, SealError::Tampered { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_state_under_somebody_elses_key_is_refused_by_a_machine_that_knows_the_stack() {
    for disk in Disk::both() {
        let memory = tempfile::tempdir().unwrap();
        furnish(&disk.open(remembering(memory.path())), &dev()).await;
        // Somebody makes a stack of the same name with a key of theirs, which we are allowed to use.
        let [theirs, _] = Disk::both();
        let store = theirs.open(full());
        let held = lock(&store, &dev()).await;
        store.save(&held, &state_of(&dev(), 9, "awskms://alias/theirs?region=eu-west-1"), None).await.unwrap();
        disk.restore(&theirs.files().await).await;
        let error = disk.open(remembering(memory.path())).load(&dev()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("awskms://alias/theirs") && text.contains("awskms://alias/one"), "{text}");
    }
}

#[tokio::test]
async fn a_journal_that_was_shortened_put_back_or_taken_away_is_refused() {
    for disk in Disk::both() {
        let store = disk.open(full());
        store.use_manager(&dev(), manager(KEY));
        let held = lock(&store, &dev()).await;
        let journal = store.create_journal(&held, "dep-1", json!({}), None).await.unwrap();
        journal.append_durable(&json!({ "number": 1 })).await.unwrap();
        let planned = disk.files().await;
        let first = store.save_during(&held, &state(&dev(), 1), None, Some(&journal)).await.unwrap();
        for number in 2..=4 {
            journal.append_durable(&json!({ "number": number })).await.unwrap();
        }
        let good = disk.files().await;
        let refused = async |what: &str| {
            let error = disk.open(full()).load_with_journal(&dev()).await.unwrap_err();
            assert!(matches!(error, Error::Seal(_)), "{what}: {error}");
            disk.restore(&good).await;
        };
        let names: Vec<String> = good.keys().filter(|name| name.contains("sealed-journal")).cloned().collect();
        // What was written when the checkpoint was written can't be cut off.
        for name in &names {
            match planned.get(name) {
                Some(shorter) if names.len() == 1 => {
                    disk.put(name, &shorter[..shorter.len() - 1]).await;
                    refused("a journal cut off before its checkpoint").await;
                }
                Some(_) => {
                    disk.remove(name).await;
                    refused(&format!("{name} removed")).await;
                }
                None => {}
            }
        }
        if let [_, second, third, fourth, ..] = names.as_slice() {
            for (from, to) in [(third, fourth), (fourth, third), (second, third)] {
                disk.put(to, &good[from]).await;
                refused(&format!("{from} in the place of {to}")).await;
            }
            disk.remove(third).await;
            refused("a segment in the middle removed").await;
        }
        for name in &names {
            disk.remove(name).await;
        }
        refused("the whole journal removed").await;
        // What comes after the last checkpoint may have been lost in a crash.
        let last = names.last().unwrap();
        match names.len() {
            1 => disk.put(last, &good[last][..good[last].len() - 1]).await,
            _ => disk.remove(last).await,
        }
        let (_, torn) = disk.open(full()).load_with_journal(&dev()).await.unwrap();
        assert_eq!(torn.unwrap().records.len(), 3);
        disk.restore(&good).await;

        // A finished one can't be put back.
        journal.finish().await.unwrap();
        store.save(&held, &state(&dev(), 2), Some(&first)).await.unwrap();
        let done = disk.files().await;
        for name in &names {
            disk.put(name, &good[name]).await;
        }
        let error = disk.open(full()).load_with_journal(&dev()).await.unwrap_err();
        assert!(error.to_string().contains("but was removed"), "{error}");
        disk.restore(&done).await;
        // Nor can that of one deployment stand for another's.
        let next = store.create_journal(&held, "dep-2", json!({}), None).await.unwrap();
        for name in disk.files().await.into_keys().filter(|name| name.contains("sealed-journal")) {
            disk.remove(&name).await;
        }
        for name in &names {
            disk.put(name, &good[name]).await;
        }
        assert!(disk.open(full()).load_with_journal(&dev()).await.is_err());
        drop(next);
        held.release().await.unwrap();
    }
}
