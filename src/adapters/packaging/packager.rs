//! The way from a source folder to a finished package: build if needed, read, check, look into the cache, archive.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::archive;
use super::build::{self, BuildCommand, BuildObserver, BuildOutcome};
use super::error::PackagingError;
use super::index::{Digests, SourceIndex};
use super::left_out::{self, LeftOut};
use super::manifest::{Manifest, largest_folders};
use super::start::Start;
use super::store::Store;
use super::tree::{self, SourceTree};
use crate::ports::Entry;

/// Bytes that a function's code and layers may take unpacked ("Deployment package size" of the AWS Lambda quotas page,
/// 250 MB).
pub const UNPACKED_SIZE_LIMIT: u64 = 262_144_000;

/// How often a source that changes under our hands is read again before that is an error.
const ATTEMPTS: usize = 3;

/// How many different builds of one source folder are remembered.
const REMEMBERED_BUILDS: usize = 8;

/// What to package.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// The component's source folder.
    pub source: PathBuf,
    /// What to run in it first.
    pub build: Option<BuildCommand>,
    /// What runs in the function.
    pub start: Start,
}

/// A finished package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The archive, in the cache folder; kept for an hour at least.
    pub zip: PathBuf,
    /// SHA-256 of the archive, hexadecimal. Equal for equal input on every machine.
    pub sha256: String,
    /// The same in base64, as AWS's `CodeSha256`.
    pub code_sha256: String,
    /// Bytes of the archive.
    pub zipped_size: u64,
    /// Bytes of its files.
    pub unpacked_size: u64,
    /// Number of entries.
    pub files: usize,
    /// What in it is to be started.
    pub entry: Entry,
    /// Environment variables that the function needs beside the user's.
    pub environment: BTreeMap<String, String>,
    /// What became of the build.
    pub build: BuildOutcome,
    /// Whether the archive was there already.
    pub from_cache: bool,
    /// What the default rules have left out.
    pub left_out: LeftOut,
}

impl Package {
    /// Reads the archive and makes sure that it is still the one described.
    ///
    /// # Errors
    /// It can't be read, or isn't the same any more.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let bytes = fs::read(&self.zip)?;
        if hex::encode(Sha256::digest(&bytes)) == self.sha256 {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the package was changed since it was made; deploy again"))
        }
    }
}

/// Makes packages, with a cache folder that may be shared by any number of processes.
#[derive(Debug, Clone)]
pub struct Packager {
    store: Store,
}

impl Packager {
    /// Uses `cache_folder`, which is made when it is first needed.
    pub fn new(cache_folder: impl Into<PathBuf>) -> Self {
        Self { store: Store::new(cache_folder.into()) }
    }

    /// Packages a component; the output of its build is only kept for an error.
    ///
    /// # Errors
    /// See [`PackagingError`].
    pub fn package(&self, request: &PackageRequest) -> Result<Package, PackagingError> {
        self.package_with_output(request, &mut |_: &str| {})
    }

    /// Packages a component and hands each line of its build's output to `observer` as it comes.
    ///
    /// The build is skipped when its command, environment and tools are the same as when it last succeeded and everything
    /// in the source folder (but caches and logs) is as it was right after: inputs, outputs, and files that are left out of
    /// the package. What a build reads elsewhere isn't seen; `BuildCommand::always` is for that.
    ///
    /// # Errors
    /// See [`PackagingError`].
    pub fn package_with_output(
        &self,
        request: &PackageRequest,
        observer: &mut dyn BuildObserver,
    ) -> Result<Package, PackagingError> {
        let root = tree::resolve_root(&request.source)?;
        let (cache, mut index) = self.store.open_source(&root)?;
        let result = self.package_locked(request, &root, &mut index, observer);
        // Also after a failure: files read are files known, and a failed build must be known as such.
        let saved = cache.save(&mut index);
        result.and_then(|package| saved.map(|()| package))
    }

