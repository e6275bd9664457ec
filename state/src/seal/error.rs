//! What can be wrong with a sealed stack: each says what, where, and what can be done.

use super::changes::convert::Conversion;

/// A sealed stack that can't be used as it is. Nothing was overwritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// A file in a sealed one's place has another form.
    #[error("{file} is not a sealed file: {message}")]
    NotSealed {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A file was sealed by a newer version.
    #[error("{file} has sealed format {version}, which this version of semantest-iac doesn't know")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The version found.
        version: String,
    },
    /// A file stands in another's place.
    #[error("{file} is {found}, not {expected}: it was put in the place of another file")]
    Misplaced {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A file isn't what was sealed.
    #[error("{file} was changed or cut off after it was sealed: it can't be authenticated")]
    Tampered {
        /// The file.
        file: String,
    },
    /// A file was sealed with another key than the stack's.
    #[error("{file} was sealed with the key {found}, but the stack's key is {expected}")]
    OtherKey {
        /// The file.
        file: String,
        /// The id of the key that sealed it.
        found: String,
        /// The id of the stack's key.
        expected: String,
    },
    /// A whole frame in the middle of a journal is missing or damaged.
    #[error("{file} is damaged at frame {frame} (byte {offset}): {message}")]
    Journal {
        /// The file.
        file: String,
        /// From 0.
        frame: u64,
        /// From 0.
        offset: u64,
        /// What is wrong.
        message: &'static str,
    },
    /// A file is older than what is known to have been written, or isn't there any more.
    #[error("{file} {message}: an older state was put in the place of the newest")]
    Older {
        /// The file.
        file: String,
        /// What was found, and what is known.
        message: String,
    },
    /// The stack's anchor is missing, so that nobody can tell whether its files are the newest.
    #[error("the anchor {file} of a sealed stack is missing: nothing says which of its files are the newest")]
    NoAnchor {
        /// The file.
        file: String,
    },
    /// The key comes from another place than the last time.
    #[error(
        "the key of stack '{stack}' comes from {found}, but came from {known} when this machine last saw the stack"
    )]
    OtherAuthority {
        /// The stack.
        stack: String,
        /// Where the key comes from now.
        found: String,
        /// Where it came from.
        known: String,
    },
    /// Pulumi has made a stack of the same name beside the sealed one.
    #[error("{plain} stands beside the sealed stack {sealed}: another program has made a stack of the same name")]
    Beside {
        /// The file that isn't sealed.
        plain: String,
        /// The sealed one.
        sealed: String,
    },
    /// The configuration asks for sealed stacks.
    #[error("{file} is not sealed, but the configuration says `encryption: full`")]
    NotEncrypted {
        /// The file.
        file: String,
    },
    /// The configuration asks for stacks that Pulumi can read.
    #[error("{file} is sealed, but the configuration says `encryption: secrets`")]
    Encrypted {
        /// The file.
        file: String,
    },
    /// The way of a stack from one form to another was interrupted.
    #[error("stack '{stack}' was being {conversion} when that was interrupted")]
    Unfinished {
        /// The stack.
        stack: String,
        /// What was under way.
        conversion: Conversion,
    },
    /// What a conversion would remove was changed meanwhile.
    #[error("{file} was changed by another program while the stack was being {conversion}; it was left as it is")]
    ChangedMeanwhile {
        /// The file.
        file: String,
        /// What was under way.
        conversion: Conversion,
    },
    /// A deployment must come to its end first.
    #[error("deployment {deployment} of stack '{stack}' is not finished: its journal must be settled first")]
    OpenJournal {
        /// The stack.
        stack: String,
        /// The deployment.
        deployment: String,
    },
    /// The store was opened without access to keys.
    #[error("stack '{stack}' is sealed, and there is no access to its key here")]
    NoAccess {
        /// The stack.
        stack: String,
    },
}

/// The way on where an older state is what is wanted.
const ACCEPT: &str = "`stack encrypt --accept-older-state` takes what is there for the newest from now on";

impl SealError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotSealed { file, .. } | Self::Misplaced { file, .. } | Self::Tampered { file } => format!(
                "nothing was overwritten. Put the file back that belongs there: from the store's own versions or your \
                 backups, or, for the state itself, the file that ends in '.bak' beside it or one of the folders 'history' and \
                 'backups'; {ACCEPT}. Find out who can write to {}", folder(file)
            ),
            Self::UnknownFormat { .. } => "please update your version of semantest-iac".to_owned(),
            Self::OtherKey { .. } => {
                "the file comes from before a change of the secrets provider, or from another stack: put the one back that \
                 belongs there"
                    .to_owned()
            }
            Self::Journal { file, .. } => format!(
                "the checkpoint is not affected: move {file} away and run `deploy --refresh=all`, which reads what is really \
                 there"
            ),
            Self::Older { .. } | Self::NoAnchor { .. } => format!(
                "nothing was overwritten. Restore the newest state; where you have put an older one back on purpose, {ACCEPT}"
            ),
            Self::OtherAuthority { .. } => {
                "if `stack change-secrets-provider` was run on purpose, `stack encrypt --accept-older-state` takes the new key \
                 from now on; if not, somebody is giving you a state of their own"
                    .to_owned()
            }
            Self::Beside { plain, .. } => format!(
                "give the other stack another name (`semantest-iac stack rename`), or move {plain} away; nothing was changed"
            ),
            Self::NotEncrypted { .. } => {
                "`stack encrypt` seals the stack as it is now. If it was sealed before and you have not decrypted it, somebody \
                 has put another state in its place: don't"
                    .to_owned()
            }
            Self::Encrypted { .. } => {
                "`stack decrypt` gives it Pulumi's form; or set `state.encryption: full` in the configuration".to_owned()
            }
            Self::Unfinished { conversion, .. } => format!("run {} again: it finishes what was begun", conversion.command()),
            Self::ChangedMeanwhile { file, .. } => {
                format!("decide which state is the right one: move {file} away, and run the command again")
            }
            Self::OpenJournal { .. } => "run `deploy` (or `destroy`) to go on from where it stopped".to_owned(),
            Self::NoAccess { .. } => "give the passphrase or the key's cloud credentials".to_owned(),
        }
    }
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(folder, _)| folder)
}
