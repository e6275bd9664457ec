//! What the tests of stores, locks and journals share: small states, a clock to turn, processes that live or don't, and
//! a store that fails when it is told to.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use resource_graph::{ResourceRecord, TypeToken, Urn};
use state::{
    Checkpoint, Deployment, LockOptions, Manifest, Owner, Passphrase, PassphraseSecrets, ProcessProbe, Resource,
    SecretsManager, StackId, StackStore, StoreOptions,
};

pub fn id() -> StackId {
    StackId::new("shop", "dev").unwrap()
}

/// A manager that derives no key: for states without secrets.
pub fn no_secrets() -> Arc<dyn SecretsManager> {
    let salt = "v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==";
    Arc::new(PassphraseSecrets::open(salt, Arc::new(|| Ok(Passphrase::new("password")))).unwrap())
}

/// A state of the root and this many topics.
pub fn checkpoint(topics: usize) -> Checkpoint {
    let secrets = no_secrets();
    let mut deployment = Deployment::new(Manifest::new("2026-01-02T03:04:05Z", "v3.259.0"), Some(secrets.provider()));
    let root = Urn::root("dev", "shop");
    let mut editor = deployment.edit();
    editor.add(Resource::from_record(&ResourceRecord::new(root.clone(), false), &*secrets).unwrap());
    for number in 0..topics {
        let urn = Urn::new("dev", "shop", None, &TypeToken::new("aws:sns/topic:Topic"), &format!("topic-{number}"));
        let mut record = ResourceRecord::new(urn, true);
        record.id = Some(format!("topic-{number}"));
        record.parent = Some(root.clone());
        record.inputs = [("name", format!("topic-{number}"))].into();
        editor.upsert(&record, &*secrets).unwrap();
    }
    editor.finish();
    Checkpoint::new(&id(), deployment)
}

pub fn topics(checkpoint: &Checkpoint) -> usize {
    checkpoint.latest.as_ref().unwrap().resources.len() - 1
}

pub fn owner(host: &str, pid: u32) -> Owner {
    Owner {
        user: "ann".to_owned(),
        host: host.to_owned(),
        boot: format!("boot of {host}"),
        pid,
        process_start: format!("start of {pid}"),
    }
}

/// Processes that live until they are killed.
#[derive(Clone, Debug, Default)]
pub struct FakeProcesses(pub Arc<Mutex<HashMap<u32, bool>>>);

impl FakeProcesses {
    pub fn kill(&self, pid: u32) {
        self.0.lock().unwrap().insert(pid, false);
    }
}

impl ProcessProbe for FakeProcesses {
    fn boot(&self) -> String {
        "boot".to_owned()
    }

    fn start_time(&self, pid: u32) -> Option<String> {
        let lives = self.0.lock().unwrap().get(&pid).copied().unwrap_or(true);
        lives.then(|| format!("start of {pid}"))
    }
}

pub fn lock_options(processes: &FakeProcesses) -> LockOptions {
    LockOptions { processes: Arc::new(processes.clone()), ..LockOptions::default() }
}

/// A clock that stands still until it is turned.
#[derive(Clone, Debug)]
pub struct FakeTime(Arc<AtomicI64>);

impl FakeTime {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000_000)))
    }

    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn options(&self) -> StoreOptions {
        let time = self.clone();
        StoreOptions { time: Arc::new(move || time.now()), ..StoreOptions::default() }
    }
}

pub fn store(folder: &std::path::Path) -> StackStore {
    StackStore::open_folder(folder, StoreOptions::default()).unwrap()
}

/// All files below a folder with their contents, by path.
pub fn files(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A store whose n-th writing call fails.
#[derive(Debug)]
pub struct FailingStore {
    inner: Arc<dyn ObjectStore>,
    /// Calls that still succeed.
    left: AtomicUsize,
    /// Calls that fail after these, before all succeed again.
    failures: AtomicUsize,
    kind: ErrorKind,
    /// What is written when something below a folder is read for the first time: the folder, the object, its content.
    change: Mutex<Option<(&'static str, Path, PutPayload)>>,
}

impl std::fmt::Display for FailingStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailingStore")
    }
}

impl FailingStore {
    pub fn new(inner: Arc<dyn ObjectStore>, left: usize, kind: ErrorKind) -> Self {
        Self {
            inner,
            left: AtomicUsize::new(left),
            failures: AtomicUsize::new(usize::MAX),
            kind,
            change: Mutex::default(),
        }
    }

    /// Somebody writes an object just when something below a folder is read.
    pub fn change_when_read(&self, folder: &'static str, object: Path, content: impl Into<PutPayload>) {
        *self.change.lock().unwrap() = Some((folder, object, content.into()));
    }

    /// From now on this many writing calls still succeed.
    pub fn fail_after(&self, left: usize) {
        self.left.store(left, Ordering::SeqCst);
    }

    /// After this many failures all is well again.
    pub fn recover_after(&self, failures: usize) {
        self.failures.store(failures, Ordering::SeqCst);
    }

    /// Whether the failure has been reached.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn write(&self) -> Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let fails = |failures: usize| failures.checked_sub(1);
        match left {
            Ok(_) => Ok(()),
            Err(_) if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_err() => Ok(()),
            Err(_) => {
                Err(object_store::Error::Generic { store: "test", source: std::io::Error::from(self.kind).into() })
            }
        }
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.write()?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.write()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.write() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => Box::pin(futures::stream::iter([Err(error)])),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let is_it = |folder: &str| prefix.is_some_and(|prefix| prefix.as_ref().contains(folder));
        let change = self.change.lock().unwrap().take_if(|(folder, ..)| is_it(folder));
        if let Some((_, object, content)) = change {
            self.inner.put_opts(&object, content, PutOptions::default()).await?;
        }
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.write()?;
        self.inner.copy_opts(from, to, options).await
    }
}
