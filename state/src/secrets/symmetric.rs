//! The symmetric layer under passphrases and cloud keys: AES-256-GCM in Pulumi's text form (SPEC.md section 3.2).

use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, Zeroizing};

use super::SecretsError;

/// The 32-byte key of a stack: derived from its passphrase, or the data key that a cloud's key has encrypted.
#[derive(Clone)]
pub struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    /// Takes the bytes of a key that was got before.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes the bytes without leaving a copy behind.
    pub(super) fn from_zeroizing(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key's bytes. Whoever calls this must not let them get anywhere that others may read.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

/// A stack's key that is got once, when it is first needed.
#[derive(Default)]
pub(super) struct OnceKey {
    key: OnceLock<(DerivedKey, SymmetricKey)>,
    /// Held while the key is got, so that two threads don't derive it, ask for the passphrase or call the cloud at once.
    getting: Mutex<()>,
}

impl OnceKey {
    /// Gives the key, so that it needn't be got.
    pub(super) fn set(&self, derived: DerivedKey, cipher: SymmetricKey) {
        self.key.get_or_init(|| (derived, cipher));
    }

    /// The key; `get` is called when it isn't there yet. A failure isn't remembered.
    pub(super) fn get_or_try_init(
        &self,
        get: impl FnOnce() -> Result<(DerivedKey, SymmetricKey), SecretsError>,
    ) -> Result<&(DerivedKey, SymmetricKey), SecretsError> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let _one_at_a_time = self.getting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = get()?;
        Ok(self.key.get_or_init(|| key))
    }
}

/// A 256-bit key that encrypts single values, each under its own random nonce.
pub struct SymmetricKey(LessSafeKey);

impl std::fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

impl SymmetricKey {
    /// Takes the key's bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).unwrap_or_else(|_| unreachable!("the key has the right length"));
        Self(LessSafeKey::new(key))
    }

    /// Encrypts a text: `v1:<base64 nonce>:<base64 ciphertext and tag>`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SecretsError::Encrypt("no random numbers to be had"))?;
        let mut data = plaintext.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut data)
            .map_err(|_| SecretsError::Encrypt("the value is too long"))?;
        Ok(format!("v1:{}:{}", STANDARD.encode(nonce), STANDARD.encode(data)))
    }

    /// Decrypts a text of that form.
    ///
    /// # Errors
    /// [`SecretsError::BadCiphertext`] when the form is another, or the text wasn't encrypted with this key.
    pub fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        let bad = SecretsError::BadCiphertext;
        let rest = ciphertext.strip_prefix("v1:").ok_or(bad("it doesn't start with 'v1:'"))?;
        let (nonce, data) = rest.split_once(':').ok_or(bad("it has no nonce"))?;
        let nonce = STANDARD.decode(nonce).map_err(|_| bad("its nonce isn't base64"))?;
        let mut data = STANDARD.decode(data).map_err(|_| bad("it isn't base64"))?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| bad("its nonce isn't 12 bytes long"))?;
        let length = self
            .0
            .open_in_place(nonce, Aad::empty(), &mut data)
            .map_err(|_| bad("it was not encrypted with this stack's key, or it was changed"))?
            .len();
        data.truncate(length);
        String::from_utf8(data).map(Zeroizing::new).map_err(|error| {
            error.into_bytes().zeroize();
            bad("it isn't UTF-8")
        })
    }
}
