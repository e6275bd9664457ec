//! Sealed stacks (`encryption: full`): every file of a stack encrypted and authenticated under the stack's key.
//!
//! All files of a sealed stack (checkpoint, tags, journal, history, backups, event and audit logs) are sealed with AES-256-GCM
//! under a key that is derived from that of the stack's secrets manager. Each says in clear, and authenticated, what it is:
//! project, stack, kind, name and generation, so that none can be taken for another. The [`anchor`] says which are the newest,
//! and the machine remembers what it has seen of it ([`seen`]). Whoever loads and saves stacks need not know of any of this;
//! the form of a stack is found by what stands in its folder ([`form`]), and changed by [`StackStore::encrypt_stack`] and
//! [`StackStore::decrypt_stack`].

mod anchor;
mod changes;
mod error;
mod form;
mod key;
mod keys;
mod objects;
mod seen;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::secrets::{SecretsAccess, SecretsManager, SecretsProvider};
use crate::store::{StackId, StackStore};

pub use changes::convert::{Conversion, Converted};
pub use error::SealError;
pub(crate) use form::{Packing, StackForm};
pub(crate) use objects::header::{Kind, Place};
pub(crate) use objects::journal::SealedJournal;
pub(crate) use objects::names::SEALED;

/// What of a stack is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Each secret value by itself, in Pulumi's way: Pulumi reads the state in place.
    #[default]
    Secrets,
    /// Every file as a whole.
    Full,
}

/// How a store deals with sealed stacks.
#[derive(Clone, Debug, Default)]
pub struct SealOptions {
    /// What stacks are to be: new ones are made so, and others are refused. `None` takes each as it is, and makes new ones
    /// that Pulumi can read.
    pub encryption: Option<Encryption>,
    /// Takes stacks that are otherwise as they are: for whoever looks after stacks, and changes their form.
    pub tolerant: bool,
    /// How the keys of sealed stacks are got.
    pub access: Option<SecretsAccess>,
    /// The folder of this machine that remembers the newest generation of each sealed stack.
    pub seen: Option<PathBuf>,
}

/// What a store knows of its sealed stacks.
#[derive(Debug)]
pub(crate) struct Seals {
    encryption: Option<Encryption>,
    tolerant: bool,
    keys: keys::Keys,
    seen: seen::Seen,
    /// The forms of stacks as they were found last.
    forms: Mutex<HashMap<StackId, StackForm>>,
    /// How many frames the journals have that are written here.
    frames: Mutex<HashMap<StackId, u64>>,
}

impl Seals {
    pub fn new(options: &SealOptions, store: &str) -> Self {
        Self {
            encryption: options.encryption,
            tolerant: options.tolerant,
            keys: keys::Keys::new(options.access.clone()),
            seen: seen::Seen::new(options.seen.clone(), store),
            forms: Mutex::default(),
            frames: Mutex::default(),
        }
    }

    fn set_frames(&self, id: &StackId, frames: u64) {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), frames);
    }

    /// How many frames of a stack's journal are durable; nothing when no journal of it is written here.
    fn frames(&self, id: &StackId) -> Option<u64> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }
}

impl StackStore {
    /// The manager that a provider names, if the store has opened it for a sealed stack: so that its key is derived once.
    pub fn opened_manager(&self, provider: &SecretsProvider) -> Option<Arc<dyn SecretsManager>> {
        self.seals.keys.manager(provider)
    }

    /// The manager whose key seals a stack; nothing for one that isn't sealed, or isn't there yet. A deployment that died
    /// before its first checkpoint has sealed its journal already.
    ///
    /// # Errors
    /// When the key isn't to be had, or the stack can't be used as it is.
    pub async fn sealing_manager(&self, id: &StackId) -> Result<Option<Arc<dyn SecretsManager>>> {
        match self.is_sealed(id).await? {
            true => Ok(self.anchor_if_any(id).await?.map(|anchor| Arc::clone(&anchor.key.manager))),
            false => Ok(None),
        }
    }

    /// Chooses the manager of a stack that isn't there yet, whose key will seal it where stacks are to be sealed.
    pub fn use_manager(&self, id: &StackId, manager: Arc<dyn SecretsManager>) {
        self.seals.keys.choose(id, manager);
    }
}
