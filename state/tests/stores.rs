//! What is of stores in folders alone, and what happens when something can't be written, or what is there isn't a state.
//! What every store has to keep to stands among the laws of `conformance`.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

use crate::support::{
    FailingStore, FakeProcesses, FakeTime, checkpoint, files, id, lock_options, owner, store, topics,
};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use state::store::local::LocalStore;
use state::{Error, StackStore, StoreOptions, UpdateInfo, WriteFailure};

#[tokio::test]
async fn copies_of_a_checkpoint_take_no_space_on_a_local_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let before = store.bytes_written();
    store.save(&lock, &checkpoint(500), None).await.unwrap();
    let size = checkpoint(500).to_bytes().len() as u64;
    store.record_history(&lock, &UpdateInfo::default()).await.unwrap();
    let written = store.bytes_written() - before;
    assert!(written < size + 500, "{written} bytes for a checkpoint of {size}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let inode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().ino();
        let root = folder.path().join(".pulumi");
        let original = inode(root.join("stacks/shop/dev.json"));
        let mut copies = 0;
        for name in files(&root).keys() {
            if name.ends_with(".checkpoint.json") || name.starts_with("backups/") {
                assert_eq!(inode(root.join(name)), original, "{name}");
                copies += 1;
            }
        }
        assert_eq!(copies, 2);
    }
    // The next write leaves the copies as they are.
    let revision = store.load(&id()).await.unwrap().unwrap().revision;
    store.save(&lock, &checkpoint(1), Some(&revision)).await.unwrap();
    let entry = &store.history(&id(), 1).await.unwrap()[0];
    let kept = store.history_checkpoint(&id(), entry.number).await.unwrap().unwrap();
    assert_eq!(topics(&kept), 500);
}

/// Whatever stands in a state's place, it is refused by name, with a reason and a remedy, and left as it is.
#[tokio::test]
async fn what_is_not_a_state_is_refused_and_left_alone() {
    let whole = checkpoint(3).to_bytes();
    let text = String::from_utf8(whole.clone()).unwrap();
    let half = &whole[..whole.len() / 2];
    let newer = text.replacen("\"version\":3", "\"version\":5", 1).into_bytes();
    let feature = text.replacen("\"version\":3", "\"version\":4,\"features\":[\"time-travel\"]", 1).into_bytes();
    let dangling = text.replace("\"parent\":\"urn:pulumi:dev", "\"parent\":\"urn:pulumi:gone").into_bytes();
    let no_urn = text.replacen("\"urn\":\"urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev\",", "", 1).into_bytes();
    let bad_urn =
        text.replacen("\"urn\":\"urn:pulumi:dev::shop::pulumi:pulumi:Stack", "\"urn\":\"urn:x", 1).into_bytes();
    let version_0 = text.replacen("\"version\":3", "\"version\":0", 1).into_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&whole).unwrap();
    let mut gzip = gzip.finish().unwrap();
    gzip.truncate(gzip.len() / 2);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "is empty"),
        ("blank", b" \n".to_vec(), "is empty"),
        ("half", half.to_vec(), "is cut off after"),
        ("text", b"hello".to_vec(), "is not valid JSON: expected value at line 1, column 1"),
        ("binary", vec![0, 159, 146, 150], "is not valid JSON: a byte that is not UTF-8 at line 1, column 2"),
        ("trailing", [&whole[..], b"x"].concat(), "is not valid JSON: trailing characters at line 1"),
        ("list", b"[]".to_vec(), "is not a Pulumi state"),
        ("object", b"{}".to_vec(), "it has neither `version` nor `checkpoint`"),
        ("no body", b"{\"version\":3}".to_vec(), "it has no `checkpoint`"),
        ("export", b"{\"version\":3,\"deployment\":null}".to_vec(), "it is an export"),
        ("newer", newer, "the stack 'dev' is newer than what this version of semantest-iac understands"),
        ("feature", feature, "uses features that are not supported by this version of semantest-iac: time-travel"),
        ("dangling", dangling, "snapshot integrity failure; refusing to use it: child resource urn:pulumi:dev"),
        ("no urn", no_urn, "resource at index 0 missing required 'urn' field"),
        ("bad urn", bad_urn, "is not a URN"),
        ("version 0", version_0, "Pulumi takes it for an empty stack"),
        ("half a gzip", gzip, "can't be unpacked"),
    ];
    for (name, content, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".pulumi/stacks/shop/dev.json");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(".pulumi/meta.yaml"), "version: 1\n").unwrap();
        std::fs::write(&path, &content).unwrap();
        let error = store(folder.path()).load(&id()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        let named = error.to_string().contains("dev.json") || error.to_string().contains("'dev'");
        assert!(named, "{name}: {error}");
        assert!(error.hint().is_some(), "{name}");
        assert_eq!(std::fs::read(&path).unwrap(), content, "{name}");
    }
}

