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
    /// What the function must call, such as `index.handler`.
    pub handler: String,
    /// Environment variables that the packaged runtime shim needs.
    pub environment: PropertyMap,
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
