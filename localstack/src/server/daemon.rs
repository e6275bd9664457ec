//! The local cloud that runs on in the background: what `semantest-iac local up` starts and `endpoint: local` means.
//!
//! A record in the user's data folder says which process it is; the process's start time in it keeps a later process of the same id from being taken
//! for it. Everything that changes something holds a lock, so that two commands at once start one server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::process::{Identity, start_of};
use super::server::{Lifeline, Start, StartOptions, endpoint, existing, log_file, reset, stop_grace};
use crate::error::{Error, Result};
use crate::health::probe;
use crate::lock;
use crate::{Emulator, Installer};

/// The record's own version. A newer one is not understood, and not overwritten.
const RECORD_VERSION: u32 = 1;

/// A daemon that doesn't answer for so long is replaced.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How the daemon is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DaemonOptions {
    /// The port on 127.0.0.1; where none is given, the one it had before, or its default port.
    pub port: Option<u16>,
    /// Whether requests are checked against IAM policies and signatures (MiniStack only). Where it isn't said, a running one is fine either way.
    pub enforce_iam: Option<bool>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "status")]
#[non_exhaustive]
pub enum Status {
    /// Nothing runs.
    Stopped,
    /// It runs and answers.
    #[serde(rename_all = "camelCase")]
    Running {
        /// What runs.
        emulator: Emulator,
        /// Its version; `None` where it isn't ours and doesn't tell.
        version: Option<String>,
        /// The URL for clients.
        endpoint: String,
        /// Its process; `None` where it isn't ours.
        pid: Option<u32>,
        /// The folder of its data; `None` where it isn't ours.
        folder: Option<PathBuf>,
        /// Its log; `None` where it isn't ours.
        log: Option<PathBuf>,
    },
    /// Its process lives but doesn't answer.
    #[serde(rename_all = "camelCase")]
    Unresponsive {
        /// What should answer.
        emulator: Emulator,
        /// Where.
        endpoint: String,
        /// Its process.
        pid: u32,
        /// Its log.
        log: PathBuf,
    },
}

impl Status {
    /// The URL for clients, where something answers.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Status::Running { endpoint, .. } => Some(endpoint),
            Status::Stopped | Status::Unresponsive { .. } => None,
        }
    }
}

/// What is known of a daemon that was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    version: u32,
    emulator: Emulator,
    emulator_version: String,
    pid: u32,
    process_start: String,
    port: u16,
    instance: String,
    enforce_iam: bool,
}

impl Record {
    fn identity(&self) -> Identity {
        Identity { pid: self.pid, start: self.process_start.clone() }
    }
}

/// One emulator in the background, for one user.
#[derive(Debug, Clone)]
pub struct Daemon {
    installer: Installer,
    emulator: Emulator,
    folder: PathBuf,
    default_port: u16,
}

impl Daemon {
    /// The daemon of that emulator whose record, data and log are in `data_folder` (see [`Host::data_folder`](crate::Host::data_folder)).
    pub fn new(installer: Installer, emulator: Emulator, data_folder: &Path) -> Daemon {
        let folder = data_folder.join("local").join(emulator.slug());
        // The server runs in that folder, where a relative path would mean something else.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Daemon { installer, emulator, folder, default_port: emulator.default_port() }
    }

    /// The same with another port than [`Emulator::default_port`], where no record and no option says one.
    #[must_use]
    pub fn with_default_port(self, default_port: u16) -> Daemon {
        Daemon { default_port, ..self }
    }

    /// Its log.
    pub fn log_file(&self) -> PathBuf {
        log_file(&self.folder)
    }