    fn package_locked(
        &self,
        request: &PackageRequest,
        root: &Path,
        index: &mut SourceIndex,
        observer: &mut dyn BuildObserver,
    ) -> Result<Package, PackagingError> {
        let (outcome, mut read) = match &request.build {
            Some(build) => run_build(build, root, index, observer).map(|(outcome, read)| (outcome, Some(read)))?,
            None => (BuildOutcome::None, None),
        };
        let mut attempt = 1;
        loop {
            let source = match read.take() {
                Some(source) => Ok(source),
                None => tree::read(root, request.build.is_some()).map(|tree| (tree, None)),
            };
            match source.and_then(|source| self.package_source(request, source, index, outcome)) {
                Err(PackagingError::ChangedWhilePackaging { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    fn package_source(
        &self,
        request: &PackageRequest,
        (tree, digests): (SourceTree, Option<Digests>),
        index: &mut SourceIndex,
        build: BuildOutcome,
    ) -> Result<Package, PackagingError> {
        // All that can be refused by names and sizes alone is refused before anything is read.
        check_content(&tree)?;
        let mut manifest = Manifest::of(&tree);
        request.start.complete(&mut manifest)?;
        check_size(&manifest)?;
        let digests = digests.map_or_else(|| index.digests(&tree), Ok)?;
        let mut left_out = tree.left_out.clone();
        left_out::take_secrets_out(&mut manifest, &tree, &digests, &mut left_out)?;
        manifest.set_digests(digests);
        let unpacked_size = manifest.unpacked_size();
        let digest = manifest.digest();
        let (found, from_cache) = match self.store.find(&digest) {
            Some(found) => (found, true),
            None => {
                let earlier = index.package.as_deref().and_then(|digest| self.store.earlier(digest));
                let made =
                    self.store.add(&digest, &manifest, |file| archive::write(&manifest, &tree.root, earlier, file))?;
                (made, false)
            }
        };
        index.changed |= index.package.as_ref() != Some(&digest);
        index.package = Some(digest);
        let (zip, sha256, zipped_size) = found;
        let code_sha256 = STANDARD.encode(hex::decode(&sha256).unwrap_or_default());
        Ok(Package {
            zip,
            sha256,
            code_sha256,
            zipped_size,
            unpacked_size,
            files: manifest.entries.len(),
            entry: request.start.entry(),
            environment: BTreeMap::new(),
            build,
            from_cache,
            left_out,
        })
    }
}

/// Runs the build unless nothing has changed since it last succeeded; returns the source as it is afterwards.
fn run_build(
    build: &BuildCommand,
    root: &Path,
    index: &mut SourceIndex,
    observer: &mut dyn BuildObserver,
) -> Result<(BuildOutcome, (SourceTree, Option<Digests>)), PackagingError> {
    let command = build.digest();
    if let Some(expected) = index.builds.get(&command).filter(|_| !build.always).cloned() {
        // Whatever is wrong with the source now, the build may set it right.
        if let Ok(tree) = tree::read(root, true)
            && let Ok(digests) = index.digests(&tree)
            && build::tree_digest(&tree, &digests) == expected
        {
            return Ok((BuildOutcome::Unchanged, (tree, Some(digests))));
        }
    }
    // Forgotten first: a build that fails half-way leaves a tree that no build has made.
    index.changed |= index.builds.remove(&command).is_some();
    let duration = build.run(root, observer)?;
    let tree = tree::read(root, true)?;
    let digests = index.digests(&tree)?;
    if index.builds.len() >= REMEMBERED_BUILDS {
        index.builds.clear();
    }
    index.builds.insert(command, build::tree_digest(&tree, &digests));
    index.changed = true;
    Ok((BuildOutcome::Ran(duration), (tree, Some(digests))))
}

fn check_content(tree: &SourceTree) -> Result<(), PackagingError> {
    if tree.entries.iter().any(|entry| entry.packaged) {
        return Ok(());
    }
    Err(PackagingError::SourceEmpty { path: tree.root.clone(), all_ignored: tree.incomplete })
}

fn check_size(manifest: &Manifest) -> Result<(), PackagingError> {
    let size = manifest.unpacked_size();
    if size <= UNPACKED_SIZE_LIMIT {
        return Ok(());
    }
    let sizes = manifest.entries.iter().map(|(path, content)| (path.as_str(), content.size()));
    Err(PackagingError::TooLarge { size, limit: UNPACKED_SIZE_LIMIT, largest: largest_folders(sizes) })
}
