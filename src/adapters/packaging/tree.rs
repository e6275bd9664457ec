//! Reads a source folder into a list of entries: what goes into the package, and what only a build may read.
//! Only names and attributes are read here, no contents.

use std::fs::{self, DirEntry, Metadata};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::PackagingError;
use super::ignore_rules::{IGNORE_FILE, IgnoreRules, Judgement, Rule, Verdict};
use super::left_out::LeftOut;

/// What tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileStat {
    /// Bytes.
    pub(super) size: u64,
    /// Modification time, nanoseconds since 1970.
    pub(super) modified: i64,
    /// Change time (content or attributes), nanoseconds since 1970; can't be set by a program.
    pub(super) changed: i64,
    /// Number of the file within its file system.
    pub(super) inode: u64,
    /// Whether its owner may execute it.
    pub(super) executable: bool,
}

impl FileStat {
    /// Takes what is needed from the file system's answer.
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
            Self {
                size: metadata.len(),
                modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
                changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
                inode: metadata.ino(),
                executable: metadata.mode() & 0o100 != 0,
            }
        }
        #[cfg(not(unix))]
        {
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let modified = modified.map_or(i64::MAX, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
            Self { size: metadata.len(), modified, changed: modified, inode: 0, executable: false }
        }
    }
}

/// What an entry of the source folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A file with content.
    File(FileStat),
    /// A symbolic link and its target as written.
    Link(String),
    /// A folder with nothing in it. One whose content is left out altogether is left out with it, as in git.
    EmptyFolder,
}

/// One entry of the source folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeEntry {
    /// Path within the source folder, with `/` on every platform.
    pub(super) path: String,
    /// What it is.
    pub(super) kind: EntryKind,
    /// Whether it goes into the package; otherwise it is a possible input of the build only.
    pub(super) packaged: bool,
    /// Whether an ignore file asks for it, or for a folder that it lies in, by a `!`.
    pub(super) asked_for: bool,
}

/// The entries of a source folder, sorted by the bytes of their paths.
#[derive(Debug)]
pub(super) struct SourceTree {
    /// The source folder with all links resolved.
    pub(super) root: PathBuf,
    /// All entries that count.
    pub(super) entries: Vec<TreeEntry>,
    /// Whether anything was left out by a rule.
    pub(super) incomplete: bool,
    /// What the default rules have left out.
    pub(super) left_out: LeftOut,
}

impl SourceTree {
    /// Where an entry is on the disk.
    pub(super) fn location(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// What of a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// What is packaged.
    Package,
    /// Also what isn't packaged.
    Everything,
    /// Everything that a build could read, also what can't be packaged: the build may set it right.
    Inputs {
        /// Whether folders of installed packages are among it.
        modules: bool,
    },
}

/// Reads the source folder.
///
/// # Errors
/// A missing or unreadable folder, a broken ignore file; a name, file type or link that can't be packaged.
pub(super) fn read(source: &Path, reading: Reading) -> Result<SourceTree, PackagingError> {
    let root = resolve_root(source)?;
    let mut reader = Reader { root, reading, entries: Vec::new(), incomplete: false, left_out: LeftOut::default() };
    let here = Folder { location: reader.root.clone(), path: String::new(), packaged: true, asked_for: false };
    reader.read_folder(&here, &IgnoreRules::defaults())?;
    let mut entries = reader.entries;
    entries.sort_unstable_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
    reader.left_out.secrets.sort_unstable();
    Ok(SourceTree { root: reader.root, entries, incomplete: reader.incomplete, left_out: reader.left_out })
}

/// Resolves the source folder and says clearly when it isn't one.
///
/// # Errors
/// It is missing, unreadable, or not a folder.
pub(super) fn resolve_root(source: &Path) -> Result<PathBuf, PackagingError> {
    let shown = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
    let root = match fs::canonicalize(source) {
        Ok(root) => root,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(PackagingError::SourceMissing { path: shown });
        }
        Err(source) => return Err(PackagingError::Unreadable { path: shown, source }),
    };
    match fs::metadata(&root) {
        Ok(metadata) if metadata.is_dir() => Ok(root),
        Ok(_) => Err(PackagingError::SourceNotFolder { path: shown }),
        Err(source) => Err(PackagingError::Unreadable { path: shown, source }),
    }
}

struct Folder {
    location: PathBuf,
    path: String,
    packaged: bool,
    asked_for: bool,
}

struct Reader {
    root: PathBuf,
    reading: Reading,
    entries: Vec<TreeEntry>,
    incomplete: bool,
    left_out: LeftOut,
}

