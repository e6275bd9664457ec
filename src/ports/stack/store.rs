//! Where a stack's state is kept: snapshots, the lock, the journal, checkpoints and history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{Cancellation, PropertyMap, Recorded, ResourceRecord, Urn};

use crate::domain::deployment::{ChangeCounts, DeploymentEvent, ResourceImage, ResourceOperation};
use crate::domain::event::DomainEvent;
use crate::ports::NoticeHandler;

/// A resource of the state, decoded when it is asked for.
pub type RecordedResource = Arc<dyn Recorded + Send + Sync>;

/// A deployment that hasn't come to its end, or whose end left something open: its events, as far as they were durable.
#[derive(Clone)]
pub struct InterruptedDeployment {
    /// The events in order; at least the request.
    pub events: Vec<DomainEvent>,
    /// Who is carrying it out, from where, since when; `None` when nobody is known to: it died, or left something open.
    pub runner: Option<String>,
    /// What the events recorded, when another program has written the state since: it isn't in there then.
    pub overwritten: Option<Vec<RecordedResource>>,
}

/// An operation that was begun and left without an outcome: by another program, or by a deployment that died and of which it can't be
/// seen what it has done.
#[derive(Clone)]
pub struct PendingOperation {
    /// The resource.
    pub urn: Urn,
    /// `creating`, `updating`, `deleting`, `reading` or `importing`.
    pub kind: String,
    /// What is known of it.
    pub resource: RecordedResource,
}

/// What the state says of a stack at one moment.
#[derive(Clone, Default)]
pub struct StackSnapshot {
    /// Whether the stack has ever been written.
    pub exists: bool,
    /// Changes whenever the state does.
    pub version: String,
    /// The resources in the state's order.
    pub resources: Vec<RecordedResource>,
    /// What the stack shows: the root resource's outputs.
    pub outputs: PropertyMap,
    /// Operations whose outcome isn't known, but for those of a deployment that runs or isn't settled.
    pub pending: Vec<PendingOperation>,
    /// Who encrypts its secrets, in words; `None` while nobody does: the first secret is encrypted by a passphrase then.
    pub secrets_manager: Option<String>,
    /// A deployment of it that is running, or died and isn't settled yet.
    pub interrupted: Option<InterruptedDeployment>,
}

/// Who asks for the lock, and how long they wait for it.
#[derive(Clone, Copy, Debug)]
pub struct LockRequest {
    /// Zero: don't wait.
    pub timeout: Duration,
}

/// One change of the checkpoint; the checkpoint is the fold of these over the one before.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckpointChange {
    /// The resource is this now. Its place in the state is kept, or is the end; the root's is the first, then the providers'.
    Put {
        /// Its name.
        urn: Urn,
        /// What it is.
        image: ResourceImage,
    },
    /// A resource that another program made was taken over: in the place of the record `from` stands this one, and whatever
    /// refers to that refers to this. Where there is no such record any more, it is put.
    Adopt {
        /// Its name from now on.
        urn: Urn,
        /// The name that the other program gave it.
        from: Urn,
        /// What it is.
        image: ResourceImage,
    },
    /// The new one of a replacement was made: one that lives is kept as an old copy to be deleted.
    PutReplacement {
        /// Its name.
        urn: Urn,
        /// What the new one is.
        image: ResourceImage,
        /// It is an old copy that waited to be deleted: that is none any more.
        taken_back: bool,
    },
    /// The old one of a replacement was deleted: an old copy goes; one that lives waits for its replacement.
    RemoveReplaced {
        /// Its name.
        urn: Urn,
        /// The id of what was deleted: there may be several old copies.
        id: Option<String>,
        /// When it was made: ids may be unique only within what they belong to, so that the new one has the same.
        created: Option<String>,
    },
    /// It was found gone from the cloud: it is kept, since others refer to it, and waits to be made again.
    Gone {
        /// Its name.
        urn: Urn,
    },
    /// It is gone, and nothing refers to it.
    Remove {
        /// Its name.
        urn: Urn,
    },
    /// A creation that was kept as a pending operation, since its outcome couldn't be seen, is pending no more.
    Settled {
        /// The resource.
        urn: Urn,
    },
}

