//! Which kind of secrets manager a stack is to get.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::cloud::check_url;
use super::{CloudSecrets, PassphraseSecrets, SecretsAccess, SecretsError, SecretsManager};

/// The kind of a manager that is to be made, in Pulumi's words: `passphrase`, or the URL of a cloud's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NewSecrets {
    /// A key derived from a passphrase.
    #[default]
    Passphrase,
    /// A data key that the key of this URL encrypts.
    Key(String),
}

impl NewSecrets {
    /// Makes a manager. Derives a key from the passphrase, or calls the cloud once.
    ///
    /// # Errors
    /// When there is no passphrase, or the cloud's key can't be used.
    pub fn create(&self, access: &SecretsAccess) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        Ok(match self {
            Self::Passphrase => Arc::new(PassphraseSecrets::create(Arc::clone(&access.passphrase))?),
            Self::Key(url) => Arc::new(CloudSecrets::create(url, access)?),
        })
    }
}

impl FromStr for NewSecrets {
    type Err = SecretsError;

    /// Reads `passphrase` (or `default`, which is the same where there is no Pulumi Cloud) or a URL.
    fn from_str(text: &str) -> Result<Self, SecretsError> {
        match text {
            "passphrase" | "default" => Ok(Self::Passphrase),
            url => check_url(url).map(|()| Self::Key(url.to_owned())),
        }
    }
}

impl fmt::Display for NewSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase => f.write_str("passphrase"),
            Self::Key(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_pulumis_words() {
        for (text, kind) in [
            ("passphrase", NewSecrets::Passphrase),
            ("default", NewSecrets::Passphrase),
            ("awskms://alias/a?region=eu-west-1", NewSecrets::Key("awskms://alias/a?region=eu-west-1".to_owned())),
        ] {
            assert_eq!(text.parse::<NewSecrets>().unwrap(), kind);
        }
        for text in ["", "kms", "gcpkms://projects/p", "service", "hashivault://k"] {
            assert!(matches!(text.parse::<NewSecrets>(), Err(SecretsError::UnsupportedKey { .. })), "{text}");
        }
    }
}
