//! Secrets managers: who encrypts and decrypts the secret values of a stack (SPEC.md section 3).
//!
//! The managers derive or fetch their key when the first secret is touched, never before: reading a state that isn't
//! asked for secrets needs no passphrase and costs no key derivation.

pub mod access;
pub mod choice;
pub mod cloud;
pub mod passphrase;
pub mod symmetric;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::codec::json::Json;
pub use access::{KeyError, KeyService, NoKeys, SecretsAccess};
pub use choice::NewSecrets;
pub use cloud::CloudSecrets;
pub use passphrase::{Passphrase, PassphraseSecrets, PassphraseSource};
pub use symmetric::{DerivedKey, SymmetricKey};

/// Encrypts and decrypts texts with a stack's key.
pub trait Crypter: Send + Sync {
    /// Encrypts a text.
    ///
    /// # Errors
    /// When the key isn't to be had.
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError>;

    /// Decrypts a text.
    ///
    /// # Errors
    /// When the key isn't to be had or doesn't fit. Never an empty value instead.
    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError>;
}

/// A stack's secrets manager.
pub trait SecretsManager: Crypter + fmt::Debug {
    /// What the state says of it, to be written beside the resources.
    fn provider(&self) -> SecretsProvider;

    /// The 32-byte key of the stack: derived from the passphrase, or the data key that a cloud's key has encrypted. Other
    /// keys are derived from it; it encrypts secret values itself.
    ///
    /// # Errors
    /// When the key isn't to be had, or the passphrase is wrong.
    fn stack_key(&self) -> Result<DerivedKey, SecretsError>;

    /// Gets the key now. Decrypting and encrypting do it themselves when they need to.
    ///
    /// # Errors
    /// As [`SecretsManager::stack_key`].
    fn unlock(&self) -> Result<(), SecretsError> {
        self.stack_key().map(|_| ())
    }
}

/// The `secrets_providers` of a state: the manager's type and what it needs to open again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsProvider {
    /// `passphrase`, `cloud`, `service`, …
    pub kind: String,
    /// The manager's own data.
    pub state: Option<Json>,
    /// Members that aren't known.
    pub unknown: Vec<(String, Json)>,
}

impl SecretsProvider {
    /// A passphrase manager with its salt string.
    pub fn passphrase(salt: &str) -> Self {
        Self {
            kind: "passphrase".to_owned(),
            state: Some(Json::of(&serde_json::json!({ "salt": salt }))),
            unknown: Vec::new(),
        }
    }

    /// A cloud manager with the URL of its key, and its encrypted data key in base64.
    pub fn cloud(url: &str, encrypted_key: &str) -> Self {
        Self {
            kind: "cloud".to_owned(),
            state: Some(Json::of(&serde_json::json!({ "url": url, "encryptedkey": encrypted_key }))),
            unknown: Vec::new(),
        }
    }

    /// Whether this is the same manager with the same key, however its data is laid out.
    pub fn is_same(&self, other: &Self) -> bool {
        let data = |provider: &Self| provider.state.as_ref().and_then(|state| state.parse::<serde_json::Value>().ok());
        self.kind == other.kind && data(self) == data(other)
    }

    /// The manager in words: `passphrase`, or the URL of a cloud's key.
    pub fn in_words(&self) -> String {
        let state = self.state.as_ref().and_then(|state| state.parse::<serde_json::Value>().ok());
        let url = state.as_ref().and_then(|state| state.get("url")?.as_str()).filter(|_| self.kind == "cloud");
        url.unwrap_or(&self.kind).to_owned()
    }

    /// Opens the manager. A passphrase is asked for, and a cloud called, only when a secret is touched.
    ///
    /// # Errors
    /// [`SecretsError::Unsupported`] and [`SecretsError::UnsupportedKey`] for managers that this program can't open;
    /// [`SecretsError::BadSalt`], [`SecretsError::BadDataKey`].
    pub fn open(&self, access: &SecretsAccess) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        #[derive(Deserialize)]
        struct PassphraseState {
            salt: String,
        }
        #[derive(Deserialize)]
        struct CloudState {
            #[serde(default)]
            url: String,
            #[serde(default)]
            encryptedkey: String,
        }
        match self.kind.as_str() {
            "passphrase" => {
                let state = self.state.as_ref().and_then(|state| state.parse::<PassphraseState>().ok());
                let salt = state.ok_or_else(|| SecretsError::BadSalt("there is none".to_owned()))?.salt;
                Ok(Arc::new(PassphraseSecrets::open(&salt, Arc::clone(&access.passphrase))?))
            }
            "cloud" => {
                let state = self.state.as_ref().and_then(|state| state.parse::<CloudState>().ok());
                let CloudState { url, encryptedkey } = state.ok_or_else(|| SecretsError::BadDataKey {
                    url: "the cloud's key".to_owned(),
                    what: "there is none",
                })?;
                Ok(Arc::new(CloudSecrets::open(&url, &encryptedkey, access)?))
            }
            kind => Err(SecretsError::Unsupported { kind: kind.to_owned() }),
        }
    }
}

