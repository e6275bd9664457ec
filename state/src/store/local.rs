//! The local file system as an object store whose writes are durable, atomic and conditional.
//!
//! `object_store` writes through a temporary file in the same folder, fsync and rename, and copies by hard links. What it
//! lacks is added here: conditional updates (compared and written under a file lock), file systems without hard links,
//! and Pulumi's `.attrs` side files, which must go when their object is overwritten (SPEC.md section 4.8).

use std::fs::{File, OpenOptions, TryLockError};
use std::future::ready;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, Extensions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, UpdateVersion,
};
use uuid::Uuid;

/// How long another process may be in the middle of a conditional write: that is a comparison and a rename.
const GUARD_WITHIN: Duration = Duration::from_secs(10);
const GUARD_AGAIN: Duration = Duration::from_millis(2);

/// Moves or links a file into a folder, which is made where it isn't there, and makes that durable.
async fn moved(
    from: &std::path::Path,
    to: &std::path::Path,
    operation: fn(&std::path::Path, &std::path::Path) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let (from, to) = (from.to_owned(), to.to_owned());
    let work = move || {
        let folder = to.parent().unwrap_or(&to);
        std::fs::create_dir_all(folder)?;
        operation(&from, &to)?;
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Keeps other processes from comparing and writing in a store's folder at the same time, until it is dropped. Nothing where the
/// file system has no locks.
///
/// # Errors
/// When another process stands still while it has it.
pub(crate) async fn guard(folder: &std::path::Path) -> Result<Option<File>> {
    let path = folder.join(".semantest").join("guard");
    let place = path.display().to_string();
    let open = move || {
        std::fs::create_dir_all(path.parent()?).ok()?;
        OpenOptions::new().create(true).append(true).open(path).ok()
    };
    let Some(file) = tokio::task::spawn_blocking(open).await.ok().flatten() else { return Ok(None) };
    let deadline = Instant::now() + GUARD_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(GUARD_AGAIN).await,
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process stands still in the middle of a write: it holds {place}");
                return Err(Error::Generic { store: "file", source: message.into() });
            }
        }
    }
}

/// A file system below a folder.
#[derive(Debug)]
pub struct LocalStore {
    durable: LocalFileSystem,
    /// For locks and leases, which mean nothing after a crash of the machine.
    volatile: LocalFileSystem,
    folder: PathBuf,
}

impl std::fmt::Display for LocalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalStore({})", self.folder.display())
    }
}

