//! Property values as states write them (SPEC.md section 2): decoding and encoding of plain and special values.
//!
//! Properties stay JSON text until somebody asks for them, and secrets stay ciphertexts until somebody asks for those.

pub mod archive_hash;
pub mod decode;
pub mod encode;

use super::json::Json;
use crate::secrets::SecretsError;
pub use archive_hash::{ArchiveEntry, archive_hash, asset_hash};
pub use decode::ValueDecoder;
pub use encode::ValueEncoder;

/// The key that marks an object as a special value.
pub const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
/// The signature of a secret.
pub const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
/// The signature of an asset.
pub const ASSET: &str = "c44067f5952c0a294b673a41bacd8c17";
/// The signature of an archive.
pub const ARCHIVE: &str = "0def7320c3a5731c473e5ecbe6d01bc7";
/// The signature of a reference to a resource.
pub const RESOURCE: &str = "5cf8f73096256a8f31e491e813e4eb8e";
/// The signature of an output value, which never stands in a state.
pub const OUTPUT: &str = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
/// The signature of bytes that aren't UTF-8 (feature `byteString`).
pub const BYTES: &str = "803fd3297a5875dc03ca845dda5d2a98";
/// The signature of NaN and the infinities.
pub const FLOAT: &str = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c";
/// The text that stands for a value that isn't known.
pub const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/// The properties of a resource as text. An empty map and none are one thing (SPEC.md section 1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Option<Json>);

impl Properties {
    /// Takes the text of an object.
    pub fn new(json: Json) -> Self {
        Self(if json.is_empty() { None } else { Some(json) })
    }

    /// No properties.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The text, when there is any property.
    pub fn json(&self) -> Option<&Json> {
        self.0.as_ref()
    }

    /// Whether there is no property.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a secret stands in them, encrypted or not. Costs no decoding.
    pub fn contain_secret(&self) -> bool {
        self.contain(SECRET)
    }

    /// Whether bytes that aren't UTF-8 stand in them.
    pub(crate) fn contain_bytes(&self) -> bool {
        self.contain(BYTES)
    }

    /// Whether a reference to a resource stands in them.
    pub(crate) fn contain_resource_reference(&self) -> bool {
        self.contain(RESOURCE)
    }

    pub(crate) fn contain(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|json| memchr::memmem::find(json.as_bytes(), text.as_bytes()).is_some())
    }
}

/// A value that can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The text has another shape than a value may have.
    #[error("{0}")]
    Malformed(String),
    /// An object is marked as something that isn't known.
    #[error("unrecognized signature '{0}' in property map")]
    UnknownSignature(String),
    /// A secret has both or neither of its forms.
    #[error("malformed secret value: exactly one of `ciphertext` or `plaintext` must be supplied")]
    MalformedSecret,
    /// A secret can't be encrypted or decrypted.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A reference to another resource's output has no value yet.
    #[error("the value refers to an output of {0} that isn't known yet")]
    Unresolved(String),
    /// A value of a resource, by its place.
    #[error("{place} of {urn}")]
    At {
        /// `input 'x'`, `outputs`, …
        place: String,
        /// The resource.
        urn: String,
        /// What is wrong.
        #[source]
        source: Box<ValueError>,
    },
}

impl ValueError {
    pub(crate) fn at(self, place: impl Into<String>, urn: &resource_graph::Urn) -> Self {
        Self::At { place: place.into(), urn: urn.to_string(), source: Box::new(self) }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secrets(error) => error.hint(),
            Self::At { source, .. } => source.hint(),
            Self::UnknownSignature(_) => Some("please update your version of semantest-iac".to_owned()),
            _ => None,
        }
    }
}