impl CheckpointChange {
    /// The resource that changes.
    pub fn urn(&self) -> &Urn {
        match self {
            Self::Put { urn, .. }
            | Self::Adopt { urn, .. }
            | Self::PutReplacement { urn, .. }
            | Self::RemoveReplaced { urn, .. }
            | Self::Gone { urn }
            | Self::Remove { urn }
            | Self::Settled { urn } => urn,
        }
    }

    /// What an event changes; `None` when it changes nothing. The checkpoint is the fold of this over the stream.
    pub fn of(event: &DeploymentEvent) -> Option<Self> {
        match event {
            DeploymentEvent::ResourceRecorded { urn, resource } => {
                Some(Self::Put { urn: urn.clone(), image: resource.clone() })
            }
            DeploymentEvent::ResourceAdopted { urn, from, resource } => {
                Some(Self::Adopt { urn: urn.clone(), from: from.clone(), image: resource.clone() })
            }
            DeploymentEvent::ResourceDrifted { urn, resource, .. } => Some(match resource {
                Some(image) => Self::Put { urn: urn.clone(), image: image.clone() },
                None => Self::Gone { urn: urn.clone() },
            }),
            DeploymentEvent::ResourceOperationSucceeded {
                operation, urn, id, created, taken_back, resource, ..
            } => {
                let urn = urn.clone();
                match (operation, resource) {
                    (ResourceOperation::Delete | ResourceOperation::Forget, _) => Some(Self::Remove { urn }),
                    (ResourceOperation::DeleteReplaced, _) => {
                        Some(Self::RemoveReplaced { urn, id: id.clone(), created: created.clone() })
                    }
                    (ResourceOperation::CreateReplacement, Some(image)) => {
                        Some(Self::PutReplacement { urn, image: image.clone(), taken_back: *taken_back })
                    }
                    (_, Some(image)) => Some(Self::Put { urn, image: image.clone() }),
                    (_, None) => None,
                }
            }
            _ => None,
        }
    }
}

/// What the history keeps of a deployment.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// The deployment.
    pub deployment_id: String,
    /// `update` or `destroy`.
    pub kind: String,
    /// Whether all went well.
    pub succeeded: bool,
    /// Seconds since 1970.
    pub started: i64,
    /// Seconds since 1970.
    pub ended: i64,
    /// A word from whoever asked.
    pub message: String,
    /// Facts about the source (`git.head`, …) and the deployment.
    pub environment: BTreeMap<String, String>,
    /// What was done.
    pub changes: ChangeCounts,
}

/// Where one stack's state is kept. Reads never take the lock.
#[async_trait]
pub trait StackStore: Send + Sync {
    /// Where it is, for people.
    fn location(&self) -> String;

    /// Reads the state: the checkpoint, and on it what the journal of a running or died deployment has recorded since.
    ///
    /// # Errors
    /// When it can't be read, or isn't a sound state.
    async fn read(&self) -> Result<StackSnapshot, StoreError>;

    /// Whether somebody seems to hold the stack's lock at this moment, living or dead. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    async fn is_locked(&self) -> Result<bool, StoreError>;

    /// Takes the stack's lock, waiting as long as the request says, or until `cancellation` is requested. The lock of a process that
    /// is known to be dead is taken over, and a notice says so. This isn't dropped while it runs, since the lock may be half taken:
    /// one that is no longer wanted is given back.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when somebody else holds it.
    async fn lock(
        &self,
        request: LockRequest,
        cancellation: &Cancellation,
        notices: &dyn NoticeHandler,
    ) -> Result<Arc<dyn LockedStack>, StoreError>;

    /// The latest deployments, newest first.
    ///
    /// # Errors
    /// When they can't be read.
    async fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError>;

    /// Ids of the deployments whose events are kept, oldest first; the running or interrupted one is the last.
    ///
    /// # Errors
    /// When they can't be read.
    async fn deployments(&self) -> Result<Vec<String>, StoreError>;

    /// The events of a deployment from a position on, as far as they are durable; none where there is no such deployment.
    ///
    /// # Errors
    /// When they can't be read.
    async fn events(&self, deployment: &str, from: usize) -> Result<Vec<DomainEvent>, StoreError>;
}

/// A stack whose lock is ours.
#[async_trait]
pub trait LockedStack: Send + Sync {
    /// Whose lock was taken over, and why that could be done; nothing where it was free.
    fn takeover(&self) -> Option<String>;

