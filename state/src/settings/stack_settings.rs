//! `Pulumi.<stack>.yaml`: a stack's configuration values, and the secrets manager that encrypts them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::document::{Content, Node};
use super::edit::{self, Refused};
use super::{ConfigKey, ConfigValue, PathStep, PropertyPath, SettingsError, file};
use crate::secrets::SecretsProvider;

const CONFIG: &str = "config";
const SECRETS_PROVIDER: &str = "secretsprovider";
const ENCRYPTED_KEY: &str = "encryptedkey";
const ENCRYPTION_SALT: &str = "encryptionsalt";

/// The secrets manager that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfiguredSecrets {
    /// None.
    None,
    /// This one.
    Manager(SecretsProvider),
    /// One with the key of a cloud that has no data key yet: it is to be made when it is first needed.
    NewDataKey {
        /// The URL of the cloud's key.
        url: String,
    },
}

/// The settings of a stack, as its file has them. Changes are made to the text in place, and reach the file with
/// [`StackSettings::write`].
#[derive(Clone, Debug)]
pub struct StackSettings {
    file: PathBuf,
    exists: bool,
    text: String,
    document: Map<String, Value>,
    /// The keys of `config` as they are written.
    written_keys: BTreeMap<ConfigKey, String>,
}

impl StackSettings {
    /// Reads a file; one that isn't there has no settings yet.
    ///
    /// # Errors
    /// When it can't be read or understood; with line and column.
    pub fn read(file: &Path) -> Result<Self, SettingsError> {
        let text = file::read(file)?;
        let exists = text.is_some();
        Ok(Self { exists, ..Self::of_text(file, text.unwrap_or_default())? })
    }

