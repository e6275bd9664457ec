//! Sealed objects that are written once: entries of the history, event logs and audit logs. Each says itself which one it is.

use bytes::Bytes;

use crate::error::Result;
use crate::seal::anchor::{Mark, OpenAnchor};
use crate::seal::keys::OpenedObject;
use crate::seal::{Kind, Place, SealError};
use crate::secrets::SecretsError;
use crate::store::{StackId, StackStore};

impl OpenAnchor {
    /// Seals an object of a place that is written once.
    pub(crate) fn seal_log(&self, place: Place<'_>, content: &[u8]) -> Result<Bytes, SecretsError> {
        Ok(self.key.seal(place, self.generation, None, content)?.content)
    }

    /// Opens an object of a place that is written once.
    pub(crate) fn open_log(&self, place: Place<'_>, content: Bytes, file: &str) -> Result<Bytes, SealError> {
        Ok(self.key.open(place, content, file)?.content)
    }

    /// Seals an entry of the history, bound to the checkpoint that is kept with it.
    pub(crate) fn seal_history(
        &self,
        id: &StackId,
        number: i64,
        checkpoint: Option<Mark>,
        content: &[u8],
    ) -> Result<Bytes, SecretsError> {
        let place = Place { id, kind: Kind::History, name: &number.to_string() };
        Ok(self.key.seal(place, self.generation, checkpoint, content)?.content)
    }

    /// Opens an entry of the history.
    pub(crate) fn open_history(
        &self,
        id: &StackId,
        number: i64,
        content: Bytes,
        file: &str,
    ) -> Result<OpenedObject, SealError> {
        self.key.open(Place { id, kind: Kind::History, name: &number.to_string() }, content, file)
    }

    /// Opens the checkpoint that was kept with an entry of the history.
    ///
    /// # Errors
    /// [`SealError::Misplaced`] when it isn't that entry's.
    pub(crate) fn open_kept_checkpoint(
        &self,
        id: &StackId,
        entry: &OpenedObject,
        content: Bytes,
        file: &str,
    ) -> Result<Bytes, SealError> {
        let opened = self.key.open(Place { id, kind: Kind::Checkpoint, name: "" }, content, file)?;
        if entry.checkpoint.as_ref() == Some(&opened.mark) {
            return Ok(opened.content);
        }
        Err(SealError::Misplaced {
            file: file.to_owned(),
            found: format!("the checkpoint of generation {}", opened.mark.generation),
            expected: match &entry.checkpoint {
                Some(mark) => format!("that of generation {}, which the history's entry names", mark.generation),
                None => "one that the history's entry names".to_owned(),
            },
        })
    }
}

impl StackStore {
    /// The mark of the checkpoint as it is now.
    pub(crate) async fn checkpoint_mark(&self, id: &StackId, anchor: &OpenAnchor) -> Result<Option<Mark>> {
        if let Some(mark) = anchor.anchor.checkpoint.certain() {
            return Ok(Some(mark.clone()));
        }
        // It may be either of two: after a crash, until the next one is written.
        let key = id.sealed_checkpoint();
        let Some(object) = self.objects.get(&key).await? else { return Ok(None) };
        let place = Place { id, kind: Kind::Checkpoint, name: "" };
        Ok(Some(anchor.key.open(place, object.content, &self.objects.show(&key))?.mark))
    }
}
