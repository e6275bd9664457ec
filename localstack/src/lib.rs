//! The local clouds that semantest-iac develops and tests against: an AWS on the user's own machine, without Docker and without an account, and Azure's
//! blobs for the tests.
//!
//! [`Installer`] puts a pinned emulator into a cache folder on first use, [`Server`] runs one for as long as its owner lives, [`Daemon`] keeps one
//! running in the background for a user, [`probe`] recognises one that somebody else runs, and [`proxy`] stands between a client and any of them to
//! count, delay and break requests. Nothing here prints or reads the process's environment: [`Host`] carries it in, [`Progress`] reports back.
#![warn(missing_docs)]

mod account;
mod blobs;
mod cached;
mod daemon;
mod emulator;
mod error;
mod health;
mod host;
mod install;
mod interpreter;
mod lock;
mod packages;
mod process;
mod progress;
pub mod proxy;
mod server;
mod testing;
pub mod tools;

pub use account::unique_account;
pub use daemon::{Daemon, DaemonOptions, Status};
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use health::{Probed, probe};
pub use host::Host;
pub use install::{Installation, Installer};
pub use interpreter::Tried;
pub use progress::{Observer, Progress};
pub use server::{Server, StartOptions};
pub use testing::{TestBlobs, TestCloud};
pub use tools::pulumi::{PulumiCli, PulumiOrigin};
