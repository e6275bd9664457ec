//! The few operations that stores are used through, with errors that name the file.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    UpdateVersion,
};

use crate::error::{Error, Result};

/// The version of an object that was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub(crate) e_tag: Option<String>,
    pub(crate) version: Option<String>,
}

impl Revision {
    fn of(meta: &ObjectMeta) -> Self {
        Self { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
    }
}

/// An object's content.
#[derive(Debug)]
pub(crate) struct Object {
    pub content: Bytes,
    pub revision: Revision,
    pub modified: DateTime<Utc>,
}

/// An object in a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name within the folder.
    pub name: String,
    pub size: u64,
    pub modified: DateTime<Utc>,
    pub revision: Revision,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub files: Vec<Entry>,
    pub folders: Vec<String>,
}

/// What must hold of an object for it to be written.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Always,
    Absent,
    Unchanged(Revision),
}

/// Another writer was there first.
#[derive(Debug)]
pub(crate) struct Conflict;

/// An object store below a prefix.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
    folder: Option<PathBuf>,
    written: AtomicU64,
}

impl Objects {
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, url: String, folder: Option<PathBuf>) -> Self {
        Self { store, prefix, url, folder, written: AtomicU64::new(0) }
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// A key as users know it: a path of the file system or a URL.
    pub fn show(&self, key: &str) -> String {
        format!("{}{key}", self.url)
    }

    /// A key as a URL, as Pulumi's messages show locks.
    pub fn show_url(&self, key: &str) -> String {
        match self.folder {
            Some(_) => format!("file://{}", self.show(key)),
            None => self.show(key),
        }
    }

    /// The key's file, when this is a local store.
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(key))
    }

    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn count(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub async fn get(&self, key: &str) -> Result<Option<Object>> {
        let read = async {
            let result = self.store.get_opts(&self.path(key), GetOptions::default()).await?;
            let (revision, modified) = (Revision::of(&result.meta), result.meta.last_modified);
            Ok(Object { content: content_of(result).await?, revision, modified })
        };
        match read.await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::read(self.show(key), error)),
        }
    }

    pub async fn exists(&self, key: &str) -> Result<bool> {
        match self.store.head(&self.path(key)).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(Error::read(self.show(key), error)),
        }
    }

    /// The objects and folders directly in a folder, by name.
    pub async fn list(&self, folder: &str) -> Result<Listing> {
        let found = match self.store.list_with_delimiter(Some(&self.path(folder))).await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(Listing::default()),
            Err(error) => return Err(Error::read(self.show(folder), error)),
        };
        let mut files: Vec<Entry> = found
            .objects
            .iter()
            .filter_map(|meta| {
                Some(Entry {
                    name: meta.location.filename()?.to_owned(),
                    size: meta.size,
                    modified: meta.last_modified,
                    revision: Revision::of(meta),
                })
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let folders = found.common_prefixes.iter().filter_map(|path| Some(path.filename()?.to_owned())).collect();
        Ok(Listing { files, folders })
    }

    /// Writes an object whole, or not at all.
    pub async fn put(
        &self,
        key: &str,
        content: Bytes,
        condition: &Condition,
    ) -> Result<std::result::Result<Revision, Conflict>> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Revision { e_tag, version }) => {
                PutMode::Update(UpdateVersion { e_tag: e_tag.clone(), version: version.clone() })
            }
        };
        let length = content.len();
        match self.store.put_opts(&self.path(key), content.into(), mode.into()).await {
            Ok(done) => {
                self.count(length);
                Ok(Ok(Revision { e_tag: done.e_tag, version: done.version }))
            }
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(Err(Conflict)),
            Err(error) if is_missing(&error) && matches!(condition, Condition::Unchanged(_)) => Ok(Err(Conflict)),
            Err(error) => Err(Error::write(self.show(key), error)),
        }
    }

    /// Deletes an object; says whether it was there.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(Error::write(self.show(key), error)),
        }
    }

    /// Copies an object over another.
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.store.copy(&self.path(from), &self.path(to)).await.map_err(|error| Error::write(self.show(to), error))
    }
}

/// An object's content in one buffer.
async fn content_of(result: GetResult) -> std::result::Result<Bytes, StoreError> {
    let size = usize::try_from(result.meta.size).unwrap_or_default();
    match result.payload {
        GetResultPayload::File(file, _) => {
            let read = tokio::task::spawn_blocking(move || read_file(file, size).map(Bytes::from));
            let content = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            content.map_err(|error| StoreError::Generic { store: "file", source: error.into() })
        }
        _ => result.bytes().await,
    }
}

/// What one core reads at least: below it, a thread costs more than it brings.
#[cfg(unix)]
const PART: usize = 4 * 1024 * 1024;

/// Reads a file of this size: objects are replaced as a whole, so it doesn't change meanwhile. Most of the time goes into copying and into fresh memory, which several cores share.
#[cfg(unix)]
fn read_file(file: std::fs::File, size: usize) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    if cores == 1 || size < 2 * PART {
        return read_in_one(file, size);
    }
    let mut content = vec![0; size];
    let part = size.div_ceil(cores).max(PART);
    std::thread::scope(|scope| {
        let readers: Vec<_> = content
            .chunks_mut(part)
            .zip(0_u64..)
            .map(|(chunk, number)| {
                let file = &file;
                scope.spawn(move || file.read_exact_at(chunk, number * part as u64))
            })
            .collect();
        let mut reads =
            readers.into_iter().map(|reader| reader.join().unwrap_or_else(|_| Err(std::io::Error::other("a reader"))));
        reads.try_for_each(|read| read)
    })?;
    Ok(content)
}

#[cfg(not(unix))]
fn read_file(file: std::fs::File, size: usize) -> std::io::Result<Vec<u8>> {
    read_in_one(file, size)
}

/// Reads a file into a buffer that isn't filled with zeros first.
fn read_in_one(mut file: std::fs::File, size: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(size);
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. })
}
