//! Packaged code: what packaging hands to a blueprint, and how an adapter gets at its bytes.

use std::path::PathBuf;

use async_trait::async_trait;
use resource_graph::{Archive, PropertyMap};

use super::ProviderError;

/// A component's code, packaged for upload.
#[derive(Clone, Debug, PartialEq)]
pub struct PackagedCode {
    /// The archive as a value: its path relative to the project's folder and the SHA-256 of the zip file.
    pub archive: Archive,
    /// Bytes of the zip file.
    pub zipped_size: u64,
    /// What in it is to be started. How that is written, and who calls it, is the cloud's.
    pub entry: Entry,
    /// Environment variables that the packaged runtime shim needs.
    pub environment: PropertyMap,
}

/// What in a package is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An unchanged server, started by the launcher that the packaging has put beside it.
    Launcher {
        /// The launcher's file without its ending, relative to the package's root.
        module: String,
        /// The function in it that takes the cloud's events.
        export: String,
    },
    /// A function of the user's own, as it was written: a file without its ending, a dot, and the export.
    Handler(String),
}

/// Where packaged code is kept until it is uploaded.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// The zip file that an archive stands for, its hash checked.
    ///
    /// # Errors
    /// When it is missing or its content isn't what the hash says.
    async fn locate(&self, archive: &Archive) -> Result<PathBuf, ProviderError>;
}
