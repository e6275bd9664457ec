//! Emulators that pip installs: a virtual environment of Python each, with every package pinned.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::Steps;
use super::interpreter::Versions;
use super::recipe::Asset;
use crate::error::Result;
use crate::host::Host;

/// What pip is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PipPackages {
    /// The versions of Python that it runs on.
    pub(crate) versions: Versions,
    /// A path is relative to the folder that the installation's assets were written to.
    pub(crate) requirements: &'static [&'static str],
    /// The pins of everything that the requirements pull in.
    pub(crate) constraints: &'static str,
    /// Files that pip needs beside the constraints.
    pub(crate) assets: &'static [Asset],
    /// Modules whose presence shows that an installation is whole.
    pub(crate) modules: &'static [&'static str],
}

impl PipPackages {
    pub(crate) fn interpreter(folder: &Path) -> PathBuf {
        folder.join("venv/bin/python")
    }

    pub(crate) async fn make(&self, steps: &Steps<'_>, python: &Path) -> Result<()> {
        let mut venv = steps.host.command(python);
        venv.args(["-I", "-m", "venv"]).arg(steps.folder.join("venv"));
        steps.run("python -m venv", venv).await?;
        let mut pip = steps.host.command(Self::interpreter(steps.folder));
        pip.args(["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"])
            .args(["-c", "constraints.txt"])
            .args(self.requirements);
        steps.run("pip install", pip).await
    }

    /// Fails where a module isn't there, without loading any.
    pub(crate) fn check(&self, host: &Host, folder: &Path) -> Command {
        const FIND: &str = "import sys, importlib.util as u\nfor name in sys.argv[1:]:\n    if u.find_spec(name) is None: sys.exit(f'no module {name}')";
        let mut command = host.command(Self::interpreter(folder));
        command.args(["-I", "-c", FIND]).args(self.modules);
        command
    }
}
