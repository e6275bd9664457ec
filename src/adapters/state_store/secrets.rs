//! The stack's secrets manager, opened when the first secret is touched. A stack that has none gets one with its first
//! secret.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use state::{Crypter, PassphraseSecrets, SecretsAccess, SecretsError, SecretsManager, SecretsProvider};

/// Opens or makes the manager when it is needed.
pub struct StackSecrets {
    recorded: Option<SecretsProvider>,
    access: SecretsAccess,
    opened: Mutex<Option<Arc<dyn SecretsManager>>>,
}

impl fmt::Debug for StackSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackSecrets").field("recorded", &self.recorded).finish_non_exhaustive()
    }
}

impl StackSecrets {
    /// The manager that the state names, or one to be made.
    pub fn new(recorded: Option<SecretsProvider>, access: SecretsAccess) -> Self {
        Self { recorded, access, opened: Mutex::default() }
    }

    /// With the manager that was opened already, so that its key isn't derived once more.
    #[must_use]
    pub fn with_opened(self, manager: Option<Arc<dyn SecretsManager>>) -> Self {
        Self { opened: Mutex::new(manager), ..self }
    }

    /// The manager, made now if there is none yet.
    ///
    /// # Errors
    /// When it can't be opened, or there is no passphrase for a new one.
    pub fn for_writing(&self) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        self.manager(true)
    }

    /// What the state is to say of the manager; `None` while there is none.
    pub fn provider(&self) -> Option<SecretsProvider> {
        match &*self.opened.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(manager) => Some(manager.provider()),
            None => self.recorded.clone(),
        }
    }

    fn manager(&self, for_writing: bool) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = &*opened {
            return Ok(Arc::clone(manager));
        }
        let manager: Arc<dyn SecretsManager> = match &self.recorded {
            Some(provider) => provider.open(&self.access)?,
            None if for_writing => Arc::new(PassphraseSecrets::create(Arc::clone(&self.access.passphrase))?),
            None => return Err(SecretsError::Unsupported { kind: "none".into() }),
        };
        *opened = Some(Arc::clone(&manager));
        Ok(manager)
    }
}

impl Crypter for StackSecrets {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        self.manager(true)?.encrypt(plaintext)
    }

    fn decrypt(&self, ciphertext: &str) -> Result<zeroize::Zeroizing<String>, SecretsError> {
        self.manager(false)?.decrypt(ciphertext)
    }
}
