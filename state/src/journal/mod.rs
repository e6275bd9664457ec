//! The write-ahead journal of a deployment: a log of records that are opaque here, appended in groups.
//!
//! A journal names the checkpoints that its records may be folded over: the one that the deployment began with, and those
//! that were written meanwhile. Any other was written by another program, which knew nothing of the records.
//!
//! A journal that is there and isn't finished belongs to a deployment that runs or died. Finishing moves it to the
//! stack's event logs. The records' form is in [`line`]; where they are kept is a [`storage`] matter.

pub mod line;
pub mod read;
pub mod storage;
pub mod write;

use serde::{Deserialize, Serialize};

pub use read::{JournalContents, JournalRecord, TornTail};
pub use write::JournalWriter;

use crate::codec::json::Json;
use crate::error::Result;
use crate::lock::{LockWatch, StackLock};
use crate::seal::{Kind, Place, SEALED, SealedJournal, StackForm};
use crate::secrets::SecretsProvider;
use crate::store::{CheckpointDigest, Condition, StackId, StackStore};
use storage::{FileStorage, JournalStorage, SegmentStorage};

/// The version of the format; others are refused.
pub const FORMAT: u32 = 1;
const KIND: &str = "semantest-journal";

/// What a journal starts with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalHeader {
    /// Always `semantest-journal`.
    pub kind: String,
    /// The format's version.
    pub version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// The deployment's id.
    pub deployment: String,
    /// The fencing token of the lock's holder.
    pub fencing_token: u64,
    /// What all records share; opaque.
    pub constants: serde_json::Value,
    /// The checkpoint that the deployment began with, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointDigest>,
}

/// A record of the journal's own: it names a checkpoint that is about to be written.
#[derive(Serialize, Deserialize)]
struct CheckpointName {
    #[serde(rename = "semantest-checkpoint")]
    digest: CheckpointDigest,
}

/// A record of the journal's own: it names the secrets manager of the records behind it, where the checkpoint doesn't yet.
#[derive(Serialize, Deserialize)]
struct SecretsName {
    #[serde(rename = "semantest-secrets")]
    manager: NamedManager,
}

#[derive(Serialize, Deserialize)]
struct NamedManager {
    #[serde(rename = "type")]
    kind: String,
    state: Option<serde_json::Value>,
}

impl SecretsName {
    fn of(provider: &SecretsProvider) -> Self {
        let state = provider.state.as_ref().and_then(|state| state.parse().ok());
        Self { manager: NamedManager { kind: provider.kind.clone(), state } }
    }

    fn provider(self) -> SecretsProvider {
        let NamedManager { kind, state } = self.manager;
        SecretsProvider { kind, state: state.as_ref().map(Json::of), unknown: Vec::new() }
    }
}

/// What entitles to write a stack's journal: its lock. Each new journal has a claim of its own.
#[derive(Clone, Debug)]
pub struct Claim {
    generation: u64,
    watch: Option<LockWatch>,
}

impl Claim {
    fn of(lock: &StackLock) -> Self {
        Self { generation: lock.next_generation(), watch: Some(lock.watch()) }
    }

    /// Greater than that of every journal of an earlier holder of the lock, and of this one. Numbers never come back, since
    /// fencing tokens don't.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Looks whether the stack is still ours.
    pub(crate) async fn check(&self) -> Result<()> {
        match &self.watch {
            Some(watch) => watch.look().await,
            None => Ok(()),
        }
    }
}

/// A journal that can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A deployment of the stack died or still runs.
    #[error("the journal of deployment {deployment} of stack '{stack}' is not finished")]
    Unfinished {
        /// The stack.
        stack: String,
        /// The deployment.
        deployment: String,
    },
    /// The journal was written by a newer version.
    #[error("{file} has journal format {version}, which this version of semantest-iac doesn't know")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The version found.
        version: u64,
    },
    /// The first line isn't a header.
    #[error("{file} is not a journal: {message}")]
    NotAJournal {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A record in the middle is damaged, though what comes after was written later.
    #[error("{file} is damaged at line {line} (byte {offset}): {message}")]
    Corrupt {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// From 0.
        offset: u64,
        /// What is wrong.
        message: String,
    },
    /// A deployment's id can't name a file.
    #[error("'{0}' can't be a deployment's id: use letters, digits, '-', '_' and '.'")]
    InvalidDeployment(String),
    /// Appending failed before; nothing more is taken.
    #[error("the journal {file} can't be written: {message}")]
    Broken {
        /// The file.
        file: String,
        /// The first failure.
        message: String,
    },
    /// Another process writes this journal now.
    #[error("the journal {file} belongs to another process now; nothing more was recorded")]
    Fenced {
        /// The file.
        file: String,
    },
}

