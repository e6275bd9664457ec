//! The copy of a source folder that its build runs in, so that the user's own is never written to. It lies in the cache and is
//! kept between runs with what builds have made there, so that the next one is quick. Called by the packager, which holds the
//! source's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::build::entry_digest;
use super::error::PackagingError;
use super::index::{Digests, SourceIndex};
use super::tree::{self, EntryKind, Reading, SourceTree, TreeEntry};

/// How many levels above the source are made to look as they do there.
const LEVELS: usize = 4;

/// Files beside the source and the folders above it are copied up to this size, in bytes; larger ones are linked to.
const LARGEST_COPIED: u64 = 4 * 1024 * 1024;

/// How many copies of one source are kept: each command has one.
const COPIES: usize = 4;

/// What says that a folder belongs to a project, and isn't just anywhere.
const PROJECT_MARKS: [&str; 4] = [".git", "package.json", "pnpm-workspace.yaml", "semantest-iac.yaml"];

/// What is remembered of a copy.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CopyState {
    /// The files of the copy of what is packaged.
    pub(super) index: SourceIndex,
    /// The files of the whole copy.
    pub(super) whole: SourceIndex,
    /// What was last copied, by path.
    copied: BTreeMap<String, String>,
    /// The build that last succeeded in it.
    pub(super) built: Option<Built>,
}

/// A build that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Built {
    /// Digest of command, environment and tools.
    pub(super) command: String,
    /// Digest of the source that it read.
    pub(super) source: String,
    /// Digest of the copy right after.
    pub(super) copy: String,
}

/// The folder that is copied for a source: the source itself, or the workspace that it belongs to, whose tools install and
/// build it as a whole (<https://docs.npmjs.com/cli/v11/using-npm/workspaces>, <https://pnpm.io/workspaces>,
/// <https://yarnpkg.com/features/workspaces>).
pub(super) fn copied_folder(source: &Path) -> &Path {
    let is_workspace = |folder: &&Path| {
        folder.join("pnpm-workspace.yaml").is_file()
            || fs::read(folder.join("package.json"))
                .ok()
                .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
                .is_some_and(|manifest| manifest.get("workspaces").is_some())
    };
    source.ancestors().skip(1).take(LEVELS).find(is_workspace).unwrap_or(source)
}

/// A copy of a source folder.
#[derive(Debug)]
pub(super) struct WorkCopy {
    /// The copy's root.
    pub(super) root: PathBuf,
    /// What is remembered of it.
    pub(super) state: CopyState,
    /// Whether what is remembered differs from what is saved, apart from the files.
    pub(super) changed: bool,
    folder: PathBuf,
}

impl WorkCopy {
    /// The copy of `source` for a command, in the source's part of the cache; there may be nothing in it yet.
    ///
    /// # Errors
    /// The cache can't be written.
    pub(super) fn open(cache: &Path, source: &Path, command: &str) -> Result<Self, PackagingError> {
        let copies = cache.join("copies");
        let folder = copies.join(&hex::encode(Sha256::digest(command))[..16]);
        let surroundings = Surroundings::of(source);
        let root = surroundings.place(&folder.join("tree"));
        let failed = |source| PackagingError::Cache { path: folder.clone(), source };
        fs::create_dir_all(&root).map_err(failed)?;
        surroundings.mirror(&folder.join("tree")).map_err(failed)?;
        let state = fs::read(folder.join("state.json")).ok().and_then(|saved| serde_json::from_slice(&saved).ok());
        prune(&copies, &folder);
        // A copy of which nothing is known may hold anything.
        if state.is_none() {
            fs::remove_dir_all(&root).and_then(|()| fs::create_dir_all(&root)).map_err(failed)?;
        }
        let root = fs::canonicalize(&root).map_err(failed)?;
        Ok(Self { root, state: state.unwrap_or_default(), changed: false, folder })
    }

