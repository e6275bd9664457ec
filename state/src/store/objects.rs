//! The few operations that stores are used through, with errors that name the file.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    UpdateVersion,
};

use super::refusal::RefusalKind;
use super::remote::transport::{Seen, observe};
use crate::error::{Error, Result};

/// The version of an object that was read or written: its ETag, which every answer of every store has. Buckets with versioning
/// tell a version's id besides, but not in lists, so that it can't be compared; and no condition of a write can name it
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub(crate) e_tag: Option<String>,
}

impl Revision {
    fn of(meta: &ObjectMeta) -> Self {
        Self { e_tag: meta.e_tag.clone() }
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
    /// Lists give ETags without the quotes that they have everywhere else, as Azure's do.
    bare_tags_in_lists: bool,
    written: AtomicU64,
}

impl Objects {
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, url: String, folder: Option<PathBuf>) -> Self {
        Self { store, prefix, url, folder, bare_tags_in_lists: false, written: AtomicU64::new(0) }
    }

    /// The same for a store whose lists give ETags without quotes.
    pub fn with_bare_tags_in_lists(self) -> Self {
        Self { bare_tags_in_lists: true, ..self }
    }

    /// The version of an object in a list.
    fn listed(&self, meta: &ObjectMeta) -> Revision {
        let mut revision = Revision::of(meta);
        if let Some(tag) = revision.e_tag.as_mut().filter(|tag| self.bare_tags_in_lists && !tag.ends_with('"')) {
            *tag = format!("\"{tag}\"");
        }
        revision
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

    /// Keeps other processes from writing on a condition in this folder at the same time, until it is dropped. Nothing in other
    /// stores, which compare and write in one.
    pub async fn guard(&self) -> std::result::Result<Option<std::fs::File>, StoreError> {
        match &self.folder {
            Some(folder) => super::local::guard(folder).await,
            None => Ok(None),
        }
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
        match attempt(read).await {
            Ok(object) => Ok(Some(object)),
            Err(failed) if failed.is_missing() => Ok(None),
            Err(failed) => Err(failed.reading(self.show(key))),
        }
    }

    pub async fn exists(&self, key: &str) -> Result<bool> {
        match attempt(self.store.head(&self.path(key))).await {
            Ok(_) => Ok(true),
            Err(failed) if failed.is_missing() => Ok(false),
            Err(failed) => Err(failed.reading(self.show(key))),
        }
    }

    /// The objects and folders directly in a folder, by name.
    pub async fn list(&self, folder: &str) -> Result<Listing> {
        let found = match attempt(self.store.list_with_delimiter(Some(&self.path(folder)))).await {
            Ok(found) => found,
            Err(failed) if failed.is_missing() => return Ok(Listing::default()),
            Err(failed) => return Err(failed.reading(self.show(folder))),
        };
        let mut files: Vec<Entry> = found
            .objects
            .iter()
            .filter_map(|meta| {
                Some(Entry {
                    name: meta.location.filename()?.to_owned(),
                    size: meta.size,
                    modified: meta.last_modified,
                    revision: self.listed(meta),
                })
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let folders = found.common_prefixes.iter().filter_map(|path| Some(path.filename()?.to_owned())).collect();
        Ok(Listing { files, folders })
    }

    /// Writes an object whole, or not at all. Where the answer of a store was lost, what is there now says whether it was
    /// written; and where it refuses the condition, too: something in between may have tried twice what succeeded the first
    /// time.
    pub async fn put(
        &self,
        key: &str,
        content: Bytes,
        condition: &Condition,
    ) -> Result<std::result::Result<Revision, Conflict>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match attempt(self.put_once(key, content.clone(), condition)).await {
                Ok(revision) => {
                    self.count(content.len());
                    return Ok(Ok(revision));
                }
                Err(failed) => failed,
            };
            let is_conflict = failed.is_conflict(condition);
            if (failed.has_lost_answer() || is_conflict) && !matches!(condition, Condition::Always) {
                match self.get(key).await? {
                    Some(found) if found.content == content => {
                        self.count(content.len());
                        return Ok(Ok(found.revision));
                    }
                    found if !is_conflict && tries < MOST_TRIES && condition.holds(found.as_ref()) => continue,
                    _ => {}
                }
            }
            return if is_conflict { Ok(Err(Conflict)) } else { Err(failed.writing(self.show(key))) };
        }
    }

    async fn put_once(
        &self,
        key: &str,
        content: Bytes,
        condition: &Condition,
    ) -> std::result::Result<Revision, StoreError> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Revision { e_tag }) => {
                PutMode::Update(UpdateVersion { e_tag: e_tag.clone(), version: None })
            }
        };
        let done = self.store.put_opts(&self.path(key), content.into(), mode.into()).await?;
        Ok(Revision { e_tag: done.e_tag })
    }

    /// Deletes an object; says whether it was there, as far as the store tells.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        match attempt(self.store.delete(&self.path(key))).await {
            Ok(()) => Ok(true),
            Err(failed) if failed.is_missing() => Ok(false),
            Err(failed) => Err(failed.writing(self.show(key))),
        }
    }

    /// Deletes objects, several at a time and in no order. Those that aren't there are none too many.
    pub async fn delete_all(&self, keys: Vec<String>) -> Result<()> {
        let Some(first) = keys.first().map(|key| self.show(key)) else { return Ok(()) };
        let paths: Vec<_> = keys.iter().map(|key| Ok(self.path(key))).collect();
        let deleted = self.store.delete_stream(stream::iter(paths).boxed());
        let all = deleted.try_for_each(|_| std::future::ready(Ok(())));
        match attempt(all).await {
            Ok(()) => Ok(()),
            // Nobody else deletes here; an earlier request has done it, of which the answer was lost.
            Err(failed) if failed.is_missing() => {
                for key in keys {
                    self.delete(&key).await?;
                }
                Ok(())
            }
            Err(failed) => Err(failed.writing(first)),
        }
    }

    /// Copies an object over another.
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        let copied = attempt(self.store.copy(&self.path(from), &self.path(to))).await;
        copied.map_err(|failed| failed.writing(self.show(to)))
    }
}

