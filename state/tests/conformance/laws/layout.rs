//! Pulumi's layout: what is ours to read, what is refused, what is left alone.

use super::lock;
use crate::conformance::places::Place;
use crate::support::{FakeProcesses, checkpoint, id, lock_options, owner};

pub async fn other_layouts_are_refused(place: &Place) {
    for (meta, stack, expected) in [
        (Some("version: 2\n"), "shop/dev.json", "state store unsupported: '"),
        (Some("{\"version\": 99}"), "shop/dev.json", "version (99) is not supported"),
        (Some("version: 0\n"), "shop/dev.json", "legacy layout"),
        (Some("other: 1\n"), "shop/dev.json", "corrupt store: missing version in"),
        (None, "dev.json", "legacy layout"),
    ] {
        for key in place.files().await.keys() {
            place.delete(key).await;
        }
        place.put(&format!(".pulumi/stacks/{stack}"), checkpoint(1).to_bytes()).await;
        if let Some(meta) = meta {
            place.put(".pulumi/meta.yaml", meta).await;
        }
        let before = place.files().await;
        let store = place.open();
        let loading = store.load(&id()).await.unwrap_err();
        let locking = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap_err();
        for error in [loading, locking] {
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some());
        }
        assert_eq!(place.files().await, before);
    }
}

pub async fn what_is_not_a_stack_is_passed_over(place: &Place) {
    let store = place.open();
    let lock = lock(&store).await;
    store.save(&lock, &checkpoint(1), None).await.unwrap();
    for name in [
        "notes.txt",
        "dev.json.bak",
        "dev.json.attrs",
        "dev.pulumi-tags",
        "dev.semantest-x",
        "dev.json.123",
        "x.json.bak",
    ] {
        place.put(&format!(".pulumi/stacks/shop/{name}"), "{\"version\":1,\"tags\":{}}").await;
    }
    place.put(".pulumi/stacks/readme.md", "x").await;
    place.put(".pulumi/unknown/file.json", "x").await;
    place.put("another-program/file.json", "x").await;
    let listed = place.open().stacks(None).await.unwrap();
    assert_eq!(listed.iter().map(|stack| stack.id.to_string()).collect::<Vec<_>>(), ["shop/dev"]);
    assert!(place.open().load(&id()).await.unwrap().is_some());
    let before = place.files().await;
    lock.release().await.unwrap();
    for key in [".pulumi/stacks/shop/notes.txt", ".pulumi/stacks/readme.md", "another-program/file.json"] {
        assert_eq!(place.get(key).await, before[key], "{key}");
    }
}

pub async fn reading_writes_nothing(place: &Place) {
    let store = place.open();
    assert!(store.load(&id()).await.unwrap().is_none());
    assert!(store.load_with_journal(&id()).await.unwrap().0.is_none());
    assert!(store.stacks(None).await.unwrap().is_empty());
    assert!(store.history(&id(), 10).await.unwrap().is_empty());
    assert!(store.tags(&id()).await.unwrap().is_empty());
    assert!(store.event_logs(&id()).await.unwrap().is_empty());
    assert!(store.lock_holders(&id()).await.unwrap().is_empty());
    assert!(place.files().await.is_empty());
}
