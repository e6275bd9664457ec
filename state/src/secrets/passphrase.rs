//! The passphrase manager: a key derived from a passphrase and a salt (SPEC.md section 3.3).
//!
//! The derivation takes 1,000,000 rounds (some 0.3 s), so it runs once, and only when a secret is touched.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::symmetric::OnceKey;
use super::{Crypter, DerivedKey, SecretsError, SecretsManager, SecretsProvider, SymmetricKey};

const ROUNDS: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();
/// The word whose ciphertext in the salt string shows whether a passphrase is the right one.
const VERIFIER: &str = "pulumi";

/// A passphrase, which `Debug` hides and which is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase; the empty one counts too.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[passphrase]")
    }
}

/// Where a passphrase comes from. Asked at most once, when the first secret is touched.
pub trait PassphraseSource: Send + Sync {
    /// The passphrase.
    ///
    /// # Errors
    /// [`SecretsError::NoPassphrase`] when there is none, [`SecretsError::PassphraseSource`] when it can't be read.
    fn passphrase(&self) -> Result<Passphrase, SecretsError>;

    /// The passphrase for something new, against which it can't be checked: whoever types it does so twice.
    ///
    /// # Errors
    /// As [`Self::passphrase`].
    fn new_passphrase(&self) -> Result<Passphrase, SecretsError> {
        self.passphrase()
    }
}

impl<F: Fn() -> Result<Passphrase, SecretsError> + Send + Sync> PassphraseSource for F {
    fn passphrase(&self) -> Result<Passphrase, SecretsError> {
        self()
    }
}

/// Derives the key of a passphrase (about 0.3 s).
pub fn derive_key(passphrase: &Passphrase, salt: &[u8]) -> DerivedKey {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, passphrase.0.as_bytes(), &mut *key);
    DerivedKey::from_zeroizing(key)
}

/// A passphrase manager.
pub struct PassphraseSecrets {
    salt_text: String,
    salt: Vec<u8>,
    verifier: String,
    source: Arc<dyn PassphraseSource>,
    key: OnceKey,
}

impl fmt::Debug for PassphraseSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseSecrets").field("salt", &self.salt_text).finish_non_exhaustive()
    }
}

impl PassphraseSecrets {
    /// Opens a manager by its salt string, `v1:<base64 salt>:v1:<nonce>:<verifier>`. Asks for nothing yet.
    ///
    /// # Errors
    /// [`SecretsError::BadSalt`] when the string has another form.
    pub fn open(salt_text: &str, source: Arc<dyn PassphraseSource>) -> Result<Self, SecretsError> {
        let bad = |what: &str| SecretsError::BadSalt(what.to_owned());
        let rest = salt_text.strip_prefix("v1:").ok_or_else(|| bad("it doesn't start with 'v1:'"))?;
        let (salt, verifier) = rest.split_once(':').ok_or_else(|| bad("it has no verifier"))?;
        Ok(Self {
            salt_text: salt_text.to_owned(),
            salt: STANDARD.decode(salt).map_err(|_| bad("its salt isn't base64"))?,
            verifier: verifier.to_owned(),
            source,
            key: OnceKey::default(),
        })
    }

    /// Makes a manager with a new salt for a new stack. Derives the key.
    ///
    /// # Errors
    /// When the source has no passphrase, or the system gives no random numbers.
    pub fn create(source: Arc<dyn PassphraseSource>) -> Result<Self, SecretsError> {
        let mut salt = [0; 8];
        SystemRandom::new().fill(&mut salt).map_err(|_| SecretsError::Encrypt("no random numbers to be had"))?;
        let derived = derive_key(&source.new_passphrase()?, &salt);
        let cipher = SymmetricKey::new(derived.expose());
        let salt_text = format!("v1:{}:{}", STANDARD.encode(salt), cipher.encrypt(VERIFIER)?);
        let secrets = Self::open(&salt_text, source)?;
        secrets.key.set(derived, cipher);
        Ok(secrets)
    }

