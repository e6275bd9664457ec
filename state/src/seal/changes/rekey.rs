//! Another key for a sealed stack: every file is sealed anew beside the old one, the anchor changes to the new key, and then
//! each new file takes its old one's place. Until the anchor has changed, the old key opens everything; from then on the new
//! one alone is needed, whenever it is gone on.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::lock::StackLock;
use crate::model::deployment::Checkpoint;
use crate::seal::Kind;
use crate::seal::anchor::{Anchor, Stage};
use crate::seal::objects::inventory::InventorySealer;
use crate::seal::objects::names::NEXT;
use crate::secrets::SecretsManager;
use crate::store::{Condition, Revision, StackId, StackStore};

impl StackStore {
    /// Whether a stack is sealed.
    ///
    /// # Errors
    /// When the store can't be read, or holds the stack in both forms.
    pub async fn is_sealed_stack(&self, id: &StackId) -> Result<bool> {
        self.is_sealed(id).await
    }

    /// Seals every file of a sealed stack with the key of another manager. `checkpoint` is the state with its values encrypted
    /// by that manager; it takes the place of the one that was read as `base`.
    ///
    /// [`StackStore::save`] does this by itself where the state names another manager; one that can't be opened with the
    /// store's access (because its passphrase is another) is made known by [`StackStore::use_manager`] first.
    ///
    /// # Errors
    /// As [`StackStore::save`] and [`crate::seal::SealError::OpenJournal`]; nothing has changed then, unless the next command says that the
    /// change was interrupted: [`StackStore::encrypt_stack`] finishes it.
    pub async fn change_key(
        &self,
        lock: &StackLock,
        manager: Arc<dyn SecretsManager>,
        checkpoint: &Checkpoint,
        base: Option<&Revision>,
    ) -> Result<Revision> {
        let id = lock.stack();
        lock.verify().await?;
        let open = self.anchor(id).await?;
        let current = self.forms(id).await?.pop();
        let file = self.objects.show(&id.sealed_checkpoint());
        if current.as_ref().map(|form| &form.entry.revision) != base {
            return Err(Error::Changed { file });
        }
        self.refuse_open_journal(id).await?;
        let compression = self.options.compression.unwrap_or_default();
        let content = self.packed_checkpoint(checkpoint, compression, &file)?;
        let key = self.seals.keys.of_manager(manager).await?;
        self.remove_next(id).await?;
        let generation = open.generation + 1;
        let mut now = Anchor { stage: Stage::ChangingKey, ..Anchor::default() };
        let mut sealer = InventorySealer::new(&key, id);
        for item in self.sealed_inventory(id).await?.items {
            if let Some(lost) = lock.known_loss() {
                return Err(lost.into());
            }
            let Some(sealed_key) = &item.sealed else { continue };
            let Some(object) = self.objects.get(sealed_key).await? else { continue };
            let opened = open.key.open(item.place(id), object.content, &self.objects.show(sealed_key))?;
            let is_state = *sealed_key == id.sealed_checkpoint();
            let sealed = sealer.seal(&item, generation, if is_state { &content } else { &opened.content })?;
            let _ = self.objects.put(&format!("{sealed_key}{NEXT}"), sealed.content, &Condition::Always).await?;
            match item.kind {
                Kind::Checkpoint if is_state => now.checkpoint.settle(Some(sealed.mark)),
                Kind::Tags => now.tags.settle(Some(sealed.mark)),
                _ => {}
            }
        }
        lock.verify().await?;
        self.replace_anchor(id, &open, key, now).await?;
        self.finish_key_change(lock).await?;
        let entry = self.forms(id).await?.pop();
        entry.map(|form| form.entry.revision).ok_or(Error::Changed { file })
    }

    /// The manager that is to seal a stack whose state now names it, where that isn't the one whose key seals it.
    ///
    /// # Errors
    /// When it can't be opened: see [`StackStore::use_manager`].
    pub(crate) async fn other_manager(
        &self,
        id: &StackId,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Arc<dyn SecretsManager>>> {
        let Some(provider) = checkpoint.latest.as_ref().and_then(|latest| latest.secrets_provider.as_ref()) else {
            return Ok(None);
        };
        if self.anchor(id).await?.key.is_of(provider) {
            return Ok(None);
        }
        self.seals.keys.manager_for(id, provider).await.map(Some)
    }

    /// Puts the newly sealed files into their places.
    pub(in crate::seal) async fn finish_key_change(&self, lock: &StackLock) -> Result<()> {
        let id = lock.stack();
        lock.verify().await?;
        for next in self.next_keys(id).await? {
            let key = next.strip_suffix(NEXT).unwrap_or(&next);
            self.objects.copy(&next, key).await?;
            self.objects.delete(&next).await?;
        }
        let open = self.read_anchor(id).await?.ok_or_else(|| self.no_anchor(id))?;
        self.write_anchor(id, &open, |anchor| anchor.stage = Stage::Settled).await.map(drop)
    }

    /// Removes what a change of the key has left that was interrupted before it came to anything.
    async fn remove_next(&self, id: &StackId) -> Result<()> {
        for next in self.next_keys(id).await? {
            self.objects.delete(&next).await?;
        }
        Ok(())
    }

    /// Keys of the files that wait to take others' places.
    async fn next_keys(&self, id: &StackId) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for item in self.sealed_inventory_of(id, NEXT).await?.items {
            keys.extend(item.sealed.map(|key| format!("{key}{NEXT}")));
        }
        Ok(keys)
    }
}
