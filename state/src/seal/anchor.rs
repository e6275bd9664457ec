//! A stack's anchor: the sealed object that says which of the others are the newest.
//!
//! What changes in place (checkpoint, tags, the open journal) is named here by generation and tag. Before it changes, the
//! anchor names the one that comes too, and afterwards that one alone: whenever the process dies, what is there is named,
//! and anything older isn't. The anchor's own generation grows with each write; it starts at the time (in milliseconds), so
//! that a stack that was removed and made again isn't taken for an older one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changes::convert::Conversion;
use super::key::Tag;
use super::keys::StackKey;
use super::objects::header::{Kind, Place};
use super::seen::Record;
use super::{SealError, StackForm};
use crate::error::{Error, Result};
use crate::secrets::SecretsProvider;
use crate::store::{Condition, Revision, StackId, StackStore};

/// Names one sealed object, among all that ever stood in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub generation: u64,
    /// The authentication tag in hex.
    pub tag: String,
}

impl Mark {
    pub fn new(generation: u64, tag: &Tag) -> Self {
        Self { generation, tag: hex::encode(tag) }
    }
}

/// What may stand in a place: one object, or, while that changes, the one before and the one that comes. `None`: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Slot(Vec<Option<Mark>>);

impl Default for Slot {
    fn default() -> Self {
        Self(vec![None])
    }
}

impl Slot {
    pub fn accepts(&self, found: Option<&Mark>) -> bool {
        self.0.iter().any(|known| known.as_ref() == found)
    }

    /// Names what comes, too.
    pub fn intend(&mut self, next: Option<Mark>) {
        if !self.accepts(next.as_ref()) {
            self.0.push(next);
        }
    }

    /// Names what is there now, and nothing else.
    pub fn settle(&mut self, now: Option<Mark>) {
        self.0 = vec![now];
    }

    /// The one that is there, where that is certain.
    pub fn certain(&self) -> Option<&Mark> {
        match self.0.as_slice() {
            [Some(mark)] => Some(mark),
            _ => None,
        }
    }

    /// What is known to be there, the newest that may be.
    pub fn newest(&self) -> Option<&Mark> {
        self.0.iter().flatten().max_by_key(|mark| mark.generation)
    }

    /// Refuses what isn't named here.
    ///
    /// # Errors
    /// [`SealError::Older`] with the generations.
    pub fn check(&self, found: Option<&Mark>, file: &str) -> Result<(), SealError> {
        if self.accepts(found) {
            return Ok(());
        }
        let message = match (found, self.newest()) {
            (None, Some(known)) => format!("is not there, though generation {} was written", known.generation),
            (Some(found), Some(known)) if found.generation > known.generation => format!(
                "is of generation {}, but the stack's anchor says that the newest is {}",
                found.generation, known.generation
            ),
            (Some(found), Some(known)) => {
                format!("is of generation {}, but {} was written", found.generation, known.generation)
            }
            (Some(found), None) => format!("is of generation {}, but was removed", found.generation),
            (None, None) => "is not there".to_owned(),
        };
        Err(SealError::Older { file: file.to_owned(), message })
    }
}

/// Where a stack stands between its two forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// Sealed, and nothing else is there.
    #[default]
    Settled,
    /// What is in clear is the state; it is being sealed.
    Sealing,
    /// What is sealed is the state; what is in clear is being removed.
    RemovingClear,
    /// What is sealed is the state; it is being written in clear.
    Opening,
    /// What is in clear is the state; what is sealed is being removed.
    RemovingSealed,
    /// All is being moved into the place of what was sealed with the key before.
    ChangingKey,
}

impl Stage {
    fn conversion(self) -> Option<Conversion> {
        match self {
            Self::Settled => None,
            Self::Sealing | Self::RemovingClear => Some(Conversion::Encrypt),
            Self::Opening | Self::RemovingSealed => Some(Conversion::Decrypt),
            Self::ChangingKey => Some(Conversion::ChangeKey),
        }
    }
}