    /// Gives the manager a key that was derived before, so that it needn't be derived again.
    ///
    /// # Errors
    /// [`SecretsError::WrongPassphrase`] when it isn't this stack's key.
    pub fn with_key(self, derived: DerivedKey) -> Result<Self, SecretsError> {
        let cipher = self.verified(&derived)?;
        self.key.set(derived, cipher);
        Ok(self)
    }

    /// The salt string, as `Pulumi.<stack>.yaml` (`encryptionsalt`) and the state hold it.
    pub fn salt(&self) -> &str {
        &self.salt_text
    }

    fn verified(&self, derived: &DerivedKey) -> Result<SymmetricKey, SecretsError> {
        let cipher = SymmetricKey::new(derived.expose());
        match cipher.decrypt(&self.verifier) {
            Ok(word) if *word == VERIFIER => Ok(cipher),
            _ => Err(SecretsError::WrongPassphrase),
        }
    }

    fn opened(&self) -> Result<&(DerivedKey, SymmetricKey), SecretsError> {
        self.key.get_or_try_init(|| {
            let derived = derive_key(&self.source.passphrase()?, &self.salt);
            let cipher = self.verified(&derived)?;
            Ok((derived, cipher))
        })
    }
}

impl Crypter for PassphraseSecrets {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        self.opened()?.1.encrypt(plaintext)
    }

    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        self.opened()?.1.decrypt(ciphertext)
    }
}

impl SecretsManager for PassphraseSecrets {
    fn provider(&self) -> SecretsProvider {
        SecretsProvider::passphrase(&self.salt_text)
    }

    fn stack_key(&self) -> Result<DerivedKey, SecretsError> {
        Ok(self.opened()?.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(salt: &str, passphrase: &'static str) -> PassphraseSecrets {
        PassphraseSecrets::open(salt, Arc::new(move || Ok(Passphrase::new(passphrase)))).unwrap()
    }

    /// The vectors of SPEC.md section 3.6: passphrase, salt string, key, and what ciphertexts hold.
    #[test]
    fn the_vectors_of_the_specification_hold() {
        const SENTENCE: &str = "correct horse battery staple";
        type Vector = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);
        let vectors: [Vector; 5] = [
            (
                "password",
                "v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==",
                "7e700703e28b164e816cb939612c938b8dcf8f8a5237d02824cea3fb656b3a8b",
                &[(
                    r#"{"__defaults":[],"DB_PASSWORD":"hunter2"}"#,
                    "v1:AAAAAAAAAAAAAAAB:Hesnv25isBOB+M+Xmc696XM/nWiXwWXNYkanPIULCH+ObX7LGPAYE31vwLVrdOUvN/vx7eK/F6gX",
                )],
            ),
            (
                "TestConfigRoundtripComments",
                "v1:ThS5UPxP9qc=:v1:UZYAXF+ylaJ0rGhv:9OTvBnOEDFgxs7btjzSu+LZ470vLpg==",
                "2c87ab85989efcf30f69448a0162c1a8b4f82f2c153000ef3cfd7e497bec262a",
                &[("secret-value", "v1:T1ftqhY0hqr+EJK6:+jvd5PMecFx80tcavzuZY4tLatgIfoe/xR72GA==")],
            ),
            (
                "",
                "v1:LVuDkcjhUns=:v1:WPbL+tmbxnqWswQ2:lebZxStyHT3IZkmbN+3xCx9zqtoPog==",
                "61466e5a1282e5b6651d40ccc546cc0dd8803ac5abf1e962d549bf67c108561b",
                &[],
            ),
            (
                SENTENCE,
                "v1:hG87nYev1Ws=:v1:h4wYweOvj1kFznNQ:zZTwj7p/zVvedcxPfzl6D/3LEaPG5g==",
                "952c478827a0f06fe90acad3eebc70c0e44006c46161c3ee3de24bcbb36e085b",
                &[
                    (
                        "\"MySecretVersionValue\"",
                        "v1:s1FE2LsAjp/zlcsQ:BXTDAGZN80SeGJNxead2Q2dMkw/ixlvBkxHuMMkqIXMrZ8foCw4=",
                    ),
                    ("\"\"", "v1:Jg9Mqf9pwCho3B8J:cLuq/NRghiph6WVHyRXtisf2"),
                ],
            ),
            (
                SENTENCE,
                "v1:IAm7+6iNqL8=:v1:PrRI3GtdBsIPWhN2:8+6lXZtNDP2+bmBsyU+PTqfjkTiUlg==",
                "024ee1c15741e99a662b5dd315996ab786f599ce0e8275c2fb960c8445ac29b7",
                &[("{}", "v1:ZVcj79S0zHxq5tDz:SO50xAM9PuELnOvshjJRvUg5")],
            ),
        ];
        for (passphrase, salt, key, values) in vectors {
            let secrets = open(salt, passphrase);
            assert_eq!(hex::encode(secrets.stack_key().unwrap().expose()), key);
            assert_eq!(*secrets.decrypt(&secrets.verifier).unwrap(), "pulumi");
            for (plaintext, ciphertext) in values {
                assert_eq!(&*secrets.decrypt(ciphertext).unwrap(), plaintext);
            }
            let again = secrets.encrypt("\"again\"").unwrap();
            assert_eq!(&*secrets.decrypt(&again).unwrap(), "\"again\"");
        }
    }

    #[test]
    fn a_wrong_passphrase_is_an_error_for_every_use() {
        let secrets = open("v1:fozI5u6B030=:v1:F+6ZduKKd8G0/V7L:PGMFeIzwobWRKmEAzUdaQHqC5mMRIQ==", "wrong");
        for error in [
            secrets.unlock().unwrap_err(),
            secrets.encrypt("x").unwrap_err(),
            secrets.decrypt("v1:AAAAAAAAAAAAAAAD:uE0Mj01VHDdJks9QcoU7WlWe2hhVMw==").unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("failed to decrypt: incorrect passphrase"), "{error}");
        }
    }