    /// Writes down what is known of the copy.
    ///
    /// # Errors
    /// The cache can't be written.
    pub(super) fn save(&mut self) -> Result<(), PackagingError> {
        if !self.changed && !self.state.index.changed && !self.state.whole.changed {
            return Ok(());
        }
        let path = self.folder.join("state.json");
        let failed = |source: io::Error| PackagingError::Cache { path: path.clone(), source };
        let bytes = serde_json::to_vec(&self.state).map_err(|error| failed(error.into()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        io::Write::write_all(&mut file, &bytes).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        self.changed = false;
        (self.state.index.changed, self.state.whole.changed) = (false, false);
        Ok(())
    }

    /// Makes the copy hold what the source holds, and leaves alone what only builds have made in it. What the copy holds of
    /// the source already isn't copied again.
    ///
    /// # Errors
    /// A packaged file can't be read or copied, or changes meanwhile.
    pub(super) fn follow(&mut self, source: &SourceTree, digests: &Digests) -> Result<(), PackagingError> {
        let copy = tree::read(&self.root, Reading::Inputs { modules: true })?;
        let copy_digests = &self.state.whole.digests(&copy)?;
        let held: BTreeMap<&str, String> =
            copy.entries.iter().map(|entry| (entry.path.as_str(), entry_digest(entry, copy_digests))).collect();
        let wanted: BTreeSet<&str> = source.entries.iter().map(|entry| entry.path.as_str()).collect();
        // From the end, so that what lies in a folder goes before it.
        for path in self.state.copied.keys().rev().filter(|path| !wanted.contains(path.as_str())) {
            let _ = remove(&self.root.join(path));
        }
        let mut copied = BTreeMap::new();
        for entry in &source.entries {
            let digest = entry_digest(entry, digests);
            if held.get(entry.path.as_str()) != Some(&digest)
                && let Err(error) = self.copy(source, entry)
            {
                // What isn't packaged may belong to somebody else, such as a database's folder.
                if !entry.packaged {
                    continue;
                }
                return Err(PackagingError::NotCopied { path: source.location(&entry.path), source: error });
            }
            copied.insert(entry.path.clone(), digest);
        }
        self.state.copied = copied;
        borrow_repository(&source.root, &self.root)
            .map_err(|source| PackagingError::Cache { path: self.root.clone(), source })
    }

    fn copy(&self, source: &SourceTree, entry: &TreeEntry) -> io::Result<()> {
        let (from, to) = (source.location(&entry.path), self.root.join(&entry.path));
        if let Some(parent) = to.parent() {
            make_folder(&self.root, parent)?;
        }
        if matches!(entry.kind, EntryKind::EmptyFolder) {
            return make_folder(&self.root, &to);
        }
        remove(&to)?;
        match &entry.kind {
            EntryKind::Link(target) => link(&inner_target(&source.root, &from, target), &to),
            _ => {
                fs::copy(&from, &to)?;
                // Tools that compare times find what they would find in the source.
                let times = fs::metadata(&from)?.modified()?;
                writable(&to)?;
                File::options().write(true).open(&to)?.set_modified(times)
            }
        }
    }
}

/// The folders above a source, up to the project's outermost one: paths that lead out of the source must lead to the same
/// files from the copy.
struct Surroundings {
    /// The source and the folders above it, the outermost first.
    folders: Vec<PathBuf>,
}

impl Surroundings {
    fn of(source: &Path) -> Self {
        let above: Vec<&Path> = source.ancestors().skip(1).take(LEVELS).collect();
        let is_project = |folder: &&Path| PROJECT_MARKS.iter().any(|mark| folder.join(mark).exists());
        let outermost = above.iter().rposition(is_project).map_or(0, |position| position + 1);
        let mut folders: Vec<PathBuf> = above[..outermost].iter().rev().map(|folder| (*folder).to_owned()).collect();
        folders.push(source.to_owned());
        Self { folders }
    }

    /// Where the source's copy lies below `tree`.
    fn place(&self, tree: &Path) -> PathBuf {
        let names = self.folders.iter().skip(1).filter_map(|folder| folder.file_name());
        names.fold(tree.to_owned(), |place, name| place.join(name))
    }

    /// Puts links to all that lies beside the source, and beside the folders above it, where it lies beside the copy.
    fn mirror(&self, tree: &Path) -> io::Result<()> {
        let mut place = tree.to_owned();
        for pair in self.folders.windows(2) {
            let [folder, way] = pair else { continue };
            let mut wanted = BTreeSet::new();
            for child in fs::read_dir(folder)?.flatten() {
                // Git would write into the repository itself; the copy has one of its own.
                if child.path() == *way || child.file_name() == ".git" {
                    continue;
                }
                wanted.insert(child.file_name());
                let to = place.join(child.file_name());
                let is_small_file = child.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_COPIED);
                if is_small_file {
                    // As a lock file, which tools would write to.
                    remove(&to)?;
                    fs::copy(child.path(), &to)?;
                } else if fs::read_link(&to).ok().as_deref() != Some(&*child.path()) {
                    remove(&to)?;
                    link(&child.path(), &to)?;
                }
            }
            for child in fs::read_dir(&place)?.flatten() {
                let is_way = way.file_name().is_some_and(|name| name == child.file_name());
                if !is_way && !wanted.contains(&child.file_name()) && child.file_name() != ".git" {
                    remove(&child.path())?;
                }
            }
            place = place.join(way.file_name().unwrap_or_default());
        }
        Ok(())
    }
}

/// A link's target in the copy: as it is within the source, in full where it leads out of it, where the copy has no such way.
fn inner_target(root: &Path, link: &Path, target: &str) -> PathBuf {
    let target = Path::new(target);
    let mut place = link.parent().unwrap_or(root).to_owned();
    for component in target.components() {
        match component {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            component => place.push(component),
        }
    }
    if target.is_relative() && place.starts_with(root) { target.to_owned() } else { place }
}

/// Builds ask git which commit they are made of. The copy gets a repository that borrows the objects of the source's own
/// (<https://git-scm.com/docs/gitrepository-layout>, `objects/info/alternates`), so that hooks and settings that an installation
/// writes don't land in the user's.
fn borrow_repository(source: &Path, copy: &Path) -> io::Result<()> {
    let Some(outer) = source.ancestors().take(LEVELS + 1).find(|folder| folder.join(".git").is_dir()) else {
        return Ok(());
    };
    let depth = source.strip_prefix(outer).map_or(0, |below| below.components().count());
    let Some(place) = copy.ancestors().nth(depth) else { return Ok(()) };
    let (from, to) = (outer.join(".git"), place.join(".git"));
    fs::create_dir_all(to.join("objects/info"))?;
    fs::create_dir_all(to.join("refs"))?;
    fs::write(to.join("objects/info/alternates"), format!("{}\n", from.join("objects").display()))?;
    for name in ["HEAD", "config", "index", "packed-refs", "shallow"] {
        let _ = remove(&to.join(name));
        match fs::copy(from.join(name), to.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    remove(&to.join("refs"))?;
    copy_folder(&from.join("refs"), &to.join("refs"))
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for child in fs::read_dir(from)? {
        let child = child?;
        let to = to.join(child.file_name());
        if child.file_type()?.is_dir() {
            copy_folder(&child.path(), &to)?;
        } else {
            fs::copy(child.path(), to)?;
        }
    }
    Ok(())
}

/// Makes a folder of the copy, also where a build has put something else in its place.
fn make_folder(root: &Path, folder: &Path) -> io::Result<()> {
    if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| parent.starts_with(root)) {
        make_folder(root, parent)?;
    }
    remove(folder)?;
    fs::create_dir_all(folder)
}

/// Removes a file, a link or a folder with all that it holds, if it is there. Links aren't followed.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        removed => removed,
    }
}

/// A file that may not be written to in the source may be in the copy: builds replace what they have made before.
fn writable(path: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    if !permissions.readonly() {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        permissions.set_mode(permissions.mode() | 0o200);
    }
    #[cfg(not(unix))]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
}

#[cfg(unix)]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(windows)]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    if target.is_dir() {
        std::os::windows::fs::symlink_dir(target, place)
    } else {
        std::os::windows::fs::symlink_file(target, place)
    }
}

/// Removes the copies of commands that were not used for longest. Failures don't matter: it is only about room.
fn prune(copies: &Path, used: &Path) {
    let _ = File::create(used.join("used"));
    let mut others: Vec<_> = fs::read_dir(copies)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|child| child.path() != used)
        .map(|child| (fs::metadata(child.path().join("used")).and_then(|data| data.modified()).ok(), child.path()))
        .collect();
    others.sort_unstable_by(|left, right| right.cmp(left));
    for (_, folder) in others.into_iter().skip(COPIES - 1) {
        let _ = fs::remove_dir_all(folder);
    }
}