/// How often an object is written at most when the store's answers are lost.
const MOST_TRIES: u32 = 3;

impl Condition {
    fn holds(&self, found: Option<&Object>) -> bool {
        match (self, found) {
            (Self::Always, _) | (Self::Absent, None) => true,
            (Self::Unchanged(revision), Some(found)) => found.revision.e_tag == revision.e_tag,
            _ => false,
        }
    }
}

/// An operation that didn't succeed, and what was seen of it.
struct Failed {
    error: StoreError,
    seen: Seen,
}

async fn attempt<T>(
    operation: impl Future<Output = std::result::Result<T, StoreError>>,
) -> std::result::Result<T, Failed> {
    let (result, seen) = observe(operation).await;
    result.map_err(|error| Failed { error, seen })
}

impl Failed {
    /// The object isn't there. Where the bucket isn't either, that is a failure.
    fn is_missing(&self) -> bool {
        let no_container = self.seen.refusal.as_ref().is_some_and(|refusal| refusal.kind == RefusalKind::NoContainer);
        matches!(self.error, StoreError::NotFound { .. }) && !no_container
    }

    /// Another writer was there first.
    fn is_conflict(&self, condition: &Condition) -> bool {
        match self.error {
            StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => true,
            _ => self.is_missing() && matches!(condition, Condition::Unchanged(_)),
        }
    }

    fn has_lost_answer(&self) -> bool {
        self.seen.lost_answer
    }

    fn reading(self, file: String) -> Error {
        match self.seen.refusal {
            Some(refusal) => Error::Refused { action: "read", file, refusal: Box::new(refusal) },
            None => Error::read(file, self.error),
        }
    }

    fn writing(self, file: String) -> Error {
        match self.seen.refusal {
            Some(refusal) => Error::Refused { action: "write", file, refusal: Box::new(refusal) },
            None => Error::write(file, self.error),
        }
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
