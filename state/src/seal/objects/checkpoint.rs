//! A sealed stack's checkpoint and tags: each is held against the anchor when it is read, and named by it before and after it
//! is written.

use bytes::Bytes;

use crate::error::Result;
use crate::seal::anchor::{Anchor, Mark, OpenAnchor};
use crate::seal::{Kind, Place};
use crate::secrets::SecretsProvider;
use crate::store::{Condition, Revision, StackId, StackStore};

/// How often two objects are read at most that change together.
const MOST_READS: u32 = 5;

/// A sealed checkpoint that was opened.
pub(crate) struct OpenedCheckpoint {
    /// What was sealed: a checkpoint as it stands in a file.
    pub content: Bytes,
    pub revision: Revision,
}

/// A sealed object that is written in two steps: its content, once the anchor names it, and then the anchor again.
pub(crate) struct Writing {
    pub content: Bytes,
    mark: Mark,
    anchor: OpenAnchor,
    kind: Kind,
}

fn place(id: &StackId, kind: Kind) -> Place<'_> {
    Place { id, kind, name: "" }
}

impl StackStore {
    /// Reads an object that the anchor names; nothing when the anchor names nothing and nothing is there.
    async fn read_named(&self, id: &StackId, kind: Kind, key: &str) -> Result<Option<OpenedCheckpoint>> {
        let file = self.objects.show(key);
        let mut anchor = match self.anchor_if_any(id).await? {
            Some(anchor) => anchor,
            // A stack that isn't there yet has neither.
            None if !self.objects.exists(key).await? => return Ok(None),
            None => return Err(self.no_anchor(id)),
        };
        let mut tries = 0;
        loop {
            let found = match self.objects.get(key).await? {
                None => Ok(None),
                Some(object) => anchor
                    .key
                    .open(place(id, kind), object.content, &file)
                    .map(|opened| Some((opened, object.revision))),
            };
            let checked = found.and_then(|found| {
                let slot = if kind == Kind::Tags { &anchor.anchor.tags } else { &anchor.anchor.checkpoint };
                slot.check(found.as_ref().map(|(opened, _)| &opened.mark), &file)?;
                Ok(found)
            });
            match checked {
                Ok(found) => {
                    return Ok(found.map(|(opened, revision)| OpenedCheckpoint { content: opened.content, revision }));
                }
                // A deployment may have written both since the anchor was read.
                Err(error) => {
                    let now = self.anchor(id).await?;
                    tries += 1;
                    if now.generation == anchor.generation || tries == MOST_READS {
                        return Err(error.into());
                    }
                    anchor = now;
                }
            }
        }
    }

    /// The sealed checkpoint; nothing when the stack has none yet.
    ///
    /// # Errors
    /// [`crate::seal::SealError`] when it isn't the newest or isn't what was sealed.
    pub(crate) async fn read_sealed_checkpoint(&self, id: &StackId) -> Result<Option<OpenedCheckpoint>> {
        self.read_named(id, Kind::Checkpoint, &id.sealed_checkpoint()).await
    }

    /// The sealed tags' content; nothing when there are none.
    pub(crate) async fn read_sealed_tags(&self, id: &StackId) -> Result<Option<Bytes>> {
        Ok(self.read_named(id, Kind::Tags, &id.sealed_tags()).await?.map(|opened| opened.content))
    }

    /// Seals a checkpoint and names it in the anchor, before it is written.
    ///
    /// # Errors
    /// When the key isn't to be had, or somebody else has written the anchor meanwhile.
    pub(crate) async fn begin_sealed_checkpoint(
        &self,
        id: &StackId,
        content: &[u8],
        provider: Option<&SecretsProvider>,
    ) -> Result<Writing> {
        self.begin(id, Kind::Checkpoint, content, provider).await
    }

    async fn begin(
        &self,
        id: &StackId,
        kind: Kind,
        content: &[u8],
        provider: Option<&SecretsProvider>,
    ) -> Result<Writing> {
        let anchor = self.anchor_or_new(id, provider).await?;
        let sealed = anchor.key.seal(place(id, kind), anchor.generation + 1, None, content)?;
        let mark = sealed.mark.clone();
        let frames = self.seals.frames(id);
        let change = |anchor: &mut Anchor| {
            let slot = if kind == Kind::Tags { &mut anchor.tags } else { &mut anchor.checkpoint };
            slot.intend(Some(mark));
            anchor.frames = frames.unwrap_or(anchor.frames);
        };
        let anchor = self.write_anchor(id, &anchor, change).await?;
        Ok(Writing { content: sealed.content, mark: sealed.mark, anchor, kind })
    }

    /// Says in the anchor that what was begun is written.
    pub(crate) async fn end_sealed(&self, id: &StackId, writing: Writing) -> Result<()> {
        let Writing { mark, anchor, kind, .. } = writing;
        let change = |anchor: &mut Anchor| {
            let slot = if kind == Kind::Tags { &mut anchor.tags } else { &mut anchor.checkpoint };
            slot.settle(Some(mark));
        };
        self.write_anchor(id, &anchor, change).await.map(drop)
    }

    /// Writes the sealed tags, or removes them.
    pub(crate) async fn write_sealed_tags(&self, id: &StackId, content: Option<Vec<u8>>) -> Result<()> {
        let key = id.sealed_tags();
        match content {
            Some(content) => {
                let writing = self.begin(id, Kind::Tags, &content, None).await?;
                let _ = self.objects.put(&key, writing.content.clone(), &Condition::Always).await?;
                self.end_sealed(id, writing).await
            }
            None => {
                let anchor = self.anchor(id).await?;
                let anchor = self.write_anchor(id, &anchor, |anchor| anchor.tags.intend(None)).await?;
                self.objects.delete(&key).await?;
                self.write_anchor(id, &anchor, |anchor| anchor.tags.settle(None)).await.map(drop)
            }
        }
    }

    /// Says in the anchor that the checkpoint is about to go, when the stack is removed.
    pub(crate) async fn begin_removal(&self, id: &StackId) -> Result<()> {
        let anchor = self.anchor(id).await?;
        let change = |anchor: &mut Anchor| {
            anchor.checkpoint.intend(None);
            anchor.tags.intend(None);
            anchor.journal.intend(None);
        };
        self.write_anchor(id, &anchor, change).await.map(drop)
    }

    /// Removes the anchor of a stack of which nothing is left, and forgets what was seen of it.
    pub(crate) async fn end_removal(&self, id: &StackId) -> Result<()> {
        self.objects.delete(&id.anchor()).await?;
        self.seals.forget(id);
        self.seals.seen.forget(id).await
    }
}
