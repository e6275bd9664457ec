//! The local clouds that can be installed: what each is called, and where it answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A local cloud that this crate can install and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emulator {
    /// MiniStack: real Node.js functions behind HTTP and WebSocket APIs. The default.
    #[default]
    MiniStack,
    /// LocalStack's open core with our plugin: stricter validation of functions, but no HTTP API data plane.
    LocalStack,
    /// Azurite: the blob service of Azure Storage.
    Azurite,
}

impl Emulator {
    /// All of them.
    pub const ALL: [Emulator; 3] = [Emulator::MiniStack, Emulator::LocalStack, Emulator::Azurite];

    /// Those that are a local AWS.
    pub const AWS: [Emulator; 2] = [Emulator::MiniStack, Emulator::LocalStack];

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Emulator::MiniStack => "MiniStack",
            Emulator::LocalStack => "LocalStack",
            Emulator::Azurite => "Azurite",
        }
    }

    /// The name in file names and on the command line.
    pub fn slug(self) -> &'static str {
        match self {
            Emulator::MiniStack => "ministack",
            Emulator::LocalStack => "localstack",
            Emulator::Azurite => "azurite",
        }
    }

    /// The version that is installed.
    pub fn version(self) -> &'static str {
        match self {
            Emulator::MiniStack => "1.5.33",
            Emulator::LocalStack => "2026.3.0",
            // The last one that runs on Node.js 20.
            Emulator::Azurite => "3.35.0",
        }
    }

    /// The port that a daemon takes where none is asked for.
    pub fn default_port(self) -> u16 {
        match self {
            Emulator::MiniStack => 4566,
            Emulator::LocalStack => 4567,
            Emulator::Azurite => 10000,
        }
    }

    /// The folders that hold what it keeps, below its own.
    pub(crate) fn data_folders(self) -> impl Iterator<Item = &'static str> {
        let folders: &[&str] = match self {
            Emulator::MiniStack => &["state", "s3"],
            Emulator::LocalStack => &["filesystem"],
            Emulator::Azurite => &["blobs"],
        };
        folders.iter().copied()
    }

    /// The path that answers once the server is up.
    pub(crate) fn health_path(self) -> &'static str {
        match self {
            Emulator::MiniStack => "/_ministack/health",
            Emulator::LocalStack => "/_localstack/health",
            Emulator::Azurite => "/_azurite/health",
        }
    }

    /// The path that empties the server on POST. LocalStack's open core and Azurite have none: they are emptied by a restart.
    pub(crate) fn reset_path(self) -> Option<&'static str> {
        match self {
            Emulator::MiniStack => Some("/_ministack/reset"),
            Emulator::LocalStack | Emulator::Azurite => None,
        }
    }
}

impl fmt::Display for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Emulator {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Emulator::ALL
            .into_iter()
            .find(|emulator| emulator.slug().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("unknown emulator `{text}`: expected `ministack`, `localstack` or `azurite`"))
    }
}
