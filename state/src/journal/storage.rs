//! Where a journal is kept: one file that is appended and synced on local stores, a row of segments on object stores.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::{Claim, JournalError, NEW};
use crate::error::{Error, Result};
use crate::store::Objects;

/// A place for one stack's journal.
#[async_trait]
pub trait JournalStorage: Send + Sync {
    /// The place, for messages.
    fn place(&self) -> String;

    /// Everything that is there; nothing when there is no journal.
    async fn read(&self) -> Result<Option<Bytes>>;

    /// Keeps whoever wrote the journal before from going on with it. What is read after it stays.
    async fn fence(&mut self, claim: &Claim) -> Result<()>;

    /// Starts a journal with this content, in the place of the one before. When it returns, the content is durable, and the
    /// stack was still the claim's when it came to stand there; else nothing is left of it.
    async fn create(&mut self, content: Bytes, claim: &Claim) -> Result<()>;

    /// Appends to the journal that was created. When it returns, the content is durable.
    async fn append(&mut self, content: Bytes) -> Result<()>;

    /// Moves the journal to the event logs.
    async fn finish(&mut self, event_log: &str) -> Result<()>;

    /// Removes the journal.
    async fn discard(&mut self) -> Result<()>;
}

/// One file, appended and synced.
pub(super) struct FileStorage {
    objects: Arc<Objects>,
    path: PathBuf,
    file: Option<File>,
}

impl FileStorage {
    pub fn new(objects: Arc<Objects>, path: PathBuf) -> Self {
        Self { objects, path, file: None }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::write(self.path.display().to_string(), error)
    }
}

/// Runs blocking work of the file system.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// Makes the names in a folder durable.
fn sync_folder(path: &std::path::Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Where a new journal is written before it is put in its place: a file of nobody else's.
fn staged(path: &std::path::Path) -> PathBuf {
    path.with_extension(format!("{}{STAGED}", Uuid::new_v4()))
}

/// What the names of journals that aren't in their place yet end in.
const STAGED: &str = ".new";

/// Removes what those have left behind who died before theirs was in its place. To be called under the guard.
fn remove_staged(path: &std::path::Path) {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str())) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(STAGED));
        if rest.is_some_and(|rest| Uuid::try_parse(rest).is_ok()) {
            // The living among them are not of this stack's lock, and are told so when they look for it.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether a file still stands at its path: another process that took the journal over has put its own there.
#[cfg(unix)]
fn is_at(file: &File, path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(found)) => own.ino() == found.ino() && own.dev() == found.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &std::path::Path) -> bool {
    path.exists()
}