impl JournalError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unfinished { .. } => "run `deploy` (or `destroy`) to go on from where it stopped".to_owned(),
            Self::UnknownFormat { .. } => "please update your version of semantest-iac".to_owned(),
            Self::NotAJournal { file, .. } | Self::Corrupt { file, .. } => format!(
                "the checkpoint is not affected: move {file} away and run `deploy --refresh=all`, which reads what is \
                 really there"
            ),
            Self::InvalidDeployment(_) => return None,
            Self::Broken { .. } => {
                "nothing that was recorded is lost: free some space or make the folder writable, and run the command \
                 again to go on from there"
                    .to_owned()
            }
            Self::Fenced { .. } => "run the command again to go on from there".to_owned(),
        })
    }
}

/// An archived journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// The deployment.
    pub deployment: String,
    /// When it was finished.
    pub finished: chrono::DateTime<chrono::Utc>,
    /// Its size in bytes.
    pub size: u64,
}

impl StackStore {
    async fn journal_storage(&self, id: &StackId) -> Result<Box<dyn JournalStorage>> {
        Ok(self.journal_storage_of(id, self.stack_form(id).await?))
    }

    pub(crate) fn journal_storage_of(&self, id: &StackId, form: StackForm) -> Box<dyn JournalStorage> {
        let storage = self.bare_journal_storage(id, form);
        match form {
            StackForm::Clear => storage,
            StackForm::Sealed => Box::new(SealedJournal::new(storage, self.clone(), id.clone())),
        }
    }

    /// Where the bytes of a journal of either form are kept.
    pub(crate) fn bare_journal_storage(&self, id: &StackId, form: StackForm) -> Box<dyn JournalStorage> {
        let (place, ending) = match form {
            StackForm::Clear => (id.journal(), ".jsonl"),
            StackForm::Sealed => (id.sealed_journal(), SEALED),
        };
        match self.objects.file(&format!("{place}{ending}")) {
            Some(file) => Box::new(FileStorage::new(std::sync::Arc::clone(&self.objects), file)),
            None => Box::new(SegmentStorage::new(std::sync::Arc::clone(&self.objects), place)),
        }
    }

    /// Starts the journal of a deployment that begins with `checkpoint`.
    ///
    /// # Errors
    /// [`JournalError::Unfinished`] when there is one already, or [`crate::Error::LockLost`].
    pub async fn create_journal(
        &self,
        lock: &StackLock,
        deployment: &str,
        constants: serde_json::Value,
        checkpoint: Option<CheckpointDigest>,
    ) -> Result<JournalWriter> {
        let (claim, mut storage) = (Claim::of(lock), self.journal_storage(lock.stack()).await?);
        claim.check().await?;
        storage.fence(&claim).await?;
        if let Some(found) = self.read_journal(lock.stack()).await? {
            let stack = lock.stack().stack().to_owned();
            return Err(JournalError::Unfinished { stack, deployment: found.header.deployment }.into());
        }
        let header = self.journal_header(lock, deployment, constants, checkpoint)?;
        JournalWriter::start(storage, claim, header, None).await
    }

    /// Goes on with the journal that a dead deployment left: its records are copied into a new journal of this lock's
    /// holder, so that nothing that the dead one might still write gets in. Nothing when there is none.
    ///
    /// # Errors
    /// When it can't be read or the new one can't be written; the old one is then still there.
    pub async fn resume_journal(&self, lock: &StackLock) -> Result<Option<(JournalContents, JournalWriter)>> {
        let (claim, mut storage) = (Claim::of(lock), self.journal_storage(lock.stack()).await?);
        claim.check().await?;
        storage.fence(&claim).await?;
        let Some(found) = self.read_journal(lock.stack()).await? else { return Ok(None) };
        let JournalHeader { deployment, constants, checkpoint, .. } = found.header.clone();
        let header = self.journal_header(lock, &deployment, constants, checkpoint)?;
        let writer = JournalWriter::start(storage, claim, header, Some(&found)).await?;
        Ok(Some((found, writer)))
    }

