//! A stack whose lock is ours: the journal, checkpoints, history, and giving the lock back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use resource_graph::{ResourceRecord, Urn};
use state::{
    Checkpoint, Deployment, JournalWriter, LoadedCheckpoint, LockWatch, Manifest, PendingOperation, Resource,
    StackLock, UpdateInfo,
};

use super::secrets::StackSecrets;
use super::{CREATING, DEPLOYMENT_KEY, Loaded, StateStore, changes, events, ownership, store_error};
use crate::domain::deployment::ResourceImage;
use crate::domain::event::DomainEvent;
use crate::ports::clock::state_time;
use crate::ports::{CheckpointChange, HistoryEntry, LockedStack, StackSnapshot, StoreError, StoreErrorKind};

/// What wrote a state, as its manifest says.
pub(super) const WRITER: &str = concat!("semantest-iac-", env!("CARGO_PKG_VERSION"));

/// What ran a deployment, as the history says.
const AGENT: &str = concat!("semantest-iac/", env!("CARGO_PKG_VERSION"));

/// The state that changes are folded into.
struct Base {
    deployment: Arc<Deployment>,
    secrets: Arc<StackSecrets>,
    /// The file that was read.
    checkpoint: Option<Arc<LoadedCheckpoint>>,
    /// The file's version, as it was read or written here since.
    revision: Option<state::Revision>,
    /// The operations of unknown outcome that other programs have left.
    pending: Vec<PendingOperation>,
    /// Places of the live resources.
    places: HashMap<Urn, usize>,
    /// A deployment died, and its journal is still there.
    is_interrupted: bool,
    /// Checkpoint or journal name the secrets manager.
    names_secrets: bool,
}

/// A locked stack.
pub struct OpenStack {
    store: StateStore,
    lock: tokio::sync::Mutex<Option<StackLock>>,
    watch: LockWatch,
    takeover: Option<String>,
    predecessor_seen: Option<i64>,
    base: Mutex<Option<Base>>,
    journal: Mutex<Option<Arc<JournalWriter>>>,
    /// The first event that couldn't be put into words; told at the next flush.
    broken: Mutex<Option<String>>,
}

impl OpenStack {
    /// A stack that was just locked.
    pub fn new(store: StateStore, lock: StackLock) -> Self {
        // Each renewal is good for the length of a lease.
        let until = lock.takeover().and_then(|takeover| takeover.from.lease_until);
        let predecessor_seen = until.map(|until| (until - store.lock.lease).timestamp_millis());
        Self {
            store,
            takeover: lock.takeover().map(ToString::to_string),
            predecessor_seen,
            watch: lock.watch(),
            lock: tokio::sync::Mutex::new(Some(lock)),
            base: Mutex::default(),
            journal: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    fn writer(&self) -> Option<Arc<JournalWriter>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, loaded: &Loaded) {
        let resources = loaded.deployment.resources.iter().enumerate();
        let places = resources.filter(|(_, resource)| !resource.delete);
        let base = Base {
            deployment: Arc::clone(&loaded.deployment),
            secrets: Arc::clone(&loaded.secrets),
            checkpoint: loaded.checkpoint.clone(),
            revision: loaded.checkpoint.as_ref().map(|loaded| loaded.revision.clone()),
            pending: loaded.foreign_pending(),
            places: places.map(|(index, resource)| (resource.urn.clone(), index)).collect(),
            is_interrupted: loaded.open_deployment().is_some(),
            names_secrets: loaded.deployment.secrets_provider.is_some(),
        };
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
    }

    /// A new stack that is to be sealed is sealed with the key that encrypts its values.
    async fn choose_key(&self) -> Result<(), StoreError> {
        let StateStore { store, id, .. } = &self.store;
        let secrets = self.with_base(|base| base.checkpoint.is_none().then(|| Arc::clone(&base.secrets)))?;
        let is_sealed = store.is_sealed_stack(id).await.map_err(|error| store_error(&error))?;
        if let Some(secrets) = secrets.filter(|_| is_sealed) {
            store.use_manager(id, secrets.for_writing().map_err(|error| store_error(&error.into()))?);
        }
        Ok(())
    }

    /// Whoever reads a journal can open what it holds: the first secret of a stack comes behind the name of its manager.
    fn name_secrets(&self) -> Result<(), StoreError> {
        let Some(journal) = self.writer() else { return Ok(()) };
        self.with_base(|base| {
            if let Some(provider) = base.secrets.provider().filter(|_| !base.names_secrets) {
                journal.name_secrets(&provider);
                base.names_secrets = true;
            }
        })
    }

    /// What is written while a journal is there is named in it, or it would be taken for another program's: that of a deployment
    /// that died, too. Going on with it keeps its writer, should it live, from adding to it.
    async fn go_on_with_journal(&self, lock: &StackLock) -> Result<(), StoreError> {
        if self.writer().is_some() || !self.with_base(|base| base.is_interrupted)? {
            return Ok(());
        }
        let resumed = self.store.store.resume_journal(lock).await.map_err(|error| store_error(&error))?;
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = resumed.map(|(_, writer)| Arc::new(writer));
        Ok(())
    }

    /// Puts the journal with the others.
    async fn archive(&self, lock: &StackLock) -> Result<(), StoreError> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
        let archived = match journal {
            Some(journal) => {
                let journal = Arc::into_inner(journal).ok_or_else(|| internal("the journal is still in use"))?;
                journal.finish().await
            }
            None => self.store.store.archive_journal(lock).await,
        };
        archived.map_err(|error| store_error(&error))?;
        self.with_base(|base| base.is_interrupted = false)
    }

