//! Nothing that stands in a file brings a reader down: it is read, or refused with a reason.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use state::{
    Checkpoint, Compression, Deployment, Export, LockOptions, Owner, Resource, StackId, StackStore, StoreOptions,
    SystemProcesses, UpdateInfo, ValueDecoder,
};

use crate::format::arbitrary::deployment;
use crate::format::support::{Hex, checkpoint, export};

/// Does with a state what programs do; the results don't matter.
fn use_it(state: &Deployment) {
    let _ = state.verify();
    let _ = state.repair().to_string();
    let decoders = [ValueDecoder::hiding(), ValueDecoder::revealing(&Hex)];
    for resource in &state.resources {
        for decoder in &decoders {
            if let Ok(record) = resource.to_record(decoder) {
                let _ = resource.clone().update_from(&record, &Hex);
            }
        }
    }
    let _ = state.clone().rename(("shop", "dev"), ("market", "prod"), &Hex);
}

/// What is read of a file is written, and read again as the same.
fn read_all(content: &[u8]) {
    if let Ok(read) = export(content.to_vec()) {
        let written = read.to_bytes();
        let again = export(written.clone()).expect("what was written is read");
        assert_eq!(again.to_bytes(), written);
        read.deployment.iter().for_each(use_it);
    }
    if let Ok(read) = checkpoint(content.to_vec()) {
        let written = read.to_bytes();
        let again = checkpoint(written.clone()).expect("what was written is read");
        assert_eq!(again.to_bytes(), written);
        read.latest.iter().for_each(use_it);
    }
}

/// A change of a file: some bytes in the place of others.
#[derive(Clone, Debug)]
struct Mutation {
    at: usize,
    removed: usize,
    inserted: Vec<u8>,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let pieces = prop::sample::select(
        [
            &b"{"[..],
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\"",
            b"\\",
            b"\\u",
            b"\\ud800",
            b"null",
            b"1e999",
            b"-",
            b"\0",
            b"\xff",
            b"\n",
        ]
        .map(<[u8]>::to_vec)
        .to_vec(),
    );
    let inserted = prop_oneof![2 => pieces, 1 => prop::collection::vec(any::<u8>(), 0..4)];
    (any::<usize>(), 0..6_usize, inserted).prop_map(|(at, removed, inserted)| Mutation { at, removed, inserted })
}

fn mutated(mut content: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for Mutation { at, removed, inserted } in mutations {
        let at = at % (content.len() + 1);
        let end = content.len().min(at + removed);
        content.splice(at..end, inserted.iter().copied());
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_are_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&content);
    }

    #[test]
    fn damaged_states_are_read_or_refused(
        state in deployment(), mutations in prop::collection::vec(mutation(), 1..4), form in 0..3_usize,
    ) {
        let form = [Compression::None, Compression::Gzip, Compression::Zstd][form];
        let printed = Export { deployment: Some(state.clone()), unknown: Vec::new() }.to_bytes();
        read_all(&mutated(printed, &mutations));
        let stored = Checkpoint::new(&id(), state).to_bytes();
        read_all(&mutated(stored.clone(), &mutations));
        // The packed file, too.
        read_all(&mutated(form.pack(stored).unwrap().to_vec(), &mutations));
    }

    #[test]
    fn damaged_resources_are_read_or_refused(state in deployment(), mutations in prop::collection::vec(mutation(), 1..3)) {
        for resource in &state.resources {
            let text = mutated(resource.to_json().as_bytes().to_vec(), &mutations);
            let json = String::from_utf8(text).ok().and_then(|text| state::Json::new(text).ok());
            if let Some(Ok(resource)) = json.map(Resource::from_json) {
                let again = Resource::from_json(resource.to_json()).unwrap();
                prop_assert_eq!(again.to_json(), resource.to_json());
            }
        }
    }
}

fn id() -> StackId {
    StackId::new("shop", "dev").expect("a name")
}

