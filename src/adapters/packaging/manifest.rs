//! The list of what a package holds: names, modes, content digests. The archive is a pure function of it, so its digest
//! names the archive in the cache.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::error::{FolderSize, PackagingError};
use super::index::{ContentDigest, Digests};
use super::tree::{EntryKind, FileStat, SourceTree, TreeEntry};

/// Part of every digest. To be changed whenever the bytes of an archive change for an unchanged list of entries, as by
/// another version of the deflate library: a test with a known archive digest tells.
const FORMAT: &str = "semantest package, format 2";

/// How many of the largest folders are named when a package is too large.
const LARGEST_FOLDERS: usize = 8;

/// Where the content of an entry comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A file of the source folder.
    Source {
        /// Its attributes when its digest was taken.
        stat: FileStat,
        /// Its content's digest.
        digest: ContentDigest,
    },
    /// A file that this program adds.
    Generated(Vec<u8>),
    /// A symbolic link's target.
    Link(String),
    /// An empty folder.
    Folder,
}

/// Everything that a package holds, by name; iterated in the order of the archive.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    /// Content by path. A map of strings is ordered by bytes, whatever the locale.
    pub(super) entries: BTreeMap<String, Content>,
}

impl Manifest {
    /// The packaged entries of a tree, without their digests yet.
    pub(super) fn of(tree: &SourceTree) -> Self {
        let content = |entry: &TreeEntry| match &entry.kind {
            EntryKind::File(stat) => Content::Source { stat: *stat, digest: ContentDigest::new() },
            EntryKind::Link(target) => Content::Link(target.clone()),
            EntryKind::EmptyFolder => Content::Folder,
        };
        let packaged = tree.entries.iter().filter(|entry| entry.packaged);
        Self { entries: packaged.map(|entry| (entry.path.clone(), content(entry))).collect() }
    }

    /// Fills in what the source's files hold.
    pub(super) fn set_digests(&mut self, mut digests: Digests) {
        for (path, content) in &mut self.entries {
            if let Content::Source { digest, .. } = content {
                *digest = digests.remove(path).unwrap_or_default().digest;
            }
        }
    }

    /// Adds a file of this program's own.
    ///
    /// # Errors
    /// The source has an entry of that name.
    pub(super) fn add_generated(&mut self, name: &str, content: Vec<u8>) -> Result<(), PackagingError> {
        self.check_free(name)?;
        self.entries.insert(name.to_owned(), Content::Generated(content));
        Ok(())
    }

    /// Makes sure that the source has no file or folder of this name.
    ///
    /// # Errors
    /// It has.
    pub(super) fn check_free(&self, name: &str) -> Result<(), PackagingError> {
        let below = format!("{name}/");
        if self.entries.contains_key(name) || self.entries.keys().any(|path| path.starts_with(&below)) {
            return Err(PackagingError::ReservedName { name: name.to_owned() });
        }
        Ok(())
    }

    /// Bytes that the package takes when unpacked.
    pub(super) fn unpacked_size(&self) -> u64 {
        self.entries.values().map(Content::size).sum()
    }

    /// Digest of names, modes and contents; independent of times and places.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |text: &[u8]| {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        };
        field(FORMAT.as_bytes());
        for (path, content) in &self.entries {
            field(path.as_bytes());
            match content {
                Content::Source { stat, digest } => {
                    field(if stat.executable { b"executable" } else { b"file" });
                    field(digest.as_bytes());
                }
                Content::Generated(bytes) => {
                    field(b"file");
                    field(hex::encode(Sha256::digest(bytes)).as_bytes());
                }
                Content::Link(target) => {
                    field(b"link");
                    field(target.as_bytes());
                }
                Content::Folder => field(b"folder"),
            }
        }
        hex::encode(hasher.finalize())
    }
}

/// The folders that take most, largest first: each dependency by itself, other folders two levels deep, and files that
/// stand outside of any folder.
pub(super) fn largest_folders<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> Vec<FolderSize> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, size) in files {
        *sizes.entry(accounted_folder(path)).or_default() += size;
    }
    let mut folders: Vec<_> =
        sizes.into_iter().map(|(path, size)| FolderSize { path: path.to_owned(), size }).collect();
    folders.sort_by(|left, right| right.size.cmp(&left.size).then_with(|| left.path.cmp(&right.path)));
    folders.truncate(LARGEST_FOLDERS);
    folders
}

impl Content {
    /// Bytes when unpacked.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Source { stat, .. } => stat.size,
            Self::Generated(bytes) => bytes.len() as u64,
            Self::Link(target) => target.len() as u64,
            Self::Folder => 0,
        }
    }
}

/// The folder that a file's size counts for.
fn accounted_folder(path: &str) -> &str {
    let levels = match path.strip_prefix("node_modules/") {
        Some(rest) if rest.starts_with('@') => 3,
        _ => 2,
    };
    let folder_end = path.rfind('/').unwrap_or(path.len());
    let end = path.match_indices('/').nth(levels - 1).map_or(folder_end, |(position, _)| position);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Content {
        let stat = FileStat { size, modified: 1, changed: 2, inode: 3, executable: false };
        Content::Source { stat, digest: "d".into() }
    }

    fn manifest(files: &[(&str, Content)]) -> Manifest {
        Manifest { entries: files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect() }
    }

    #[test]
    fn the_digest_knows_names_modes_and_contents_but_no_times() {
        let base = manifest(&[("a", file(1)), ("l", Content::Link("a".into()))]);
        let mut touched = base.clone();
        let Some(Content::Source { stat, .. }) = touched.entries.get_mut("a") else { panic!() };
        (stat.modified, stat.changed, stat.inode) = (8, 9, 10);
        assert_eq!(base.digest(), touched.digest());
        let Some(Content::Source { stat, .. }) = touched.entries.get_mut("a") else { panic!() };
        stat.executable = true;
        let variants = [
            touched,
            manifest(&[("a", file(1)), ("l", Content::Link("b".into()))]),
            manifest(&[("b", file(1)), ("l", Content::Link("a".into()))]),
            manifest(&[("a", Content::Generated(vec![1])), ("l", Content::Link("a".into()))]),
            manifest(&[("a", Content::Folder), ("l", Content::Link("a".into()))]),
            manifest(&[("a", file(1))]),
        ];
        let mut digests: Vec<_> = variants.iter().map(Manifest::digest).collect();
        digests.push(base.digest());
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), variants.len() + 1);
    }

    #[test]
    fn the_largest_folders_are_named_usefully() {
        let files = [
            ("node_modules/@img/sharp/lib/a.node", 70),
            ("node_modules/@img/sharp/b.js", 7),
            ("node_modules/express/index.js", 5),
            ("public/video/2024/a.mp4", 60),
            ("public/video/b.mp4", 40),
            ("public/logo.png", 9),
            ("dump.sql", 50),
        ];
        let named: Vec<_> =
            largest_folders(files.into_iter()).into_iter().map(|folder| (folder.path, folder.size)).collect();
        let expected = [
            ("public/video", 100),
            ("node_modules/@img/sharp", 77),
            ("dump.sql", 50),
            ("public", 9),
            ("node_modules/express", 5),
        ];
        assert_eq!(named, expected.map(|(path, size)| (path.to_owned(), size)));
    }

    #[test]
    fn a_generated_file_never_replaces_one_of_the_source() {
        for taken in ["shim.mjs", "shim.mjs/inner"] {
            let mut manifest = manifest(&[(taken, file(1))]);
            assert!(matches!(
                manifest.add_generated("shim.mjs", vec![]),
                Err(PackagingError::ReservedName { name }) if name == "shim.mjs"
            ));
        }
    }
}
