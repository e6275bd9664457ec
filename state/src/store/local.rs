//! The local file system as an object store whose writes are durable, atomic and conditional.
//!
//! `object_store` writes through a temporary file in the same folder, fsync and rename, and copies by hard links. What it
//! lacks is added here: conditional updates (compared and written under a file lock), file systems without hard links,
//! and Pulumi's `.attrs` side files, which must go when their object is overwritten (SPEC.md section 4.8).

use std::fs::{File, OpenOptions};
use std::future::ready;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UpdateVersion,
};

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
        let mut parts = location.parts();
        let is_lock = parts.any(|part| matches!(part.as_ref(), ".pulumi" | ".semantest"))
            && parts.next().is_some_and(|part| matches!(part.as_ref(), "locks" | "leases"));
        if is_lock { &self.volatile } else { &self.durable }
    }

    /// Keeps other processes from comparing and writing at the same time. Nothing where the file system has no locks.
    async fn guard(&self) -> Option<File> {
        let path = self.folder.join(".semantest").join("guard");
        let locked = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(path.parent()?).ok()?;
            let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
            file.lock().ok()?;
            Some(file)
        });
        locked.await.ok().flatten()
    }

    async fn put_if_unchanged(
        &self,
        location: &Path,
        payload: PutPayload,
        expected: &UpdateVersion,
    ) -> Result<PutResult> {
        let _guard = self.guard().await;
        let found = self.durable.head(location).await?;
        if found.e_tag != expected.e_tag {
            return Err(Error::Precondition {
                path: location.to_string(),
                source: "it was changed since it was read".into(),
            });
        }
        self.files(location).put_opts(location, payload, PutMode::Overwrite.into()).await
    }

    async fn create(&self, location: &Path, payload: PutPayload) -> Result<PutResult> {
        match self.files(location).put_opts(location, payload.clone(), PutMode::Create.into()).await {
            Ok(result) => Ok(result),
            Err(error @ Error::AlreadyExists { .. }) => Err(error),
            // Some file systems have no hard links; there the guard makes the difference.
            Err(error) => match self.guard().await {
                None => Err(error),
                Some(_guard) => match self.durable.head(location).await {
                    Ok(_) => Err(Error::AlreadyExists { path: location.to_string(), source: Box::new(error) }),
                    Err(_) => self.files(location).put_opts(location, payload, PutMode::Overwrite.into()).await,
                },
            },
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
