//! The way from a source folder to a finished package: build if needed, read, check, look into the cache, archive.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::archive;
use super::build::{self, BuildCommand, BuildObserver, BuildOutcome, Work};
use super::error::PackagingError;
use super::index::{Digests, SourceIndex};
use super::left_out::{self, LeftOut};
use super::manifest::{Manifest, largest_folders};
use super::natives;
use super::start::Start;
use super::store::{SourceCache, Store};
use super::tree::{self, Reading, SourceTree};
use super::work_copy::{self, Built, WorkCopy};
use crate::domain::code::runtime::Architecture;
use crate::ports::Entry;

/// Bytes that a function's code and layers may take unpacked ("Deployment package size" of the AWS Lambda quotas page,
/// 250 MB).
pub const UNPACKED_SIZE_LIMIT: u64 = 262_144_000;

/// How often a source that changes under our hands is read again before that is an error.
const ATTEMPTS: usize = 3;

/// What to package.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// The component's source folder.
    pub source: PathBuf,
    /// What to run in a copy of it first.
    pub build: Option<BuildCommand>,
    /// What runs in the function.
    pub start: Start,
    /// The processor of the function, which runs Linux; `None` where it runs on this machine, as in a local cloud.
    pub architecture: Option<Architecture>,
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
    /// The build runs in a copy of the source folder, and what is packaged comes from there. It is skipped when its command,
    /// environment and tools are the same as when it last succeeded, everything in the source folder (but caches and logs) is
    /// as it was then, and the copy is as it was right after. What a build reads elsewhere isn't seen; `BuildCommand::always`
    /// is for that.
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
        let mut attempt = 1;
        let result = loop {
            let result = match &request.build {
                Some(build) => self.build_and_package(request, build, &root, &cache, &mut index, observer),
                None => tree::read(&root, Reading::Package).and_then(|tree| {
                    self.package_source(request, tree, None, &mut index, BuildOutcome::None, observer)
                }),
            };
            match result {
                Err(PackagingError::ChangedWhilePackaging { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => break result,
            }
        };
        // Also after a failure: files read are files known.
        let saved = cache.save(&mut index);
        result.and_then(|package| saved.map(|()| package))
    }

    fn build_and_package(
        &self,
        request: &PackageRequest,
        build: &BuildCommand,
        root: &Path,
        cache: &SourceCache,
        index: &mut SourceIndex,
        observer: &mut dyn BuildObserver,
    ) -> Result<Package, PackagingError> {
        let whole = work_copy::copied_folder(root);
        let mut copy = WorkCopy::open(cache.folder(), whole, &build.command)?;
        let place = copy.root.join(root.strip_prefix(whole).unwrap_or(Path::new("")));
        let result = run_build(build, (root, whole), (&mut copy, &place), index, observer).and_then(
            |(outcome, tree, digests)| {
                self.package_source(request, tree, Some(digests), &mut copy.state.index, outcome, observer)
            },
        );
        // A failed build must be known as such.
        let saved = copy.save();
        result.and_then(|package| saved.map(|()| package))
    }

    fn package_source(
        &self,
        request: &PackageRequest,
        tree: SourceTree,
        digests: Option<Digests>,
        index: &mut SourceIndex,
        build: BuildOutcome,
        observer: &mut dyn BuildObserver,
    ) -> Result<Package, PackagingError> {
        // All that can be refused by names and sizes alone is refused before anything is read.
        check_content(&tree)?;
        let mut manifest = Manifest::of(&tree);
        request.start.complete(&mut manifest, &tree.root)?;
        check_size(&manifest)?;
        let digests = digests.map_or_else(|| index.digests(&tree), Ok)?;
        if let Some(architecture) = request.architecture {
            natives::check(&tree, &digests, architecture)?;
        }
        let mut left_out = tree.left_out.clone();
        left_out::take_secrets_out(&mut manifest, &tree, &digests, &mut left_out)?;
        manifest.set_digests(digests);
        let unpacked_size = manifest.unpacked_size();
        let digest = manifest.digest();
        let (found, from_cache) = match self.store.find(&digest) {
            Some(found) => (found, true),
            None => {
                observer.begins(Work::Archive);
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

/// Runs the build in the copy unless nothing has changed since it last succeeded; returns the copy of the source as it is
/// afterwards. `whole` is the folder that is copied, with the source in it, `place` the source's copy.
fn run_build(
    build: &BuildCommand,
    (root, whole): (&Path, &Path),
    (copy, place): (&mut WorkCopy, &Path),
    index: &mut SourceIndex,
    observer: &mut dyn BuildObserver,
) -> Result<(BuildOutcome, SourceTree, Digests), PackagingError> {
    let source = tree::read(whole, Reading::Inputs { modules: !build.installs_first() })?;
    let digests = index.digests(&source)?;
    let (command, source_digest) = (build.digest(), build::tree_digest(&source, &digests));
    if let Some(built) = copy.state.built.clone().filter(|_| !build.always)
        && (&built.command, &built.source) == (&command, &source_digest)
        // Whatever is wrong with the copy now, the build may set it right.
        && let Ok(tree) = tree::read(place, Reading::Everything)
        && let Ok(digests) = copy.state.index.digests(&tree)
        && build::tree_digest(&tree, &digests) == built.copy
    {
        return Ok((BuildOutcome::Unchanged, tree, digests));
    }
    // Forgotten first: a build that fails half-way leaves a copy that no build has made.
    copy.state.built = None;
    copy.changed = true;
    copy.save()?;
    copy.follow(&source, &digests)?;
    let duration = build.run(place, root, observer)?;
    let tree = tree::read(place, Reading::Everything)?;
    let digests = copy.state.index.digests(&tree)?;
    let copied = build::tree_digest(&tree, &digests);
    copy.changed = true;
    copy.state.built = Some(Built { command, source: source_digest, copy: copied });
    Ok((BuildOutcome::Ran(duration), tree, digests))
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