/// The anchor's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Anchor {
    pub stage: Stage,
    pub checkpoint: Slot,
    pub tags: Slot,
    pub journal: Slot,
    /// How many frames the open journal had when the anchor was written: it can't have less.
    pub frames: u64,
}

/// An anchor that was read or written, and what it takes to write the next.
#[derive(Clone, Debug)]
pub(crate) struct OpenAnchor {
    pub(super) anchor: Anchor,
    pub(super) generation: u64,
    revision: Revision,
    pub(super) key: Arc<StackKey>,
}

impl OpenAnchor {
    /// Refuses a stack that is between its two forms, or its two keys.
    ///
    /// # Errors
    /// [`SealError::Unfinished`].
    pub(super) fn refuse_unfinished(&self, id: &StackId) -> Result<(), SealError> {
        match self.anchor.stage.conversion() {
            None => Ok(()),
            Some(conversion) => Err(SealError::Unfinished { stack: id.to_string(), conversion }),
        }
    }
}

fn place(id: &StackId) -> Place<'_> {
    Place { id, kind: Kind::Anchor, name: "" }
}

impl StackStore {
    /// The anchor of a stack that isn't between its two forms.
    ///
    /// # Errors
    /// [`SealError::NoAnchor`], [`SealError::Unfinished`], [`SealError::Older`], or when it can't be read or opened.
    pub(crate) async fn anchor(&self, id: &StackId) -> Result<OpenAnchor> {
        self.anchor_if_any(id).await?.ok_or_else(|| self.no_anchor(id))
    }

    /// As [`Self::anchor`]; nothing when there is none.
    pub(super) async fn anchor_if_any(&self, id: &StackId) -> Result<Option<OpenAnchor>> {
        let open = self.read_anchor(id).await?;
        open.iter().try_for_each(|open| open.refuse_unfinished(id))?;
        Ok(open)
    }

    /// The error for a sealed stack whose anchor is missing.
    pub(super) fn no_anchor(&self, id: &StackId) -> Error {
        SealError::NoAnchor { file: self.objects.show(&id.anchor()) }.into()
    }

    /// Whether there is an anchor.
    pub(super) async fn has_anchor(&self, id: &StackId) -> Result<bool> {
        self.objects.exists(&id.anchor()).await
    }

    /// The anchor, whatever its stage. It is held against what this machine has seen of the stack.
    pub(super) async fn read_anchor(&self, id: &StackId) -> Result<Option<OpenAnchor>> {
        let file = self.objects.show(&id.anchor());
        let mut before = None;
        loop {
            let Some((anchor, record)) = self.read_anchor_unchecked(id).await? else { return Ok(None) };
            match self.seals.seen.check(id, &record, &file).await {
                Ok(()) => {
                    self.seals.seen.remember(id, &record).await;
                    return Ok(Some(anchor));
                }
                Err(error) if before == Some(anchor.generation) => return Err(error),
                // Another process of this machine may have written the next one since.
                Err(_) => before = Some(anchor.generation),
            }
        }
    }

    /// The anchor as it is there, be it older than what this machine has seen.
    pub(super) async fn read_anchor_unchecked(&self, id: &StackId) -> Result<Option<(OpenAnchor, Record)>> {
        let file = self.objects.show(&id.anchor());
        let Some(object) = self.objects.get(&id.anchor()).await? else { return Ok(None) };
        let revision = object.revision;
        let key = self.seals.keys.of_content(id, &object.content, &file).await?;
        let opened = key.open(place(id), object.content, &file)?;
        let anchor: Anchor = serde_json::from_slice(&opened.content)
            .map_err(|error| SealError::NotSealed { file, message: error.to_string() })?;
        let record = Record::new(&opened.mark, &key);
        Ok(Some((OpenAnchor { anchor, generation: opened.mark.generation, revision, key }, record)))
    }

