//! The cache folder: per source folder an index and a lock, per manifest digest the finished archive. All of it can be
//! deleted at any time; a damaged part is noticed and made again.
//!
//! `sources/<digest of the path>/{index.json, lock}`, `packages/<manifest digest>.{zip, json}`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zip::ZipArchive;

use super::archive::EarlierArchive;
use super::error::PackagingError;
use super::index::{BLOCK_SIZE, ContentDigest, SourceIndex};
use super::manifest::{Content, Manifest};
use super::tree::FileStat;

/// How many archives are kept beyond those in recent use.
const KEPT_PACKAGES: usize = 8;

/// An archive used within this time is kept in any case: somebody may be about to upload it.
const IN_USE: Duration = Duration::from_secs(3600);

/// The cache folder.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

/// What is known of a finished archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackageRecord {
    /// SHA-256 of the archive, hexadecimal.
    pub(super) sha256: String,
    /// Bytes of the archive.
    pub(super) zipped_size: u64,
    /// The archive's attributes when its digest was last verified.
    stat: FileStat,
    /// Content digests of the packaged source files, for the next archive.
    contents: BTreeMap<String, ContentDigest>,
}

/// The part of a record that an unchanged deployment needs; the rest isn't parsed.
#[derive(Deserialize)]
struct RecordHead {
    sha256: String,
    zipped_size: u64,
    stat: FileStat,
}

