//! What can go wrong while a component is packaged. Messages say what and where; the remedy is in `hint`.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::code::runtime::Architecture;

/// The size of one folder, as named when a package is too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSize {
    /// Path within the source folder.
    pub path: String,
    /// Bytes of all packaged files below it.
    pub size: u64,
}

/// Why a component could not be packaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackagingError {
    /// The source folder doesn't exist.
    #[error("the source folder {} does not exist", path.display())]
    SourceMissing {
        /// The folder as configured, made absolute.
        path: PathBuf,
    },
    /// The source is a file or something else that isn't a folder.
    #[error("the source {} is not a folder", path.display())]
    SourceNotFolder {
        /// The path as configured.
        path: PathBuf,
    },
    /// Nothing is left to package.
    #[error("the source folder {} holds nothing to package", path.display())]
    SourceEmpty {
        /// The folder.
        path: PathBuf,
        /// Whether the folder has content, all of which is left out by ignore rules.
        all_ignored: bool,
    },
    /// A file or folder of the source can't be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that a zip archive can't carry to every reader.
    #[error("the name {path} cannot be packaged: {reason}")]
    UnsupportedName {
        /// The path within the source folder, undecodable bytes replaced.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A socket, pipe or device.
    #[error("{path} is a {kind}, which cannot be packaged")]
    SpecialFile {
        /// The path within the source folder.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A symbolic link that leads out of the source folder.
    #[error("the link {path} points outside of the source folder, to {target}")]
    LinkOutside {
        /// The link's path within the source folder.
        path: String,
        /// Its target, as written in the link.
        target: String,
    },
    /// Private keys in files that aren't made for them, and that nobody has asked for.
    #[error("{} a private key, which a package doesn't take unasked", told(.paths, "holds", "hold"))]
    PrivateKey {
        /// Paths within the source folder.
        paths: Vec<String>,
    },
    /// A file can't be copied to where the build runs.
    #[error("cannot copy {} to where the build runs", path.display())]
    NotCopied {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pattern of an ignore file can't be read.
    #[error("{path}, line {line}: {reason}")]
    IgnoreFile {
        /// The ignore file within the source folder.
        path: String,
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The source has a file under a name that the runtime shim needs.
    #[error("the source folder has a file named {name}, which the runtime shim needs for itself")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// More than Lambda unpacks.
    #[error("the package would hold {} unpacked, more than the {} that AWS Lambda accepts{}", megabytes(*.size), megabytes(*.limit), list_folders(.largest))]
    TooLarge {
        /// Bytes unpacked.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// The largest folders, largest first.
        largest: Vec<FolderSize>,
    },
    /// `start` or `handler` is empty or malformed.
    #[error("`{setting}: {value}` is not valid: {reason}")]
    InvalidStart {
        /// `start` or `handler`.
        setting: &'static str,
        /// The configured text.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file that `start` or `handler` names isn't in the package.
    #[error("`{setting}: {value}` names {expected}, which is not in the package")]
    EntryMissing {
        /// `start` or `handler`.
        setting: &'static str,
        /// The configured text.
        value: String,
        /// What was looked for.
        expected: String,
        /// What to do about it.
        advice: String,
    },
    /// The program that `start` names is neither in the package nor in the runtime.
    #[error("`start: {value}` runs {program}, which neither the package nor the function's runtime has")]
    ProgramMissing {
        /// The configured text.
        value: String,
        /// The program.
        program: String,
        /// What to write instead.
        advice: String,
    },
    /// The server's file asks for a dependency, and none are in the package.
    #[error("{entry} needs {dependency}, and there is no node_modules in the package")]
    DependencyMissing {
        /// The server's file.
        entry: String,
        /// The first dependency that it asks for.
        dependency: String,
    },
    /// A native module that can't be loaded where the function runs.
    #[error("{path} is built for {built_for}, and the function runs Linux on {architecture}{}", and_more(*.more))]
    NativeModule {
        /// The module within the source folder.
        path: String,
        /// System and processor.
        built_for: String,
        /// The function's processor.
        architecture: Architecture,
        /// How many more there are.
        more: usize,
    },
    /// The shell for the build command could not be started.
    #[error("cannot start the build command `{command}` in {}", folder.display())]
    BuildNotStarted {
        /// The command.
        command: String,
        /// Where it was to run.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The build command ended with a failure.
    #[error("the build command `{command}` failed in a copy of {} with {status}{}", folder.display(), last_lines(.output))]
    BuildFailed {
        /// The command.
        command: String,
        /// The folder of which it ran in a copy.
        folder: Box<Path>,
        /// The copy.
        copy: Box<Path>,
        /// Exit code or signal, in words.
        status: String,
        /// Its last lines, standard output and standard error together.
        output: Vec<String>,
    },
    /// The build command was stopped from outside, with all that it had started.
    #[error("the build command `{command}` was stopped")]
    BuildStopped {
        /// The command.
        command: String,
    },
    /// A file changed while it was read.
    #[error("{} changed while it was being packaged", path.display())]
    ChangedWhilePackaging {
        /// The file.
        path: PathBuf,
    },
    /// The cache folder can't be used.
    #[error("cannot use the package cache at {}", path.display())]
    Cache {
        /// The file or folder of the cache.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive can't be written.
    #[error("cannot write the package")]
    Archive(#[from] zip::result::ZipError),
}

impl PackagingError {
    /// What the user can do about it, one sentence or two.
    pub fn hint(&self) -> String {
        match self {
            Self::SourceMissing { .. } => {
                "check the component's `source`; it is taken relative to the folder of semantest-iac.yaml".into()
            }
            Self::SourceNotFolder { .. } => "let the component's `source` name the folder that holds the server, not a file of it".into(),
            Self::SourceEmpty { all_ignored: true, .. } => "every file is left out by .semantestignore or the default rules; re-include what the server needs by a pattern that starts with `!`".into(),
            Self::SourceEmpty { all_ignored: false, .. } => "put the server's files there, or correct the component's `source`".into(),
            Self::Unreadable { .. } => "check its permissions, or leave it out by a line in .semantestignore".into(),
            Self::UnsupportedName { .. } => "rename it, or leave it out by a line in .semantestignore".into(),
            Self::SpecialFile { .. } => "remove it, or leave it out by a line in .semantestignore".into(),
            Self::LinkOutside { .. } => "a function sees only its own package: copy the target into the source folder. For packages of a workspace use `npm ci --install-links`, or `pnpm deploy`, in `build`".into(),
            Self::NotCopied { .. } => "check that the file can be read and that the disk of the cache folder has room".into(),
            Self::PrivateKey { paths } => format!(
                "leave it out by a line `{0}` in .semantestignore, and give the server its key by a secret variable (`environment`, `from-env`); or ask for it there by `!{0}`",
                paths.first().map_or("", String::as_str)
            ),
            Self::IgnoreFile { .. } => ".semantestignore has the syntax of .gitignore: one pattern a line, `#` for comments, `!` to re-include".into(),
            Self::ReservedName { name } => format!("rename {name}, or leave it out by a line in .semantestignore"),
            Self::TooLarge { .. } => "install only what runs (`npm ci --omit=dev`), bundle the server, or leave files out by .semantestignore".into(),
            Self::InvalidStart { setting: "start", .. } => "give the command that starts the server, such as `start: node server.js`".into(),
            Self::InvalidStart { .. } => "give the file without its ending and the exported function, such as `handler: dist/lambda.handler`".into(),
            Self::EntryMissing { advice, .. } => advice.clone(),
            Self::ProgramMissing { advice, .. } => advice.clone(),
            Self::DependencyMissing { .. } => "install them before packaging: `build: npm ci --omit=dev`".into(),
            Self::NativeModule { architecture, .. } => {
                let (cpu, other) = match architecture {
                    Architecture::Arm64 => ("arm64", Architecture::X86_64),
                    Architecture::X86_64 => ("x64", Architecture::Arm64),
                };
                format!(
                    "let `build` install for the function: `npm ci --omit=dev --os=linux --cpu={cpu}`; modules that are compiled while they are installed need such a machine or a container. If they are for Linux on {other}, write `architecture: {other}`; what isn't needed there can be left out by .semantestignore"
                )
            }
            Self::BuildNotStarted { .. } => "the build needs a shell (/bin/sh) and a readable source folder".into(),
            Self::BuildFailed { command, copy, .. } => {
                format!("correct what it says; `{command}` can be tried in the copy, {}", copy.display())
            }
            Self::BuildStopped { .. } => "run the command again; the build starts anew".into(),
            Self::ChangedWhilePackaging { .. } => "stop what writes into the source folder (a watcher, an editor, another build) and deploy again".into(),
            Self::Cache { .. } => "check that the folder can be written and that its disk has room; it can be deleted at any time".into(),
            Self::Archive(_) => "check that the disk has room".into(),
        }
    }
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

/// Some of many names, with the verb that goes with their number.
fn told(names: &[String], one: &str, many: &str) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        1 => format!("{shown} {one}"),
        count if count > SHOWN => format!("{shown} and {} more {many}", count - SHOWN),
        _ => format!("{shown} {many}"),
    }
}

/// Bytes in the binary megabytes that AWS counts its quotas in.
fn megabytes(size: u64) -> String {
    format!("{:.1} MB", size as f64 / 1_048_576.0)
}

fn list_folders(folders: &[FolderSize]) -> String {
    let mut text = String::new();
    for (position, folder) in folders.iter().enumerate() {
        let lead = if position == 0 { "; the largest: " } else { ", " };
        let _ = write!(text, "{lead}{} {}", folder.path, megabytes(folder.size));
    }
    text
}

fn last_lines(output: &[String]) -> String {
    if output.is_empty() {
        return "; it printed nothing".into();
    }
    let mut text = String::from("; its last lines:");
    for line in output {
        let _ = write!(text, "\n    {line}");
    }
    text
}
