//! The stack's secrets manager, opened when the first secret is touched. A stack that has none gets one with its first
//! secret.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use state::{ConfiguredSecrets, Crypter, SecretsAccess, SecretsError, SecretsManager, SecretsProvider};

use super::settings::SecretsSettings;

/// Opens or makes the manager when it is needed.
pub struct StackSecrets {
    recorded: Option<SecretsProvider>,
    access: SecretsAccess,
    settings: SecretsSettings,
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
        Self { recorded, access, settings: SecretsSettings::default(), opened: Mutex::default() }
    }

    /// As these settings say where the state names no manager.
    #[must_use]
    pub fn with_settings(self, settings: SecretsSettings) -> Self {
        Self { settings, ..self }
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

    /// The manager in words, where state or settings name one or say what kind a new one is to be of.
    pub fn named(&self) -> Option<String> {
        let recorded = self.provider().map(|provider| provider.in_words());
        recorded.or_else(|| self.settings.named().ok().flatten())
    }

    /// The manager; one is made if there is none and something is to be encrypted.
    ///
    /// # Errors
    /// When it can't be opened or made, or there is none.
    pub fn manager(&self, for_writing: bool) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = &*opened {
            return Ok(Arc::clone(manager));
        }
        let manager = match &self.recorded {
            Some(provider) => provider.open(&self.access)?,
            None => match self.settings.configured().map_err(SecretsError::settings)? {
                ConfiguredSecrets::Manager(provider) => provider.open(&self.access)?,
                _ if for_writing => self.settings.create(&self.access)?,
                _ => return Err(SecretsError::NoManager),
            },
        };
        *opened = Some(Arc::clone(&manager));
        Ok(manager)
    }
}

impl StackSecrets {
    /// The error for a passphrase that isn't the state's, where the settings name another manager: as a change of it leaves
    /// them that was cut off between its two files.
    fn half_changed(&self) -> Option<SecretsError> {
        let settings = self.settings.read().ok()??;
        let ConfiguredSecrets::Manager(named) = settings.secrets() else { return None };
        let file = settings.file().file_name()?.to_string_lossy().into_owned();
        self.recorded.as_ref().filter(|recorded| !recorded.is_same(&named)).map(|_| SecretsError::HalfChanged { file })
    }
}

fn is_wrong_passphrase(error: &SecretsError) -> bool {
    matches!(error, SecretsError::WrongPassphrase)
}

impl Crypter for StackSecrets {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        self.manager(true)?.encrypt(plaintext)
    }

    fn decrypt(&self, ciphertext: &str) -> Result<zeroize::Zeroizing<String>, SecretsError> {
        let decrypted = self.manager(false)?.decrypt(ciphertext);
        decrypted.map_err(|error| self.half_changed().filter(|_| is_wrong_passphrase(&error)).unwrap_or(error))
    }
}
