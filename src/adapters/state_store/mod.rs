//! The port of a stack's state on top of the `state` crate: Pulumi's DIY layout, its lock and our lease, the journal of domain
//! events, history.

pub mod administration;
mod changes;
mod configuration;
mod events;
mod locked;
mod ownership;
mod recorded;
mod secrets;
mod secrets_provider;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use resource_graph::{Cancellation, PropertyMap, Urgency, Urn};
use state::{
    Deployment, HistoryEntry as StateHistory, JournalContents, LoadedCheckpoint, LockOptions, Owner, SecretsAccess,
    StackId, StackLock, ValueDecoder,
};

pub use self::configuration::{NewPassphrase, StackConfigurationFile};
use self::locked::OpenStack;
use self::recorded::StateResource;
use self::secrets::StackSecrets;
pub use self::settings::SecretsSettings;
use crate::adapters::causes::with_causes;
use crate::domain::deployment::{ChangeCounts, DeploymentEvent};
use crate::domain::event::DomainEvent;
use crate::ports::{
    CheckpointChange, HistoryEntry, InterruptedDeployment, LockRequest, LockedStack, Notice, NoticeHandler,
    PendingOperation, RecordedResource, StackSnapshot, StackStore, StoreError, StoreErrorKind,
};

/// The environment entry of a history record that holds our deployment's id.
const DEPLOYMENT_KEY: &str = "semantest.deployment";

/// The kind of the pending operations that are ours (SPEC.md section 1.8).
const CREATING: &str = "creating";

/// One stack in a store of the `state` crate.
#[derive(Clone)]
pub struct StateStore {
    store: state::StackStore,
    id: StackId,
    owner: Owner,
    lock: LockOptions,
    access: SecretsAccess,
    settings: SecretsSettings,
}

/// What was read at one moment: the checkpoint with the journal's events folded in.
struct Loaded {
    deployment: Arc<Deployment>,
    secrets: Arc<StackSecrets>,
    /// The checkpoint's file; its state is in `deployment`.
    checkpoint: Option<Arc<LoadedCheckpoint>>,
    /// Whether the checkpoint holds a state: that of a stack that was only just made doesn't.
    has_state: bool,
    journal: Option<OpenJournal>,
}

/// The journal of a deployment that runs or died.
struct OpenJournal {
    events: Vec<DomainEvent>,
    /// The manager of secrets in the events, where the checkpoint names none.
    secrets: Option<state::SecretsProvider>,
    /// What the events recorded, when another program has written the checkpoint since: it isn't folded in then.
    overwritten: Option<Arc<Deployment>>,
}

impl Loaded {
    /// The operations of unknown outcome that other programs have left. Those of our own are settled with their journal.
    fn foreign_pending(&self) -> Vec<state::PendingOperation> {
        let mut pending = self.deployment.pending_operations.clone();
        let events = self.journal.iter().flat_map(|journal| &journal.events);
        for event in events {
            if let DeploymentEvent::DeploymentPlanned { steps, .. } = &event.event {
                let ours: HashSet<&Urn> = steps.iter().map(|step| &step.urn).collect();
                pending.retain(|operation| operation.kind != CREATING || !ours.contains(&operation.resource.urn));
            }
        }
        pending
    }
}

impl Loaded {
    /// Changes whenever the state does.
    fn version(&self) -> String {
        format!("{:?}", self.checkpoint.as_ref().map(|loaded| &loaded.revision))
    }

    /// The deployment that runs or died.
    fn open_deployment(&self) -> Option<&str> {
        let events = self.journal.as_ref().map(|journal| &journal.events)?;
        events.first().map(|event| event.aggregate_id.as_str())
    }

    /// The state as it is, to be given away: operations that the journal has recorded an outcome of aren't pending.
    fn settled(&self) -> Deployment {
        let mut deployment = Deployment::clone(&self.deployment);
        if let Some(journal) = &self.journal {
            let recorded: HashSet<Urn> =
                journal.changes(&deployment).iter().map(|change| change.urn().clone()).collect();
            deployment.pending_operations.retain(|operation| !recorded.contains(&operation.resource.urn));
        }
        deployment
    }
}

impl OpenJournal {
    fn of(contents: &JournalContents, checkpoint: Option<&LoadedCheckpoint>) -> Result<Self, StoreError> {
        let mut journal =
            Self { events: events::decode(contents)?, secrets: contents.secrets.clone(), overwritten: None };
        if !contents.belongs_to(checkpoint.map(LoadedCheckpoint::digest).as_ref()) {
            let mut recorded = Deployment::default();
            changes::apply(&mut recorded, &journal.all_changes())?;
            journal.overwritten = Some(Arc::new(recorded));
        }
        Ok(journal)
    }

