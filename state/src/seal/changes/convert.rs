//! The way of a stack from one form to the other, and back.
//!
//! At each moment one of the two forms is the state, and the anchor's stage says which: everything is written in the other
//! form and read back, then the anchor changes sides, and then the first form is removed. Whoever dies on the way is
//! followed by whoever runs either command again: it goes on to the form that it stands for.

use std::fmt;

use crate::codec::read::Origin;
use crate::error::{Error, Result};
use crate::lock::StackLock;
use crate::model::deployment::Checkpoint;
use crate::seal::anchor::{Anchor, OpenAnchor, Stage};
use crate::seal::objects::inventory::{InventorySealer, Item};
use crate::seal::{Kind, Place, SealError};
use crate::store::{Condition, StackId, StackStore};

/// What was done to a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// What was written, as the store shows it.
    pub written: Vec<String>,
    /// What was removed.
    pub removed: Vec<String>,
    /// What lies in the stack's own folders and is none of its files: it was left as it is.
    pub left: Vec<String>,
}

/// A way from one form to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// From clear to sealed.
    Encrypt,
    /// From sealed to clear.
    Decrypt,
    /// To another key.
    ChangeKey,
}

impl Conversion {
    /// The command that goes on with it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Encrypt | Self::ChangeKey => "`stack encrypt`",
            Self::Decrypt => "`stack decrypt`",
        }
    }
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encrypt => "encrypted",
            Self::Decrypt => "decrypted",
            Self::ChangeKey => "given another key",
        })
    }
}

fn checkpoint_place(id: &StackId) -> Place<'_> {
    Place { id, kind: Kind::Checkpoint, name: "" }
}

impl StackStore {
    /// Seals every file of a stack, and removes those in clear; goes on with what was interrupted. The key is that of the
    /// secrets manager that the state names, or of a new passphrase manager. Nothing is done to a stack that is sealed.
    ///
    /// # Errors
    /// [`SealError::OpenJournal`], [`SealError::ChangedMeanwhile`], [`SealError::Beside`], [`Error::NoSuchStack`], or when the
    /// key isn't to be had or the store can't be written; the command can then be run again.
    pub async fn encrypt_stack(&self, lock: &StackLock) -> Result<Converted> {
        let id = lock.stack();
        self.check_layout().await?;
        lock.verify().await?;
        let mut done = Converted::default();
        let anchor = self.read_anchor(id).await?;
        match anchor.as_ref().map(|open| open.anchor.stage) {
            Some(Stage::Settled) => self.refuse_both(id).await?,
            Some(Stage::ChangingKey) => self.finish_key_change(lock).await?,
            Some(Stage::Opening | Stage::RemovingClear) => {
                let open = anchor.ok_or_else(|| self.no_anchor(id))?;
                let open = self.write_anchor(id, &open, |anchor| anchor.stage = Stage::RemovingClear).await?;
                self.remove_clear(lock, open, &mut done).await?;
            }
            None | Some(Stage::Sealing | Stage::RemovingSealed) => {
                self.refuse_open_journal(id).await?;
                let open = self.begin_sealing(id, anchor).await?;
                let open = self.seal_all(lock, open, &mut done).await?;
                self.remove_clear(lock, open, &mut done).await?;
            }
        }
        self.seals.forget(id);
        Ok(done)
    }

    /// Writes every file of a sealed stack in clear, as Pulumi keeps them, and removes the sealed ones; goes on with what was
    /// interrupted. Nothing is done to a stack that isn't sealed.
    ///
    /// # Errors
    /// As [`Self::encrypt_stack`].
    pub async fn decrypt_stack(&self, lock: &StackLock) -> Result<Converted> {
        let id = lock.stack();
        self.check_layout().await?;
        lock.verify().await?;
        let mut done = Converted::default();
        let mut anchor = self.read_anchor(id).await?;
        if anchor.as_ref().is_some_and(|open| open.anchor.stage == Stage::ChangingKey) {
            self.finish_key_change(lock).await?;
            anchor = self.read_anchor(id).await?;
        }
        match anchor {
            None if self.objects.exists(&id.sealed_checkpoint()).await? => return Err(self.no_anchor(id)),
            None => drop(self.clear_checkpoint(id).await?.ok_or_else(|| self.no_stack(id))?),
            Some(open) => {
                let open = match open.anchor.stage {
                    Stage::Sealing | Stage::RemovingSealed => open,
                    stage => {
                        if stage == Stage::Settled {
                            self.refuse_both(id).await?;
                            self.refuse_open_journal(id).await?;
                        }
                        let open = self.write_anchor(id, &open, |anchor| anchor.stage = Stage::Opening).await?;
                        self.open_all(lock, open, &mut done).await?
                    }
                };
                self.remove_sealed(lock, &open, &mut done).await?;
            }
        }
        self.seals.forget(id);
        Ok(done)
    }

