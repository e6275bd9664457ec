//! Turns a component's source folder into the zip that AWS Lambda runs: builds it, leaves out what doesn't belong there,
//! adds the runtime shim that carries an unchanged listening server, and writes a deterministic archive.
//!
//! Everything here is synchronous and is meant to be called from a blocking thread. The cache folder, the environment of
//! a build and the place where its output goes are passed in.

mod archive;
mod build;
mod command;
mod error;
mod ignore_rules;
mod index;
mod inspection;
mod left_out;
mod manifest;
mod natives;
mod packager;
mod start;
mod store;
mod tree;
mod work_copy;

pub use build::{BuildCommand, BuildObserver, BuildOutcome, Work};
pub use error::{FolderSize, PackagingError};
pub use left_out::LeftOut;
pub use packager::{Package, PackageRequest, Packager, UNPACKED_SIZE_LIMIT};
pub use start::{SHIM_FILE, SHIM_SERVER_FILE, SHIM_SETTINGS_FILE, Start};
