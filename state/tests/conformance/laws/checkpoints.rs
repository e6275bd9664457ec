//! Checkpoints: written over the version that was read, or not at all.

use state::{Checkpoint, Compression, Error, StackId, StoreOptions};

use super::lock;
use crate::conformance::places::Place;
use crate::support::{FakeProcesses, checkpoint, id, lock_options, owner, topics};

const FILE: &str = ".pulumi/stacks/shop/dev.json";

pub async fn a_stack_is_saved_loaded_and_listed(place: &Place) {
    let store = place.open();
    let other = StackId::new("shop", "prod").unwrap();
    for id in [id(), other.clone()] {
        let lock = store.lock(&id, &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
        let state = |count| Checkpoint::new(&id, checkpoint(count).latest.unwrap());
        let first = store.save(&lock, &state(0), None).await;
        // A state of stack 'dev' is no other's.
        match id == other {
            false => {
                let second = store.save(&lock, &state(2), Some(&first.unwrap())).await.unwrap();
                assert_eq!(place.open().load(&id).await.unwrap().unwrap().revision, second);
            }
            true => drop(first.unwrap()),
        }
        lock.release().await.unwrap();
    }
    let loaded = place.open().load(&id()).await.unwrap().unwrap();
    assert_eq!(topics(&loaded.checkpoint), 2);
    assert!(loaded.file.ends_with(FILE), "{}", loaded.file);
    assert_eq!(place.get(".pulumi/meta.yaml").await, "version: 1\n");
    assert_eq!(place.get(FILE).await, checkpoint(2).to_bytes());
    assert_eq!(place.get(&format!("{FILE}.bak")).await, checkpoint(0).to_bytes());
    assert_eq!(place.names(".pulumi/locks").await, [""; 0]);
    let listed: Vec<_> = store.stacks(None).await.unwrap();
    let names: Vec<String> = listed.iter().map(|stack| stack.id.to_string()).collect();
    assert_eq!(names, ["shop/dev", "shop/prod"]);
    assert_eq!(listed[0].size, checkpoint(2).to_bytes().len() as u64);
    assert_eq!(store.stacks(Some("other")).await.unwrap(), []);
}

pub async fn of_two_writers_over_the_same_version_exactly_one_wins(place: &Place) {
    let (here, there) = (place.open(), place.open());
    let lock = lock(&here).await;
    // Of the first state, too: nobody overwrites one that wasn't there when they looked.
    let mut base = None;
    for round in 1..4 {
        let (one, two) = (checkpoint(round), checkpoint(round + 10));
        let results = tokio::join!(here.save(&lock, &one, base.as_ref()), there.save(&lock, &two, base.as_ref()));
        let (won, lost) = match results {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            results => panic!("{results:?}"),
        };
        assert!(matches!(lost, Error::Changed { .. }), "{lost}");
        let found = place.open().load(&id()).await.unwrap().unwrap();
        assert_eq!(found.revision, won);
        base = Some(won);
    }
    // Nor over what another program has written since.
    place.let_time_pass().await;
    place.put(FILE, checkpoint(7).to_bytes()).await;
    for base in [base.as_ref(), None] {
        let error = here.save(&lock, &checkpoint(2), base).await.unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
        assert_eq!(place.get(FILE).await, checkpoint(7).to_bytes());
    }
    place.delete(FILE).await;
    let error = here.save(&lock, &checkpoint(2), base.as_ref()).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
}

pub async fn a_broken_state_is_never_written(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    let first = store.save(&lock, &checkpoint(2), None).await.unwrap();
    let before = place.files().await;
    let mut broken = checkpoint(2);
    broken.latest.as_mut().unwrap().resources.reverse();
    let error = store.save(&lock, &broken, Some(&first)).await.unwrap_err();
    assert!(error.to_string().contains("snapshot integrity failure; it was not written: child resource"), "{error}");
    assert_eq!(place.files().await, before);
}

pub async fn a_checkpoint_changes_its_form_when_asked_to(place: &Place) {
    let plain = place.open();
    let lock = lock(&plain).await;
    plain.save(&lock, &checkpoint(1), None).await.unwrap();
    let mut backups = vec![];
    let mut before = "";
    for (count, compression) in [(2, Compression::Gzip), (3, Compression::Zstd), (4, Compression::None)] {
        let packing = place.open_with(StoreOptions { compression: Some(compression), ..StoreOptions::default() });
        let base = plain.load(&id()).await.unwrap().unwrap();
        assert_eq!(topics(&base.checkpoint), count - 1);
        packing.save(&lock, &checkpoint(count), Some(&base.revision)).await.unwrap();
        let suffix = compression.suffix();
        let names = place.names(".pulumi/stacks/shop").await;
        let (kept, forms): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.ends_with(".bak"));
        assert_eq!(forms, [format!("dev.json{suffix}")]);
        backups.push(format!("dev.json{before}.bak"));
        backups.sort();
        backups.dedup();
        assert_eq!(kept, backups, "the old form's backup stays");
        before = suffix;
        // Without a wish the form stays.
        let base = plain.load(&id()).await.unwrap().unwrap();
        plain.save(&lock, &base.checkpoint, Some(&base.revision)).await.unwrap();
        backups.push(format!("dev.json{suffix}.bak"));
        let packed = place.get(&format!("{FILE}{suffix}")).await;
        assert_eq!(packed, compression.pack(checkpoint(count).to_bytes()).unwrap());
    }
    // Told by the content, not by the name.
    place.put(FILE, Compression::Zstd.pack(checkpoint(9).to_bytes()).unwrap()).await;
    assert_eq!(topics(&plain.load(&id()).await.unwrap().unwrap().checkpoint), 9);
}

