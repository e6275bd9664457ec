//! What can go wrong with a local cloud. Each error says what failed; [`Error::hint`] says what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Emulator, Tried};

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, with what it was about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No interpreter that the emulator can run on was found.
    #[error("{emulator} needs {interpreter} {wanted}, and no such {interpreter} was found{}", list(tried))]
    InterpreterNotFound {
        /// What needs it.
        emulator: Emulator,
        /// `Python` or `Node.js`.
        interpreter: &'static str,
        /// The versions that would do.
        wanted: String,
        /// What was looked at, and why it didn't do.
        tried: Vec<Tried>,
    },
    /// A step of the installation failed.
    #[error("installing {emulator} failed: {step} ended with {status}\n{output}")]
    Install {
        /// What was installed.
        emulator: Emulator,
        /// The command.
        step: String,
        /// How it ended.
        status: String,
        /// The last lines of its output.
        output: String,
    },
    /// The installation ended well and yet something is missing.
    #[error("{emulator} was installed into {folder}, but it can't be loaded\n{output}")]
    Incomplete {
        /// What was installed.
        emulator: Emulator,
        /// Where.
        folder: PathBuf,
        /// What the interpreter says.
        output: String,
    },
    /// There is no Pulumi CLI that will do, and none could be made.
    #[error("no Pulumi CLI {wanted} or newer is on the PATH, and none could be built or downloaded{}", list(tried))]
    PulumiNotFound {
        /// The oldest version that would do.
        wanted: String,
        /// What was tried, and why it didn't do.
        tried: Vec<Tried>,
    },
    /// Something else than an emulator listens at the port.
    #[error("port {port} on 127.0.0.1 is in use by another program, so {emulator} can't listen there")]
    PortInUse {
        /// What should have listened.
        emulator: Emulator,
        /// Where.
        port: u16,
    },
    /// The server's process ended before it answered.
    #[error("{emulator} ended with {status} before it was ready; its last output ({log}):\n{tail}", log = log.display())]
    EarlyExit {
        /// What was started.
        emulator: Emulator,
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server's process runs but doesn't answer.
    #[error("{emulator} didn't answer at {endpoint} within {seconds} s; its last output ({log}):\n{tail}", log = log.display())]
    NotReady {
        /// What was started.
        emulator: Emulator,
        /// Where it should answer.
        endpoint: String,
        /// How long was waited.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The daemon runs at another port than the one asked for.
    #[error("{emulator} already runs on port {running}, not on port {wanted}")]
    OtherPort {
        /// What runs.
        emulator: Emulator,
        /// Where it runs.
        running: u16,
        /// Where it was wanted.
        wanted: u16,
    },
    /// The daemon runs in another mode than the one asked for.
    #[error("{emulator} already runs on port {port} {running}", running = if *enforces { "with IAM enforced" } else { "without enforcing IAM" })]
    OtherMode {
        /// What runs.
        emulator: Emulator,
        /// Where it runs.
        port: u16,
        /// Whether the running one enforces IAM.
        enforces: bool,
    },
    /// The server that answers was started by somebody else.
    #[error("the {emulator} at {endpoint} wasn't started by this program, so it isn't {action}")]
    NotOurs {
        /// What answers.
        emulator: Emulator,
        /// Where.
        endpoint: String,
        /// What was asked for: `stopped` or `emptied`.
        action: &'static str,
    },
    /// No server runs.
    #[error("no {emulator} runs here")]
    NotRunning {
        /// What doesn't run.
        emulator: Emulator,
    },
    /// The server refused to be emptied, or another request of ours.
    #[error("{url} failed: {reason}")]
    Request {
        /// What was asked.
        url: String,
        /// What came back.
        reason: String,
    },
    /// The emulator can't be emptied while it runs.
    #[error("{emulator} can't be emptied while it runs")]
    CannotReset {
        /// What it is.
        emulator: Emulator,
    },
    /// The record of a daemon can't be understood.
    #[error("the record of {emulator} in {path} {problem}", path = path.display())]
    Record {
        /// What it is about.
        emulator: Emulator,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// Whether a newer version of this program wrote it.
        newer: bool,
    },
    /// A process that has to go can't be ended.
    #[error("process {pid} of {emulator} can't be ended")]
    CannotStop {
        /// What it is.
        emulator: Emulator,
        /// Its process id.
        pid: u32,
    },
    /// A file or folder can't be read or written.
    #[error("can't {action} {path}", path = path.display())]
    File {
        /// What was tried: `read`, `write`, `create`, `lock`, `run`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A proxy can't be set up.
    #[error("the proxy can't {action}")]
    Proxy {
        /// What was tried.
        action: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// What a user can do instead of a local AWS that can't be installed here.
const OTHER_WAYS: &str = ", or set `endpoint` of the environment to the URL of a LocalStack that runs elsewhere (`docker compose` files \
                          are in the folder `localstack/`), or deploy to a real account";

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { action, path, source }
    }

    /// What to do about it, as a sentence, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::InterpreterNotFound { emulator, wanted, .. } => {
                let first = match emulator {
                    Emulator::Azurite => format!("install Node.js {wanted} with npm (https://nodejs.org)"),
                    _ => format!("install Python {wanted} with its venv module (https://www.python.org/downloads/)"),
                };
                format!("{first}{}", other_ways(*emulator))
            }
            Error::Install { emulator, output, .. } => {
                let first = if output.contains("No space left") {
                    "make room on the disk that holds the cache folder"
                } else {
                    match emulator {
                        Emulator::Azurite => {
                            "check that the npm registry can be reached (npm's own settings and proxies apply)"
                        }
                        _ => {
                            "check that the Python package index can be reached (pip's own settings and proxies apply)"
                        }
                    }
                };
                format!("{first}, then try again{}", other_ways(*emulator))
            }
            Error::Incomplete { folder, .. } => {
                format!("remove {} and try again", folder.display())
            }
            Error::PulumiNotFound { wanted, .. } => format!(
                "install Pulumi {wanted} or newer (https://www.pulumi.com/docs/install/), or Go (https://go.dev/dl/) with \
                 its module proxy in reach, and try again"
            ),
            Error::PortInUse { port, .. } => format!(
                "end the program that listens there (`lsof -nP -iTCP:{port} -sTCP:LISTEN` names it), or choose another port"
            ),
            Error::EarlyExit { emulator, .. } | Error::NotReady { emulator, .. } => {
                format!("see the log{}", other_ways(*emulator))
            }
            Error::OtherPort { running, .. } => {
                format!("use http://127.0.0.1:{running}, or stop it first (`semantest-iac local down`)")
            }
            Error::OtherMode { .. } => "stop it first (`semantest-iac local down`)".to_owned(),
            Error::NotOurs { action: "emptied", endpoint, .. } => {
                format!(
                    "whoever started it can empty it: `curl -X POST {endpoint}/_ministack/reset`, or restart a LocalStack"
                )
            }
            Error::NotOurs { .. } => "stop it where it was started".to_owned(),
            Error::NotRunning { .. } => "start it with `semantest-iac local up`".to_owned(),
            Error::CannotReset { .. } => "stop it and start it again".to_owned(),
            Error::Record { newer: true, .. } => "update semantest-iac".to_owned(),
            Error::Record { path, .. } => {
                format!("remove {}; a server that still runs has to be ended by hand", path.display())
            }
            Error::CannotStop { pid, .. } => format!("end it by hand: `kill -9 {pid}`"),
            Error::File { action: "lock", .. } => {
                "check that the folder is on a file system that supports locks".to_owned()
            }
            Error::Request { .. } | Error::File { .. } | Error::Proxy { .. } => return None,
        })
    }
}

fn other_ways(emulator: Emulator) -> &'static str {
    match emulator {
        Emulator::MiniStack | Emulator::LocalStack => OTHER_WAYS,
        Emulator::Azurite => {
            ", or run an Azurite in a container (`docker compose` files are in the folder `localstack/`)"
        }
    }
}

fn list(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return " (there is none on the PATH)".to_owned();
    }
    tried
        .iter()
        .fold(String::from(":"), |text, tried| format!("{text}\n  {}: {}", tried.program.display(), tried.reason))
}