    fn with_base<T>(&self, work: impl FnOnce(&mut Base) -> T) -> Result<T, StoreError> {
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        base.as_mut().map(work).ok_or_else(|| internal("the state was written before it was read"))
    }
}

fn internal(message: &str) -> StoreError {
    StoreError { kind: StoreErrorKind::Unavailable, message: message.to_owned(), hint: None }
}

/// The operations that are pending after these changes. What has been recorded has an outcome, but for a creation that is marked, since
/// its outcome couldn't be seen: what is recorded may be another of the same name.
fn still_pending(
    mut pending: Vec<PendingOperation>,
    creating: Vec<Resource>,
    changes: &[CheckpointChange],
) -> Vec<PendingOperation> {
    let key = |resource: &Resource| (resource.urn.clone(), resource.rare().init_errors.is_empty());
    let begun: HashSet<(Urn, bool)> = creating.iter().map(key).collect();
    pending.retain(|operation| !begun.contains(&key(&operation.resource)));
    pending.extend(creating.into_iter().map(|resource| PendingOperation::new(CREATING, resource)));
    let has_outcome = |operation: &PendingOperation| {
        let mut concerned = changes.iter().filter(|change| *change.urn() == operation.resource.urn);
        match operation.resource.rare().init_errors.is_empty() {
            true => concerned.next().is_some(),
            false => concerned.any(|change| matches!(change, CheckpointChange::Settled { .. })),
        }
    };
    pending.retain(|operation| !has_outcome(operation));
    pending
}

fn released() -> StoreError {
    StoreError { kind: StoreErrorKind::LockLost, message: "the stack's lock was given back".into(), hint: None }
}

#[async_trait]
impl LockedStack for OpenStack {
    fn takeover(&self) -> Option<String> {
        self.takeover.clone()
    }

    fn predecessor_seen(&self) -> Option<i64> {
        self.predecessor_seen
    }

    async fn read(&self) -> Result<StackSnapshot, StoreError> {
        let loaded = self.store.load().await?;
        self.keep(&loaded);
        self.store.snapshot(&loaded)
    }

