//! Stack states in Pulumi's format, and where they are kept.
//!
//! The crate knows no cloud, no terminal, no environment variable and no home folder: whatever it needs of them is passed
//! in. Sections of `SPEC.md` in comments are those of the project's specification of Pulumi's formats.
//!
//! ```no_run
//! use std::sync::Arc;
//! use state::{
//!     Checkpoint, Deployment, LockOptions, Manifest, Owner, Passphrase, PassphraseSecrets, SecretsAccess, SecretsManager,
//!     StackId, StackStore, StoreAccess, StoreOptions, StoreUrl, SystemProcesses, UpdateInfo, ValueDecoder,
//! };
//!
//! # async fn deploy(record: resource_graph::ResourceRecord) -> state::Result<()> {
//! let url = StoreUrl::parse("file://./.semantest", "/srv/project".as_ref(), None)?;
//! let store = StackStore::open(&url, StoreOptions::default(), &StoreAccess::default())?;
//! let id = StackId::new("shop", "aws-production")?;
//!
//! // Reading takes no lock, and asks for no passphrase until a secret is touched.
//! let loaded = store.load(&id).await?;
//! let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("from the environment")));
//! let secrets: Arc<dyn SecretsManager> =
//!     match loaded.as_ref().and_then(|loaded| loaded.checkpoint.latest.as_ref()?.secrets_provider.as_ref()) {
//!         Some(provider) => provider.open(&access)?,
//!         None => Arc::new(PassphraseSecrets::create(Arc::clone(&access.passphrase))?),
//!     };
//! let decoder = ValueDecoder::revealing(&*secrets);
//! for resource in loaded.iter().filter_map(|loaded| loaded.checkpoint.latest.as_ref()).flat_map(|d| &d.resources) {
//!     let _record = resource.to_record(&decoder)?;
//! }
//!
//! // Whoever writes holds the lock.
//! let owner = Owner::this_process("ann", "build-7", &SystemProcesses);
//! let lock = store.lock(&id, &owner, &LockOptions::default()).await?;
//! if let Some((journal, _writer)) = store.resume_journal(&lock).await? {
//!     // A deployment died here: fold its records, settle what has no end, then `finish` the writer.
//!     let _ = journal.records;
//! }
//!
//! // The journal comes first: what is intended must be durable before anything is changed. It names the checkpoint that
//! // its records are to be folded over.
//! let digest = loaded.as_ref().map(|loaded| loaded.digest());
//! let journal = store.create_journal(&lock, "deployment-1", serde_json::json!({ "user": "ann" }), digest).await?;
//! journal.append_durable(&serde_json::json!({ "eventType": "DeploymentPlanned" })).await?;
//! journal.append(&serde_json::json!({ "eventType": "ResourceOperationSucceeded" }));
//!
//! // The checkpoint is written over the version that was read.
//! let mut deployment = Deployment::new(Manifest::new("2026-01-02T03:04:05Z", "v3.259.0"), Some(secrets.provider()));
//! let mut editor = deployment.edit();
//! editor.upsert(&record, &*secrets)?;
//! editor.finish();
//! let base = loaded.as_ref().map(|loaded| &loaded.revision);
//! store.save_during(&lock, &Checkpoint::new(&id, deployment), base, Some(&journal)).await?;
//! store.record_history(&lock, &UpdateInfo { kind: "update".to_owned(), ..UpdateInfo::default() }).await?;
//! journal.finish().await?;
//! lock.release().await?;
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs, missing_debug_implementations)]

pub mod codec;
pub mod edits;
pub mod error;
pub mod journal;
pub mod lock;
pub mod model;
pub mod repair;
pub mod seal;
pub mod secrets;
pub mod settings;
pub mod store;

pub use codec::Compression;
pub use codec::json::{Json, Layout};
pub use codec::read::Origin;
pub use codec::value::{Properties, ValueDecoder, ValueEncoder, ValueError};
pub use edits::{BrokenReference, DeletedResource, EditError, Move, Moved};
pub use error::{Error, Result, WriteFailure};
pub use journal::{EventLog, JournalContents, JournalError, JournalHeader, JournalRecord, JournalWriter};
pub use lock::{
    HeldLock, Holder, LockLost, LockOptions, LockWatch, Locked, Owner, ProcessProbe, StackLock, SystemProcesses,
    Takeover, TakeoverReason,
};
pub use model::deployment::{Checkpoint, Deployment, Export, Manifest, PendingOperation};
pub use model::editor::Editor;
pub use model::integrity::{IntegrityError, IntegrityProblem};
pub use model::record::RecordedResource;
pub use model::resource::{RareFields, Resource, ResourceFields};
pub use repair::{ChangedResource, DroppedReference, MovedResource, ReferenceKind, Repair};
pub use seal::{Conversion, Converted, Encryption, SealError, SealOptions};
pub use secrets::{
    CloudSecrets, Crypter, DerivedKey, KeyError, KeyService, NewSecrets, NoKeys, Passphrase, PassphraseSecrets,
    PassphraseSource, SecretsAccess, SecretsError, SecretsManager, SecretsProvider,
};
pub use settings::{
    ConfigKey, ConfigValue, ConfiguredSecrets, ProjectSettings, PropertyPath, SettingsError, StackSettings,
};
pub use store::{
    AzureAccess, AzureIdentity, AzureUrl, CheckpointDigest, HistoryEntry, LoadedCheckpoint, NoCredentials, Refusal,
    RefusalKind, Revision, S3Access, S3Credentials, S3Encryption, S3Keys, S3Url, Secret, StackId, StackStore,
    StackSummary, StoreAccess, StoreOptions, StoreUrl, TimeSource, Transferred, UpdateInfo,
};
