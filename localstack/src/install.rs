//! Installs emulators into a cache folder, once: a virtual environment of Python each, with every package pinned.
//!
//! An installation counts when its marker is there, and the marker is written last; so what a killed process leaves behind is cleared away by the
//! next one. A lock beside it keeps two processes from installing at once.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::host::{Host, is_program};
use crate::progress::{Observer, Progress};
use crate::{lock, python};

/// Written last into an installation. Its text is the interpreter that the installation was made with.
const MARKER: &str = "complete";

/// A check that takes longer has failed; loaded machines take a second.
const CHECK_WITHIN: Duration = Duration::from_secs(30);

/// Puts emulators into a cache folder, on first use.
#[derive(Clone)]
pub struct Installer {
    host: Host,
    cache_folder: PathBuf,
    interpreters: Vec<PathBuf>,
    pub(crate) observer: Observer,
}

/// An emulator that is installed and whole.
#[derive(Debug, Clone)]
pub struct Installation {
    /// What is installed.
    pub emulator: Emulator,
    /// The folder that holds it.
    pub folder: PathBuf,
    /// Its interpreter.
    pub python: PathBuf,
}

impl Installer {
    /// An installer that keeps its installations in `cache_folder` and looks for Python on `host`.
    pub fn new(host: Host, cache_folder: impl Into<PathBuf>) -> Installer {
        let observer: Observer = std::sync::Arc::new(|progress: &Progress| tracing::debug!(%progress));
        Installer { host, cache_folder: cache_folder.into(), interpreters: Vec::new(), observer }
    }

    /// Reports progress to `observer`.
    pub fn with_observer(mut self, observer: impl Fn(&Progress) + Send + Sync + 'static) -> Installer {
        self.observer = std::sync::Arc::new(observer);
        self
    }

    /// Tries these interpreters before those of the host.
    pub fn with_interpreters(mut self, interpreters: impl IntoIterator<Item = PathBuf>) -> Installer {
        self.interpreters = interpreters.into_iter().collect();
        self
    }

    /// The machine that it installs for.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Where an emulator is, or would be, installed.
    pub fn folder(&self, emulator: Emulator) -> PathBuf {
        self.cache_folder.join(emulator.folder_name())
    }

    /// The emulator as installed before, if it still works. Takes no lock and installs nothing.
    pub async fn installed(&self, emulator: Emulator) -> Option<Installation> {
        let folder = self.folder(emulator);
        if !folder.join(MARKER).is_file() {
            return None;
        }
        let python = interpreter(&folder);
        // The interpreter is a link to the one that it was made with, which an update of the system may have taken away.
        if !is_program(&python) || self.check(emulator, &python).await.is_err() {
            return None;
        }
        Some(Installation { emulator, folder, python })
    }

    /// The emulator, installed now if it isn't yet. Waits where another process is installing.
    ///
    /// # Errors
    /// [`Error::PythonNotFound`] where there is no interpreter for it, [`Error::Install`] where pip fails.
    pub async fn install(&self, emulator: Emulator) -> Result<Installation> {
        if let Some(installation) = self.installed(emulator).await {
            return Ok(installation);
        }
        let folder = self.folder(emulator);
        let lock_file = self.cache_folder.join(format!("{}.lock", emulator.folder_name()));
        let _lock = lock::acquire(&lock_file, "installing it", &self.observer).await?;
        if let Some(installation) = self.installed(emulator).await {
            return Ok(installation);
        }
        let wanted = emulator.python_versions();
        let python = python::find(&self.host, &self.interpreters, wanted)
            .await
            .map_err(|tried| Error::PythonNotFound { emulator, wanted: wanted.to_string(), tried })?;
        let started = Instant::now();
        (self.observer)(&Progress::Installing { emulator, python: python.clone() });
        self.make(emulator, &folder, &python).await?;
        (self.observer)(&Progress::Installed { emulator, took: started.elapsed() });
        Ok(Installation { emulator, python: interpreter(&folder), folder })
    }

    async fn make(&self, emulator: Emulator, folder: &Path, python: &Path) -> Result<()> {
        // The marker goes first, so that a process killed while clearing away doesn't leave half an installation that counts.
        let marker = folder.join(MARKER);
        if marker.exists() {
            std::fs::remove_file(&marker).map_err(Error::file("remove", &marker))?;
        }
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(Error::file("remove", folder))?;
        }
        let sources = folder.join("sources");
        write_assets(&sources, emulator.install_assets())?;
        write(&sources.join("constraints.txt"), emulator.constraints())?;
        let environment = folder.join("venv");
        let mut venv = Command::new(python);
        venv.args(["-I", "-m", "venv"]).arg(&environment);
        self.step(emulator, "python -m venv", venv, &sources).await?;
        let python_inside = interpreter(folder);
        let mut pip = Command::new(&python_inside);
        pip.args(["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"])
            .args(["-c", "constraints.txt"])
            .args(emulator.requirements());
        self.step(emulator, "pip install", pip, &sources).await?;
        self.check(emulator, &python_inside).await.map_err(|output| Error::Incomplete {
            emulator,
            folder: folder.to_owned(),
            output,
        })?;
        write(&marker, &python.to_string_lossy())
    }

    async fn step(&self, emulator: Emulator, step: &str, mut command: Command, folder: &Path) -> Result<()> {
        let program = command.as_std().get_program().to_owned();
        let output = command
            .env_clear()
            .envs(self.host.all())
            .current_dir(folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(Error::file("run", Path::new(&program)))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(Error::Install {
            emulator,
            step: step.to_owned(),
            status: output.status.to_string(),
            output: last_lines(&String::from_utf8_lossy(&text), 20),
        })
    }

    /// Whether the interpreter runs and finds what it needs, without loading it.
    async fn check(&self, emulator: Emulator, python: &Path) -> std::result::Result<(), String> {
        const FIND: &str = "import sys, importlib.util as u\nfor name in sys.argv[1:]:\n    if u.find_spec(name) is None: sys.exit(f'no module {name}')";
        let run = Command::new(python)
            .args(["-I", "-c", FIND])
            .args(emulator.modules())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match tokio::time::timeout(CHECK_WITHIN, run).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => Err(last_lines(&String::from_utf8_lossy(&output.stderr), 20)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the interpreter doesn't answer within {} s", CHECK_WITHIN.as_secs())),
        }
    }
}

impl std::fmt::Debug for Installer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Installer").field("cache_folder", &self.cache_folder).finish_non_exhaustive()
    }
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("venv/bin/python")
}

/// Writes embedded files below a folder.
pub(crate) fn write_assets(folder: &Path, assets: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    assets.iter().try_for_each(|(path, text)| write(&folder.join(path), text))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    std::fs::write(path, text).map_err(Error::file("write", path))
}

/// The last lines of a text that hold something.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