    fn encode(&self, record: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        let json = self.with_base(|base| {
            // What the record doesn't know of a resource stays as it is.
            let known = base.places.get(&record.urn).map(|index| base.deployment.resources[*index].clone());
            let resource = match known {
                Some(mut resource) => resource.update_from(record, base.secrets.as_ref()).map(|()| resource),
                None => Resource::from_record(record, base.secrets.as_ref()),
            };
            resource.map(|mut resource| {
                ownership::mark(&mut resource);
                resource.to_json()
            })
        })?;
        let json = json.map_err(|error| store_error(&error.into()))?;
        self.name_secrets()?;
        let raw = serde_json::value::RawValue::from_string(json.as_str().to_owned());
        Ok(ResourceImage(raw.map_err(|error| internal(&error.to_string()))?.into()))
    }

    fn encode_adopted(&self, from: &Urn, record: &ResourceRecord) -> Result<ResourceImage, StoreError> {
        self.with_base(|base| {
            if let Some(place) = base.places.get(from).copied() {
                base.places.insert(record.urn.clone(), place);
            }
        })?;
        self.encode(record)
    }

    async fn begin(&self, first: &DomainEvent) -> Result<(), StoreError> {
        let lock = self.lock.lock().await;
        let lock = lock.as_ref().ok_or_else(released)?;
        let read = self.with_base(|base| base.checkpoint.clone())?;
        let digest = read.map(|loaded| loaded.digest());
        self.choose_key().await?;
        let created =
            self.store.store.create_journal(lock, &first.aggregate_id, events::constants(first), digest).await;
        let journal = Arc::new(created.map_err(|error| store_error(&error))?);
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&journal));
        self.name_secrets()?;
        self.append(first);
        journal.flush().await.map_err(|error| store_error(&error))
    }

    fn append(&self, event: &DomainEvent) {
        let Some(journal) = self.writer() else { return };
        match events::encode(event) {
            Ok(record) => journal.append(&record),
            Err(error) => {
                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                broken.get_or_insert_with(|| error.to_string());
            }
        }
    }

    async fn flush(&self) -> Result<(), StoreError> {
        if let Some(message) = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(internal(&format!("an event can't be recorded: {message}")));
        }
        match self.writer() {
            Some(journal) => journal.flush().await.map_err(|error| store_error(&error)),
            None => Ok(()),
        }
    }

    fn failure(&self) -> Option<StoreError> {
        let journal = self.writer().and_then(|journal| journal.failure());
        // A lock that is in use at this moment is asked next time.
        let lock = || self.lock.try_lock().ok()?.as_ref()?.known_loss();
        journal.or_else(|| lock().map(Into::into)).map(|error| store_error(&error))
    }

    async fn check_lock(&self) -> Result<(), StoreError> {
        self.watch.check().await.map_err(|lost| store_error(&lost.into()))
    }

    async fn checkpoint(&self, changes: &[CheckpointChange], creating: &[ResourceImage]) -> Result<(), StoreError> {
        // One checkpoint at a time: each is written over the one before.
        let lock = self.lock.lock().await;
        let lock = lock.as_ref().ok_or_else(released)?;
        self.go_on_with_journal(lock).await?;
        let (mut deployment, secrets, revision, pending, read) = self.with_base(|base| {
            let read = base.checkpoint.clone();
            let deployment = Deployment::clone(&base.deployment);
            (deployment, Arc::clone(&base.secrets), base.revision.clone(), base.pending.clone(), read)
        })?;
        changes::apply(&mut deployment, changes)?;
        let now = state_time(self.store.store.now());
        deployment.manifest = Manifest { unknown: deployment.manifest.unknown, ..Manifest::new(now, WRITER) };
        deployment.secrets_provider = secrets.provider();
        deployment.metadata.get_or_insert_with(state::Json::empty_object);
        deployment.clear_integrity_error();
        let creating: Vec<Resource> = creating.iter().map(changes::resource_of).collect::<Result<_, _>>()?;
        deployment.pending_operations = still_pending(pending, creating, changes);
        let mut checkpoint = Checkpoint::new(&self.store.id, deployment);
        if let Some(read) = &read {
            checkpoint.keep_unknown_of(&read.checkpoint);
        }
        let journal = self.writer();
        let store = &self.store.store;
        let mut saved = store.save_during(lock, &checkpoint, revision.as_ref(), journal.as_deref()).await;
        if let (Err(state::Error::Integrity(_)), Some(latest)) = (&saved, &mut checkpoint.latest) {
            // The cloud has been changed already: a reference less is better than a state that can't be written any more.
            for dropped in latest.drop_dangling_references() {
                tracing::warn!("{dropped}, which isn't in the state any more: the reference was dropped");
            }
            saved = store.save_during(lock, &checkpoint, revision.as_ref(), journal.as_deref()).await;
        }
        drop(journal);
        let revision = saved.map_err(|error| store_error(&error))?;
        self.with_base(|base| base.revision = Some(revision))
    }

    async fn audit(&self, deployment: &str, lines: String) -> Result<(), StoreError> {
        let lock = self.lock.lock().await;
        let lock = lock.as_ref().ok_or_else(released)?;
        self.store.store.record_audit(lock, deployment, lines.into()).await.map_err(|error| store_error(&error))
    }

    async fn settle(&self, entry: Option<&HistoryEntry>) -> Result<(), StoreError> {
        let lock = self.lock.lock().await;
        let lock = lock.as_ref().ok_or_else(released)?;
        if let Some(entry) = entry {
            self.store
                .store
                .record_history(lock, &self.update_info(entry))
                .await
                .map_err(|error| store_error(&error))?;
        }
        self.archive(lock).await
    }

    async fn finish(&self, entry: &HistoryEntry, keep_open: bool) -> Result<(), StoreError> {
        let lock = self.lock.lock().await;
        let lock = lock.as_ref().ok_or_else(released)?;
        self.store.store.record_history(lock, &self.update_info(entry)).await.map_err(|error| store_error(&error))?;
        let Some(journal) = self.writer() else { return Ok(()) };
        journal.flush().await.map_err(|error| store_error(&error))?;
        drop(journal);
        if keep_open {
            self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Ok(());
        }
        self.archive(lock).await
    }

    async fn release(&self) -> Result<(), StoreError> {
        // The journal's writer ends first: nothing may be written once the lock is given back.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self.lock.lock().await.take() {
            Some(lock) => lock.release().await.map_err(|error| store_error(&error)),
            None => Ok(()),
        }
    }
}

