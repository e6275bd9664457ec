//! What it takes to open any secrets manager: where a passphrase comes from, and who uses the keys of clouds.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{PassphraseSource, SecretsError};

/// Encrypts and decrypts a stack's data key with a key that never leaves its cloud. Calls block, and work from any thread,
/// inside an asynchronous runtime too.
pub trait KeyService: Send + Sync {
    /// Encrypts with the key that a URL names (`awskms://…`, `azurekeyvault://…`; SPEC.md section 3.4).
    ///
    /// # Errors
    /// [`SecretsError::Key`] when the key can't be used.
    fn encrypt(&self, url: &str, plaintext: &[u8]) -> Result<Vec<u8>, SecretsError>;

    /// Decrypts what [`KeyService::encrypt`] or Pulumi has encrypted with that key.
    ///
    /// # Errors
    /// [`SecretsError::Key`] when the key can't be used or isn't the one.
    fn decrypt(&self, url: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError>;
}

/// A cloud's key that couldn't be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct KeyError {
    /// What failed, with which key, and what the cloud answered.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// No cloud's key can be used: for programs that know passphrases alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeys;

impl NoKeys {
    fn refuse(url: &str) -> SecretsError {
        SecretsError::Key(KeyError { message: format!("the key {url} can't be used here"), hint: None })
    }
}

impl KeyService for NoKeys {
    fn encrypt(&self, url: &str, _: &[u8]) -> Result<Vec<u8>, SecretsError> {
        Err(Self::refuse(url))
    }

    fn decrypt(&self, url: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        Err(Self::refuse(url))
    }
}

/// What opening a secrets manager takes. Nothing is asked or called before the first secret is touched.
#[derive(Clone)]
pub struct SecretsAccess {
    /// Where the passphrase comes from.
    pub passphrase: Arc<dyn PassphraseSource>,
    /// Who uses the keys of clouds.
    pub keys: Arc<dyn KeyService>,
    /// The URL of the key to use in place of the one that a state or configuration names, in this run alone
    /// (`PULUMI_CLOUD_SECRET_OVERRIDE`): the same key by another way, such as without a profile.
    pub key_override: Option<String>,
}

impl SecretsAccess {
    /// Access to passphrases and the keys of clouds.
    pub fn new(passphrase: Arc<dyn PassphraseSource>, keys: Arc<dyn KeyService>) -> Self {
        Self { passphrase, keys, key_override: None }
    }

    /// Access to passphrases alone.
    pub fn with_passphrase(passphrase: impl PassphraseSource + 'static) -> Self {
        Self::new(Arc::new(passphrase), Arc::new(NoKeys))
    }
}

impl fmt::Debug for SecretsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsAccess").field("key_override", &self.key_override).finish_non_exhaustive()
    }
}
