//! A stack's configuration values: texts, lists and maps beside the program, some of them encrypted (Pulumi's
//! `Pulumi.<stack>.yaml`).

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::ports::StoreError;

/// Which value, as people type it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigPlace {
    /// `<name>`, which is the project's, or `<namespace>:<name>`.
    pub key: String,
    /// The key is a path into a list or map: `outer.inner`, `names[0]`.
    pub is_path: bool,
}

/// What a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfigKind {
    /// Text; inside lists and maps numbers and truth values are told from it.
    #[default]
    Untyped,
    /// Text, whatever it looks like.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Text that is encrypted.
    Secret,
}

/// A value to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// Where.
    pub place: ConfigPlace,
    /// The text.
    pub value: Zeroizing<String>,
    /// What it means.
    pub kind: ConfigKind,
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// `<namespace>:<name>`.
    pub key: String,
    /// The key as people type it: without the namespace when it is the project's.
    pub name: String,
    /// The value: a text as it is, a list or map as JSON. Encrypted parts read `[secret]` unless they were asked for.
    pub value: Zeroizing<String>,
    /// Whether it is a list or map.
    pub is_object: bool,
    /// Whether a part of it is encrypted.
    pub is_secret: bool,
}

/// What a change of the secrets manager has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsChange {
    /// The manager before, in words; nothing when there was none.
    pub before: Option<String>,
    /// The manager now.
    pub after: String,
    /// How many configuration values were encrypted anew.
    pub config_values: usize,
    /// Whether there is a state, which was encrypted anew.
    pub state: bool,
}

/// The configuration of one stack, and the manager of its secrets.
#[async_trait]
pub trait StackConfiguration: Send + Sync {
    /// The file, for people.
    fn location(&self) -> String;

    /// All values in the order of their keys.
    ///
    /// # Errors
    /// When the file can't be read, or a secret that is to be shown can't be decrypted.
    async fn values(&self, show_secrets: bool) -> Result<Vec<ConfigEntry>, StoreError>;

    /// One value, its secrets decrypted; `None` when there is none.
    ///
    /// # Errors
    /// As [`StackConfiguration::values`], and when the key isn't one.
    async fn value(&self, place: &ConfigPlace) -> Result<Option<ConfigEntry>, StoreError>;

    /// Sets values: all or none. Everything else in the file stays as it is. A secrets manager is made where the stack has
    /// none and one is needed.
    ///
    /// # Errors
    /// When a key isn't one, a value doesn't fit its place or kind, or the file can't be written.
    async fn set(&self, changes: &[ConfigChange]) -> Result<(), StoreError>;

    /// Removes values: all or none. The places where there was none.
    ///
    /// # Errors
    /// As [`StackConfiguration::set`].
    async fn remove(&self, places: &[ConfigPlace]) -> Result<Vec<ConfigPlace>, StoreError>;

    /// Encrypts the stack's secrets, those of the configuration and those of the state, by another manager: `passphrase`, or
    /// the URL of a cloud's key. Takes the stack's lock.
    ///
    /// # Errors
    /// When there is no such manager, somebody else holds the lock, or a secret can't be decrypted: nothing has changed
    /// then. When only one of the two could be written, the error says so, and the same change can be made again.
    async fn change_secrets_provider(&self, wanted: &str) -> Result<SecretsChange, StoreError>;
}
