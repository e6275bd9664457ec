//! A sealed stack under another name, or in another store: what belongs to it is sealed anew for its new place, under the key
//! that it has. Nothing of it stands in clear anywhere, not even on the way.

use std::sync::Arc;

use super::anchor::Mark;
use super::{Encryption, Kind, Place, SealError};
use crate::error::Result;
use crate::lock::StackLock;
use crate::store::transfer::name_in;
use crate::store::{Condition, StackId, StackStore, Transferred};

impl StackStore {
    /// The store, in which `to` is sealed with the key of this store's stack `from` when it isn't there yet.
    pub(crate) async fn for_sealed_stack(&self, from: &StackId, store: &Self, to: &StackId) -> Result<Self> {
        let store = store.for_new_stacks(Some(Encryption::Full));
        store.seals.keys.share(to, &self.anchor(from).await?.key);
        Ok(store)
    }

    /// Seals what was written once (history, backups, event and audit logs) anew for the place of `target` in `store`, and
    /// compares what arrived.
    pub(crate) async fn copy_sealed_files(&self, lock: &StackLock, store: &Self, to: &StackId) -> Result<Transferred> {
        let from = lock.stack();
        let key = Arc::clone(&self.anchor(from).await?.key);
        let mut copied = Transferred::default();
        let mut kept: Vec<(String, Mark)> = Vec::new();
        // Checkpoints that are kept with the history come before its entries, which name them.
        for item in self.sealed_inventory(from).await?.items {
            if let Some(lost) = lock.known_loss() {
                return Err(lost.into());
            }
            let Some((folder, name)) = item.sealed.as_deref().and_then(|key| key.rsplit_once('/')) else { continue };
            let (target, count) = match folder {
                _ if folder == from.sealed_history() => (to.sealed_history(), &mut copied.history),
                _ if folder == from.sealed_backups() => (to.sealed_backups(), &mut copied.backups),
                _ if folder == from.events() => (to.events(), &mut copied.event_logs),
                _ if folder == from.audit() => (to.audit(), &mut copied.audit_logs),
                // The checkpoint and the tags are named by the anchor: they are written as such.
                _ => continue,
            };
            let old = format!("{folder}/{name}");
            let Some(object) = self.objects.get(&old).await? else { continue };
            let place = |id| Place { id, kind: item.kind, name: &item.name };
            let opened = key.open(place(from), object.content, &self.objects.show(&old))?;
            let entry = kept.iter().find(|(number, _)| *number == item.name);
            let named = entry.filter(|_| item.kind == Kind::History).map(|(_, mark)| mark.clone());
            let sealed = key.seal(place(to), opened.mark.generation, named, &opened.content)?;
            if item.kind == Kind::Checkpoint {
                kept.extend(item.number.clone().map(|number| (number, sealed.mark)));
            }
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
