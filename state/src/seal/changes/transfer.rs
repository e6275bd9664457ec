//! A sealed stack under another name, or in another store: what belongs to it is sealed anew for its new place, under the key
//! that it has. Nothing of it stands in clear anywhere, not even on the way.

use crate::error::Result;
use crate::lock::StackLock;
use crate::seal::anchor::OpenAnchor;
use crate::seal::objects::inventory::InventorySealer;
use crate::seal::{Encryption, SealError};
use crate::store::transfer::name_in;
use crate::store::{Condition, StackId, StackStore, Transferred};

impl StackStore {
    /// The store, in which a stack is sealed with the key of another when it isn't there yet.
    pub(crate) fn for_sealed_stack(&self, id: &StackId, other: &OpenAnchor) -> Self {
        let store = self.for_new_stacks(Some(Encryption::Full));
        store.seals.keys.share(id, &other.key);
        store
    }

    /// Seals what was written once (history, backups, event and audit logs) anew for the place of `to` in `store`, by the
    /// key of the stack's `anchor`, and compares what arrived.
    pub(crate) async fn copy_sealed_files(
        &self,
        lock: &StackLock,
        anchor: &OpenAnchor,
        store: &Self,
        to: &StackId,
    ) -> Result<Transferred> {
        let from = lock.stack();
        let mut copied = Transferred::default();
        let mut sealer = InventorySealer::new(&anchor.key, to);
        for item in self.sealed_inventory(from).await?.items {
            if let Some(lost) = lock.known_loss() {
                return Err(lost.into());
            }
            let Some(old) = &item.sealed else { continue };
            let Some((folder, name)) = old.rsplit_once('/') else { continue };
            let (target, count) = match folder {
                _ if folder == from.sealed_history() => (to.sealed_history(), &mut copied.history),
                _ if folder == from.sealed_backups() => (to.sealed_backups(), &mut copied.backups),
                _ if folder == from.events() => (to.events(), &mut copied.event_logs),
                _ if folder == from.audit() => (to.audit(), &mut copied.audit_logs),
                // The checkpoint and the tags are named by the anchor: they are written as such.
                _ => continue,
            };
            let Some(object) = self.objects.get(old).await? else { continue };
            let opened = anchor.key.open(item.place(from), object.content, &self.objects.show(old))?;
            let sealed = sealer.seal(&item, opened.mark.generation, &opened.content)?;
            let new = format!("{target}/{}", name_in(from, name, to));
            let _ = store.objects.put(&new, sealed.content.clone(), &Condition::Always).await?;
            if store.objects.get(&new).await?.is_none_or(|arrived| arrived.content != sealed.content) {
                return Err(SealError::Tampered { file: store.objects.show(&new) }.into());
            }
            *count += 1;
        }
        Ok(copied)
    }

    /// Seals the tags anew for a stack that is there already; says whether there are any.
    pub(crate) async fn copy_sealed_tags(&self, from: &StackId, store: &Self, to: &StackId) -> Result<bool> {
        let Some(tags) = self.read_sealed_tags(from).await? else { return Ok(false) };
        if store.read_sealed_tags(to).await?.as_ref() != Some(&tags) {
            store.write_sealed_tags(to, Some(tags.to_vec())).await?;
        }
        Ok(true)
    }
}