fn open(folder: &Path) -> Result<StackStore, state::Error> {
    StackStore::open_folder(folder, StoreOptions::default())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// All files of a store with a stack in the middle of its second deployment: checkpoint, backup, history, tags, lock,
/// lease, journal, event log.
static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("a store");
    let files = block_on(async {
        let owner = Owner::this_process("ann", "build-7", &SystemProcesses);
        let lock = store.lock(&id(), &owner, &LockOptions::default()).await.expect("the lock");
        let state = Deployment::new(state::Manifest::new("2026-01-02T03:04:05Z", "v3.259.0"), None);
        let journal =
            store.create_journal(&lock, "d-1", serde_json::json!({ "user": "ann" }), None).await.expect("a journal");
        journal.append_durable(&serde_json::json!({ "eventType": "DeploymentPlanned" })).await.expect("a record");
        let checkpoint = Checkpoint::new(&id(), state);
        let revision = store.save_during(&lock, &checkpoint, None, Some(&journal)).await.expect("a checkpoint");
        journal.finish().await.expect("an event log");
        store.save(&lock, &checkpoint, Some(&revision)).await.expect("a checkpoint");
        store.set_tags(&lock, [("owner".to_owned(), "platform".to_owned())].into()).await.expect("tags");
        let update = UpdateInfo { kind: "update".to_owned(), ..UpdateInfo::default() };
        store.record_history(&lock, &update).await.expect("an entry");
        let journal = store.create_journal(&lock, "d-2", serde_json::json!({}), None).await.expect("a journal");
        journal.append_durable(&serde_json::json!({ "eventType": "DeploymentPlanned" })).await.expect("a record");
        let files = files_below(folder.path());
        journal.finish().await.expect("an event log");
        lock.release().await.expect("released");
        files
    });
    let names: Vec<String> = files.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
    for part in ["meta.yaml", ".bak", "history", "pulumi-tags", "locks", "leases", "journal", "events"] {
        assert!(names.iter().any(|name| name.contains(part)), "{part} in {names:?}");
    }
    files
});

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((
                    path.strip_prefix(folder).expect("below").to_owned(),
                    std::fs::read(&path).expect("a file"),
                ));
            }
        }
    }
    files.sort();
    files
}

/// Reads all that a store can tell of a stack, and tries to take it over; the results don't matter.
async fn use_store(folder: &Path) {
    let Ok(store) = open(folder) else { return };
    let id = id();
    let _ = store.stacks(None).await;
    let _ = store.load(&id).await;
    let _ = store.load_with_journal(&id).await;
    let _ = store.tags(&id).await;
    if let Ok(entries) = store.history(&id, 10).await {
        for entry in entries {
            let _ = store.history_checkpoint(&id, entry.number).await;
        }
    }
    if let Ok(logs) = store.event_logs(&id).await {
        for log in logs {
            let _ = store.event_log(&id, &log.deployment).await;
        }
    }
    let owner = Owner::this_process("bob", "elsewhere", &SystemProcesses);
    let _ = store.lock(&id, &owner, &LockOptions::default()).await.map_err(|error| (error.to_string(), error.hint()));
    let _ = store.cancel(&id, &owner, &LockOptions::default()).await;
    if let Ok(lock) = store.lock(&id, &owner, &LockOptions::default()).await {
        let _ = store.resume_journal(&lock).await;
        let _ = lock.release().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files_of_a_store_are_read_or_refused(
        which in any::<usize>(), mutations in prop::collection::vec(mutation(), 1..4),
        anything in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..64)),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (index, (name, content)) in FILES.iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content = match &anything {
                _ if index != which % FILES.len() => content.clone(),
                Some(anything) => anything.clone(),
                None => mutated(content.clone(), &mutations),
            };
            std::fs::write(path, content).unwrap();
        }
        block_on(use_store(folder.path()));
    }

    /// Numbers and times at the ends of what they can be.
    #[test]
    fn extreme_leases_are_read_or_refused(
        token in prop::sample::select(vec!["0", "18446744073709551615", "-1", "1e30"]),
        time in prop::sample::select(vec!["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "+262142-12-31T23:59:59Z", "-262143-01-01T00:00:00Z"]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in FILES.iter() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content = if name.starts_with(".semantest/leases") {
                let mut lease: serde_json::Value = serde_json::from_slice(content).unwrap();
                replace(&mut lease, token, time);
                lease.to_string().into_bytes()
            } else {
                content.clone()
            };
            std::fs::write(path, content).unwrap();
        }
        block_on(use_store(folder.path()));
    }
}

/// Puts a number in the place of the token, and a time in that of each time.
fn replace(value: &mut serde_json::Value, token: &str, time: &str) {
    match value {
        serde_json::Value::String(text) if text.contains('T') && text.ends_with('Z') => *text = time.to_owned(),
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "token" => *member = serde_json::from_str(token).expect("a number"),
                    _ => replace(member, token, time),
                }
            }
        }
        _ => {}
    }
}
