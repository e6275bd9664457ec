//! A stack under another name, or in another store: all that belongs to it goes along.
//!
//! The stack is whole in its old place until it is whole in the new one, and what is left of the old place goes with the
//! checkpoint last. So whatever stops it in the middle, the same call again goes on from there. A sealed stack stays sealed,
//! under its key.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Condition, Objects, StackId, StackStore};
use crate::error::{Error, Result};
use crate::journal::JournalError;
use crate::lock::StackLock;
use crate::model::deployment::Checkpoint;
use crate::secrets::Crypter;

/// How many files are copied at a time.
const AT_A_TIME: usize = 8;

/// What went along with a stack's checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Files of the history: two for each entry.
    pub history: usize,
    /// Backups of checkpoints.
    pub backups: usize,
    /// Event logs of deployments.
    pub event_logs: usize,
    /// Audit logs of deployments.
    pub audit_logs: usize,
    /// Whether it has tags.
    pub tags: bool,
}

impl StackStore {
    /// Gives a stack the name, and the project, of `target`'s: `lock` holds the old one, `target` the new one. History,
    /// backups, tags and logs go along; the checkpoint before stays as `.bak` of the old name, as with Pulumi.
    ///
    /// # Errors
    /// [`Error::NoSuchStack`], [`Error::StackExists`], [`JournalError::Unfinished`], when a lock is lost, when a sealed stack's
    /// key isn't to be had, or when a store can't be read or written; the stack is then still there under its old name.
    pub async fn rename_stack(
        &self,
        lock: &StackLock,
        target: &StackLock,
        crypter: &dyn Crypter,
    ) -> Result<Transferred> {
        let (from, to) = (lock.stack(), target.stack());
        let mut checkpoint = self.settled(lock).await?;
        checkpoint.stack = to.qualified();
        if let Some(latest) = &mut checkpoint.latest {
            latest.rename((from.project(), from.stack()), (to.project(), to.stack()), crypter)?;
        }
        let transferred = self.transfer(lock, target, &checkpoint, Some(crypter)).await?;
        lock.verify().await?;
        self.clear_away(from).await?;
        Ok(transferred)
    }

    /// Copies a stack into the store that `target` was taken in, under the name that it was taken for, and compares what
    /// arrived. The stack stays here, too: [`Self::remove_stack`] takes it away.
    ///
    /// # Errors
    /// As [`Self::rename_stack`].
    pub async fn copy_stack(&self, lock: &StackLock, target: &StackLock) -> Result<Transferred> {
        let checkpoint = self.settled(lock).await?;
        self.transfer(lock, target, &checkpoint, None).await
    }

    /// The stack's checkpoint, when no deployment is open that it would have to be settled with.
    async fn settled(&self, lock: &StackLock) -> Result<Checkpoint> {
        lock.verify().await?;
        let id = lock.stack();
        if let Some(journal) = self.read_journal(id).await? {
            let stack = id.stack().to_owned();
            return Err(JournalError::Unfinished { stack, deployment: journal.header.deployment }.into());
        }
        match self.load(id).await? {
            Some(loaded) => Ok(loaded.checkpoint),
            None => Err(Error::NoSuchStack { stack: id.to_string(), store: self.display_url() }),
        }
    }

    async fn transfer(
        &self,
        lock: &StackLock,
        target: &StackLock,
        checkpoint: &Checkpoint,
        crypter: Option<&dyn Crypter>,
    ) -> Result<Transferred> {
        target.verify().await?;
        let (from, to) = (lock.stack(), target.stack());
        // The form goes along, whichever new stacks of that store have.
        let anchor = match self.is_sealed(from).await? {
            true => Some(self.anchor(from).await?),
            false => None,
        };
        let store = &match &anchor {
            Some(anchor) => target.store().for_sealed_stack(to, anchor),
            None => target.store().for_new_stacks(None),
        };
        // What an interrupted transfer has brought is no other stack.
        let found = store.load_unverified(to).await?;
        let is_there = found.as_ref().is_some_and(|found| is_same(&found.checkpoint, checkpoint, crypter))
            && store.is_sealed(to).await? == anchor.is_some();
        if found.is_some() && !is_there {
            return Err(Error::StackExists { stack: to.to_string(), store: store.display_url() });
        }
        let mut transferred = match &anchor {
            Some(anchor) => self.copy_sealed_files(lock, anchor, store, to).await?,
            None => Transferred {
                history: self.copy_folder((from, &from.history()), store, (to, &to.history())).await?,
                backups: self.copy_folder((from, &from.backups()), store, (to, &to.backups())).await?,
                event_logs: self.copy_folder((from, &from.events()), store, (to, &to.events())).await?,
                audit_logs: self.copy_folder((from, &from.audit()), store, (to, &to.audit())).await?,
                tags: copy(&self.objects, &from.tags(), &store.objects, &to.tags()).await?,
            },
        };
        if !is_there {
            store.save(target, checkpoint, None).await?;
        }
        if anchor.is_some() {
            transferred.tags = self.copy_sealed_tags(from, store, to).await?;
        }
        Ok(transferred)
    }