pub async fn of_several_forms_the_newest_counts(place: &Place) {
    let forms = [(".zst", Compression::Zstd, 3), ("", Compression::None, 1), (".gz", Compression::Gzip, 2)];
    place.put(".pulumi/meta.yaml", "version: 1\n").await;
    for (suffix, compression, count) in forms {
        place.let_time_pass().await;
        place.put(&format!("{FILE}{suffix}"), compression.pack(checkpoint(count).to_bytes()).unwrap()).await;
        let store = place.open();
        assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), count);
        assert_eq!(store.stacks(None).await.unwrap().len(), 1);
    }
    // The next write leaves that one alone.
    let store = place.open();
    let lock = lock(&store).await;
    let base = store.load(&id()).await.unwrap().unwrap().revision;
    store.save(&lock, &checkpoint(4), Some(&base)).await.unwrap();
    assert_eq!(topics(&store.load(&id()).await.unwrap().unwrap().checkpoint), 4);
}

pub async fn a_stack_without_state_is_read_as_such(place: &Place) {
    place.put(".pulumi/meta.yaml", "version: 1\n").await;
    // What `pulumi stack init` writes first.
    let text = r#"{"version":0,"checkpoint":{"stack":"organization/shop/dev"}}"#;
    place.put(FILE, text).await;
    let loaded = place.open().load(&id()).await.unwrap().unwrap();
    assert_eq!(loaded.checkpoint.to_bytes(), text.as_bytes());
    assert_eq!((loaded.checkpoint.stack, loaded.checkpoint.latest), (id().qualified(), None));
}

pub async fn a_copy_of_another_stacks_state_is_refused(place: &Place) {
    place.put(".pulumi/meta.yaml", "version: 1\n").await;
    place.put(".pulumi/stacks/shop/two.json", checkpoint(1).to_bytes()).await;
    let error = place.open().load(&StackId::new("shop", "two").unwrap()).await.unwrap_err();
    assert!(error.to_string().ends_with("Stack::shop-dev' is from a different stack (dev != two)"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("copy of stack 'dev'")));
}

pub async fn checkpoints_are_retained_when_asked_to(place: &Place) {
    let store = place.open_with(StoreOptions { retain_checkpoints: true, ..StoreOptions::default() });
    let lock = lock(&store).await;
    let first = store.save(&lock, &checkpoint(1), None).await.unwrap();
    store.save(&lock, &checkpoint(2), Some(&first)).await.unwrap();
    let names = place.names(".pulumi/stacks/shop").await;
    let is_time = |name: &&String| name.strip_prefix("dev.json.").is_some_and(|end| end.parse::<i64>().is_ok());
    let mut retained: Vec<&String> = names.iter().filter(is_time).collect();
    retained.sort();
    assert_eq!(retained.len(), 2, "{names:?}");
    assert_eq!(place.get(&format!(".pulumi/stacks/shop/{}", retained[0])).await, checkpoint(1).to_bytes());
    assert_eq!(store.stacks(None).await.unwrap().len(), 1);
}
