//! Nothing that stands in a file brings a reader down: it is read, or refused with a reason.

use std::path::Path;

use proptest::prelude::*;
use state::{Checkpoint, Compression, Deployment, Export, Resource, StackId, StackStore, StoreOptions, ValueDecoder};

use crate::arbitrary::deployment;
use crate::support::{Hex, checkpoint, export};

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
        let id = StackId::new("shop", "dev").unwrap();
        let stored = Checkpoint::new(&id, state).to_bytes();
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

/// Files of a store beside the checkpoints, by what reads them.
const FILES: [(&str, &str); 8] = [
    (".pulumi/meta.yaml", "version: 1\n"),
    (".pulumi/stacks/shop/dev.pulumi-tags", r#"{"version":1,"tags":{"owner":"platform"}}"#),
    (
        ".pulumi/history/shop/dev/dev-1795363599650403870.history.json",
        r#"{"kind":"update","startTime":1795363599,"message":"m","environment":{"git.head":"a"},"config":{"a:b":{"secure":"v1:x"}},"version":0,"result":"succeeded","endTime":1795363600,"resourceChanges":{"create":2}}"#,
    ),
    (
        ".pulumi/history/shop/dev/dev-1795363599650403870.checkpoint.json",
        r#"{"version":3,"checkpoint":{"stack":"organization/shop/dev","latest":{}}}"#,
    ),
    (
        ".pulumi/locks/organization/shop/dev/00000000-0000-4000-8000-000000000000.json",
        r#"{"pid":478,"username":"root","hostname":"ip-10-0-42-235","timestamp":"2024-05-16T20:31:35.123456789Z"}"#,
    ),
    (".pulumi/stacks/shop/dev.json", r#"{"version":3,"checkpoint":{"stack":"organization/shop/dev","latest":{}}}"#),
    (".pulumi/stacks/shop/dev.semantest-journal", ""),
    (".semantest/lease/shop/dev.json", "{}"),
];

/// Reads all that a store can tell of a stack; the results don't matter.
async fn read_store(folder: &Path) {
    let Ok(store) = StackStore::open_folder(folder, StoreOptions::default()) else { return };
    let id = StackId::new("shop", "dev").expect("a name");
    let _ = store.stacks(None).await;
    let _ = store.load(&id).await;
    let _ = store.tags(&id).await;
    if let Ok(entries) = store.history(&id, 10).await {
        for entry in entries {
            let _ = store.history_checkpoint(&id, entry.number).await;
        }
    }
    let _ = store.read_journal(&id).await;
    let _ = store.event_logs(&id).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files_of_a_store_are_read_or_refused(
        which in 0..FILES.len(), mutations in prop::collection::vec(mutation(), 1..4), anything in any::<Option<Vec<u8>>>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (index, (name, content)) in FILES.iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content = if index != which {
                content.as_bytes().to_vec()
            } else {
                anything.clone().unwrap_or_else(|| mutated(content.as_bytes().to_vec(), &mutations))
            };
            if !content.is_empty() {
                std::fs::write(path, content).unwrap();
            }
        }
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(read_store(folder.path()));
    }
}