/// One source folder's part of the cache, locked against other processes and threads.
#[derive(Debug)]
pub(super) struct SourceCache {
    index_path: PathBuf,
    /// Released when dropped.
    _lock: File,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Locks the cache of one source folder, waiting for whoever builds or packages it just now, and reads its index.
    ///
    /// # Errors
    /// The cache folder can't be made, or the lock file not be opened.
    pub(super) fn open_source(&self, root: &Path) -> Result<(SourceCache, SourceIndex), PackagingError> {
        let name = hex::encode(Sha256::digest(root.as_os_str().as_encoded_bytes()));
        let folder = self.folder.join("sources").join(&name[..32]);
        fs::create_dir_all(&folder).map_err(|source| PackagingError::Cache { path: folder.clone(), source })?;
        let lock_path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|source| PackagingError::Cache { path: lock_path, source })?;
        let index_path = folder.join("index.json");
        // What can't be read is as good as nothing: everything is then read from the source.
        let index =
            fs::read(&index_path).ok().and_then(|saved| serde_json::from_slice(&saved).ok()).unwrap_or_default();
        Ok((SourceCache { index_path, _lock: lock }, index))
    }

    fn archive_path(&self, digest: &str) -> PathBuf {
        self.folder.join("packages").join(format!("{digest}.zip"))
    }

    fn record_path(&self, digest: &str) -> PathBuf {
        self.folder.join("packages").join(format!("{digest}.json"))
    }

    /// The finished archive for a manifest digest, if the cache has it undamaged.
    pub(super) fn find(&self, digest: &str) -> Option<(PathBuf, String, u64)> {
        let path = self.archive_path(digest);
        let stat = FileStat::of(&fs::metadata(&path).ok()?);
        let saved = fs::read(self.record_path(digest)).ok()?;
        let head: RecordHead = serde_json::from_slice(&saved).ok()?;
        if head.zipped_size != stat.size {
            return None;
        }
        if head.stat != stat {
            // Copied, restored or touched since: believe it only after reading it.
            if digest_of(&path).ok()? != head.sha256 {
                return None;
            }
            let mut record: PackageRecord = serde_json::from_slice(&saved).ok()?;
            record.stat = stat;
            let _ = self.write_record(digest, &record);
        }
        // The record's time says when the archive was last used; the archive's own must stay as verified.
        let _ = File::options()
            .write(true)
            .open(self.record_path(digest))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some((path, head.sha256, head.zipped_size))
    }

    /// The archive that was last made from the same source folder, to take unchanged files from.
    pub(super) fn earlier(&self, digest: &str) -> Option<EarlierArchive<BufReader<File>>> {
        let (path, _, _) = self.find(digest)?;
        let record: PackageRecord = serde_json::from_slice(&fs::read(self.record_path(digest)).ok()?).ok()?;
        let archive = ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()?;
        Some(EarlierArchive { archive, contents: record.contents })
    }

    /// Makes an archive by `write`, in a temporary file that takes its name only when it is complete and on the disk.
    ///
    /// # Errors
    /// Whatever `write` returns, and failures of the cache folder.
    pub(super) fn add(
        &self,
        digest: &str,
        manifest: &Manifest,
        write: impl FnOnce(BufWriter<NamedTempFile>) -> Result<BufWriter<NamedTempFile>, PackagingError>,
    ) -> Result<(PathBuf, String, u64), PackagingError> {
        let folder = self.folder.join("packages");
        let failed = |source| PackagingError::Cache { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let file = write(BufWriter::with_capacity(BLOCK_SIZE, NamedTempFile::new_in(&folder).map_err(failed)?))?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        let sha256 = digest_of(file.path()).map_err(failed)?;
        let path = self.archive_path(digest);
        file.persist(&path).map_err(|error| failed(error.error))?;
        let stat = FileStat::of(&fs::metadata(&path).map_err(failed)?);
        let contents = manifest
            .entries
            .iter()
            .filter_map(|(name, content)| match content {
                Content::Source { digest, .. } => Some((name.clone(), digest.clone())),
                _ => None,
            })
            .collect();
        let record = PackageRecord { sha256: sha256.clone(), zipped_size: stat.size, stat, contents };
        self.write_record(digest, &record).map_err(failed)?;
        self.prune(digest);
        Ok((path, sha256, stat.size))
    }

    fn write_record(&self, digest: &str, record: &PackageRecord) -> io::Result<()> {
        replace(&self.record_path(digest), &serde_json::to_vec(record)?)
    }

    /// Removes the archives that were not used for longest. Failures don't matter: it is only about room.
    fn prune(&self, keep: &str) {
        let Ok(children) = fs::read_dir(self.folder.join("packages")) else { return };
        let unused = |time: SystemTime| time.elapsed().is_ok_and(|age| age > IN_USE);
        let mut records = Vec::new();
        for child in children.flatten() {
            let (Ok(name), Ok(Ok(time))) =
                (child.file_name().into_string(), child.metadata().map(|data| data.modified()))
            else {
                continue;
            };
            match name.strip_suffix(".json") {
                Some(digest) if digest != keep => records.push((time, digest.to_owned())),
                // What a killed process had begun.
                None if !name.ends_with(".zip") && unused(time) => drop(fs::remove_file(child.path())),
                _ => {}
            }
        }
        records.sort_unstable_by(|left, right| right.cmp(left));
        for (used, digest) in records.into_iter().skip(KEPT_PACKAGES) {
            if unused(used) {
                let _ = fs::remove_file(self.record_path(&digest));
                let _ = fs::remove_file(self.archive_path(&digest));
            }
        }
    }
}

impl SourceCache {
    /// The folder of the source's part of the cache.
    pub(super) fn folder(&self) -> &Path {
        self.index_path.parent().unwrap_or(&self.index_path)
    }

    /// Writes the index, unless it is as it was read.
    ///
    /// # Errors
    /// The cache folder can't be written.
    pub(super) fn save(&self, index: &mut SourceIndex) -> Result<(), PackagingError> {
        if !index.changed {
            return Ok(());
        }
        let failed = |source| PackagingError::Cache { path: self.index_path.clone(), source };
        let bytes = serde_json::to_vec(index).map_err(|error| failed(error.into()))?;
        replace(&self.index_path, &bytes).map_err(failed)?;
        index.changed = false;
        Ok(())
    }
}

/// Puts a file in place in one step, so that no reader sees half of it.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// SHA-256 of a file, hexadecimal.
pub(super) fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_SIZE];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&block[..count]),
        }
    }
}
