//! A sealed journal over any storage: each group that is written at once is a frame.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::frames::{self, Frames};
use super::header::START;
use crate::error::Result;
use crate::journal::storage::JournalStorage;
use crate::journal::{Claim, JournalError};
use crate::seal::anchor::{Anchor, Mark, OpenAnchor};
use crate::seal::keys::StackKey;
use crate::seal::{Kind, Place, SealError};
use crate::store::{Condition, StackId, StackStore};

/// How often journal and anchor are read at most, while they change together.
const MOST_READS: u32 = 5;

/// What it takes to write the next frame.
struct Writing {
    key: Arc<StackKey>,
    head: Vec<u8>,
    number: u64,
}

/// A sealed journal.
pub(crate) struct SealedJournal {
    inner: Box<dyn JournalStorage>,
    store: StackStore,
    id: StackId,
    /// Once the journal was created here.
    writing: Option<Writing>,
}

impl SealedJournal {
    pub fn new(inner: Box<dyn JournalStorage>, store: StackStore, id: StackId) -> Self {
        Self { inner, store, id, writing: None }
    }

    fn place_of(id: &StackId) -> Place<'_> {
        Place { id, kind: Kind::Journal, name: "" }
    }

    /// Opens a journal's content and holds it against the anchor.
    fn open(&self, content: Option<&Bytes>, anchor: &OpenAnchor) -> Result<Option<Frames>, SealError> {
        let file = self.inner.place();
        let slot = &anchor.anchor.journal;
        let Some(content) = content else {
            return slot.check(None, &file).map(|()| None);
        };
        // What is left of one that was being removed.
        if !content.starts_with(START) && slot.accepts(None) {
            return Ok(None);
        }
        let (header, length) = anchor.key.read_head(Self::place_of(&self.id), content, &file)?;
        let found = frames::read(anchor.key.sealing(), content, length, &file)?;
        let Some(first) = &found.first else { return Err(SealError::Tampered { file }) };
        slot.check(Some(&Mark::new(header.generation, first)), &file)?;
        if found.count < anchor.anchor.frames {
            let message = format!("has {} frames, but {} were written", found.count, anchor.anchor.frames);
            return Err(SealError::Older { file, message });
        }
        Ok(Some(found))
    }

    /// Says in the anchor that the journal goes, removes it, and says that it is gone.
    async fn remove(&mut self) -> Result<()> {
        self.writing = None;
        self.store.seals.set_frames(&self.id, 0);
        let anchor = self.store.anchor(&self.id).await?;
        let going = |anchor: &mut Anchor| anchor.journal.intend(None);
        let anchor = self.store.write_anchor(&self.id, &anchor, going).await?;
        self.inner.discard().await?;
        let gone = |anchor: &mut Anchor| {
            anchor.journal.settle(None);
            anchor.frames = 0;
        };
        self.store.write_anchor(&self.id, &anchor, gone).await.map(drop)
    }
}

#[async_trait]
impl JournalStorage for SealedJournal {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn read(&self) -> Result<Option<Bytes>> {
        let mut content = self.inner.read().await?;
        let mut anchor = match self.store.anchor_if_any(&self.id).await? {
            Some(anchor) => anchor,
            // A stack that isn't there yet has neither.
            None if content.is_none() => return Ok(None),
            None => return Err(self.store.no_anchor(&self.id)),
        };
        let mut tries = 0;
        loop {
            match self.open(content.as_ref(), &anchor) {
                Ok(found) => return Ok(found.map(|found| found.content.into())),
                // It may have been started or finished between the two reads.
                Err(error) => {
                    content = self.inner.read().await?;
                    let now = self.store.anchor(&self.id).await?;
                    tries += 1;
                    let is_settled = tries > 1 && now.generation == anchor.generation;
                    if is_settled || tries == MOST_READS {
                        return Err(error.into());
                    }
                    anchor = now;
                }
            }
        }
    }

    async fn fence(&mut self, claim: &Claim) -> Result<()> {
        self.inner.fence(claim).await
    }

    async fn create(&mut self, content: Bytes, claim: &Claim) -> Result<()> {
        let anchor = self.store.anchor_or_new(&self.id, None).await?;
        let generation = anchor.generation + 1;
        let head = anchor.key.head(Self::place_of(&self.id), generation);
        let mut sealed = head.clone();
        let first = frames::write(anchor.key.sealing(), &head, 0, &content, &mut sealed)?;
        let mark = Mark::new(generation, &first);
        let coming = |anchor: &mut Anchor| {
            anchor.journal.intend(Some(mark.clone()));
            // The number is that of the one before, whose records are all in the new one's first frame.
            anchor.frames = 0;
        };
        let anchor = self.store.write_anchor(&self.id, &anchor, coming).await?;
        self.inner.create(sealed.into(), claim).await?;
        let there = |anchor: &mut Anchor| {
            anchor.journal.settle(Some(mark.clone()));
            anchor.frames = 1;
        };
        let anchor = self.store.write_anchor(&self.id, &anchor, there).await?;
        self.store.seals.set_frames(&self.id, 1);
        self.writing = Some(Writing { key: anchor.key, head, number: 1 });
        Ok(())
    }

    async fn append(&mut self, content: Bytes) -> Result<()> {
        let Some(Writing { key, head, number }) = &mut self.writing else {
            return Err(JournalError::Fenced { file: self.inner.place() }.into());
        };
        let mut frame = Vec::new();
        frames::write(key.sealing(), head, *number, &content, &mut frame)?;
        self.inner.append(frame.into()).await?;
        *number += 1;
        self.store.seals.set_frames(&self.id, *number);
        Ok(())
    }

    async fn finish(&mut self, event_log: &str) -> Result<()> {
        let (folder, name) = event_log.rsplit_once('/').unwrap_or_default();
        let deployment = name.strip_suffix(".jsonl").unwrap_or(name);
        if let Some(content) = self.read().await? {
            let anchor = self.store.anchor(&self.id).await?;
            let place = Place { id: &self.id, kind: Kind::Events, name: deployment };
            let sealed = anchor.key.seal(place, anchor.generation, None, &content)?;
            let key = format!("{folder}/{deployment}{}", crate::seal::SEALED);
            let _ = self.store.objects.put(&key, sealed.content, &Condition::Always).await?;
        }
        self.remove().await
    }

    async fn discard(&mut self) -> Result<()> {
        match self.inner.read().await? {
            Some(_) => self.remove().await,
            None => Ok(()),
        }
    }
}