    /// Makes it run: does nothing where it runs already, else installs it if need be, starts it and waits until it answers. What it held when it was
    /// stopped is there again (MiniStack only).
    ///
    /// Where an emulator that somebody else started answers at the port, that one is used as it is.
    ///
    /// # Errors
    /// Those of [`Server::start`](crate::Server::start), and [`Error::OtherPort`] and [`Error::OtherMode`] where it runs in another way than wanted.
    pub async fn up(&self, options: DaemonOptions) -> Result<Status> {
        if let Some(status) = self.running_as_wanted(options).await? {
            return Ok(status);
        }
        let _lock = self.lock("starting or stopping it").await?;
        if let Some(status) = self.running_as_wanted(options).await? {
            return Ok(status);
        }
        let before = self.record()?;
        if let Some(record) = &before {
            if record.identity().is_alive() && self.answers_in_time(record).await {
                return self.as_wanted(record, options);
            }
            // Nobody can use it, so it has to make room.
            self.end(record).await?;
        }
        let port = options.port.or(before.map(|record| record.port)).unwrap_or(self.default_port);
        if let Some(emulator) = existing(&self.installer, self.emulator, port).await? {
            return Ok(foreign(emulator, port).await);
        }
        self.start(port, options.enforce_iam.unwrap_or(false)).await
    }

    async fn start(&self, port: u16, enforce_iam: bool) -> Result<Status> {
        let installation = self.installer.install(self.emulator).await?;
        std::fs::create_dir_all(&self.folder).map_err(Error::file("create", &self.folder))?;
        let start = Start {
            installer: &self.installer,
            installation: &installation,
            port,
            folder: &self.folder,
            enforce_iam,
            persist: true,
        };
        let mut launched = start.launch(Lifeline::Detached)?;
        let pid = launched.pid();
        let record = Record {
            version: RECORD_VERSION,
            emulator: self.emulator,
            emulator_version: self.emulator.version().to_owned(),
            pid,
            process_start: start_of(pid).unwrap_or_default(),
            port,
            instance: launched.instance.clone(),
            enforce_iam,
        };
        // Only now that it is on record it may go on: a process that nobody knows of would run for ever.
        self.write(&record)?;
        launched.go_on();
        let ready = start.ready(&mut launched, StartOptions::default().ready_within).await;
        launched.let_go();
        if let Err(error) = ready {
            self.end(&record).await?;
            return Err(error);
        }
        Ok(self.ours(&record))
    }

    /// What is there now. Changes nothing.
    ///
    /// # Errors
    /// [`Error::File`] where the record can't be read.
    pub async fn status(&self) -> Result<Status> {
        let record = self.record()?;
        let port = record.as_ref().map_or(self.default_port, |record| record.port);
        match record {
            Some(record) if record.identity().is_alive() => {
                if self.answers(&record).await {
                    return Ok(self.ours(&record));
                }
                Ok(Status::Unresponsive {
                    emulator: self.emulator,
                    endpoint: endpoint(port),
                    pid: record.pid,
                    log: self.log_file(),
                })
            }
            _ => match probe(&endpoint(port)).await {
                Some(probed) => Ok(foreign(probed.emulator, port).await),
                None => Ok(Status::Stopped),
            },
        }
    }

    /// Ends it, functions and all, after it has saved what it holds. Says whether there was something to end.
    ///
    /// # Errors
    /// [`Error::NotOurs`] where only a server of somebody else runs, [`Error::CannotStop`] where the process can't be ended.
    pub async fn down(&self) -> Result<bool> {
        let _lock = self.lock("starting or stopping it").await?;
        let record = self.record()?;
        if let Some(record) = record.filter(|record| record.identity().is_alive()) {
            self.end(&record).await?;
            return Ok(true);
        }
        match self.status().await? {
            Status::Running { endpoint, emulator, pid: None, .. } => {
                Err(Error::NotOurs { emulator, endpoint, action: "stopped" })
            }
            _ => Ok(false),
        }
    }

    /// Empties it: every resource of every account goes. Where it doesn't run, what it would find at the next start goes.
    ///
    /// # Errors
    /// [`Error::NotOurs`] where only a server of somebody else runs; those of [`Daemon::up`] where it has to be started again to be emptied.
    pub async fn reset(&self) -> Result<()> {
        let _lock = self.lock("starting or stopping it").await?;
        let status = self.status().await?;
        match (status, self.record()?) {
            (Status::Running { endpoint, emulator, pid: None, .. }, _) => {
                Err(Error::NotOurs { emulator, endpoint, action: "emptied" })
            }
            (Status::Running { endpoint, .. }, _) if self.emulator.reset_path().is_some() => {
                reset(self.emulator, &endpoint).await
            }
            (Status::Running { .. } | Status::Unresponsive { .. }, Some(record)) => {
                self.end(&record).await?;
                self.remove_data()?;
                self.start(record.port, record.enforce_iam).await.map(drop)
            }
            _ => self.remove_data(),
        }
    }

