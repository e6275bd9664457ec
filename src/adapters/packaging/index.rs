//! Remembers each file's digest beside the attributes it was read with, so that an unchanged file isn't read again.
//!
//! The danger is git's "racy" file: changed a second time within the clock tick of the first change, with the same size.
//! So a digest is remembered only when the file's change time was well in the past at the moment it was read; any other
//! file is read again next time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::PackagingError;
use super::inspection::{Finding, Inspector};
use super::tree::{EntryKind, FileStat, SourceTree};

/// How old a file's last change must be for its digest to be remembered, in nanoseconds. The coarsest clock of a file
/// system in use (FAT) ticks every two seconds.
const SETTLED_AGE: i64 = 2_500_000_000;

/// Bytes read at once.
pub(super) const BLOCK_SIZE: usize = 128 * 1024;

/// SHA-256 of a file's content, in hexadecimal.
pub(super) type ContentDigest = String;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Its content's digest.
    pub(super) digest: ContentDigest,
    /// What it was found to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finding: Option<Finding>,
}

/// What is remembered of a source folder.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceIndex {
    /// By path within the source folder.
    pub(super) files: HashMap<String, (FileStat, Seen)>,
    /// The manifest digest of the package that was last made from it.
    pub(super) package: Option<String>,
    /// Whether it differs from what is saved.
    #[serde(skip)]
    pub(super) changed: bool,
}

/// What each file of a tree holds, by path.
pub(super) type Digests = HashMap<String, Seen>;

impl SourceIndex {
    /// The digests of all files of `tree`, reading only those that aren't remembered, on all processors.
    /// The index afterwards remembers exactly the files of `tree` that can be remembered. A file that isn't packaged and
    /// can't be read has no digest.
    ///
    /// # Errors
    /// A packaged file can't be read, or changes while it is read.
    pub(super) fn digests(&mut self, tree: &SourceTree) -> Result<Digests, PackagingError> {
        let now = nanoseconds_now();
        let mut digests = Digests::with_capacity(tree.entries.len());
        let mut remembered = HashMap::with_capacity(tree.entries.len());
        let mut unknown = Vec::new();
        let before = self.files.len();
        for entry in &tree.entries {
            let EntryKind::File(stat) = &entry.kind else { continue };
            match self.files.remove_entry(&entry.path) {
                Some((path, (known, digest))) if known == *stat => {
                    digests.insert(path.clone(), digest.clone());
                    remembered.insert(path, (known, digest));
                }
                _ => unknown.push((entry, stat)),
            }
        }
        let kept = remembered.len();
        let read = for_each_on_all_processors(&unknown, |(entry, stat)| {
            match digest_file(&tree.location(&entry.path), stat, Inspector::of(&entry.path)) {
                Err(PackagingError::Unreadable { .. } | PackagingError::ChangedWhilePackaging { .. })
                    if !entry.packaged =>
                {
                    Ok((&entry.path, **stat, None))
                }
                result => result.map(|digest| (&entry.path, **stat, Some(digest))),
            }
        })?;
        for (path, stat, digest) in read {
            let Some(digest) = digest else { continue };
            digests.insert(path.clone(), digest.clone());
            if stat.changed.max(stat.modified) < now - SETTLED_AGE {
                remembered.insert(path.clone(), (stat, digest));
            }
        }
        self.changed |= kept != before || remembered.len() != kept;
        self.files = remembered;
        Ok(digests)
    }
}

/// Runs `work` on every item, spread over the processors; the results come in no particular order. The first error ends it.
fn for_each_on_all_processors<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, PackagingError> + Sync,
) -> Result<Vec<R>, PackagingError> {
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new((Vec::with_capacity(items.len()), None));
    let run = || {
        let mut done = Vec::new();
        let mut failed = None;
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            match work(item) {
                Ok(result) => done.push(result),
                Err(error) => {
                    next.store(items.len(), Ordering::Relaxed);
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.0.append(&mut done);
        outcome.1 = outcome.1.take().or(failed);
    };
    let workers = processors().min(items.len() / 8 + 1);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(run);
        }
        run();
    });
    let (results, error) = outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    error.map_or(Ok(results), Err)
}

