//! Secrets managers: who encrypts and decrypts the secret values of a stack (SPEC.md section 3).
//!
//! The managers derive or fetch their key when the first secret is touched, never before: reading a state that isn't
//! asked for secrets needs no passphrase and costs no key derivation.

pub mod passphrase;
pub mod symmetric;

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::json::Json;
pub use passphrase::{DerivedKey, Passphrase, PassphraseSecrets, PassphraseSource};
pub use symmetric::SymmetricKey;

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

    /// Gets the key now. Decrypting and encrypting do it themselves when they need to.
    ///
    /// # Errors
    /// When the key isn't to be had, or the passphrase is wrong.
    fn unlock(&self) -> Result<(), SecretsError>;
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

    /// Opens the manager. A passphrase is asked for only when a secret is touched.
    ///
    /// # Errors
    /// [`SecretsError::Unsupported`] for managers that this program can't open; [`SecretsError::BadSalt`].
    pub fn open(&self, source: Arc<dyn PassphraseSource>) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        #[derive(Deserialize)]
        struct PassphraseState {
            salt: String,
        }
        if self.kind != "passphrase" {
            return Err(SecretsError::Unsupported { kind: self.kind.clone() });
        }
        let state = self.state.as_ref().and_then(|state| state.parse::<PassphraseState>().ok());
        let salt = state.ok_or_else(|| SecretsError::BadSalt("there is none".to_owned()))?.salt;
        Ok(Arc::new(PassphraseSecrets::open(&salt, source)?))
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
    /// The salt string can't be understood.
    #[error("the encryption salt is malformed: {0}")]
    BadSalt(String),
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
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::NoPassphrase | Self::PassphraseSource(_) => {
                    "an empty passphrase counts when PULUMI_CONFIG_PASSPHRASE is set to the empty text"
                }
                Self::WrongPassphrase => "nothing was changed",
                Self::BadSalt(_) => {
                    "it is kept in the state (secrets_providers.state.salt) and in Pulumi.<stack>.yaml \
                     (encryptionsalt): restore the one that is whole"
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