impl Reader {
    /// Reads one folder and everything below it; returns whether it is empty.
    fn read_folder(&mut self, folder: &Folder, rules: &IgnoreRules) -> Result<bool, PackagingError> {
        let children = match fs::read_dir(&folder.location).and_then(Iterator::collect::<Result<Vec<DirEntry>, _>>) {
            Ok(children) => children,
            // What isn't packaged may belong to somebody else, such as a database's folder.
            Err(_) if !folder.packaged => return Ok(false),
            Err(source) => return Err(PackagingError::Unreadable { path: folder.location.clone(), source }),
        };
        let own_rules = if folder.packaged && children.iter().any(|child| child.file_name() == IGNORE_FILE) {
            let path = folder.location.join(IGNORE_FILE);
            let content = fs::read_to_string(&path).map_err(|source| PackagingError::Unreadable { path, source })?;
            Some(rules.with_file(&folder.path, &content)?)
        } else {
            None
        };
        let rules = own_rules.as_ref().unwrap_or(rules);
        for child in &children {
            self.read_child(folder, child, rules)?;
        }
        Ok(children.is_empty())
    }

    fn read_child(&mut self, folder: &Folder, child: &DirEntry, rules: &IgnoreRules) -> Result<(), PackagingError> {
        let name = child.file_name();
        let shown = join(&folder.path, &name.to_string_lossy());
        let unreadable = |source| PackagingError::Unreadable { path: child.path(), source };
        let file_type = child.file_type().map_err(unreadable)?;
        let location = Path::new(&folder.path).join(&name);
        let Judgement { mut verdict, rule } = rules.judge(&location, file_type.is_dir());
        match rule {
            Some(Rule::Secret) if folder.packaged => {
                self.left_out.secrets.push(if file_type.is_dir() { format!("{shown}/") } else { shown.clone() });
            }
            Some(Rule::Cache(pattern)) if folder.packaged => {
                *self.left_out.others.entry(pattern.to_owned()).or_default() += 1;
            }
            _ => {}
        }
        if matches!(verdict, Verdict::Package | Verdict::AskedFor) && !folder.packaged {
            verdict = Verdict::BuildInput;
        }
        let packaged = matches!(verdict, Verdict::Package | Verdict::AskedFor);
        let asked_for = packaged && (folder.asked_for || verdict == Verdict::AskedFor);
        self.incomplete |= !packaged;
        if verdict == Verdict::Skip || (verdict == Verdict::BuildInput && self.reading == Reading::Package) {
            return Ok(());
        }
        if self.reading == (Reading::Inputs { modules: false }) && file_type.is_dir() && name == "node_modules" {
            return Ok(());
        }
        let checked = packaged && !matches!(self.reading, Reading::Inputs { .. });
        if checked {
            check_name(name.to_str(), &shown)?;
        }
        let kind = if file_type.is_dir() {
            let below = Folder { location: child.path(), path: shown.clone(), packaged, asked_for };
            if !self.read_folder(&below, rules)? {
                return Ok(());
            }
            EntryKind::EmptyFolder
        } else if file_type.is_symlink() {
            let target = fs::read_link(child.path()).map_err(unreadable)?;
            if checked {
                self.check_link(&child.path(), &shown, &target)?;
            }
            EntryKind::Link(target.to_string_lossy().into_owned())
        } else if file_type.is_file() {
            EntryKind::File(FileStat::of(&child.metadata().map_err(unreadable)?))
        } else if checked {
            return Err(PackagingError::SpecialFile { path: shown, kind: special_kind(file_type) });
        } else {
            return Ok(());
        };
        self.entries.push(TreeEntry { path: shown, kind, packaged, asked_for });
        Ok(())
    }