    fn all_changes(&self) -> Vec<CheckpointChange> {
        self.events.iter().filter_map(|event| CheckpointChange::of(&event.event)).collect()
    }

    /// What is to be folded into the checkpoint.
    fn changes(&self, deployment: &Deployment) -> Vec<CheckpointChange> {
        let mut changes = self.all_changes();
        if self.overwritten.is_none() {
            return changes;
        }
        // What the other program wrote is newer than the events. Only the provider comes back where that program has
        // removed it, for what the deployment has made and nobody recorded.
        let has_provider = deployment.resources.iter().any(|resource| resource.type_token.is_provider());
        let is_provider = |change: &CheckpointChange| matches!(change, CheckpointChange::Put { urn, .. } if urn.type_token().is_provider());
        changes.retain(|change| !has_provider && is_provider(change));
        changes
    }
}

impl StateStore {
    /// The stack `stack` of `project` in `store`. `owner` is this process; `access` is used only when a secret is touched.
    ///
    /// # Errors
    /// When the names can't be a stack's.
    pub fn new(
        store: state::StackStore,
        project: &str,
        stack: &str,
        owner: Owner,
        lock: LockOptions,
        access: SecretsAccess,
    ) -> Result<Self, StoreError> {
        let id = StackId::new(project, stack).map_err(|error| store_error(&error))?;
        Ok(Self { store: store.with_access(&access), id, owner, lock, access, settings: SecretsSettings::default() })
    }

    /// With what the stack's settings say of its secrets manager.
    #[must_use]
    pub fn with_settings(self, settings: SecretsSettings) -> Self {
        Self { settings, ..self }
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let (checkpoint, journal) =
            self.store.load_with_journal(&self.id).await.map_err(|error| store_error(&error))?;
        self.folded(checkpoint, journal).await
    }

    /// As [`Self::load`], whatever rules the state breaks.
    async fn load_unverified(&self) -> Result<Loaded, StoreError> {
        let read = self.store.load_unverified_with_journal(&self.id).await;
        let (checkpoint, journal) = read.map_err(|error| store_error(&error))?;
        self.folded(checkpoint, journal).await
    }

    async fn folded(
        &self,
        mut checkpoint: Option<LoadedCheckpoint>,
        journal: Option<JournalContents>,
    ) -> Result<Loaded, StoreError> {
        let latest = checkpoint.as_mut().and_then(|loaded| loaded.checkpoint.latest.take());
        let has_state = latest.is_some();
        let mut deployment = latest.unwrap_or_default();
        let journal = journal.map(|contents| OpenJournal::of(&contents, checkpoint.as_ref())).transpose()?;
        if let Some(journal) = &journal {
            let changes = journal.changes(&deployment);
            changes::apply(&mut deployment, &changes)?;
        }
        if deployment.secrets_provider.is_none() {
            deployment.secrets_provider = journal.as_ref().and_then(|journal| journal.secrets.clone());
        }
        let mut provider = deployment.secrets_provider.clone();
        let mut opened = provider.as_ref().and_then(|provider| self.store.opened_manager(provider));
        if provider.is_none() {
            opened = self.store.sealing_manager(&self.id).await.map_err(|error| store_error(&error))?;
            provider = opened.as_ref().map(|manager| manager.provider());
        }
        let secrets =
            StackSecrets::new(provider, self.access.clone()).with_opened(opened).with_settings(self.settings.clone());
        Ok(Loaded {
            deployment: Arc::new(deployment),
            secrets: Arc::new(secrets),
            checkpoint: checkpoint.map(Arc::new),
            has_state,
            journal,
        })
    }

