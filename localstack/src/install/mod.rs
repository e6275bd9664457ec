//! Installs emulators into a cache folder, once, with every package pinned; `pip` and `npm` say how each is made.

pub(crate) mod cached;
pub(crate) mod interpreter;
mod npm;
mod packages;
mod pip;
pub(crate) mod recipe;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::host::{Host, is_program};
use crate::install::cached::CachedFolder;
use crate::progress::{Observer, Progress};

pub(crate) use npm::NpmPackages;
pub(crate) use pip::PipPackages;

/// The folder of an installation that holds what it was made from.
const SOURCES: &str = "sources";

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
    /// Its interpreter: Python, or Node.js for Azurite.
    pub interpreter: PathBuf,
}

impl Installer {
    /// An installer that keeps its installations in `cache_folder` and looks for interpreters on `host`.
    pub fn new(host: Host, cache_folder: impl Into<PathBuf>) -> Installer {
        let observer: Observer = std::sync::Arc::new(|progress: &Progress| tracing::debug!(%progress));
        Installer { host, cache_folder: cache_folder.into(), interpreters: Vec::new(), observer }
    }

    /// Reports progress to `observer`.
    pub fn with_observer(mut self, observer: impl Fn(&Progress) + Send + Sync + 'static) -> Installer {
        self.observer = std::sync::Arc::new(observer);
        self
    }

    /// Tries these interpreters of Python before those of the host.
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
        self.cached(emulator).path().to_owned()
    }

    fn cached(&self, emulator: Emulator) -> CachedFolder {
        CachedFolder::new(&self.cache_folder, &emulator.folder_name())
    }

    /// The emulator as installed before, if it still works. Takes no lock and installs nothing.
    pub async fn installed(&self, emulator: Emulator) -> Option<Installation> {
        let folder = self.folder(emulator);
        let interpreter = emulator.packages().interpreter(&folder);
        // The interpreter is a link to the one that it was made with, which an update of the system may have taken away.
        let is_whole = self.cached(emulator).marker().is_some() && is_program(&interpreter);
        (is_whole && self.check(emulator, &folder).await.is_ok()).then_some(Installation {
            emulator,
            folder,
            interpreter,
        })
    }

    /// The emulator, installed now if it isn't yet. Waits where another process is installing.
    ///
    /// # Errors
    /// [`Error::InterpreterNotFound`] where there is no interpreter for it, [`Error::Install`] where pip or npm fails.
    pub async fn install(&self, emulator: Emulator) -> Result<Installation> {
        if let Some(installation) = self.installed(emulator).await {
            return Ok(installation);
        }
        let cached = self.cached(emulator);
        let _lock = cached.lock("installing it", &self.observer).await?;
        if let Some(installation) = self.installed(emulator).await {
            return Ok(installation);
        }
        let packages = emulator.packages();
        let found = packages.find_interpreter(&self.host, &self.interpreters).await;
        let interpreter = found.map_err(|tried| {
            let (interpreter, wanted) = (packages.interpreter_name(), packages.versions().to_string());
            Error::InterpreterNotFound { emulator, interpreter, wanted, tried }
        })?;
        let started = Instant::now();
        (self.observer)(&Progress::Installing { emulator, interpreter: interpreter.clone() });
        self.make(emulator, &cached, &interpreter).await?;
        (self.observer)(&Progress::Installed { emulator, took: started.elapsed() });
        Ok(Installation {
            emulator,
            interpreter: packages.interpreter(cached.path()),
            folder: cached.path().to_owned(),
        })
    }

    async fn make(&self, emulator: Emulator, cached: &CachedFolder, interpreter: &Path) -> Result<()> {
        cached.clear()?;
        let folder = cached.path();
        let packages = emulator.packages();
        let sources = folder.join(SOURCES);
        write_assets(&sources, packages.assets())?;
        write_assets(&sources, &[packages.pins()])?;
        let steps = Steps { emulator, host: &self.host, folder, sources: &sources };
        packages.make(&steps, interpreter).await?;
        let checked = self.check(emulator, folder).await;
        checked.map_err(|output| Error::Incomplete { emulator, folder: folder.to_owned(), output })?;
        cached.complete(&interpreter.to_string_lossy())
    }

    /// Whether the interpreter runs and finds what it needs, without loading it.
    async fn check(&self, emulator: Emulator, folder: &Path) -> std::result::Result<(), String> {
        let check = emulator.packages().check(&self.host, folder);
        let output =
            interpreter::answer(check, CHECK_WITHIN).await.map_err(|reason| format!("its interpreter {reason}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(last_lines(&String::from_utf8_lossy(&output.stderr), 20)),
        }
    }
}

/// The steps of one installation.
pub(crate) struct Steps<'a> {
    emulator: Emulator,
    host: &'a Host,
    folder: &'a Path,
    sources: &'a Path,
}

impl Steps<'_> {
    /// Runs a command where the installation's assets are.
    async fn run(&self, step: &str, mut command: Command) -> Result<()> {
        let program = command.as_std().get_program().to_owned();
        let run = command.current_dir(self.sources).stdin(Stdio::null()).kill_on_drop(true).output();
        let output = run.await.map_err(Error::file("run", Path::new(&program)))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(Error::Install {
            emulator: self.emulator,
            step: step.to_owned(),
            status: output.status.to_string(),
            output: last_lines(&String::from_utf8_lossy(&text), 20),
        })
    }
}

impl std::fmt::Debug for Installer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Installer").field("cache_folder", &self.cache_folder).finish_non_exhaustive()
    }
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
