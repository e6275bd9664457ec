//! In which of its two forms a stack is, told by what stands in its project's folder: one look at a list that whoever loads
//! a checkpoint needs anyway.

use std::sync::PoisonError;

use super::{Encryption, SEALED, SealError, Seals};
use crate::codec::Compression;
use crate::error::Result;
use crate::store::{Form, Listing, StackId, StackStore};

/// How a stack's files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackForm {
    /// As Pulumi keeps them.
    Clear,
    /// Sealed.
    Sealed,
}

/// How a checkpoint is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// In clear, compressed or not.
    Clear(Compression),
    /// Sealed; its content says how it is compressed.
    Sealed,
}

impl Packing {
    /// What the names of a checkpoint's copies end in.
    pub fn ending(self) -> String {
        match self {
            Self::Clear(compression) => format!(".json{}", compression.suffix()),
            Self::Sealed => SEALED.to_owned(),
        }
    }
}

impl StackId {
    /// The checkpoint's key.
    pub(crate) fn packed(&self, packing: Packing) -> String {
        match packing {
            Packing::Clear(compression) => self.checkpoint(compression),
            Packing::Sealed => self.sealed_checkpoint(),
        }
    }
}

impl Seals {
    /// Whether stacks are to be sealed.
    pub fn are_wanted(&self) -> bool {
        self.encryption == Some(Encryption::Full)
    }

    fn known(&self, id: &StackId) -> Option<StackForm> {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn found(&self, id: &StackId, form: StackForm) {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), form);
    }

    /// Looks again the next time: somebody else may have changed the form.
    pub fn forget(&self, id: &StackId) {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl StackStore {
    /// The form in which a stack is, or is to be when there is none.
    pub(crate) async fn stack_form(&self, id: &StackId) -> Result<StackForm> {
        match self.seals.known(id) {
            Some(form) => Ok(form),
            None => {
                self.forms(id).await?;
                Ok(self.seals.known(id).unwrap_or(StackForm::Clear))
            }
        }
    }

    pub(crate) async fn is_sealed(&self, id: &StackId) -> Result<bool> {
        Ok(self.stack_form(id).await? == StackForm::Sealed)
    }

    /// Tells a stack's form by what its project's folder holds, of which `clear` are its checkpoints in clear; gives the
    /// checkpoints of that form.
    ///
    /// # Errors
    /// When both forms are there, the form isn't the configured one, or a sealed stack was seen that isn't there.
    pub(crate) async fn told_form(&self, id: &StackId, listing: &Listing, clear: Vec<Form>) -> Result<Vec<Form>> {
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        let (sealed, anchor) = (name(&id.sealed_checkpoint()), name(&id.anchor()));
        let sealed = listing.files.iter().find(|entry| entry.name == sealed);
        let is_sealed = sealed.is_some() || listing.files.iter().any(|entry| entry.name == anchor);
        let encryption = self.seals.encryption;
        let only = encryption.filter(|_| !self.seals.tolerant);
        let shown = |form: &Form| self.objects.show(&id.packed(form.packing));
        let form = match (clear.last(), is_sealed) {
            (Some(form), true) => {
                // Says so itself where the stack is between its two forms.
                self.anchor(id).await?;
                let sealed = self.objects.show(&id.sealed_checkpoint());
                return Err(SealError::Beside { plain: shown(form), sealed }.into());
            }
            (Some(form), false) if only == Some(Encryption::Full) => {
                return Err(SealError::NotEncrypted { file: shown(form) }.into());
            }
            (None, true) if only == Some(Encryption::Secrets) => {
                return Err(SealError::Encrypted { file: self.objects.show(&id.sealed_checkpoint()) }.into());
            }
            (Some(_), false) => StackForm::Clear,
            (None, true) => StackForm::Sealed,
            (None, false) if encryption == Some(Encryption::Full) => {
                let seen = self.seals.seen.check_absent(id, &self.objects.show(&id.sealed_checkpoint())).await;
                match seen {
                    // Another process of this machine may have made it since.
                    Err(error) if !self.has_anchor(id).await? => return Err(error),
                    _ => StackForm::Sealed,
                }
            }
            (None, false) => StackForm::Clear,
        };
        self.seals.found(id, form);
        Ok(match form {
            StackForm::Clear => clear,
            StackForm::Sealed => {
                sealed.cloned().map(|entry| Form { packing: Packing::Sealed, entry }).into_iter().collect()
            }
        })
    }
}