    /// A link may lead only to what lies within the source folder, both as written and as the disk resolves it.
    fn check_link(&self, location: &Path, path: &str, target: &Path) -> Result<(), PackagingError> {
        let outside =
            || PackagingError::LinkOutside { path: path.to_owned(), target: target.to_string_lossy().into_owned() };
        if target.to_str().is_none() {
            return Err(PackagingError::UnsupportedName {
                path: path.to_owned(),
                reason: "it is a link whose target is not valid UTF-8",
            });
        }
        let mut depth = path.matches('/').count();
        for component in target.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => return Err(outside()),
                Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(outside)?,
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
            }
        }
        match fs::canonicalize(location) {
            Ok(resolved) if !resolved.starts_with(&self.root) => Err(outside()),
            // A link to nothing is carried as it is: the server lives with it here and will there.
            _ => Ok(()),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn check_name(name: Option<&str>, shown: &str) -> Result<(), PackagingError> {
    let unsupported = |reason| Err(PackagingError::UnsupportedName { path: shown.to_owned(), reason });
    match name {
        None => unsupported("it is not valid UTF-8"),
        Some(name) if name.contains('\\') => unsupported("readers of zip archives take a backslash for a folder"),
        Some(name) if name.chars().any(char::is_control) => unsupported("it holds a control character"),
        Some(_) => Ok(()),
    }
}

#[cfg(unix)]
fn special_kind(file_type: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file_type.is_socket() {
        "socket"
    } else if file_type.is_fifo() {
        "named pipe"
    } else {
        "device"
    }
}

#[cfg(not(unix))]
fn special_kind(_: fs::FileType) -> &'static str {
    "special file"
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn paths(tree: &SourceTree) -> Vec<&str> {
        tree.entries.iter().filter(|entry| entry.packaged).map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn entries_are_sorted_by_bytes_whatever_the_order_on_disk() {
        let folder = folder(&["b.js", "a/z.js", "a.js", "a-b.js", "ä.js", "B.js"]);
        assert_eq!(
            paths(&read(folder.path(), Reading::Package).unwrap()),
            ["B.js", "a-b.js", "a.js", "a/z.js", "b.js", "ä.js"]
        );
    }

    #[test]
    fn what_the_rules_leave_out_is_seen_only_as_build_input() {
        let folder = folder(&["server.js", "src/a.ts", ".env", "x.log", ".git/config", ".semantestignore"]);
        fs::write(folder.path().join(".semantestignore"), "src/\n").unwrap();
        let tree = read(folder.path(), Reading::Package).unwrap();
        assert_eq!(paths(&tree), ["server.js"]);
        assert_eq!(tree.entries.len(), 1);
        assert!(tree.incomplete);
        let tree = read(folder.path(), Reading::Everything).unwrap();
        let all: Vec<_> = tree.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(all, [".env", ".semantestignore", "server.js", "src/a.ts"]);
    }

    #[test]
    fn empty_folders_are_kept_but_not_those_that_are_left_out_altogether() {
        let folder = folder(&["server.js"]);
        fs::create_dir_all(folder.path().join("plugins/none")).unwrap();
        fs::create_dir_all(folder.path().join("node_modules/.cache/x")).unwrap();
        let tree = read(folder.path(), Reading::Package).unwrap();
        assert_eq!(paths(&tree), ["plugins/none", "server.js"]);
        assert_eq!(tree.entries[0].kind, EntryKind::EmptyFolder);
    }

    #[test]
    fn links_within_are_kept_and_links_outside_refused() {
        let outside = tempfile::tempdir().unwrap();
        for (target, accepted) in [
            ("../lib/a.js", true),
            ("./../lib", true),
            ("nowhere", true),
            ("../../escape", false),
            ("../lib/../../x", false),
            ("/etc/hosts", false),
        ] {
            let folder = folder(&["lib/a.js", "bin/x"]);
            symlink(target, folder.path().join("bin/link")).unwrap();
            match read(folder.path(), Reading::Package) {
                Ok(tree) => {
                    assert!(accepted, "{target}");
                    let link = tree.entries.iter().find(|entry| entry.path == "bin/link").unwrap();
                    assert_eq!(link.kind, EntryKind::Link(target.to_owned()));
                }
                Err(error) => {
                    assert!(!accepted, "{target}");
                    assert!(matches!(error, PackagingError::LinkOutside { .. }), "{error}");
                    assert!(error.to_string().contains("bin/link") && error.to_string().contains(target), "{error}");
                }
            }
        }
        // Harmless as written, but it goes through a link that leads out.
        let folder = folder(&["server.js"]);
        fs::write(outside.path().join("secret"), "x").unwrap();
        fs::write(folder.path().join(".semantestignore"), "/way\n").unwrap();
        symlink(outside.path(), folder.path().join("way")).unwrap();
        symlink("way/secret", folder.path().join("link")).unwrap();
        assert!(matches!(read(folder.path(), Reading::Package), Err(PackagingError::LinkOutside { .. })));
    }

    #[test]
    fn a_link_loop_ends() {
        let folder = folder(&["server.js"]);
        symlink(".", folder.path().join("self")).unwrap();
        assert_eq!(paths(&read(folder.path(), Reading::Package).unwrap()), ["self", "server.js"]);
    }

    #[test]
    fn names_that_no_archive_carries_are_refused_unless_left_out() {
        for name in [&b"caf\xe9.js"[..], b"a\\b.js", b"a\nb.js"] {
            let folder = folder(&["server.js"]);
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
            let error = read(folder.path(), Reading::Package).unwrap_err();
            assert!(matches!(error, PackagingError::UnsupportedName { .. }), "{error}");
            fs::write(folder.path().join(".semantestignore"), "*.js\n!server.js\n").unwrap();
            assert_eq!(paths(&read(folder.path(), Reading::Everything).unwrap()), ["server.js"]);
        }
    }

    #[test]
    fn a_socket_is_refused_by_name() {
        let folder = folder(&["server.js"]);
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let error = read(folder.path(), Reading::Package).unwrap_err();
        assert_eq!(error.to_string(), "control.sock is a socket, which cannot be packaged");
    }

    #[test]
    fn a_source_that_is_no_folder_is_said_clearly() {
        let folder = folder(&["server.js"]);
        let missing = read(&folder.path().join("nope"), Reading::Package).unwrap_err();
        assert!(matches!(missing, PackagingError::SourceMissing { .. }), "{missing}");
        let file = read(&folder.path().join("server.js"), Reading::Package).unwrap_err();
        assert!(matches!(file, PackagingError::SourceNotFolder { .. }), "{file}");
    }
}
