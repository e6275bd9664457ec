//! What can go wrong with a state: typed errors that say what, where and (in [`Error::hint`]) what to do.
//!
//! Texts that Pulumi's users know (locks, versions, integrity) are Pulumi's own.

use crate::codec::value::ValueError;
use crate::journal::JournalError;
use crate::lock::{LockLost, Locked};
use crate::model::integrity::IntegrityError;
use crate::seal::SealError;
use crate::secrets::SecretsError;
use crate::store::Refusal;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is empty.
    #[error("{file} is empty")]
    Empty {
        /// The file.
        file: String,
    },
    /// A file isn't JSON.
    #[error("{file} is not valid JSON: {message} at line {line}, column {column}")]
    NotJson {
        /// The file.
        file: String,
        /// What the parser found.
        message: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A file ends in the middle.
    #[error("{file} is cut off after {bytes} bytes: its JSON ends in the middle")]
    Truncated {
        /// The file.
        file: String,
        /// Length of what is there.
        bytes: usize,
    },
    /// A file is JSON, but no state.
    #[error("{file} is not a Pulumi state: {message}")]
    NotAState {
        /// The file.
        file: String,
        /// What is missing or wrong.
        message: String,
    },
    /// Something within a state has the wrong shape.
    #[error("{file}: {place}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// Where in it.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A compressed file can't be unpacked.
    #[error("{file} can't be unpacked")]
    Compression {
        /// The file.
        file: String,
        /// What the decoder found.
        #[source]
        source: std::io::Error,
    },
    /// The state's format is older than anything that is supported.
    #[error("the stack '{stack}' is too old to be used by this version of semantest-iac")]
    TooOld {
        /// The stack or file.
        stack: String,
    },
    /// The state's format is newer than this program.
    #[error(
        "the stack '{stack}' is newer than what this version of semantest-iac understands (state version {version}, \
         the newest known is 4)"
    )]
    TooNew {
        /// The stack or file.
        stack: String,
        /// The version found.
        version: u64,
    },
    /// The state uses features that aren't known.
    #[error("the stack '{stack}' uses features that are not supported by this version of semantest-iac: {}", features.join(", "))]
    UnsupportedFeatures {
        /// The stack or file.
        stack: String,
        /// The features.
        features: Vec<String>,
    },
    /// Rules of the state are broken.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// A secret can't be read or written.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A sealed stack can't be used as it is.
    #[error(transparent)]
    Seal(Box<SealError>),
    /// A value can't be read or written.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Somebody else holds the stack's lock.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The lock that we held is gone.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// The journal can't be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The checkpoint was changed by somebody else since it was read.
    #[error("{file} was changed by another program since it was read; nothing was written")]
    Changed {
        /// The file.
        file: String,
    },
    /// The state holds resources of another stack.
    #[error("{file}: resource '{urn}' is from a different stack ({found} != {stack})")]
    OtherStack {
        /// The file.
        file: String,
        /// The first such resource.
        urn: String,
        /// The stack that it belongs to.
        found: String,
        /// The stack that the file stands for.
        stack: String,
    },
    /// The stack isn't there.
    #[error("no stack '{stack}' in {store}")]
    NoSuchStack {
        /// The stack, `project/name`.
        stack: String,
        /// The store's URL.
        store: String,
    },
    /// There is another stack in the place where one is to go.
    #[error("there is a stack '{stack}' in {store} already")]
    StackExists {
        /// The stack, `project/name`.
        stack: String,
        /// The store's URL.
        store: String,
    },
    /// A name that can't be used for a stack or project.
    #[error("'{name}' can't be a {what}: use 1 to 100 of the characters A-Z, a-z, 0-9, '_', '.' and '-'")]
    InvalidName {
        /// `stack's name` or `project's name`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A state URL that isn't understood.
    #[error("state URL '{url}': {message}")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A bucket or container didn't do what was asked for.
    #[error("failed to {action} {file}: {refusal}")]
    Refused {
        /// `read` or `write`.
        action: &'static str,
        /// The object.
        file: String,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// The store has Pulumi's layout from before projects.
    #[error("{store} holds stacks in Pulumi's legacy layout (version 0, without projects), which is not supported")]
    LegacyLayout {
        /// The store's URL.
        store: String,
    },
    /// The store takes writes whose condition doesn't hold.
    #[error("{store} writes over what is there though it is told not to: it can't keep two deployments apart")]
    Unconditional {
        /// The store's URL.
        store: String,
    },
    /// The store's `meta.yaml` is of an unknown version.
    #[error("state store unsupported: '{file}' version ({version}) is not supported by this version of semantest-iac")]
    UnsupportedStore {
        /// The file.
        file: String,
        /// The version found.
        version: String,
    },
    /// The store's `meta.yaml` can't be understood.
    #[error("corrupt store: missing version in {file}")]
    CorruptStore {
        /// The file.
        file: String,
    },
    /// A folder is where a file should be.
    #[error("{file} is a folder, but should be a file")]
    IsFolder {
        /// The place.
        file: String,
    },
    /// Something can't be read.
    #[error("failed to read {file}")]
    Read {
        /// The file.
        file: String,
        /// What the store answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something can't be written.
    #[error("failed to write {file}: {}", failure.text())]
    Write {
        /// The file.
        file: String,
        /// The kind of failure, where it is known.
        failure: WriteFailure,
        /// What the store answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why something can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// No space is left, or a quota is used up.
    Full,
    /// The file system is read-only.
    ReadOnly,
    /// The user may not write there.
    Denied,
    /// Anything else.
    Other,
}

impl WriteFailure {
    fn text(self) -> &'static str {
        match self {
            Self::Full => "no space left on the device",
            Self::ReadOnly => "the file system is read-only",
            Self::Denied => "permission denied",
            Self::Other => "the store refused it",
        }
    }

    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(io) = error.downcast_ref::<std::io::Error>() {
                return match io.kind() {
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
                    std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
                    std::io::ErrorKind::PermissionDenied => Self::Denied,
                    _ => Self::Other,
                };
            }
            next = error.source();
        }
        Self::Other
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::Seal(Box::new(error))
    }
}

