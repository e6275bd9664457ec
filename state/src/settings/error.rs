//! What can be wrong with settings, their keys and paths.

use std::io;
use std::path::PathBuf;

use crate::secrets::SecretsError;

/// Settings that can't be read, understood or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file can't be read.
    #[error("{file} can't be read", file = .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file can't be written.
    #[error("{file} can't be written", file = .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file isn't what it should be.
    #[error("{file}:{line}:{column}: {message}", file = .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A change that can't be made in place.
    #[error("{file} can't be edited in place: {reason}", file = .file.display())]
    NotEditable {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A text that isn't a configuration key.
    #[error("invalid configuration key: could not parse {text} as a configuration key")]
    InvalidKey {
        /// The text.
        text: String,
    },
    /// A text that isn't a path into a value.
    #[error("invalid config key path: {reason} in '{text}'")]
    InvalidPath {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that can't be put where a path leads.
    #[error("{path}: {reason}")]
    InvalidPlace {
        /// How far the path leads.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// A secret of the file.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl SettingsError {
    /// The message with its cause.
    pub fn in_full(&self) -> String {
        match std::error::Error::source(self).filter(|_| !matches!(self, Self::Secrets(_))) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::InvalidKey { .. } => "keys have the form `<name>` or `<namespace>:<name>`",
                Self::InvalidPath { .. } => "write paths as `outer.inner`, `names[0]` or `[\"a.b\"].c`",
                Self::NotEditable { .. } => "nothing was changed: edit the file by hand",
                Self::Write { .. } => "nothing was changed: the file is as it was",
                Self::Secrets(error) => return error.hint(),
                Self::Read { .. } | Self::Malformed { .. } | Self::InvalidPlace { .. } => return None,
            }
            .to_owned(),
        )
    }
}
