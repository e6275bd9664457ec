//! What an emulator is installed from, whichever package manager does it.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::interpreter::{Tried, Versions, node, python};
use super::recipe::Asset;
use crate::error::Result;
use crate::host::Host;
use crate::install::{NpmPackages, PipPackages, Steps};

/// The packages of an emulator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packages {
    /// Installed by pip, run by Python.
    Pip(PipPackages),
    /// Installed by npm, run by Node.js.
    Npm(NpmPackages),
}

impl Packages {
    /// The interpreter's name, for people.
    pub(crate) fn interpreter_name(&self) -> &'static str {
        match self {
            Packages::Pip(_) => "Python",
            Packages::Npm(_) => "Node.js",
        }
    }

    /// The versions of the interpreter that will do.
    pub(crate) fn versions(&self) -> Versions {
        match self {
            Packages::Pip(packages) => packages.versions,
            Packages::Npm(packages) => packages.versions,
        }
    }

    /// An interpreter of the machine that an installation can be made with.
    pub(crate) async fn find_interpreter(
        &self,
        host: &Host,
        pythons: &[PathBuf],
    ) -> std::result::Result<PathBuf, Vec<Tried>> {
        match self {
            Packages::Pip(packages) => python::find(host, pythons, packages.versions).await,
            Packages::Npm(packages) => node::find(host, packages.versions).await,
        }
    }

    /// The interpreter of an installation.
    pub(crate) fn interpreter(&self, folder: &Path) -> PathBuf {
        match self {
            Packages::Pip(_) => PipPackages::interpreter(folder),
            Packages::Npm(_) => NpmPackages::interpreter(folder),
        }
    }

    /// The file that pins every package.
    pub(crate) fn pins(&self) -> Asset {
        match self {
            Packages::Pip(packages) => ("constraints.txt", packages.constraints),
            Packages::Npm(packages) => ("package-lock.json", packages.lock),
        }
    }

    /// What else the package manager reads.
    pub(crate) fn assets(&self) -> &[Asset] {
        match self {
            Packages::Pip(packages) => packages.assets,
            Packages::Npm(packages) => std::slice::from_ref(&packages.manifest),
        }
    }

    /// What the package manager is asked for by name, where that isn't in its files.
    pub(crate) fn requirements(&self) -> &'static [&'static str] {
        match self {
            Packages::Pip(packages) => packages.requirements,
            Packages::Npm(_) => &[],
        }
    }

    /// Makes an installation.
    pub(crate) async fn make(&self, steps: &Steps<'_>, interpreter: &Path) -> Result<()> {
        match self {
            Packages::Pip(packages) => packages.make(steps, interpreter).await,
            Packages::Npm(packages) => packages.make(steps, interpreter).await,
        }
    }

    /// Succeeds where an installation is whole.
    pub(crate) fn check(&self, host: &Host, folder: &Path) -> Command {
        match self {
            Packages::Pip(packages) => packages.check(host, folder),
            Packages::Npm(packages) => packages.check(host, folder),
        }
    }

    /// The environment that lets programs outside of an installation find what is in it.
    pub(crate) fn environment(&self, folder: &Path) -> Option<(&'static str, PathBuf)> {
        match self {
            Packages::Pip(_) => None,
            Packages::Npm(_) => Some(("NODE_PATH", NpmPackages::modules_folder(folder))),
        }
    }
}