#[tokio::test]
async fn a_folder_in_a_files_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".pulumi/stacks/shop/dev.json");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(folder.path().join(".pulumi/meta.yaml"), "version: 1\n").unwrap();
    let error = store(folder.path()).load(&id()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is a folder, but should be a file", path.display()));
    assert!(path.is_dir());
}

#[tokio::test]
async fn side_files_of_pulumi_go_when_their_object_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    let first = store.save(&lock, &checkpoint(1), None).await.unwrap();
    let stacks = folder.path().join(".pulumi/stacks/shop");
    for name in ["dev.json.attrs", "dev.json.bak.attrs"] {
        std::fs::write(stacks.join(name), "{\"md5\":\"stale\"}").unwrap();
    }
    store.save(&lock, &checkpoint(2), Some(&first)).await.unwrap();
    let names: Vec<String> = files(&stacks).into_keys().collect();
    assert_eq!(names, ["dev.json", "dev.json.bak"]);
}

/// Every writing call of a save fails in turn: the state before or the new one is there afterwards, whole, and the next
/// process gets on with it.
#[tokio::test]
async fn a_failure_at_any_write_loses_nothing() {
    let kinds = [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied];
    for (allowed, kind) in (0..).zip(kinds.into_iter().cycle()) {
        let folder = tempfile::tempdir().unwrap();
        let prefix = Path::from_absolute_path(folder.path()).unwrap();
        let good = store(folder.path());
        let processes = FakeProcesses::default();
        let lock = good.lock(&id(), &owner("here", 1), &lock_options(&processes)).await.unwrap();
        let base = good.save(&lock, &checkpoint(1), None).await.unwrap();
        lock.release().await.unwrap();

        let inner: Arc<dyn ObjectStore> = Arc::new(LocalStore::new(folder.path().to_owned()));
        let failing = Arc::new(FailingStore::new(inner, allowed, kind));
        let url = folder.path().display().to_string();
        let store = StackStore::over_object_store(failing.clone(), prefix, url, StoreOptions::default());
        let attempt = async {
            let lock = store.lock(&id(), &owner("here", 2), &lock_options(&processes)).await?;
            store.save(&lock, &checkpoint(2), Some(&base)).await?;
            store.record_history(&lock, &UpdateInfo::default()).await?;
            lock.release().await
        };
        let result = attempt.await;
        processes.kill(2);
        let found = good.load(&id()).await.unwrap().unwrap();
        let count = topics(&found.checkpoint);
        match result {
            Ok(()) => assert_eq!(count, 2),
            Err(error) => {
                assert!(count == 1 || count == 2, "{allowed}: {count}");
                let failure = match kind {
                    ErrorKind::StorageFull => WriteFailure::Full,
                    ErrorKind::ReadOnlyFilesystem => WriteFailure::ReadOnly,
                    _ => WriteFailure::Denied,
                };
                assert!(matches!(&error, Error::Write { failure: found, .. } if *found == failure), "{error:?}");
                assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
                assert!(error.hint().unwrap().starts_with("nothing is lost"));
            }
        }
        let lock = good.lock(&id(), &owner("here", 3), &lock_options(&processes)).await.unwrap();
        good.save(&lock, &checkpoint(3), Some(&found.revision)).await.unwrap();
        lock.release().await.unwrap();
        assert_eq!(topics(&good.load(&id()).await.unwrap().unwrap().checkpoint), 3);
        if !failing.has_failed() {
            assert!(allowed > 8, "only {allowed} writing calls were tried");
            break;
        }
    }
}

#[tokio::test]
async fn a_state_folder_that_can_not_be_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let store = store(&file.join("state"));
    let error = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn operations_at_the_same_moment_are_recorded_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let time = FakeTime::new();
    let store = StackStore::open_folder(folder.path(), time.options()).unwrap();
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    // Three at the same moment get numbers of their own.
    for kind in ["update", "refresh", "destroy"] {
        let update = UpdateInfo { kind: kind.to_owned(), result: "succeeded".to_owned(), ..UpdateInfo::default() };
        store.record_history(&lock, &update).await.unwrap();
    }
    let kinds: Vec<String> =
        store.history(&id(), 3).await.unwrap().into_iter().map(|entry| entry.update.kind).collect();
    assert_eq!(kinds, ["destroy", "refresh", "update"]);
}

#[tokio::test]
async fn a_checkpoint_that_changes_while_it_is_read_is_read_again() {
    let memory = Arc::new(InMemory::new());
    let inner = Arc::new(FailingStore::new(memory, usize::MAX, ErrorKind::Other));
    let store = StackStore::over_object_store(inner.clone(), Path::from(""), "memory://", StoreOptions::default());
    let lock = store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap();
    store.save(&lock, &checkpoint(1), None).await.unwrap();
    let file = Path::from(".pulumi/stacks/shop/dev.json");
    inner.change_when_read("semantest/journal", file, checkpoint(2).to_bytes());
    let (loaded, journal) = store.load_with_journal(&id()).await.unwrap();
    assert_eq!(topics(&loaded.unwrap().checkpoint), 2);
    assert!(journal.is_none());
}
