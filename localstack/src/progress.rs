//! What an installation or a start reports while it runs, for whoever wants to show it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::Emulator;

/// Receives [`Progress`] as it happens. Called from whatever thread does the work; must not block.
pub type Observer = Arc<dyn Fn(&Progress) + Send + Sync>;

/// One thing that happened on the way to a running local cloud. Its `Display` is a sentence to show as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process holds the lock and is doing what we were about to do.
    Waiting {
        /// What is waited for.
        what: &'static str,
        /// The lock's file.
        lock: PathBuf,
    },
    /// The emulator isn't in the cache folder yet, or no longer whole.
    Installing {
        /// What is installed.
        emulator: Emulator,
        /// The interpreter that the installation is made with.
        interpreter: PathBuf,
    },
    /// The installation is complete.
    Installed {
        /// What was installed.
        emulator: Emulator,
        /// How long it took.
        took: Duration,
    },
    /// The server's process was started and doesn't answer yet.
    Starting {
        /// What is started.
        emulator: Emulator,
        /// The port that it will listen on.
        port: u16,
    },
    /// The server answers.
    Ready {
        /// What answers.
        emulator: Emulator,
        /// Where.
        endpoint: String,
        /// Time from the start of the process to the first answer.
        took: Duration,
    },
    /// A server that somebody else started answers at the wanted port and is used as it is.
    UsingExisting {
        /// What answers.
        emulator: Emulator,
        /// Where.
        endpoint: String,
    },
    /// A program that tests need is being made or fetched.
    Obtaining {
        /// `building` or `downloading`.
        doing: &'static str,
        /// The program's name.
        what: &'static str,
        /// Its version.
        version: String,
        /// What it takes.
        cost: &'static str,
    },
    /// A program that tests need is there.
    Obtained {
        /// The program's name.
        what: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// Something that will hurt later.
    Warning(String),
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Waiting { what, .. } => {
                write!(formatter, "waiting for another process that is {what}")
            }
            Progress::Installing { emulator, .. } => {
                write!(formatter, "installing {emulator} {} (first use, about a minute)", emulator.version())
            }
            Progress::Installed { emulator, took } => {
                write!(formatter, "installed {emulator} {} in {:.1} s", emulator.version(), took.as_secs_f64())
            }
            Progress::Starting { emulator, port } => {
                write!(formatter, "starting {emulator} on port {port}")
            }
            Progress::Ready { emulator, endpoint, took } => {
                write!(formatter, "{emulator} is ready at {endpoint} ({:.1} s)", took.as_secs_f64())
            }
            Progress::UsingExisting { emulator, endpoint } => {
                write!(
                    formatter,
                    "using the {emulator} that already runs at {endpoint}, which somebody else has started: end it, or set another \
                     `endpoint`, if it isn't yours"
                )
            }
            Progress::Obtaining { doing, what, version, cost } => {
                write!(formatter, "{doing} {what} {version} (first use, {cost})")
            }
            Progress::Obtained { what, took } => {
                write!(formatter, "{what} is ready ({:.1} s)", took.as_secs_f64())
            }
            Progress::Warning(text) => formatter.write_str(text),
        }
    }
}