    fn no_stack(&self, id: &StackId) -> Error {
        Error::NoSuchStack { stack: id.to_string(), store: self.display_url() }
    }

    /// Refuses a stack in clear beside a sealed one.
    async fn refuse_both(&self, id: &StackId) -> Result<()> {
        match self.clear_checkpoint(id).await? {
            Some(item) => Err(SealError::Beside {
                plain: self.objects.show(&item.clear),
                sealed: self.objects.show(&id.sealed_checkpoint()),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// Refuses to change the form while records of a deployment wait to be settled: they name checkpoints of this form.
    pub(in crate::seal) async fn refuse_open_journal(&self, id: &StackId) -> Result<()> {
        for form in [crate::seal::StackForm::Clear, crate::seal::StackForm::Sealed] {
            if self.bare_journal_storage(id, form).read().await?.is_none() {
                continue;
            }
            let mut storage = self.journal_storage_of(id, form);
            let Some(content) = storage.read().await? else { continue };
            match crate::journal::read::open(&content, &storage.place())? {
                Some(found) => {
                    let deployment = found.header.deployment;
                    return Err(SealError::OpenJournal { stack: id.to_string(), deployment }.into());
                }
                // Nothing was recorded.
                None => storage.discard().await?,
            }
        }
        Ok(())
    }

    /// Says in the anchor that what is in clear is being sealed.
    async fn begin_sealing(&self, id: &StackId, anchor: Option<OpenAnchor>) -> Result<OpenAnchor> {
        let item = self.clear_checkpoint(id).await?.ok_or_else(|| self.no_stack(id))?;
        let sealing = Anchor { stage: Stage::Sealing, ..Anchor::default() };
        if let Some(open) = anchor {
            return self.write_anchor(id, &open, |anchor| *anchor = sealing).await;
        }
        let file = self.objects.show(&item.clear);
        let Some(object) = self.objects.get(&item.clear).await? else { return Err(self.no_stack(id)) };
        let state = Checkpoint::read(object.content, Origin { file: &file, stack: id.stack() })?;
        let provider = state.latest.and_then(|latest| latest.secrets_provider);
        let key = match provider {
            Some(provider) => self.seals.keys.of_provider(id, &provider).await?,
            None => self.seals.keys.for_new(id, None).await?,
        };
        self.first_anchor(id, key, sealing).await
    }

    /// Seals everything and reads it back; then what is sealed is the state.
    async fn seal_all(&self, lock: &StackLock, open: OpenAnchor, done: &mut Converted) -> Result<OpenAnchor> {
        let id = lock.stack();
        let inventory = self.clear_inventory(id).await?;
        let mut now = Anchor { stage: Stage::RemovingClear, ..Anchor::default() };
        let mut sealer = InventorySealer::new(&open.key, id);
        for item in inventory.items {
            if let Some(lost) = lock.known_loss() {
                return Err(lost.into());
            }
            let (Some(sealed_key), Some(object)) = (&item.sealed, self.objects.get(&item.clear).await?) else {
                continue;
            };
            let sealed = sealer.seal(&item, open.generation, &object.content)?;
            let _ = self.objects.put(sealed_key, sealed.content, &Condition::Always).await?;
            let file = self.objects.show(sealed_key);
            let read = self.objects.get(sealed_key).await?;
            let opened = read.map(|read| open.key.open(item.place(id), read.content, &file)).transpose()?;
            if opened.is_none_or(|opened| opened.content != object.content) {
                return Err(SealError::Tampered { file }.into());
            }
            match item.kind {
                Kind::Checkpoint if *sealed_key == id.sealed_checkpoint() => now.checkpoint.settle(Some(sealed.mark)),
                Kind::Tags => now.tags.settle(Some(sealed.mark)),
                _ => {}
            }
            done.written.push(file);
        }
        done.left.extend(inventory.unknown.iter().map(|key| self.objects.show(key)));
        lock.verify().await?;
        self.write_anchor(id, &open, |anchor| *anchor = now).await
    }

    /// Removes everything in clear, if it still is what was sealed.
    async fn remove_clear(&self, lock: &StackLock, open: OpenAnchor, done: &mut Converted) -> Result<()> {
        let id = lock.stack();
        lock.verify().await?;
        self.refuse_changed(id, &open, Conversion::Encrypt).await?;
        // Older forms go first, which would be taken for the state without the newest; then the state: nobody takes it for one.
        let mut items = self.clear_inventory(id).await?.items;
        items.reverse();
        items.sort_by_key(|item| item.sealed.is_some());
        for item in items {
            if self.objects.delete(&item.clear).await? {
                done.removed.push(self.objects.show(&item.clear));
            }
        }
        self.write_anchor(id, &open, |anchor| anchor.stage = Stage::Settled).await.map(drop)
    }

    /// Refuses a checkpoint in clear that isn't what is sealed.
    async fn refuse_changed(&self, id: &StackId, open: &OpenAnchor, conversion: Conversion) -> Result<()> {
        let Some(Item { clear, .. }) = self.clear_checkpoint(id).await? else { return Ok(()) };
        let Some(found) = self.objects.get(&clear).await? else { return Ok(()) };
        match self.sealed_content(id, open).await? {
            Some(sealed) if sealed == found.content => Ok(()),
            _ => Err(SealError::ChangedMeanwhile { file: self.objects.show(&clear), conversion }.into()),
        }
    }

    /// The sealed checkpoint's content, held against an anchor of any stage.
    async fn sealed_content(&self, id: &StackId, open: &OpenAnchor) -> Result<Option<bytes::Bytes>> {
        let key = id.sealed_checkpoint();
        let file = self.objects.show(&key);
        let object = self.objects.get(&key).await?;
        let opened = object.map(|object| open.key.open(checkpoint_place(id), object.content, &file)).transpose()?;
        open.anchor.checkpoint.check(opened.as_ref().map(|opened| &opened.mark), &file)?;
        Ok(opened.map(|opened| opened.content))
    }

    /// Writes everything in clear and reads it back; then what is in clear is the state.
    async fn open_all(&self, lock: &StackLock, open: OpenAnchor, done: &mut Converted) -> Result<OpenAnchor> {
        let id = lock.stack();
        self.refuse_changed(id, &open, Conversion::Decrypt).await?;
        self.sealed_content(id, &open).await?.ok_or_else(|| self.no_stack(id))?;
        let inventory = self.sealed_inventory(id).await?;
        for item in inventory.items {
            if let Some(lost) = lock.known_loss() {
                return Err(lost.into());
            }
            let Some(sealed_key) = &item.sealed else { continue };
            let Some(object) = self.objects.get(sealed_key).await? else { continue };
            let opened = open.key.open(item.place(id), object.content, &self.objects.show(sealed_key))?;
            if item.kind == Kind::Tags {
                open.anchor.tags.check(Some(&opened.mark), &self.objects.show(sealed_key))?;
            }
            let key = item.clear_key(&opened.content);
            let file = self.objects.show(&key);
            let _ = self.objects.put(&key, opened.content.clone(), &Condition::Always).await?;
            if self.objects.get(&key).await?.is_none_or(|read| read.content != opened.content) {
                return Err(SealError::Tampered { file }.into());
            }
            done.written.push(file);
        }
        done.left.extend(inventory.unknown.iter().map(|key| self.objects.show(key)));
        lock.verify().await?;
        self.write_anchor(id, &open, |anchor| anchor.stage = Stage::RemovingSealed).await
    }

    /// Removes everything that is sealed, the anchor last, and forgets what was seen of it.
    async fn remove_sealed(&self, lock: &StackLock, open: &OpenAnchor, done: &mut Converted) -> Result<()> {
        let id = lock.stack();
        lock.verify().await?;
        if open.anchor.stage == Stage::Sealing {
            // What is in clear is the state, so it must be there.
            self.clear_checkpoint(id).await?.ok_or_else(|| self.no_stack(id))?;
        }
        for item in self.sealed_inventory(id).await?.items.into_iter().rev() {
            let Some(key) = item.sealed else { continue };
            if self.objects.delete(&key).await? {
                done.removed.push(self.objects.show(&key));
            }
        }
        self.end_removal(id).await
    }
}