    /// Takes a text as the content of a file, which isn't read.
    ///
    /// # Errors
    /// When it can't be understood.
    pub fn of_text(file: &Path, text: String) -> Result<Self, SettingsError> {
        let tree = file::tree(file, &text)?;
        let malformed = |node: &Node, message: &str| file::malformed(file, &text, node.span.start, message);
        let mut written_keys = BTreeMap::new();
        let document = match &tree {
            None => Map::new(),
            Some(root) => match (&root.content, root.to_json()) {
                (Content::Map(_), Value::Object(map)) => map,
                (Content::Scalar(Value::Null), _) => Map::new(),
                _ => return Err(malformed(root, "settings are a mapping with the keys `config`, `encryptionsalt`, …")),
            },
        };
        for entry in tree.iter().flat_map(Node::entries) {
            let value = &entry.value;
            match (entry.key.as_str(), &value.content) {
                (
                    SECRETS_PROVIDER | ENCRYPTED_KEY | ENCRYPTION_SALT,
                    Content::Scalar(Value::String(_) | Value::Null),
                ) => {}
                (SECRETS_PROVIDER | ENCRYPTED_KEY | ENCRYPTION_SALT, _) => {
                    return Err(malformed(value, &format!("`{}` must be text", entry.key)));
                }
                (CONFIG, Content::Scalar(Value::Null)) => {}
                (CONFIG, Content::Map(entries)) => {
                    for entry in entries {
                        let key = ConfigKey::parse(&entry.key)
                            .map_err(|error| file::malformed(file, &text, entry.key_span.start, error.to_string()))?;
                        // Which of the two Pulumi would take is left to chance.
                        if let Some(other) = written_keys.insert(key, entry.key.clone()) {
                            let message =
                                format!("`{}` is the same key as `{other}`: only one of them can be", entry.key);
                            return Err(file::malformed(file, &text, entry.key_span.start, message));
                        }
                    }
                }
                (CONFIG, _) => {
                    return Err(malformed(value, "`config` must be a mapping of `<namespace>:<name>` to values"));
                }
                _ => {}
            }
        }
        Ok(Self { file: file.to_owned(), exists: true, text, document, written_keys })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether the file was there when it was read, or has been written since.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The text as it is now.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys of the configuration values, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ConfigKey> {
        self.written_keys.keys()
    }

    /// The configuration values in the order of their keys.
    pub fn config(&self) -> BTreeMap<ConfigKey, ConfigValue> {
        self.written_keys.keys().filter_map(|key| Some((key.clone(), self.value(key)?))).collect()
    }

    /// A configuration value.
    pub fn value(&self, key: &ConfigKey) -> Option<ConfigValue> {
        let value = self.document.get(CONFIG)?.get(self.written_keys.get(key)?)?;
        Some(ConfigValue::from_json(value.clone()))
    }

    /// The secrets manager that the settings name.
    pub fn secrets(&self) -> ConfiguredSecrets {
        let text = |key: &str| self.document.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        match (text(SECRETS_PROVIDER), text(ENCRYPTED_KEY), text(ENCRYPTION_SALT)) {
            (None | Some("passphrase" | "default"), _, Some(salt)) => {
                ConfiguredSecrets::Manager(SecretsProvider::passphrase(salt))
            }
            (None | Some("passphrase" | "default"), _, None) => ConfiguredSecrets::None,
            (Some(url), Some(key), _) => ConfiguredSecrets::Manager(SecretsProvider::cloud(url, key)),
            (Some(url), None, _) => ConfiguredSecrets::NewDataKey { url: url.to_owned() },
        }
    }

    /// Names another secrets manager. Encrypted values aren't touched.
    ///
    /// # Errors
    /// [`SettingsError::NotEditable`]
    pub fn set_secrets(&mut self, provider: &SecretsProvider) -> Result<(), SettingsError> {
        let state: Map<String, Value> =
            provider.state.as_ref().and_then(|state| state.parse().ok()).unwrap_or_default();
        let member = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let wanted = match provider.kind.as_str() {
            "passphrase" => vec![(ENCRYPTION_SALT, member("salt"))],
            "cloud" => vec![(SECRETS_PROVIDER, member("url")), (ENCRYPTED_KEY, member(ENCRYPTED_KEY))],
            _ => Vec::new(),
        };
        for key in [SECRETS_PROVIDER, ENCRYPTED_KEY, ENCRYPTION_SALT] {
            let mut expected = self.document.clone();
            let changed = match wanted.iter().find(|(name, _)| *name == key) {
                Some((_, value)) => {
                    if expected.get(key).and_then(Value::as_str) == Some(value) {
                        continue;
                    }
                    expected.insert(key.to_owned(), value.as_str().into());
                    edit::set(&self.text, &[key], &value.as_str().into())
                }
                None => {
                    if expected.remove(key).is_none() {
                        continue;
                    }
                    edit::remove(&self.text, &[key])
                }
            };
            let changed = self.checked(changed, &expected).map_err(|refused| self.not_editable(refused))?;
            *self = changed;
        }
        Ok(())
    }

    /// Sets a value, or the part of it that a path leads to.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPlace`], [`SettingsError::NotEditable`]
    pub fn set(&mut self, key: &ConfigKey, path: &PropertyPath, value: ConfigValue) -> Result<(), SettingsError> {
        let mut whole = self.value(key).unwrap_or_default();
        whole.set(path, value)?;
        self.change(key, path, Some(whole))
    }

    /// Removes a value, or the part of it that a path leads to. Whether there was one.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPlace`], [`SettingsError::NotEditable`]
    pub fn remove(&mut self, key: &ConfigKey, path: &PropertyPath) -> Result<bool, SettingsError> {
        let Some(mut whole) = self.value(key) else { return Ok(false) };
        if path.0.is_empty() {
            return self.change(key, path, None).map(|()| true);
        }
        let removed = whole.remove(path)?;
        if removed {
            self.change(key, path, Some(whole))?;
        }
        Ok(removed)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`SettingsError::Write`]
    pub fn write(&mut self) -> Result<(), SettingsError> {
        file::write(&self.file, &self.text)?;
        self.exists = true;
        Ok(())
    }

    /// Brings a value's text in line with what it is to be; only the part at `path` differs.
    fn change(
        &mut self,
        key: &ConfigKey,
        path: &PropertyPath,
        whole: Option<ConfigValue>,
    ) -> Result<(), SettingsError> {
        let written = self.written_keys.get(key).cloned().unwrap_or_else(|| key.to_string());
        let mut expected = self.document.clone();
        let config = expected.entry(CONFIG).or_insert(Value::Null);
        if config.is_null() {
            *config = Value::Object(Map::new());
        }
        if let Value::Object(config) = config {
            match &whole {
                Some(whole) => config.insert(written.clone(), whole.as_json().clone()),
                None => config.remove(&written),
            };
        }
        let keys = |count: usize| -> Vec<&str> {
            let inner = path.0[..count].iter().filter_map(|step| match step {
                PathStep::Key(key) => Some(key.as_str()),
                PathStep::Index(_) => None,
            });
            [CONFIG, written.as_str()].into_iter().chain(inner).collect()
        };
        let Some(whole) = whole else {
            let changed = self.checked(edit::remove(&self.text, &keys(0)), &expected);
            *self = changed.map_err(|refused| self.not_editable(refused))?;
            return Ok(());
        };
        // Lists are written anew as a whole; maps are changed where the path leads.
        let depth = path.0.iter().take_while(|step| matches!(step, PathStep::Key(_))).count();
        let part = whole.get(&PropertyPath(path.0[..depth].to_vec()));
        let narrow = match part {
            Some(part) => edit::set(&self.text, &keys(depth), part.as_json()),
            None => edit::remove(&self.text, &keys(depth)),
        };
        let changed = match self.checked(narrow, &expected) {
            // A layout that isn't changed in its parts is written anew from the key on.
            Err(_) if depth > 0 => self.checked(edit::set(&self.text, &keys(0), whole.as_json()), &expected),
            other => other,
        };
        *self = changed.map_err(|refused| self.not_editable(refused))?;
        Ok(())
    }

    /// The settings of a changed text, if it says what it should and nothing else.
    fn checked(&self, changed: Result<String, Refused>, expected: &Map<String, Value>) -> Result<Self, Refused> {
        let text = changed?;
        let new = Self::of_text(&self.file, text).map_err(|error| Refused(error.to_string()))?;
        if meaning(&new.document) != meaning(expected) {
            return Err(Refused("its layout can't be kept".to_owned()));
        }
        Ok(Self { exists: self.exists, ..new })
    }

    fn not_editable(&self, Refused(reason): Refused) -> SettingsError {
        SettingsError::NotEditable { file: self.file.clone(), reason }
    }
}

/// A document without what says nothing.
fn meaning(document: &Map<String, Value>) -> Map<String, Value> {
    let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    let entries = document.iter().filter(|(key, value)| !(*key == CONFIG && is_empty(value)));
    entries.map(|(key, value)| (key.clone(), value.clone())).collect()
}