    fn remove_data(&self) -> Result<()> {
        for folder in self.emulator.data_folders().map(|name| self.folder.join(name)) {
            if folder.exists() {
                std::fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
            }
        }
        Ok(())
    }

    /// The running daemon, if it is as wanted; `None` where there is none.
    async fn running_as_wanted(&self, options: DaemonOptions) -> Result<Option<Status>> {
        match self.record()?.filter(|record| record.identity().is_alive()) {
            Some(record) if self.answers(&record).await => self.as_wanted(&record, options).map(Some),
            _ => Ok(None),
        }
    }

    fn as_wanted(&self, record: &Record, options: DaemonOptions) -> Result<Status> {
        if let Some(wanted) = options.port.filter(|wanted| *wanted != record.port) {
            return Err(Error::OtherPort { emulator: self.emulator, running: record.port, wanted });
        }
        if options.enforce_iam.is_some_and(|wanted| wanted != record.enforce_iam) {
            return Err(Error::OtherMode { emulator: self.emulator, port: record.port, enforces: record.enforce_iam });
        }
        Ok(self.ours(record))
    }

    /// Whether it answers after all: it may be starting still, or have too much to do for a moment.
    async fn answers_in_time(&self, record: &Record) -> bool {
        let deadline = Instant::now() + ANSWER_WITHIN;
        while record.identity().is_alive() {
            if self.answers(record).await {
                return true;
            }
            if Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        false
    }

    async fn answers(&self, record: &Record) -> bool {
        probe(&endpoint(record.port)).await.is_some_and(|probed| {
            probed.instance.is_none_or(|instance| instance == record.instance) && probed.emulator == self.emulator
        })
    }

    async fn end(&self, record: &Record) -> Result<()> {
        if record.identity().is_alive() && !record.identity().end(stop_grace(self.emulator)).await {
            return Err(Error::CannotStop { emulator: self.emulator, pid: record.pid });
        }
        let path = self.record_file();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn ours(&self, record: &Record) -> Status {
        Status::Running {
            emulator: self.emulator,
            version: Some(record.emulator_version.clone()),
            endpoint: endpoint(record.port),
            pid: Some(record.pid),
            folder: Some(self.folder.clone()),
            log: Some(self.log_file()),
        }
    }

    async fn lock(&self, what: &'static str) -> Result<lock::Lock> {
        lock::acquire(&self.folder.join("lock"), what, &self.installer.observer).await
    }

    fn record_file(&self) -> PathBuf {
        self.folder.join("record.json")
    }

    fn record(&self) -> Result<Option<Record>> {
        let path = self.record_file();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::file("read", &path))?,
        };
        // A newer record may have another form; its version is read first.
        let version = |document: &serde_json::Value| document.get("version").and_then(serde_json::Value::as_u64);
        let newer = serde_json::from_slice(&text).ok().as_ref().and_then(version) > Some(RECORD_VERSION.into());
        let problem = |problem: String| Error::Record { emulator: self.emulator, path: path.clone(), problem, newer };
        if newer {
            return Err(problem("was written by a newer version of semantest-iac".to_owned()));
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| problem(format!("is damaged: {error}")))
    }

    fn write(&self, record: &Record) -> Result<()> {
        let path = self.record_file();
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, record)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(Error::file("write", &path))
    }
}

async fn foreign(emulator: Emulator, port: u16) -> Status {
    let version = probe(&endpoint(port)).await.and_then(|probed| probed.version);
    Status::Running { emulator, version, endpoint: endpoint(port), pid: None, folder: None, log: None }
}