    /// The anchor to be written next: that of a sealed stack, or a new one of a stack that isn't there yet and whose first
    /// state names that provider.
    pub(super) async fn anchor_or_new(&self, id: &StackId, provider: Option<&SecretsProvider>) -> Result<OpenAnchor> {
        let has_checkpoint = self.objects.exists(&id.sealed_checkpoint()).await?;
        if has_checkpoint || self.has_anchor(id).await? {
            let open = self.anchor(id).await?;
            return match provider {
                // Left by a removal that was cut off: nothing that is there needs the key of the stack before.
                Some(provider) if !has_checkpoint && !open.key.is_of(provider) && !self.has_journal(id).await? => {
                    let key = self.seals.keys.for_new(id, Some(provider)).await?;
                    self.replace_anchor(id, &open, key, Anchor::default()).await
                }
                _ => Ok(open),
            };
        }
        let key = self.seals.keys.for_new(id, provider).await?;
        self.first_anchor(id, key, Anchor::default()).await
    }

    async fn has_journal(&self, id: &StackId) -> Result<bool> {
        Ok(self.bare_journal_storage(id, StackForm::Sealed).read().await?.is_some())
    }

    /// Writes a stack's first anchor.
    pub(super) async fn first_anchor(&self, id: &StackId, key: Arc<StackKey>, anchor: Anchor) -> Result<OpenAnchor> {
        let seen = self.seals.seen.generation(id).await?.map_or(0, |seen| seen + 1);
        let now = u64::try_from(self.now().timestamp_millis()).unwrap_or_default();
        self.put_anchor(id, key, anchor, seen.max(now), &Condition::Absent).await
    }

    /// Writes the anchor over the one that was read.
    ///
    /// # Errors
    /// [`Error::Changed`] when somebody else has written one since.
    pub(super) async fn write_anchor(
        &self,
        id: &StackId,
        open: &OpenAnchor,
        change: impl FnOnce(&mut Anchor),
    ) -> Result<OpenAnchor> {
        let mut anchor = open.anchor.clone();
        change(&mut anchor);
        let condition = Condition::Unchanged(open.revision.clone());
        self.put_anchor(id, Arc::clone(&open.key), anchor, open.generation + 1, &condition).await
    }

    /// Writes the anchor over the one that was read, with another key.
    pub(super) async fn replace_anchor(
        &self,
        id: &StackId,
        open: &OpenAnchor,
        key: Arc<StackKey>,
        anchor: Anchor,
    ) -> Result<OpenAnchor> {
        let condition = Condition::Unchanged(open.revision.clone());
        self.put_anchor(id, key, anchor, open.generation + 1, &condition).await
    }

    /// Writes an anchor of a generation.
    pub(super) async fn put_anchor(
        &self,
        id: &StackId,
        key: Arc<StackKey>,
        anchor: Anchor,
        generation: u64,
        condition: &Condition,
    ) -> Result<OpenAnchor> {
        let file = self.objects.show(&id.anchor());
        let content = serde_json::to_vec(&anchor).map_err(|error| Error::write(&file, error))?;
        let sealed = key.seal(place(id), generation, None, &content)?;
        let Ok(revision) = self.objects.put(&id.anchor(), sealed.content, condition).await? else {
            return Err(Error::Changed { file });
        };
        self.seals.seen.remember(id, &Record::new(&sealed.mark, &key)).await;
        Ok(OpenAnchor { anchor, generation, revision, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(generation: u64) -> Mark {
        Mark { generation, tag: format!("{generation:x}") }
    }

    #[test]
    fn a_slot_names_what_is_there_and_while_it_changes_what_comes() {
        let mut slot = Slot::default();
        slot.check(None, "f").unwrap();
        slot.intend(Some(mark(1)));
        assert!(slot.accepts(None) && slot.accepts(Some(&mark(1))));
        slot.settle(Some(mark(1)));
        assert!(!slot.accepts(None));
        slot.intend(Some(mark(2)));
        slot.settle(Some(mark(2)));
        let text = |found: Option<&Mark>| slot.check(found, "f").unwrap_err().to_string();
        assert!(text(Some(&mark(1))).starts_with("f is of generation 1, but 2 was written"));
        assert!(text(None).starts_with("f is not there, though generation 2 was written"));
        assert!(text(Some(&mark(3))).contains("the stack's anchor says that the newest is 2"));
        assert!(text(Some(&Mark { tag: "other".into(), ..mark(2) })).contains("generation 2"));
    }
}