    /// Takes the lock.
    async fn take_lock(
        &self,
        request: LockRequest,
        cancellation: Option<&Cancellation>,
        notices: &dyn NoticeHandler,
    ) -> Result<StackLock, StoreError> {
        self.store.initialise().await.map_err(|error| store_error(&error))?;
        let at_once = LockOptions { timeout: None, ..self.lock.clone() };
        let lock = match self.store.lock(&self.id, &self.owner, &at_once).await {
            Err(state::Error::Locked(locked)) if !request.timeout.is_zero() => {
                notices.notice(Notice::WaitingForLock { holder: holders(&locked.holders) });
                let (give_up, given_up) = tokio::sync::watch::channel(false);
                let timeout = Some(request.timeout);
                let options = LockOptions { timeout, give_up: Some(given_up), ..self.lock.clone() };
                let given_up = async {
                    match cancellation {
                        Some(cancellation) => cancellation.requested(Urgency::Graceful).await,
                        None => std::future::pending().await,
                    }
                };
                let mut waiting = std::pin::pin!(self.store.lock(&self.id, &self.owner, &options));
                tokio::select! {
                    lock = &mut waiting => lock,
                    () = given_up => {
                        give_up.send_replace(true);
                        waiting.await
                    }
                }
            }
            result => result,
        };
        let lock = lock.map_err(|error| store_error(&error))?;
        if let Some(takeover) = lock.takeover() {
            notices.notice(Notice::LockTakenOver { report: takeover.to_string() });
        }
        Ok(lock)
    }

    fn snapshot(&self, loaded: &Loaded) -> Result<StackSnapshot, StoreError> {
        let decoder = ValueDecoder::revealing(loaded.secrets.as_ref());
        let outputs = match loaded.deployment.root() {
            Some(root) => decoder.properties(&root.outputs).map_err(|error| store_error(&error.into()))?,
            None => PropertyMap::new(),
        };
        let journal = loaded.journal.as_ref().filter(|journal| !journal.events.is_empty());
        let revision = loaded.checkpoint.as_ref().map(|loaded| &loaded.revision);
        Ok(StackSnapshot {
            exists: revision.is_some(),
            version: format!("{revision:?}+{}", journal.map_or(0, |journal| journal.events.len())),
            resources: recorded(&loaded.deployment, &loaded.secrets),
            outputs,
            pending: pending(loaded.foreign_pending(), &loaded.secrets),
            secrets_manager: loaded.secrets.named(),
            interrupted: journal.map(|journal| InterruptedDeployment {
                events: journal.events.clone(),
                runner: None,
                overwritten: journal.overwritten.as_ref().map(|deployment| recorded(deployment, &loaded.secrets)),
            }),
        })
    }
}

/// The resources of a state, each decoded when it is asked for.
fn recorded(deployment: &Arc<Deployment>, secrets: &Arc<StackSecrets>) -> Vec<RecordedResource> {
    let resources = (0..deployment.resources.len()).map(|index| {
        Arc::new(StateResource::new(Arc::clone(deployment), index, Arc::clone(secrets))) as RecordedResource
    });
    resources.collect()
}

/// Operations without an outcome; what they are about is decoded when it is asked for.
fn pending(operations: Vec<state::PendingOperation>, secrets: &Arc<StackSecrets>) -> Vec<PendingOperation> {
    let (kinds, resources): (Vec<_>, Vec<_>) =
        operations.into_iter().map(|operation| (operation.kind, operation.resource)).unzip();
    let deployment = Arc::new(Deployment { resources, ..Deployment::default() });
    let resources = recorded(&deployment, secrets).into_iter();
    kinds
        .into_iter()
        .zip(resources)
        .map(|(kind, resource)| PendingOperation { urn: resource.urn().clone(), kind, resource })
        .collect()
}

#[async_trait]
impl StackStore for StateStore {
    fn location(&self) -> String {
        self.store.display_url()
    }

    async fn read(&self) -> Result<StackSnapshot, StoreError> {
        let mut snapshot = self.snapshot(&self.load().await?)?;
        if let Some(interrupted) = &mut snapshot.interrupted {
            let holder = self.store.live_holder(&self.id, &self.owner, &self.lock).await;
            let holder = holder.map_err(|error| store_error(&error))?;
            interrupted.runner = holder.map(|holder| holders(&[holder]));
        }
        Ok(snapshot)
    }

    async fn is_locked(&self) -> Result<bool, StoreError> {
        let holders = self.store.lock_holders(&self.id).await.map_err(|error| store_error(&error))?;
        Ok(!holders.is_empty())
    }

    async fn lock(
        &self,
        request: LockRequest,
        cancellation: &Cancellation,
        notices: &dyn NoticeHandler,
    ) -> Result<Arc<dyn LockedStack>, StoreError> {
        let lock = self.take_lock(request, Some(cancellation), notices).await?;
        if let Err(error) = self.follow_settings(&lock, notices).await {
            // What went wrong first is what is told.
            let _ = lock.release().await;
            return Err(error);
        }
        Ok(Arc::new(OpenStack::new(self.clone(), lock)))
    }

