//! What the tests play on: a store whose files can be looked at, changed and put back, and keys that cost nothing.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use sha2::Digest as _;
use state::{
    Checkpoint, CloudSecrets, Encryption, KeyError, KeyService, NoKeys, SealOptions, SecretsAccess, SecretsError,
    SecretsManager, StackId, StackLock, StackStore, StoreOptions, UpdateInfo,
};
use zeroize::Zeroizing;

use crate::support::{FakeProcesses, checkpoint, files, id, lock_options, owner};

/// A cloud's keys: each masks with the length of its URL.
struct Masks;

impl KeyService for Masks {
    fn encrypt(&self, url: &str, plaintext: &[u8]) -> Result<Vec<u8>, SecretsError> {
        let mask = u8::try_from(url.len()).unwrap();
        Ok(plaintext.iter().map(|byte| byte ^ mask).collect())
    }

    fn decrypt(&self, url: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        match url.contains("denied") {
            true => Err(KeyError { message: format!("{url}: access denied"), hint: None }.into()),
            false => self.encrypt(url, ciphertext).map(Zeroizing::new),
        }
    }
}

pub const KEY: &str = "awskms://alias/one?region=eu-west-1";

pub fn access() -> SecretsAccess {
    let NoKeys = NoKeys;
    SecretsAccess { keys: Arc::new(Masks), ..SecretsAccess::with_passphrase(|| Err(SecretsError::NoPassphrase)) }
}

/// The manager of a cloud's key; always the same for the same URL.
pub fn manager(url: &str) -> Arc<dyn SecretsManager> {
    let data_key: [u8; 32] = sha2::Sha256::digest(url).into();
    let encrypted = base64::engine::general_purpose::STANDARD.encode(Masks.encrypt(url, &data_key).unwrap());
    Arc::new(CloudSecrets::open(url, &encrypted, &access()).unwrap())
}

/// Where files lie.
pub enum Disk {
    Folder(tempfile::TempDir),
    Memory(Arc<InMemory>),
}

pub type Files = BTreeMap<String, Vec<u8>>;

/// Files that come and go with locks: nobody puts them back.
fn is_lock(name: &str) -> bool {
    [".pulumi/locks/", ".semantest/leases/", ".semantest/guard"].iter().any(|part| name.starts_with(part))
}

impl Disk {
    pub fn both() -> [Self; 2] {
        [Self::Folder(tempfile::tempdir().unwrap()), Self::Memory(Arc::new(InMemory::new()))]
    }

    pub fn open(&self, options: StoreOptions) -> StackStore {
        match self {
            Self::Folder(folder) => StackStore::open_folder(folder.path(), options).unwrap(),
            Self::Memory(memory) => {
                StackStore::over_object_store(memory.clone(), Path::from(""), "memory://bucket", options)
            }
        }
    }

    /// All files but those of locks.
    pub async fn files(&self) -> Files {
        let mut found = match self {
            Self::Folder(folder) => files(folder.path()),
            Self::Memory(memory) => {
                let mut found = Files::new();
                for meta in memory.list(None).try_collect::<Vec<_>>().await.unwrap() {
                    let content = memory.get(&meta.location).await.unwrap().bytes().await.unwrap();
                    found.insert(meta.location.to_string(), content.to_vec());
                }
                found
            }
        };
        found.retain(|name, _| !is_lock(name));
        found
    }

    pub async fn put(&self, name: &str, content: &[u8]) {
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // A new file: copies of the old one may share it.
                let _ = std::fs::remove_file(&path);
                std::fs::write(path, content).unwrap();
            }
            Self::Memory(memory) => drop(memory.put(&Path::from(name), content.to_vec().into()).await.unwrap()),
        }
    }

    pub async fn remove(&self, name: &str) {
        match self {
            Self::Folder(folder) => std::fs::remove_file(folder.path().join(name)).unwrap(),
            Self::Memory(memory) => memory.delete(&Path::from(name)).await.unwrap(),
        }
    }

    /// Puts all files back as they were.
    pub async fn restore(&self, before: &Files) {
        for name in self.files().await.keys().filter(|name| !before.contains_key(*name)) {
            self.remove(name).await;
        }
        let now = self.files().await;
        for (name, content) in before.iter().filter(|(name, content)| now.get(*name) != Some(content)) {
            self.put(name, content).await;
        }
    }

    /// The names of all files whose names hold a part.
    pub async fn names(&self, part: &str) -> Vec<String> {
        self.files().await.into_keys().filter(|name| name.contains(part)).collect()
    }
}