    /// When the process whose lock was taken over last renewed it, in milliseconds since 1970, as far as that is known: it may have
    /// sent calls until then.
    fn predecessor_seen(&self) -> Option<i64>;

    /// Reads the state under the lock.
    ///
    /// # Errors
    /// As [`StackStore::read`].
    async fn read(&self) -> Result<StackSnapshot, StoreError>;

    /// A resource in the state's form, its secret values encrypted.
    ///
    /// # Errors
    /// When it holds a secret and there is no (or a wrong) passphrase.
    fn encode(&self, record: &ResourceRecord) -> Result<ResourceImage, StoreError>;

    /// As [`LockedStack::encode`], of a resource that was recorded as `from`: what the record doesn't know of it stays.
    ///
    /// # Errors
    /// As [`LockedStack::encode`].
    fn encode_adopted(&self, from: &Urn, record: &ResourceRecord) -> Result<ResourceImage, StoreError>;

    /// Opens the journal with the deployment's first event, durably.
    ///
    /// # Errors
    /// When it can't be written.
    async fn begin(&self, first: &DomainEvent) -> Result<(), StoreError>;

    /// Appends an event; it is written with the next group. Never waits.
    fn append(&self, event: &DomainEvent);

    /// Waits until all appended events are durable.
    ///
    /// # Errors
    /// When one couldn't be written, or the lock was lost.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Why nothing that is appended will become durable any more, as soon as it is known: the lock is lost, or the journal
    /// can't be written. Asked before each step, so that no more is begun. Never waits.
    fn failure(&self) -> Option<StoreError>;

    /// Looks whether the lock is still held, as often as the store can be asked for little. Asked before each call that changes
    /// something in the cloud, so that none follows when the lock was cancelled.
    ///
    /// # Errors
    /// [`StoreErrorKind::LockLost`].
    async fn check_lock(&self) -> Result<(), StoreError>;

    /// Writes the checkpoint: the state as it was read, with `changes` applied and `creating` listed as pending operations.
    /// The lock is checked first.
    ///
    /// # Errors
    /// [`StoreErrorKind::LockLost`], or when it can't be written.
    async fn checkpoint(&self, changes: &[CheckpointChange], creating: &[ResourceImage]) -> Result<(), StoreError>;

    /// Writes the audit log of a deployment, JSON lines, in the place of what was written of it before.
    ///
    /// # Errors
    /// When it can't be written.
    async fn audit(&self, deployment: &str, lines: String) -> Result<(), StoreError>;

    /// Puts a died deployment's journal with the others, after its outcome is in the checkpoint, and writes its history where
    /// it has none yet.
    ///
    /// # Errors
    /// When it can't be written.
    async fn settle(&self, entry: Option<&HistoryEntry>) -> Result<(), StoreError>;

    /// Ends the deployment: writes the history and, unless `keep_open`, puts the journal with the others. One that is kept
    /// open holds operations of unknown outcome: the next command settles it like one that died.
    ///
    /// # Errors
    /// When it can't be written.
    async fn finish(&self, entry: &HistoryEntry, keep_open: bool) -> Result<(), StoreError>;

    /// Gives the lock back.
    ///
    /// # Errors
    /// When the lock can't be removed.
    async fn release(&self) -> Result<(), StoreError>;
}

/// The kind of a store's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Somebody else holds the lock.
    Locked,
    /// Our lock is gone: somebody broke it.
    LockLost,
    /// The state isn't sound.
    Corrupt,
    /// Missing or wrong passphrase or key.
    Secrets,
    /// It can't be read or written.
    Unavailable,
    /// The location makes no sense or isn't supported.
    Unsupported,
    /// What was asked for isn't there: a stack, a resource, a version.
    Missing,
    /// What was asked for isn't done in this state of the stack; nothing was changed.
    Refused,
}

impl StoreErrorKind {
    /// A stable code for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::LockLost => "lock-lost",
            Self::Corrupt => "state-corrupt",
            Self::Secrets => "secrets",
            Self::Unavailable => "state-unavailable",
            Self::Unsupported => "state-unsupported",
            Self::Missing => "not-found",
            Self::Refused => "refused",
        }
    }
}

/// A failed access to a stack's state.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What can be done about it.
    pub kind: StoreErrorKind,
    /// What failed, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl StoreError {
    /// A failure without a hint.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