    /// Copies the files of a folder; those that are named after the stack get its new name.
    async fn copy_folder(&self, from: (&StackId, &str), store: &Self, to: (&StackId, &str)) -> Result<usize> {
        let files = self.objects.list(from.1).await?.files;
        let names = files.into_iter().map(|file| {
            (format!("{}/{}", from.1, file.name), format!("{}/{}", to.1, name_in(from.0, &file.name, to.0)))
        });
        let names: Vec<(String, String)> = names.collect();
        let copies =
            stream::iter(names).map(|(from, to)| async move { copy(&self.objects, &from, &store.objects, &to).await });
        let copied: Vec<bool> = copies.buffer_unordered(AT_A_TIME).try_collect().await?;
        Ok(copied.into_iter().filter(|copied| *copied).count())
    }

    /// Removes what belongs to a stack that has gone elsewhere, the checkpoint last.
    async fn clear_away(&self, id: &StackId) -> Result<()> {
        let sealed = self.is_sealed(id).await?;
        let (history, backups, tags) = match sealed {
            true => (id.sealed_history(), id.sealed_backups(), id.sealed_tags()),
            false => (id.history(), id.backups(), id.tags()),
        };
        if sealed {
            self.begin_removal(id).await?;
        }
        for folder in [history, backups, id.events(), id.audit()] {
            let files = self.objects.list(&folder).await?.files;
            let keys: Vec<String> = files.into_iter().map(|file| format!("{folder}/{}", file.name)).collect();
            self.objects.delete_all(keys).await?;
        }
        self.objects.delete(&tags).await?;
        let forms = self.forms(id).await?;
        self.move_to_backup(id, &forms).await?;
        match sealed {
            true => self.end_removal(id).await,
            false => Ok(()),
        }
    }
}

/// Whether two checkpoints hold the same. Secrets that name resources are encrypted anew when the stack gets another name, and
/// no two ciphertexts are the same.
fn is_same(one: &Checkpoint, other: &Checkpoint, crypter: Option<&dyn Crypter>) -> bool {
    if one.to_bytes() == other.to_bytes() {
        return true;
    }
    let revealed = |checkpoint: &Checkpoint| {
        let mut checkpoint = checkpoint.clone();
        checkpoint.latest.as_mut()?.reveal_secrets(crypter?).ok()?;
        Some(checkpoint.to_bytes())
    };
    revealed(one).is_some_and(|one| Some(one) == revealed(other))
}

/// The name of a stack's file when the stack is another: those that are named after it get its new name.
pub(crate) fn name_in(from: &StackId, name: &str, to: &StackId) -> String {
    match name.strip_prefix(from.stack()) {
        Some(rest) if rest.starts_with(['-', '.']) => format!("{}{rest}", to.stack()),
        _ => name.to_owned(),
    }
}

/// Copies an object and, into another store, compares what arrived; says whether there is one.
async fn copy(from: &Objects, key: &str, to: &Objects, new: &str) -> Result<bool> {
    let Some(object) = from.get(key).await? else { return Ok(false) };
    let _ = to.put(new, object.content.clone(), &Condition::Always).await?;
    match to.get(new).await? {
        Some(arrived) if arrived.content == object.content => Ok(true),
        _ => Err(Error::write(to.show(new), "what the store gives back is not what was written")),
    }
}