/// A secret that can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// No passphrase was given.
    #[error(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
    )]
    NoPassphrase,
    /// The passphrase couldn't be got.
    #[error("failed to get the passphrase: {0}")]
    PassphraseSource(String),
    /// The passphrase isn't the one of the stack.
    #[error(
        "failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or set \
         PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase"
    )]
    WrongPassphrase,
    /// The passphrase isn't the state's, and the settings name another manager than the state.
    #[error(
        "failed to decrypt: incorrect passphrase for the state, and {file} names another secrets manager than the state does, \
         as when a change of it was cut off: run `semantest-iac stack change-secrets-provider` again, with the passphrase of \
         before"
    )]
    HalfChanged {
        /// The settings' file.
        file: String,
    },
    /// The salt string can't be understood.
    #[error("the encryption salt is malformed: {0}")]
    BadSalt(String),
    /// The encrypted data key of a cloud manager can't be understood.
    #[error("the encrypted key of {url} is malformed: {what}")]
    BadDataKey {
        /// The URL of the cloud's key.
        url: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A cloud's key couldn't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The stack's settings, which say who encrypts, can't be read or written.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The URL isn't that of a key that this program can use.
    #[error("the secrets provider '{url}' can't be used by this program")]
    UnsupportedKey {
        /// The URL.
        url: String,
    },
    /// A ciphertext can't be understood or wasn't made with this key.
    #[error("failed to decrypt a secret: {0}")]
    BadCiphertext(&'static str),
    /// Encryption failed.
    #[error("failed to encrypt a secret: {0}")]
    Encrypt(&'static str),
    /// The state's secrets belong to a manager that can't be opened.
    #[error("constructing secrets manager of type \"{kind}\": this program can't open it")]
    Unsupported {
        /// The manager's type.
        kind: String,
    },
    /// The state holds encrypted secrets, but names no manager.
    #[error("snapshot contains encrypted secrets but no secrets manager could be found")]
    NoManager,
}

impl SecretsError {
    /// That settings can't be read or written.
    pub fn settings(error: crate::settings::SettingsError) -> Self {
        match error {
            crate::settings::SettingsError::Secrets(error) => error,
            other => Self::Settings { message: other.in_full(), hint: other.hint() },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::NoPassphrase | Self::PassphraseSource(_) => {
                    "an empty passphrase counts when PULUMI_CONFIG_PASSPHRASE is set to the empty text"
                }
                Self::WrongPassphrase | Self::HalfChanged { .. } => "nothing was changed",
                Self::BadSalt(_) => {
                    "it is kept in the state (secrets_providers.state.salt) and in Pulumi.<stack>.yaml \
                     (encryptionsalt): restore the one that is whole"
                }
                Self::BadDataKey { .. } => {
                    "it is kept in the state (secrets_providers.state.encryptedkey) and in Pulumi.<stack>.yaml \
                     (encryptedkey): restore the one that is whole"
                }
                Self::Key(error) => return error.hint.clone(),
                Self::Settings { hint, .. } => return hint.clone(),
                Self::UnsupportedKey { .. } => {
                    "it can use `passphrase`, keys of AWS KMS (awskms://<key id or alias>?region=<region>) and of Azure Key \
                     Vault (azurekeyvault://<vault>.vault.azure.net/keys/<key>); run `pulumi stack \
                     change-secrets-provider` with one of these on a stack that has another"
                }
                Self::Unsupported { kind } if kind == "service" => {
                    "only Pulumi Cloud can decrypt it: export the stack with `pulumi stack export --show-secrets`, or \
                     run `pulumi stack change-secrets-provider passphrase` on it first"
                }
                Self::Unsupported { .. } => "run `pulumi stack change-secrets-provider passphrase` on the stack first",
                Self::NoManager => {
                    "add `secrets_providers` to the file, or export it again with `pulumi stack export --show-secrets`"
                }
                Self::BadCiphertext(_) | Self::Encrypt(_) => return None,
            }
            .to_owned(),
        )
    }
}