    fn journal_header(
        &self,
        lock: &StackLock,
        deployment: &str,
        constants: serde_json::Value,
        checkpoint: Option<CheckpointDigest>,
    ) -> Result<JournalHeader> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if deployment.is_empty() || deployment.starts_with('.') || !deployment.bytes().all(allowed) {
            return Err(JournalError::InvalidDeployment(deployment.to_owned()).into());
        }
        let id = lock.stack();
        Ok(JournalHeader {
            kind: KIND.to_owned(),
            version: FORMAT,
            project: id.project().to_owned(),
            stack: id.stack().to_owned(),
            deployment: deployment.to_owned(),
            fencing_token: lock.fencing_token(),
            constants,
            checkpoint,
        })
    }

    /// The journal of the deployment that runs or died, if there is one. A torn end is left out, see
    /// [`JournalContents::torn`]. A journal without a record is none: its deployment has not begun anything.
    ///
    /// # Errors
    /// [`JournalError`] when it is damaged in the middle or of an unknown format.
    pub async fn read_journal(&self, id: &StackId) -> Result<Option<JournalContents>> {
        self.read_journal_of(id, self.stack_form(id).await?).await
    }

    /// The open journal of a stack in one of its forms.
    pub(crate) async fn read_journal_of(&self, id: &StackId, form: StackForm) -> Result<Option<JournalContents>> {
        let storage = self.journal_storage_of(id, form);
        match storage.read().await? {
            Some(content) => Ok(read::open(&content, &storage.place())?),
            None => Ok(None),
        }
    }

    /// Archives the journal that a dead deployment left, once everything in it has been settled.
    ///
    /// # Errors
    /// When the lock is lost or the store can't be written.
    pub async fn archive_journal(&self, lock: &StackLock) -> Result<()> {
        lock.verify().await?;
        let id = lock.stack();
        let mut storage = self.journal_storage(id).await?;
        match self.read_journal(id).await? {
            Some(found) => storage.finish(&event_log(id, &found.header.deployment)).await,
            // Nothing was recorded, so nothing was done.
            None => storage.discard().await,
        }
    }

    /// Writes the audit log of a deployment, in the place of what was written of it before.
    ///
    /// # Errors
    /// When the lock is lost or the store can't be written.
    pub async fn record_audit(&self, lock: &StackLock, deployment: &str, lines: bytes::Bytes) -> Result<()> {
        lock.verify().await?;
        let id = lock.stack();
        let (key, content) = match self.is_sealed(id).await? {
            false => (format!("{}/{deployment}.jsonl", id.audit()), lines),
            true => {
                let place = Place { id, kind: Kind::Audit, name: deployment };
                (format!("{}/{deployment}{SEALED}", id.audit()), self.anchor(id).await?.seal_log(place, &lines)?)
            }
        };
        let _ = self.objects.put(&key, content, &Condition::Always).await?;
        Ok(())
    }

    /// The archived journals of a stack, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_logs(&self, id: &StackId) -> Result<Vec<EventLog>> {
        let ending = self.log_ending(id).await?;
        let mut logs: Vec<EventLog> = self
            .objects
            .list(&id.events())
            .await?
            .files
            .into_iter()
            .filter_map(|file| {
                let deployment = file.name.strip_suffix(ending)?.to_owned();
                Some(EventLog { deployment, finished: file.modified, size: file.size })
            })
            .collect();
        logs.sort_by(|a, b| b.finished.cmp(&a.finished).then_with(|| b.deployment.cmp(&a.deployment)));
        Ok(logs)
    }

    /// An archived journal; nothing when there is none of that deployment.
    ///
    /// # Errors
    /// As [`Self::read_journal`].
    pub async fn event_log(&self, id: &StackId, deployment: &str) -> Result<Option<JournalContents>> {
        let key = format!("{}/{deployment}{}", id.events(), self.log_ending(id).await?);
        let Some(object) = self.objects.get(&key).await? else { return Ok(None) };
        let file = self.objects.show(&key);
        let mut content = object.content;
        if self.is_sealed(id).await? {
            let place = Place { id, kind: Kind::Events, name: deployment };
            content = self.anchor(id).await?.open_log(place, content, &file)?;
        }
        Ok(read::parse(&content, &file)?)
    }

    /// What the names of a stack's event logs end in.
    async fn log_ending(&self, id: &StackId) -> Result<&'static str> {
        Ok(if self.is_sealed(id).await? { SEALED } else { ".jsonl" })
    }

    /// Removes an archived journal; says whether there was one.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn remove_event_log(&self, id: &StackId, deployment: &str) -> Result<bool> {
        self.objects.delete(&format!("{}/{deployment}{}", id.events(), self.log_ending(id).await?)).await
    }
}

pub(crate) fn event_log(id: &StackId, deployment: &str) -> String {
    format!("{}/{deployment}.jsonl", id.events())
}

/// A segment is new, or somebody else is writing here.
pub(crate) const NEW: Condition = Condition::Absent;
