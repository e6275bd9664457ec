//! Crypters for tests.

use zeroize::Zeroizing;

use super::{Crypter, SecretsError};

/// For where there are no secrets.
pub struct NoSecrets;

impl Crypter for NoSecrets {
    fn encrypt(&self, _: &str) -> Result<String, SecretsError> {
        unreachable!("there are no secrets")
    }

    fn decrypt(&self, _: &str) -> Result<Zeroizing<String>, SecretsError> {
        unreachable!("there are no secrets")
    }
}

/// Ciphertexts are the plaintexts with the key's letter before them; those of other letters aren't its own.
pub struct Letter(pub char);

impl Crypter for Letter {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        Ok(format!("{}{plaintext}", self.0))
    }

    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        let plaintext = ciphertext.strip_prefix(self.0).ok_or(SecretsError::WrongPassphrase)?;
        Ok(Zeroizing::new(plaintext.to_owned()))
    }
}