    async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        let entries = self.store.history(&self.id, limit).await.map_err(|error| store_error(&error))?;
        Ok(entries.iter().map(history_entry).collect())
    }

    async fn deployments(&self) -> Result<Vec<String>, StoreError> {
        let logs = self.store.event_logs(&self.id).await.map_err(|error| store_error(&error))?;
        let mut deployments: Vec<String> = logs.into_iter().rev().map(|log| log.deployment).collect();
        let journal = self.store.read_journal(&self.id).await.map_err(|error| store_error(&error))?;
        deployments.extend(journal.map(|journal| journal.header.deployment));
        Ok(deployments)
    }

    async fn events(&self, deployment: &str, from: usize) -> Result<Vec<DomainEvent>, StoreError> {
        let journal = self.store.read_journal(&self.id).await.map_err(|error| store_error(&error))?;
        let contents = match journal.filter(|journal| journal.header.deployment == deployment) {
            Some(journal) => Some(journal),
            None => self.store.event_log(&self.id, deployment).await.map_err(|error| store_error(&error))?,
        };
        let Some(contents) = contents else { return Ok(Vec::new()) };
        let mut events = events::decode(&contents)?;
        Ok(events.split_off(from.min(events.len())))
    }
}

fn history_entry(entry: &StateHistory) -> HistoryEntry {
    let update = &entry.update;
    let count = |names: &[&str]| {
        let counts = names.iter().filter_map(|name| update.resource_changes.get(*name));
        usize::try_from(counts.sum::<u64>()).unwrap_or(usize::MAX)
    };
    let mut environment = update.environment.clone();
    HistoryEntry {
        deployment_id: environment.remove(DEPLOYMENT_KEY).unwrap_or_default(),
        kind: update.kind.clone(),
        succeeded: update.result == "succeeded",
        started: update.start_time,
        ended: update.end_time,
        message: update.message.clone(),
        environment,
        changes: ChangeCounts {
            create: count(&["create", "import"]),
            update: count(&["update"]),
            replace: count(&["replace"]),
            delete: count(&["delete"]),
            same: count(&["same"]),
        },
    }
}

fn holders(holders: &[state::Holder]) -> String {
    let holders = holders.iter().map(|holder| {
        let since = DateTime::to_rfc3339_opts(&holder.since, chrono::SecondsFormat::Secs, true);
        format!("{}@{} (pid {}) since {since}", holder.user, holder.host, holder.pid)
    });
    holders.collect::<Vec<_>>().join(", ")
}

/// The port's error for one of the crate's: its own message, the causes included, and its hint.
fn store_error(error: &state::Error) -> StoreError {
    let kind = match error {
        state::Error::Locked(_) => StoreErrorKind::Locked,
        state::Error::LockLost(_) | state::Error::Journal(state::JournalError::Fenced { .. }) => {
            StoreErrorKind::LockLost
        }
        state::Error::Secrets(_) | state::Error::Value(state::ValueError::Secrets { .. }) => StoreErrorKind::Secrets,
        state::Error::Seal(error) => seal_error_kind(error),
        state::Error::InvalidUrl { .. } | state::Error::InvalidName { .. } => StoreErrorKind::Unsupported,
        state::Error::Integrity(_)
        | state::Error::Empty { .. }
        | state::Error::NotJson { .. }
        | state::Error::Truncated { .. }
        | state::Error::NotAState { .. }
        | state::Error::Malformed { .. }
        | state::Error::OtherStack { .. }
        | state::Error::TooOld { .. }
        | state::Error::TooNew { .. }
        | state::Error::UnsupportedFeatures { .. } => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError { kind, message: with_causes(error), hint: error.hint() }
}

fn seal_error_kind(error: &state::SealError) -> StoreErrorKind {
    match error {
        state::SealError::NoAccess { .. } => StoreErrorKind::Secrets,
        state::SealError::NotEncrypted { .. }
        | state::SealError::Encrypted { .. }
        | state::SealError::UnknownFormat { .. } => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::Corrupt,
    }
}

/// The port's error for settings that can't be read, changed or written.
fn settings_error(error: &state::SettingsError) -> StoreError {
    let kind = match error {
        state::SettingsError::Secrets(_) => StoreErrorKind::Secrets,
        state::SettingsError::Read { .. } | state::SettingsError::Write { .. } => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Unsupported,
    };
    StoreError { kind, message: error.in_full(), hint: error.hint() }
}