    #[test]
    fn a_new_manager_opens_again_with_its_salt_and_with_its_key() {
        let created = PassphraseSecrets::create(Arc::new(|| Ok(Passphrase::new("p")))).unwrap();
        let ciphertext = created.encrypt("text").unwrap();
        let never_asked = Arc::new(|| Err(SecretsError::NoPassphrase));
        let key = created.stack_key().unwrap();
        let by_key = PassphraseSecrets::open(created.salt(), never_asked.clone()).unwrap().with_key(key).unwrap();
        assert_eq!(*by_key.decrypt(&ciphertext).unwrap(), "text");
        assert_eq!(*open(created.salt(), "p").decrypt(&ciphertext).unwrap(), "text");
        let other = PassphraseSecrets::open(created.salt(), never_asked).unwrap();
        assert!(matches!(other.with_key(DerivedKey::from_bytes([1; 32])), Err(SecretsError::WrongPassphrase)));
    }

    #[test]
    fn malformed_salts_and_ciphertexts_are_errors() {
        for salt in ["", "v1", "v1:", "v2:AA==:v1:x", "v1:***:v1:a:b"] {
            let error = PassphraseSecrets::open(salt, Arc::new(|| Err(SecretsError::NoPassphrase))).unwrap_err();
            assert!(matches!(error, SecretsError::BadSalt(_)), "{salt}: {error}");
        }
        // An empty salt occurs in public material.
        PassphraseSecrets::open("v1::v1:a:b", Arc::new(|| Err(SecretsError::NoPassphrase))).unwrap();
        let key = SymmetricKey::new(&[7; 32]);
        let good = key.encrypt("text").unwrap();
        for text in ["", "v1", "v1:", "v1:AA==:AA==", "v1:AAAAAAAAAAAAAAAD:", "v1:AAAAAAAAAAAAAAAD:****", "plain"] {
            assert!(key.decrypt(text).is_err(), "{text}");
        }
        assert!(SymmetricKey::new(&[8; 32]).decrypt(&good).is_err());
    }
}