impl OpenStack {
    /// A history entry as Pulumi writes it, with the configuration as it is now: secrets stay encrypted.
    fn update_info(&self, entry: &HistoryEntry) -> UpdateInfo {
        let settings = self.store.settings.read().unwrap_or_else(|error| {
            tracing::warn!("the configuration isn't in the history: {}", error.in_full());
            None
        });
        let config = settings.iter().flat_map(|settings| settings.config());
        let config = config.map(|(key, value)| (key.to_string(), value.to_record())).collect();
        UpdateInfo { config, ..update_info(entry) }
    }
}

fn update_info(entry: &HistoryEntry) -> UpdateInfo {
    let changes = &entry.changes;
    // Pulumi counts what is made and what is found under names of their own.
    let made = if entry.kind == "resource-import" { "import" } else { "create" };
    let counts = [
        (made, changes.create),
        ("update", changes.update),
        ("replace", changes.replace),
        ("delete", changes.delete),
        ("same", changes.same),
    ];
    let mut environment: BTreeMap<String, String> = entry.environment.clone();
    environment.insert(DEPLOYMENT_KEY.to_owned(), entry.deployment_id.clone());
    for (fact, value) in [("exec.kind", "cli"), ("exec.agent", AGENT)] {
        environment.entry(fact.to_owned()).or_insert_with(|| value.to_owned());
    }
    UpdateInfo {
        kind: entry.kind.clone(),
        start_time: entry.started,
        end_time: entry.ended,
        message: entry.message.clone(),
        environment,
        result: if entry.succeeded { "succeeded" } else { "failed" }.to_owned(),
        resource_changes: counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name.to_owned(), count as u64))
            .collect(),
        ..UpdateInfo::default()
    }
}
