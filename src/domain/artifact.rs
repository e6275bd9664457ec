//! What identifies a packaged piece of code: the digest of its bytes.

use std::fmt;
use std::str::FromStr;

use super::invalid::InvalidValue;

/// The SHA-256 digest of an artifact. Equal digests mean equal bytes, so nothing needs uploading.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactDigest([u8; 32]);

impl ArtifactDigest {
    /// The digest made of these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest as 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for ArtifactDigest {
    type Err = InvalidValue;

    /// Reads `sha256:<64 hex digits>`, with or without the prefix.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| InvalidValue::new("artifact digest", text, "it is not 64 hexadecimal digits of SHA-256"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ArtifactDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for ArtifactDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_read_back_and_only_digests_do() {
        let digest = ArtifactDigest::from_bytes([0xab; 32]);
        assert_eq!(digest.to_string().parse::<ArtifactDigest>().unwrap(), digest);
        assert_eq!(digest.to_hex().to_uppercase().parse::<ArtifactDigest>().unwrap(), digest);
        for bad in ["", "sha256:", "sha1:abcd", &"a".repeat(63), &"g".repeat(64)] {
            assert!(bad.parse::<ArtifactDigest>().is_err(), "{bad:?} was accepted");
        }
    }
}
