//! Configuration keys: `<namespace>:<name>`.

use std::fmt;

use super::SettingsError;

/// The key of a configuration value. Most are in the namespace of the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigKey {
    namespace: String,
    name: String,
}

impl ConfigKey {
    /// A key of its parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Reads a key as it stands in a file: `<namespace>:<name>`, or `<namespace>:config:<name>` as older Pulumi wrote it.
    ///
    /// # Errors
    /// [`SettingsError::InvalidKey`]
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [namespace, name] | [namespace, "config", name] => Ok(Self::new(*namespace, *name)),
            _ => Err(SettingsError::InvalidKey { text: text.to_owned() }),
        }
    }

    /// Reads a key as people type it: one without a namespace is the project's.
    ///
    /// # Errors
    /// [`SettingsError::InvalidKey`]
    pub fn in_project(text: &str, project: &str) -> Result<Self, SettingsError> {
        if text.is_empty() {
            return Err(SettingsError::InvalidKey { text: text.to_owned() });
        }
        match text.contains(':') {
            true => Self::parse(text),
            false => Ok(Self::new(project, text)),
        }
    }

    /// The namespace: a project's or package's name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name within the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key as people read it: without the namespace when it is the project's.
    pub fn in_words(&self, project: &str) -> String {
        if self.namespace == project { self.name.clone() } else { self.to_string() }
    }
}

impl fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_all_their_forms() {
        let key = ConfigKey::new("aws", "region");
        assert_eq!(ConfigKey::parse("aws:region").unwrap(), key);
        assert_eq!(ConfigKey::parse("aws:config:region").unwrap(), key);
        assert_eq!(key.to_string(), "aws:region");
        assert_eq!(ConfigKey::in_project("token", "shop").unwrap().to_string(), "shop:token");
        assert_eq!(ConfigKey::in_project("token", "shop").unwrap().in_words("shop"), "token");
        assert_eq!(key.in_words("shop"), "aws:region");
        for text in ["region", "a:b:c", "a:b:c:d", ""] {
            assert!(ConfigKey::parse(text).is_err(), "{text}");
        }
        assert!(ConfigKey::in_project("", "shop").is_err());
    }
}
