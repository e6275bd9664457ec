//! Emulators that npm installs: a folder of modules each, with every package pinned by its hash.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::interpreter::{Versions, node};
use super::recipe::Asset;
use super::{SOURCES, Steps};
use crate::error::{Error, Result};
use crate::host::Host;

/// What npm is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NpmPackages {
    /// The versions of Node.js that it runs on.
    pub(crate) versions: Versions,
    /// `package.json`.
    pub(crate) manifest: Asset,
    /// `package-lock.json`, which names hashes and no registry: the user's own applies.
    pub(crate) lock: &'static str,
    /// Modules whose presence shows that an installation is whole.
    pub(crate) modules: &'static [&'static str],
}

impl NpmPackages {
    /// A link to the Node.js that the installation was made with, as a virtual environment of Python has one.
    pub(crate) fn interpreter(folder: &Path) -> PathBuf {
        folder.join("node")
    }

    /// The folder that `require` finds the packages in.
    pub(crate) fn modules_folder(installation: &Path) -> PathBuf {
        installation.join(SOURCES).join("node_modules")
    }

    pub(crate) async fn make(&self, steps: &Steps<'_>, node: &Path) -> Result<()> {
        let link = Self::interpreter(steps.folder);
        std::os::unix::fs::symlink(node, &link).map_err(Error::file("create", &link))?;
        let npm = node::npm(steps.host, node).unwrap_or_else(|| PathBuf::from("npm"));
        let mut install = steps.host.command(npm);
        // Nothing of a package runs on its installation.
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
        steps.run("npm ci", install).await
    }

    /// Fails where a module isn't there, without loading any.
    pub(crate) fn check(&self, host: &Host, folder: &Path) -> Command {
        const FIND: &str = "for (const name of process.argv.slice(1)) try { require.resolve(name) } catch { console.error(`no module ${name}`); process.exit(1) }";
        let mut command = host.command(Self::interpreter(folder));
        command.env("NODE_PATH", Self::modules_folder(folder)).args(["-e", FIND, "--"]).args(self.modules);
        command
    }
}
