//! The local clouds that semantest-iac develops and tests against: an AWS on the user's own machine, without Docker and without an account, and Azure's
//! blobs for the tests.
//!
//! [`Installer`] puts a pinned emulator into a cache folder on first use, [`Server`] runs one for as long as its owner lives, [`Daemon`] keeps one
//! running in the background for a user, [`probe`] recognises one that somebody else runs, and [`proxy`] stands between a client and any of them to
//! count, delay and break requests. Nothing here prints or reads the process's environment: [`Host`] carries it in, [`Progress`] reports back.
#![warn(missing_docs)]

mod emulator;
mod error;
mod health;
mod host;
mod install;
mod lock;
mod progress;
pub mod proxy;
mod server;
mod testing;
pub mod tools;

pub use emulator::Emulator;
pub use error::{Error, Result};
pub use health::{Probed, probe};
pub use host::Host;
pub use install::interpreter::Tried;
pub use install::{Installation, Installer};
pub use progress::{Observer, Progress};
pub use server::daemon::{Daemon, DaemonOptions, Status};
pub use server::server::{Server, StartOptions};
pub use testing::account::unique_account;
pub use testing::testing::{TestBlobs, TestCloud};
pub use tools::pulumi::{PulumiCli, PulumiOrigin};
