//! What this machine has seen of sealed stacks, as `known_hosts` keeps what was seen of servers: whoever can write to the
//! store may put all of its files back to an earlier day, and nothing in the store itself would tell.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SealError;
use super::anchor::Mark;
use super::keys::StackKey;
use crate::error::{Error, Result};
use crate::store::StackId;

/// What was seen last of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The anchor.
    anchor: Mark,
    /// Where the key came from.
    authority: String,
}

impl Record {
    pub fn new(anchor: &Mark, key: &StackKey) -> Self {
        Self { anchor: anchor.clone(), authority: key.authority() }
    }
}

/// The file of one stack.
#[derive(Serialize, Deserialize)]
struct SeenFile {
    /// For people who look into the folder.
    store: String,
    stack: String,
    #[serde(flatten)]
    record: Record,
}

/// The folder that remembers; without one, nothing is.
#[derive(Debug)]
pub(super) struct Seen {
    folder: Option<PathBuf>,
    store: String,
}

impl Seen {
    /// `store` tells the store from others; parameters of its URL don't matter.
    pub fn new(folder: Option<PathBuf>, store: &str) -> Self {
        let store = store.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        Self { folder, store }
    }

    fn file(&self, id: &StackId) -> Option<PathBuf> {
        let digest = hex::encode(Sha256::digest(format!("{}\n{id}", self.store)));
        self.folder.as_ref().map(|folder| folder.join(format!("{}.json", &digest[..32])))
    }

    async fn read(&self, id: &StackId) -> Result<Option<Record>> {
        let Some(file) = self.file(id) else { return Ok(None) };
        let shown = file.display().to_string();
        match tokio::fs::read(&file).await {
            Ok(content) => match serde_json::from_slice::<SeenFile>(&content) {
                Ok(found) => Ok(Some(found.record)),
                Err(error) => Err(Error::json(&shown, content.len(), &error)),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(shown, error)),
        }
    }

    /// The newest generation that was seen of a stack.
    pub async fn generation(&self, id: &StackId) -> Result<Option<u64>> {
        Ok(self.read(id).await?.map(|record| record.anchor.generation))
    }

    /// Refuses an anchor that is older than what was seen, or another of the same generation, or of a key from elsewhere.
    ///
    /// # Errors
    /// [`SealError::Older`], [`SealError::OtherAuthority`].
    pub async fn check(&self, id: &StackId, found: &Record, file: &str) -> Result<()> {
        let Some(known) = self.read(id).await? else { return Ok(()) };
        if known.authority != found.authority {
            let (found, known) = (found.authority.clone(), known.authority);
            return Err(SealError::OtherAuthority { stack: id.to_string(), found, known }.into());
        }
        let (anchor, known) = (&found.anchor, &known.anchor);
        if anchor.generation > known.generation || anchor == known {
            return Ok(());
        }
        let message = format!("is of generation {}, but this machine has seen {}", anchor.generation, known.generation);
        Err(SealError::Older { file: file.to_owned(), message }.into())
    }

    /// Refuses that a stack isn't there (any more, or as a sealed one) that was seen.
    ///
    /// # Errors
    /// [`SealError::Older`].
    pub async fn check_absent(&self, id: &StackId, file: &str) -> Result<()> {
        let Some(known) = self.read(id).await? else { return Ok(()) };
        let message = format!("is not there, but this machine has seen its generation {}", known.anchor.generation);
        Err(SealError::Older { file: file.to_owned(), message }.into())
    }

    /// Remembers an anchor, unless a newer one was seen. Where that fails, the next older one goes unnoticed, and a warning
    /// says so.
    pub async fn remember(&self, id: &StackId, record: &Record) {
        let Some(file) = self.file(id) else { return };
        let known = self.read(id).await.ok().flatten();
        if known.is_some_and(|known| known.anchor.generation >= record.anchor.generation) {
            return;
        }
        let content = SeenFile { store: self.store.clone(), stack: id.to_string(), record: record.clone() };
        if let Err(error) = write(&file, &content).await {
            tracing::warn!("{} can't be written ({error}): an older state may go unnoticed", file.display());
        }
    }

    /// Forgets a stack that isn't sealed any more.
    ///
    /// # Errors
    /// When the file can't be removed.
    pub async fn forget(&self, id: &StackId) -> Result<()> {
        let Some(file) = self.file(id) else { return Ok(()) };
        match tokio::fs::remove_file(&file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::write(file.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }
}

async fn write(file: &std::path::Path, content: &SeenFile) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    // Written beside it and renamed: a process that dies meanwhile leaves what was seen before.
    let temporary = file.with_extension(format!("{}.new", uuid::Uuid::new_v4()));
    tokio::fs::write(&temporary, serde_json::to_vec(content)?).await?;
    tokio::fs::rename(&temporary, file).await
}
