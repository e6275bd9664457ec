//! The key that seals a stack's files: derived from the stack's own key, and from it one for each object.
//!
//! HKDF-SHA256 (RFC 5869) gives every sealed object a key and a nonce of its own, from 32 random bytes that stand before
//! its ciphertext. So no key ever seals two objects, however many are written, and a nonce can't come up twice.

use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::secrets::{DerivedKey, SecretsError};

/// Separates this use of the stack's key from all others.
const PURPOSE: &[u8] = b"semantest-iac sealed state 1";
const ID_LABEL: &[u8] = b"key id";
const OBJECT_LABEL: &[u8] = b"object key and nonce";

/// Length of the random bytes before a ciphertext.
pub(super) const SALT: usize = 32;
/// Length of the authentication tag after it.
pub(super) const TAG: usize = 16;

/// The authentication tag of a sealed object: no two objects have the same.
pub(super) type Tag = [u8; TAG];

/// A content that isn't what was sealed under this key with this context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAuthentic;

/// Seals and opens with a stack's key.
pub(super) struct SealingKey {
    root: hkdf::Prk,
    id: String,
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How many bytes are to be derived.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(root: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) {
    let filled = root.expand(info, Length(out.len())).and_then(|derived| derived.fill(out));
    filled.unwrap_or_else(|_| unreachable!("HKDF gives up to 8160 bytes"));
}

impl SealingKey {
    /// The key that seals the files of the stack whose key this is.
    pub fn derive(stack: &DerivedKey) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, PURPOSE).extract(stack.expose());
        let mut id = [0; 8];
        fill(&root, &[ID_LABEL], &mut id);
        Self { root, id: hex::encode(id) }
    }

    /// What tells the key from others; says nothing of the key itself.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn object_key(&self, salt: &[u8]) -> (LessSafeKey, Nonce) {
        let mut derived = Zeroizing::new([0; 32 + NONCE_LEN]);
        fill(&self.root, &[OBJECT_LABEL, salt], &mut *derived);
        let (key, nonce) = derived.split_at(32);
        let key = UnboundKey::new(&AES_256_GCM, key).unwrap_or_else(|_| unreachable!("the key has the right length"));
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap_or_else(|_| unreachable!("so has the nonce"));
        (LessSafeKey::new(key), nonce)
    }

    /// Appends salt, ciphertext and tag of a content to `out`; whatever `context` says must be said again to open it.
    ///
    /// # Errors
    /// When the system gives no random numbers, or the content is longer than AES-GCM takes (64 GB).
    pub fn seal(&self, context: &[u8], content: &[u8], out: &mut Vec<u8>) -> Result<Tag, SecretsError> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| SecretsError::Encrypt("no random numbers to be had"))?;
        let (key, nonce) = self.object_key(&salt);
        out.reserve(SALT + content.len() + TAG);
        out.extend_from_slice(&salt);
        let start = out.len();
        out.extend_from_slice(content);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(context), &mut out[start..])
            .map_err(|_| SecretsError::Encrypt("the file is too long"))?;
        out.extend_from_slice(tag.as_ref());
        let mut copy = [0; TAG];
        copy.copy_from_slice(tag.as_ref());
        Ok(copy)
    }

    /// Opens what [`SealingKey::seal`] appended, which starts at `start` of `content` and ends where that ends.
    pub fn open(&self, context: &[u8], content: Bytes, start: usize) -> Result<(Bytes, Tag), NotAuthentic> {
        let tag = content.last_chunk::<TAG>().copied().ok_or(NotAuthentic)?;
        let salt = content.get(start..start + SALT).ok_or(NotAuthentic)?;
        let (key, nonce) = self.object_key(salt);
        // Takes the buffer itself where nobody else has it, so that a large state isn't copied.
        let mut buffer = Vec::from(content);
        let opened = key.open_within(nonce, Aad::from(context), &mut buffer, start + SALT..);
        let length = opened.map_err(|_| NotAuthentic)?.len();
        buffer.truncate(length);
        Ok((buffer.into(), tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealingKey {
        SealingKey::derive(&DerivedKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_context_alone() {
        let mut sealed = b"before".to_vec();
        let tag = key(1).seal(b"context", b"content", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 6 + SALT + 7 + TAG);
        let sealed = Bytes::from(sealed);
        let opened = key(1).open(b"context", sealed.clone(), 6).unwrap();
        assert_eq!(opened, (Bytes::from_static(b"content"), tag));
        for (key, context) in [(key(2), &b"context"[..]), (key(1), b"contexT"), (key(1), b"")] {
            assert_eq!(key.open(context, sealed.clone(), 6), Err(NotAuthentic));
        }
        for length in 0..sealed.len() {
            assert_eq!(key(1).open(b"context", sealed.slice(..length), 6), Err(NotAuthentic), "{length}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let mut sealed = Vec::new();
        key(1).seal(b"context", b"some content", &mut sealed).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key(1).open(b"context", changed.into(), 0), Err(NotAuthentic), "byte {at}");
        }
    }

    /// Computed with another program: HMAC-SHA256 by hand.
    #[test]
    fn the_derivation_stays_what_it_is() {
        assert_eq!(key(7).id(), "8aace86464eb18f6");
    }
}
