//! A folder of the cache that is made once. It counts when its marker is there, and the marker is written last; so what a killed process leaves behind is
//! cleared away by the next one. A lock beside it keeps two processes from making it at once.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lock::{self, Lock};
use crate::progress::Observer;

/// Written last into the folder.
const MARKER: &str = "complete";

/// A folder of the cache.
#[derive(Debug, Clone)]
pub(crate) struct CachedFolder {
    path: PathBuf,
    lock_file: PathBuf,
}

impl CachedFolder {
    /// The folder of that name.
    pub(crate) fn new(cache_folder: &Path, name: &str) -> CachedFolder {
        CachedFolder { path: cache_folder.join(name), lock_file: cache_folder.join(format!("{name}.lock")) }
    }

    /// Where it is, or would be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What its marker says, once the folder is whole.
    pub(crate) fn marker(&self) -> Option<String> {
        std::fs::read_to_string(self.path.join(MARKER)).ok()
    }

    /// Waits until nobody else makes it. `what` says what the holder of the lock is doing.
    pub(crate) async fn lock(&self, what: &'static str, observer: &Observer) -> Result<Lock> {
        lock::acquire(&self.lock_file, what, observer).await
    }

    /// Empties it, or makes it. The marker goes first, so that a process killed in between doesn't leave half a folder that counts.
    pub(crate) fn clear(&self) -> Result<()> {
        let marker = self.path.join(MARKER);
        if marker.exists() {
            std::fs::remove_file(&marker).map_err(Error::file("remove", &marker))?;
        }
        if self.path.exists() {
            std::fs::remove_dir_all(&self.path).map_err(Error::file("remove", &self.path))?;
        }
        std::fs::create_dir_all(&self.path).map_err(Error::file("create", &self.path))
    }

    /// Marks it as whole.
    pub(crate) fn complete(&self, marker: &str) -> Result<()> {
        let file = self.path.join(MARKER);
        std::fs::write(&file, marker).map_err(Error::file("write", &file))
    }
}