#[async_trait]
impl JournalStorage for FileStorage {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn read(&self) -> Result<Option<Bytes>> {
        let path = self.path.clone();
        match blocking(move || std::fs::read(path)).await {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(self.path.display().to_string(), error)),
        }
    }

    /// The new file does it: whoever has the one before goes on in a file without a name, and notices.
    async fn fence(&mut self, _claim: &Claim) -> Result<()> {
        Ok(())
    }

    async fn create(&mut self, content: Bytes, claim: &Claim) -> Result<()> {
        self.objects.count(content.len());
        let (path, staged) = (self.path.clone(), staged(&self.path));
        let temporary = staged.clone();
        let written = blocking(move || {
            if let Some(folder) = temporary.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&temporary)?;
            file.write_all(&content).and_then(|()| file.sync_all())
        });
        let placed = async {
            written.await.map_err(|error| self.failed(error))?;
            // Leases are written under the same guard: what is looked at stays so until the file is in its place.
            let _guard = self.objects.guard().await.map_err(|error| Error::write(self.place(), error))?;
            claim.check().await?;
            let temporary = staged.clone();
            let placed = blocking(move || {
                std::fs::rename(&temporary, &path)?;
                remove_staged(&path);
                sync_folder(&path)?;
                OpenOptions::new().append(true).open(&path)
            });
            placed.await.map_err(|error| self.failed(error))
        };
        match placed.await {
            Ok(file) => {
                self.file = Some(file);
                Ok(())
            }
            Err(error) => {
                let _ = blocking(move || std::fs::remove_file(staged)).await;
                Err(error)
            }
        }
    }

    async fn append(&mut self, content: Bytes) -> Result<()> {
        let Some(mut file) = self.file.take() else {
            return Err(JournalError::Fenced { file: self.place() }.into());
        };
        let (path, length) = (self.path.clone(), content.len());
        let appended = blocking(move || {
            if !is_at(&file, &path) {
                return Ok(None);
            }
            file.write_all(&content)?;
            file.sync_data()?;
            Ok(Some(file))
        });
        match appended.await {
            Ok(Some(file)) => {
                self.objects.count(length);
                self.file = Some(file);
                Ok(())
            }
            Ok(None) => Err(JournalError::Fenced { file: self.place() }.into()),
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn finish(&mut self, event_log: &str) -> Result<()> {
        let file = self.file.take();
        let Some(target) = self.objects.file(event_log) else { return Ok(()) };
        let path = self.path.clone();
        if file.is_some_and(|file| !is_at(&file, &path)) {
            return Err(JournalError::Fenced { file: self.place() }.into());
        }
        let shown = target.display().to_string();
        let moved = blocking(move || {
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::rename(&path, &target)?;
            sync_folder(&target)?;
            sync_folder(&path)
        });
        moved.await.map_err(|error| Error::write(shown, error))
    }

    async fn discard(&mut self) -> Result<()> {
        self.file = None;
        let path = self.path.clone();
        match blocking(move || std::fs::remove_file(path)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}

/// A row of objects, `<journal>/<generation>-<number>.jsonl`, each written on the condition that it isn't there: who
/// comes second to a number has lost the journal. The generation is that of the claim, and never comes back: what somebody
/// writes who was taken over from stands in an older one, or in none.
pub(super) struct SegmentStorage {
    objects: Arc<Objects>,
    folder: String,
    /// Generation and number of the next segment, once the journal was created here.
    next: Option<(u64, u64)>,
    /// What was written here since.
    written: Vec<u8>,
}

/// A segment's name.
fn segment(generation: u64, number: u64) -> String {
    format!("{generation:08}-{number:08}.jsonl")
}

impl SegmentStorage {
    pub fn new(objects: Arc<Objects>, folder: String) -> Self {
        Self { objects, folder, next: None, written: Vec::new() }
    }

    fn key(&self, generation: u64, number: u64) -> String {
        format!("{}/{}", self.folder, segment(generation, number))
    }

    /// Names of all segments, and the newest generation among them.
    async fn segments(&self) -> Result<(Vec<String>, u64)> {
        let files = self.objects.list(&self.folder).await?.files;
        let names: Vec<String> = files.into_iter().map(|file| file.name).collect();
        let newest = names.iter().filter_map(|name| name.split_once('-')?.0.parse().ok()).max().unwrap_or_default();
        Ok((names, newest))
    }

    async fn write(&mut self, content: Bytes) -> Result<()> {
        let Some((generation, number)) = self.next else {
            return Err(JournalError::Fenced { file: self.place() }.into());
        };
        let key = self.key(generation, number);
        match self.objects.put(&key, content.clone(), &NEW).await? {
            Ok(_) => {
                self.next = Some((generation, number + 1));
                self.written.extend_from_slice(&content);
                Ok(())
            }
            Err(_) => {
                self.next = None;
                Err(JournalError::Fenced { file: self.place() }.into())
            }
        }
    }

    async fn remove(&self, names: &[String]) -> Result<()> {
        self.objects.delete_all(names.iter().map(|name| format!("{}/{name}", self.folder)).collect()).await
    }
}

/// How many segments are read at a time.
const AT_A_TIME: usize = 8;

#[async_trait]
impl JournalStorage for SegmentStorage {
    fn place(&self) -> String {
        self.objects.show(&self.folder)
    }

    async fn read(&self) -> Result<Option<Bytes>> {
        let (names, newest) = self.segments().await?;
        // Without its first segment it is what is left of one that was being removed.
        if !names.contains(&segment(newest, 0)) {
            return Ok(None);
        }
        let prefix = format!("{newest:08}-");
        let mut keys = names;
        keys.retain(|name| name.starts_with(&prefix));
        let objects = &self.objects;
        let reads = keys.into_iter().map(|name| {
            let key = format!("{}/{name}", self.folder);
            async move { objects.get(&key).await }
        });
        let segments: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).try_collect().await?;
        let mut content = Vec::new();
        for segment in segments {
            // It is being removed at this moment.
            let Some(segment) = segment else { return Ok(None) };
            content.extend_from_slice(&segment.content);
        }
        Ok(Some(content.into()))
    }

    /// The dead writer's next segment must lose, should it live: its place in its own generation is taken.
    async fn fence(&mut self, claim: &Claim) -> Result<()> {
        loop {
            let (names, newest) = self.segments().await?;
            if newest > claim.generation() {
                return Err(JournalError::Fenced { file: self.place() }.into());
            }
            let prefix = format!("{newest:08}-");
            let number = |name: &String| name.strip_prefix(&prefix)?.split('.').next()?.parse::<u64>().ok();
            let Some(last) = names.iter().filter_map(number).max() else { return Ok(()) };
            // A conflict means that it lives, and was faster by one more segment.
            if self.objects.put(&self.key(newest, last + 1), Bytes::new(), &NEW).await?.is_ok() {
                return Ok(());
            }
        }
    }

    async fn create(&mut self, content: Bytes, claim: &Claim) -> Result<()> {
        self.next = Some((claim.generation(), 0));
        self.written.clear();
        self.write(content).await?;
        if let Err(error) = claim.check().await {
            self.next = None;
            self.remove(&[segment(claim.generation(), 0)]).await?;
            return Err(error);
        }
        Ok(())
    }

    async fn append(&mut self, content: Bytes) -> Result<()> {
        self.write(content).await
    }

    async fn finish(&mut self, event_log: &str) -> Result<()> {
        let content = match self.next.take() {
            Some((generation, _)) if self.segments().await?.1 != generation => {
                return Err(JournalError::Fenced { file: self.place() }.into());
            }
            // Whoever has written it all, and was never second, needs not read it again.
            Some(_) => Some(std::mem::take(&mut self.written).into()),
            None => self.read().await?,
        };
        if let Some(content) = content {
            let _ = self.objects.put(event_log, content, &crate::store::Condition::Always).await?;
        }
        self.discard().await
    }

    async fn discard(&mut self) -> Result<()> {
        self.next = None;
        let (names, newest) = self.segments().await?;
        let prefix = format!("{newest:08}-");
        let (last, older): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.starts_with(&prefix));
        // Older generations first, or one of them would be taken for the journal. With the first segment of the newest the
        // journal is gone, whatever becomes of the rest.
        let (first, rest): (Vec<String>, Vec<String>) = last.into_iter().partition(|name| *name == segment(newest, 0));
        for names in [older, first, rest] {
            self.remove(&names).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{LockOptions, Owner, SystemProcesses};
    use crate::store::{StackId, StackStore, StoreOptions};

    #[tokio::test]
    async fn a_file_is_put_over_a_journal_only_while_the_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let store = StackStore::open_folder(folder.path(), StoreOptions::default()).unwrap();
        let id = StackId::new("shop", "dev").unwrap();
        let owner = Owner::this_process("ann", "here", &SystemProcesses);
        let lock = store.lock(&id, &owner, &LockOptions::default()).await.unwrap();
        let journals = folder.path().join(".semantest/journal/shop");
        let names = || {
            let entries = std::fs::read_dir(&journals).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        std::fs::create_dir_all(&journals).unwrap();
        std::fs::write(journals.join("dev.jsonl"), "another's").unwrap();
        // Of one who died before its journal was in its place, and of another stack.
        let left = [format!("dev.{}.new", Uuid::new_v4()), format!("dev.eu.{}.new", Uuid::new_v4())];
        left.iter().for_each(|name| std::fs::write(journals.join(name), "").unwrap());

        let mut storage = FileStorage::new(Arc::clone(&store.objects), journals.join("dev.jsonl"));
        storage.create("ours".into(), &Claim::of(&lock)).await.unwrap();
        assert_eq!(std::fs::read(journals.join("dev.jsonl")).unwrap(), b"ours");
        let mut found = names();
        found.sort();
        assert_eq!(found, [left[1].as_str(), "dev.jsonl"]);

        std::fs::remove_dir_all(folder.path().join(".pulumi/locks")).unwrap();
        std::fs::write(journals.join("dev.jsonl"), "another's").unwrap();
        let error = storage.create("ours".into(), &Claim::of(&lock)).await.unwrap_err();
        assert!(matches!(error, Error::LockLost(_)), "{error}");
        assert_eq!(std::fs::read(journals.join("dev.jsonl")).unwrap(), b"another's");
        assert_eq!(names().len(), 2);
    }
}