/// Options for stacks of a form, without a memory.
pub fn options(encryption: Option<Encryption>) -> StoreOptions {
    let seal = SealOptions { encryption, access: Some(access()), ..SealOptions::default() };
    StoreOptions { seal, ..StoreOptions::default() }
}

pub fn full() -> StoreOptions {
    options(Some(Encryption::Full))
}

/// The same with a memory.
pub fn remembering(folder: &FilePath) -> StoreOptions {
    let mut options = full();
    options.seal.seen = Some(PathBuf::from(folder));
    options
}

pub async fn lock(store: &StackStore, id: &StackId) -> StackLock {
    store.lock(id, &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap()
}

pub fn state(id: &StackId, topics: usize) -> Checkpoint {
    state_of(id, topics, KEY)
}

/// A state whose values are encrypted by the manager of a key.
pub fn state_of(id: &StackId, topics: usize, url: &str) -> Checkpoint {
    let mut state = checkpoint(topics);
    state.stack = id.qualified();
    state.latest.as_mut().unwrap().secrets_provider = Some(manager(url).provider());
    state
}

/// A stack with all that there can be: two checkpoints, history, tags, an event log, an audit log.
pub async fn furnish(store: &StackStore, id: &StackId) {
    store.use_manager(id, manager(KEY));
    let lock = lock(store, id).await;
    let base = store.load_unverified(id).await.unwrap().map(|loaded| loaded.revision);
    let journal = store.create_journal(&lock, "dep-1", json!({ "who": "the-user" }), None).await.unwrap();
    journal.append_durable(&json!({ "event": "planned-event" })).await.unwrap();
    let first = store.save_during(&lock, &state(id, 1), base.as_ref(), Some(&journal)).await.unwrap();
    journal.append_durable(&json!({ "event": "second-event" })).await.unwrap();
    store.save_during(&lock, &state(id, 2), Some(&first), Some(&journal)).await.unwrap();
    let message = "why-it-was-done".to_owned();
    store.record_history(&lock, &UpdateInfo { message, ..UpdateInfo::default() }).await.unwrap();
    store.set_tags(&lock, BTreeMap::from([("owner".to_owned(), "the-owner".to_owned())])).await.unwrap();
    store.record_audit(&lock, "dep-1", "the-audited-line\n".into()).await.unwrap();
    journal.finish().await.unwrap();
    lock.release().await.unwrap();
}

/// Reads all that [`furnish`] wrote; gives the number of topics.
pub async fn look(store: &StackStore, id: &StackId) -> state::Result<usize> {
    let (loaded, journal) = store.load_with_journal(id).await?;
    assert!(journal.is_none());
    let loaded = loaded.unwrap();
    for entry in store.history(id, 100).await? {
        assert_eq!(entry.update.message, "why-it-was-done");
        assert!(store.history_checkpoint(id, entry.number).await?.is_some());
    }
    assert_eq!(store.tags(id).await?["owner"], "the-owner");
    for log in store.event_logs(id).await? {
        assert_eq!(store.event_log(id, &log.deployment).await?.unwrap().records.len(), 2);
    }
    Ok(crate::support::topics(&loaded.checkpoint))
}

/// Words of the stack that may stand nowhere in clear.
pub const WORDS: [&str; 7] =
    ["topic-0", "aws:sns/topic", "the-user", "planned-event", "why-it-was-done", "the-owner", "the-audited-line"];

pub fn clear_words(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    for (name, content) in files {
        let text = String::from_utf8_lossy(content);
        found.extend(WORDS.iter().filter(|word| text.contains(**word)).map(|word| format!("{name}: {word}")));
    }
    found
}

pub fn dev() -> StackId {
    id()
}