impl LocalStore {
    /// The store in a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { durable: LocalFileSystem::new().with_fsync(true), volatile: LocalFileSystem::new(), folder }
    }

    fn files(&self, location: &Path) -> &LocalFileSystem {
        let passing = [".pulumi/locks/", ".semantest/leases/", ".semantest/clock/"];
        match self.below(location).is_some_and(|key| passing.iter().any(|folder| key.starts_with(folder))) {
            true => &self.volatile,
            false => &self.durable,
        }
    }

    /// The key of an object: its path below the folder.
    fn below(&self, location: &Path) -> Option<String> {
        let file = self.durable.path_to_filesystem(location).ok()?;
        Some(file.strip_prefix(&self.folder).ok()?.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
    }

    async fn guard(&self) -> Result<Option<File>> {
        guard(&self.folder).await
    }

    async fn put_if_unchanged(
        &self,
        location: &Path,
        payload: PutPayload,
        expected: &UpdateVersion,
    ) -> Result<PutResult> {
        self.check_unchanged(location, expected).await?;
        let staged = self.stage(location, payload.clone()).await?;
        // Whoever has the guard keeps all others waiting: what takes its time is done by now.
        let replace = async {
            let _guard = self.guard().await?;
            self.check_unchanged(location, expected).await?;
            let target = self.durable.path_to_filesystem(location)?;
            match moved(&staged, &target, |from, to| std::fs::rename(from, to)).await {
                Ok(()) => self.written(location).await,
                // The two places are on different file systems.
                Err(_) => self.files(location).put_opts(location, payload, PutMode::Overwrite.into()).await,
            }
        };
        let result = replace.await;
        if result.is_err() {
            let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(staged)).await;
        }
        result
    }

    async fn check_unchanged(&self, location: &Path, expected: &UpdateVersion) -> Result<()> {
        if self.durable.head(location).await?.e_tag == expected.e_tag {
            return Ok(());
        }
        Err(Error::Precondition { path: location.to_string(), source: "it was changed since it was read".into() })
    }

    /// Writes what is to stand at a place later, whole and as durably.
    async fn stage(&self, location: &Path, payload: PutPayload) -> Result<PathBuf> {
        let file = self.folder.join(".semantest/staging").join(Uuid::new_v4().to_string());
        let staging = Path::from_absolute_path(&file)?;
        self.files(location).put_opts(&staging, payload, PutMode::Overwrite.into()).await?;
        Ok(file)
    }

    /// The version of an object that was just written here.
    async fn written(&self, location: &Path) -> Result<PutResult> {
        let found = self.durable.head(location).await?;
        Ok(PutResult { e_tag: found.e_tag, version: found.version, extensions: Extensions::default() })
    }

    async fn create(&self, location: &Path, payload: PutPayload) -> Result<PutResult> {
        match self.files(location).put_opts(location, payload.clone(), PutMode::Create.into()).await {
            Ok(result) => Ok(result),
            Err(error @ Error::AlreadyExists { .. }) => Err(error),
            // Some file systems have no hard links; there the guard makes the difference.
            Err(error) => match self.guard().await? {
                None => Err(error),
                Some(_guard) => match self.durable.head(location).await {
                    Ok(_) => Err(Error::AlreadyExists { path: location.to_string(), source: Box::new(error) }),
                    Err(_) => self.files(location).put_opts(location, payload, PutMode::Overwrite.into()).await,
                },
            },
        }
    }

    /// Creates one of Pulumi's lock files. Everything in that folder is a lock to Pulumi, so what is half written stands
    /// elsewhere.
    async fn create_lock(&self, location: &Path, payload: PutPayload) -> Result<PutResult> {
        let staged = self.stage(location, payload.clone()).await?;
        let target = self.durable.path_to_filesystem(location)?;
        let linked = moved(&staged, &target, |from, to| std::fs::hard_link(from, to)).await;
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(staged)).await;
        match linked {
            Ok(()) => self.written(location).await,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path: location.to_string(), source: error.into() })
            }
            // Some file systems have no hard links.
            Err(_) => self.create(location, payload).await,
        }
    }

    /// Removes the side file that Pulumi's file backend keeps beside an object.
    async fn forget_attributes(&self, location: &Path) {
        if let Ok(file) = self.durable.path_to_filesystem(location) {
            let mut side = file.into_os_string();
            side.push(".attrs");
            // Most objects have none.
            let _ = tokio::task::spawn_blocking(move || std::fs::remove_file(side)).await;
        }
    }
}

/// Whether it belongs to another object: Pulumi's lists pass over these, too. A lock of Pulumi's has one.
fn is_side_file(object: &ObjectMeta) -> bool {
    object.location.as_ref().ends_with(".attrs")
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let result = match &options.mode {
            PutMode::Update(expected) => self.put_if_unchanged(location, payload, expected).await,
            PutMode::Create if self.below(location).is_some_and(|key| key.starts_with(".pulumi/locks/")) => {
                self.create_lock(location, payload).await
            }
            PutMode::Create => self.create(location, payload).await,
            PutMode::Overwrite => self.files(location).put_opts(location, payload, options).await,
        }?;
        self.forget_attributes(location).await;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.durable.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.durable.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let files = self.durable.clone();
        self.durable
            .delete_stream(locations)
            .map(move |deleted| {
                if let Ok(file) =
                    deleted.as_ref().map_err(|_| ()).and_then(|path| files.path_to_filesystem(path).map_err(|_| ()))
                {
                    let mut side = file.into_os_string();
                    side.push(".attrs");
                    let _ = std::fs::remove_file(side);
                }
                deleted
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.durable.list(prefix);
        objects.filter(|found| ready(!found.as_ref().is_ok_and(is_side_file))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.durable.list_with_delimiter(prefix).await?;
        found.objects.retain(|object| !is_side_file(object));
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let overwrite = options.mode == CopyMode::Overwrite;
        match self.durable.copy_opts(from, to, options).await {
            Err(Error::Generic { .. } | Error::NotSupported { .. }) if overwrite => {
                // No hard links between these two places.
                let content = self.durable.get(from).await?.bytes().await?;
                self.durable.put(to, content.into()).await?;
            }
            result => result?,
        }
        self.forget_attributes(to).await;
        Ok(())
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.durable.rename_opts(from, to, options).await
    }
}