impl Error {
    pub(crate) fn read(file: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Read { file: file.into(), source: plain(source.into()) }
    }

    pub(crate) fn write(file: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self::Write { file: file.into(), failure: WriteFailure::of(&*source), source: plain(source) }
    }

    /// A parser's error in a file: cut off, or wrong at a line and column.
    pub(crate) fn json(file: &str, bytes: usize, error: &serde_json::Error) -> Self {
        if error.is_eof() {
            return Self::Truncated { file: file.to_owned(), bytes };
        }
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        if error.is_data() {
            return Self::NotAState {
                file: file.to_owned(),
                message: format!("{message} (line {}, column {})", error.line(), error.column()),
            };
        }
        Self::NotJson { file: file.to_owned(), message, line: error.line(), column: error.column() }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty { file }
            | Self::NotJson { file, .. }
            | Self::Truncated { file, .. }
            | Self::NotAState { file, .. }
            | Self::Malformed { file, .. } => format!(
                "nothing was overwritten; the state before is kept as {file}.bak, and older ones in the folders \
                 'backups' and 'history' beside 'stacks': put one of them in its place"
            ),
            Self::Compression { file, .. } => {
                format!("nothing was overwritten; the state before is kept as {file}.bak")
            }
            Self::TooOld { .. } => {
                "open it once with a current Pulumi CLI (`pulumi stack export`, then `pulumi stack import`), which \
                 writes it in the current format"
                    .to_owned()
            }
            Self::TooNew { .. } | Self::UnsupportedFeatures { .. } => {
                "please update your version of semantest-iac".to_owned()
            }
            Self::Integrity(error) => return error.hint(),
            Self::Secrets(error) => return error.hint(),
            Self::Seal(error) => error.hint(),
            Self::Value(error) => return error.hint(),
            Self::Locked(error) => return Some(error.hint()),
            Self::LockLost(error) => return Some(error.hint()),
            Self::Journal(error) => return error.hint(),
            Self::Changed { .. } => "run the command again; it starts from what is there now".to_owned(),
            Self::OtherStack { file, found, .. } => format!(
                "{file} is a copy of stack '{found}': move it away, or back to the name of that stack; `semantest-iac stack rename` \
                 gives a stack another name"
            ),
            Self::NoSuchStack { .. } => {
                "check the project's name, the environment and the state's URL; a stack is made by its first deployment"
                    .to_owned()
            }
            Self::StackExists { .. } => "choose another name, or remove that stack first".to_owned(),
            Self::InvalidName { .. } => return None,
            Self::InvalidUrl { hint, .. } => hint.clone(),
            Self::Refused { refusal, .. } => refusal.hint(),
            Self::LegacyLayout { .. } => "upgrade it with `pulumi state upgrade`, or use another state URL".to_owned(),
            Self::Unconditional { .. } => {
                "keep state in a service that knows conditional writes (If-Match, If-None-Match), \
                                           as S3, MinIO, R2 and Azure do, or in a folder"
                    .to_owned()
            }
            Self::UnsupportedStore { .. } => "please update your version of semantest-iac".to_owned(),
            Self::CorruptStore { file } => format!("{file} should hold the line 'version: 1'"),
            Self::IsFolder { file } => format!("move {file} away"),
            Self::Read { .. } => "check that the path exists and may be read".to_owned(),
            Self::Write { failure, .. } => match failure {
                WriteFailure::Full => {
                    "nothing is lost: the state before is still in place. Free some space and run the command again"
                }
                WriteFailure::ReadOnly | WriteFailure::Denied => {
                    "nothing is lost: the state before is still in place. Make the state's folder writable, or use \
                     another state URL"
                }
                WriteFailure::Other => "nothing is lost: the state before is still in place",
            }
            .to_owned(),
        })
    }
}

/// An error by its deepest cause: what lies around it tells of the store's inner workings, such as its temporary files.
fn plain(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error + Send + Sync> {
    let mut deepest: &(dyn std::error::Error + 'static) = &*error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.source() {
        Some(_) => deepest.to_string().into(),
        None => error,
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