/// How many threads make sense for work that keeps a processor busy.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Reads a file in full blocks and hands each to `consume`, having made sure that it is the file that `stat` describes,
/// before and after.
///
/// # Errors
/// It can't be read, it isn't the same file any more, or `consume` fails.
pub(super) fn read_blocks(
    path: &Path,
    stat: &FileStat,
    mut consume: impl FnMut(&[u8]) -> Result<(), PackagingError>,
) -> Result<(), PackagingError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => PackagingError::ChangedWhilePackaging { path: path.to_owned() },
        _ => PackagingError::Unreadable { path: path.to_owned(), source },
    };
    let check = |file: &File| match file.metadata() {
        Ok(metadata) if FileStat::of(&metadata) == *stat => Ok(()),
        Ok(_) => Err(PackagingError::ChangedWhilePackaging { path: path.to_owned() }),
        Err(source) => Err(unreadable(source)),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    check(&file)?;
    let capacity = usize::try_from(stat.size).unwrap_or(usize::MAX).saturating_add(1).min(BLOCK_SIZE);
    let mut block = vec![0; capacity];
    loop {
        // Blocks are always filled: the deflated bytes must not depend on how a file system cuts its reads.
        let mut filled = 0;
        while filled < block.len() {
            match file.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(unreadable(source)),
            }
        }
        if filled > 0 {
            consume(&block[..filled])?;
        }
        if filled < block.len() {
            return check(&file);
        }
    }
}

fn digest_file(path: &Path, stat: &FileStat, mut inspector: Inspector) -> Result<Seen, PackagingError> {
    let mut hasher = Sha256::new();
    read_blocks(path, stat, |block| {
        hasher.update(block);
        inspector.look(block);
        Ok(())
    })?;
    Ok(Seen { digest: hex::encode(hasher.finalize()), finding: inspector.finding() })
}

fn nanoseconds_now() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    i64::try_from(age).unwrap_or(i64::MAX)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::adapters::packaging::tree::{self, Reading};
    use std::fs;

    fn digest_of(text: &str) -> String {
        hex::encode(Sha256::digest(text))
    }

    /// Gives a file an old modification time. Its change time can't be set, so the index is told that time has passed.
    fn settle(index: &mut SourceIndex, source: &SourceTree) {
        let digests = index.digests(source).unwrap();
        for entry in &source.entries {
            if let EntryKind::File(stat) = &entry.kind {
                index.files.insert(entry.path.clone(), (*stat, digests[&entry.path].clone()));
            }
        }
    }

    #[test]
    fn a_fresh_file_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        let mut index = SourceIndex::default();
        let digests = index.digests(&tree::read(folder.path(), Reading::Package).unwrap()).unwrap();
        assert_eq!(digests["a"].digest, digest_of("one"));
        assert!(index.files.is_empty(), "a file changed within the last seconds could change again unseen");
    }

    #[test]
    fn a_remembered_file_is_not_read_again_and_a_changed_one_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("same"), "same").unwrap();
        fs::write(folder.path().join("other"), "old").unwrap();
        let mut index = SourceIndex::default();
        settle(&mut index, &tree::read(folder.path(), Reading::Package).unwrap());
        index.files.get_mut("same").unwrap().1.digest = "remembered".into();
        fs::write(folder.path().join("other"), "new").unwrap();
        let digests = index.digests(&tree::read(folder.path(), Reading::Package).unwrap()).unwrap();
        assert_eq!(digests["same"].digest, "remembered");
        assert_eq!(digests["other"].digest, digest_of("new"));
    }

    #[test]
    fn a_restored_modification_time_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let mut index = SourceIndex::default();
        settle(&mut index, &tree::read(folder.path(), Reading::Package).unwrap());
        // In place, so that size, number and modification time are all as before: only the change time tells.
        loop {
            fs::write(&path, "two").unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
            let stat = FileStat::of(&fs::metadata(&path).unwrap());
            if stat.changed != index.files["a"].0.changed {
                break;
            }
        }
        let digests = index.digests(&tree::read(folder.path(), Reading::Package).unwrap()).unwrap();
        assert_eq!(digests["a"].digest, digest_of("two"));
    }

    #[test]
    fn files_that_are_gone_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        fs::write(folder.path().join("b"), "b").unwrap();
        let mut index = SourceIndex::default();
        settle(&mut index, &tree::read(folder.path(), Reading::Package).unwrap());
        fs::remove_file(folder.path().join("b")).unwrap();
        index.digests(&tree::read(folder.path(), Reading::Package).unwrap()).unwrap();
        assert_eq!(index.files.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let source = tree::read(folder.path(), Reading::Package).unwrap();
        fs::write(&path, "longer").unwrap();
        let error = SourceIndex::default().digests(&source).unwrap_err();
        assert!(matches!(error, PackagingError::ChangedWhilePackaging { .. }), "{error}");
    }
}
