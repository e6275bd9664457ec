//! An older state on purpose: what is there becomes the newest.

use std::sync::Arc;

use crate::error::Result;
use crate::lock::StackLock;
use crate::seal::anchor::{Anchor, Mark};
use crate::seal::objects::frames;
use crate::seal::{Kind, Place, SealError, StackForm};
use crate::store::{Condition, StackStore};

impl StackStore {
    /// Takes the files of a sealed stack as they are for the newest from now on, and writes an anchor that says so: for
    /// whoever has put an older state back on purpose, or has lost the anchor. Of a stack that isn't there any more, what this
    /// machine has seen is forgotten. Files that aren't authentic are still refused.
    ///
    /// # Errors
    /// When a file isn't authentic or the checkpoint is missing; nothing has changed then.
    pub async fn accept_sealed_state(&self, lock: &StackLock) -> Result<()> {
        let id = lock.stack();
        lock.verify().await?;
        let checkpoint_key = id.sealed_checkpoint();
        let file = self.objects.show(&checkpoint_key);
        let Some(object) = self.objects.get(&checkpoint_key).await? else {
            if !self.has_anchor(id).await? {
                // The stack was removed on purpose.
                self.seals.forget(id);
                return self.seals.seen.forget(id).await;
            }
            let message = "is not there".to_owned();
            return Err(SealError::Older { file, message }.into());
        };
        let key = self.seals.keys.of_content(id, &object.content, &file).await?;
        let place = |kind| Place { id, kind, name: "" };
        let mut accepted = Anchor::default();
        let checkpoint = key.open(place(Kind::Checkpoint), object.content, &file)?;
        let mut newest = checkpoint.mark.generation;
        accepted.checkpoint.settle(Some(checkpoint.mark));
        if let Some(object) = self.objects.get(&id.sealed_tags()).await? {
            let opened = key.open(place(Kind::Tags), object.content, &self.objects.show(&id.sealed_tags()))?;
            newest = newest.max(opened.mark.generation);
            accepted.tags.settle(Some(opened.mark));
        }
        let journal = self.bare_journal_storage(id, StackForm::Sealed);
        if let Some(content) = journal.read().await? {
            let (header, length) = key.read_head(place(Kind::Journal), &content, &journal.place())?;
            let found = frames::read(key.sealing(), &content, length, &journal.place())?;
            newest = newest.max(header.generation);
            accepted.frames = found.count;
            accepted.journal.settle(found.first.map(|first| Mark::new(header.generation, &first)));
        }
        let before = self.objects.get(&id.anchor()).await?;
        let known = self.seals.seen.generation(id).await?;
        let in_place = match self.read_anchor_unchecked(id).await {
            Ok(Some((open, _))) => {
                open.refuse_unfinished(id)?;
                open.generation
            }
            // One that can't be read is replaced, too.
            _ => 0,
        };
        let now = u64::try_from(self.now().timestamp_millis()).unwrap_or_default();
        let generation = newest.max(known.unwrap_or_default()).max(in_place).max(now) + 1;
        let condition = before.map_or(Condition::Absent, |object| Condition::Unchanged(object.revision));
        self.seals.seen.forget(id).await?;
        self.put_anchor(id, Arc::clone(&key), accepted, generation, &condition).await?;
        self.seals.forget(id);
        Ok(())
    }
}
