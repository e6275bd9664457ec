//! A server of one's own: started on a port of the loopback interface, in a folder of its own, and gone with its owner.
//!
//! The owner's end of the server's standard input is its lifeline (`launcher/lifeline.py`): the server ends when it closes, so that not even a
//! killed owner leaves a process behind.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::Method;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::health::{probe, request};
use crate::install::{last_lines, write_assets};
use crate::process::{Identity, kill_group, start_of};
use crate::progress::Progress;
use crate::{Emulator, Installation, Installer};

/// How long a server may take to its first answer. It takes 1 to 3 s where nothing else runs.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(25);
/// A free port can be taken by somebody else before the server has it; then another one is tried.
const PORTS_TRIED: usize = 5;
const LINES_SHOWN: usize = 20;

/// How to start a server.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The port on 127.0.0.1; a free one where none is given.
    pub port: Option<u16>,
    /// The folder for its data and its log; a temporary one, removed at the end, where none is given.
    pub folder: Option<PathBuf>,
    /// Whether requests are checked against IAM policies and signatures (MiniStack only).
    pub enforce_iam: bool,
    /// Whether its resources are kept in the folder for the next start there (MiniStack only).
    pub persist: bool,
    /// How long it may take to its first answer.
    pub ready_within: Duration,
}

impl Default for StartOptions {
    fn default() -> Self {
        StartOptions { port: None, folder: None, enforce_iam: false, persist: false, ready_within: READY_WITHIN }
    }
}

/// A running server that ends with this value, or with the process that holds it, in whatever way that ends.
#[derive(Debug)]
pub struct Server {
    emulator: Emulator,
    port: u16,
    folder: PathBuf,
    ready_after: Duration,
    process: Option<Child>,
    /// Removed after the process has ended.
    _temporary: Option<TempDir>,
}

impl Server {
    /// Installs the emulator if need be, starts it and waits until it answers.
    ///
    /// Where an emulator already answers at `options.port`, that one is used as it is and left alone at the end.
    ///
    /// # Errors
    /// Those of [`Installer::install`]; [`Error::PortInUse`] where another program listens at the port; [`Error::EarlyExit`] and
    /// [`Error::NotReady`], with the end of its log, where it doesn't come up.
    pub async fn start(installer: &Installer, emulator: Emulator, options: StartOptions) -> Result<Server> {
        if let Some(port) = options.port
            && let Some(existing) = existing(installer, emulator, port).await?
        {
            let folder = options.folder.unwrap_or_default();
            return Ok(Server {
                emulator: existing,
                port,
                folder,
                ready_after: Duration::ZERO,
                process: None,
                _temporary: None,
            });
        }
        let installation = installer.install(emulator).await?;
        let temporary = match &options.folder {
            Some(_) => None,
            None => Some(temporary_folder(installer, emulator)?),
        };
        let folder = match (&options.folder, &temporary) {
            (Some(folder), _) => std::path::absolute(folder).map_err(Error::file("find", folder))?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => return Err(Error::NotRunning { emulator }),
        };
        let mut attempt = 1;
        loop {
            let port = match options.port {
                Some(port) => port,
                None => free_port().map_err(Error::file("find a free port on", Path::new("127.0.0.1")))?,
            };
            let start = Start {
                installer,
                installation: &installation,
                port,
                folder: &folder,
                enforce_iam: options.enforce_iam,
                persist: options.persist,
            };
            let owned = Lifeline::Owned { remove: temporary.is_some() };
            // From here on the value's end is the process's end, whatever happens.
            let mut server = Server {
                emulator,
                port,
                folder: folder.clone(),
                ready_after: Duration::ZERO,
                process: None,
                _temporary: None,
            };
            let launched = start.launch(&owned)?;
            let process = server.process.insert(launched.process);
            match start.ready(process, &launched.instance, options.ready_within).await {
                Ok(took) => {
                    server.ready_after = took;
                    server._temporary = temporary;
                    return Ok(server);
                }
                Err(error) if options.port.is_none() && attempt < PORTS_TRIED && lost_its_port(&error) => attempt += 1,
                Err(error) => {
                    // The error quotes the log, but its path should lead somewhere too.
                    if let Some(temporary) = temporary {
                        drop(temporary.keep());
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The URL to give to clients.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What runs.
    pub fn emulator(&self) -> Emulator {
        self.emulator
    }

    /// The process's id; `None` where the server was there before and isn't ours.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Time from the start of the process to its first answer.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The folder of its data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it writes about itself and the functions in it.
    pub fn log_file(&self) -> PathBuf {
        log_file(&self.folder)
    }

    /// Empties it: every resource of every account goes.
    ///
    /// # Errors
    /// [`Error::Request`] where it doesn't answer, [`Error::CannotReset`] for LocalStack: start another one.
    pub async fn reset(&self) -> Result<()> {
        reset(self.emulator, &self.endpoint()).await
    }

    /// Ends it in an orderly way, so that what is persisted is complete.
    ///
    /// # Errors
    /// [`Error::CannotStop`] where the process survives even being killed.
    pub async fn stop(mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let identity = Identity { pid: process.id(), start: start_of(process.id()).unwrap_or_default() };
        let gone = identity.end(stop_grace(self.emulator)).await;
        // `end` counts a process as gone when it only remains to be waited for.
        if gone { process.wait().map(drop).map_err(|_| ()) } else { Err(()) }
            .map_err(|()| Error::CannotStop { emulator: self.emulator, pid: process.id() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            kill_group(process.id());
            // Returns at once: nothing survives being killed.
            drop(process.wait());
        }
    }
}

/// How long an orderly end may take. LocalStack gets none: its open core keeps nothing that it could save, and asked to end it waits for ten
/// seconds, or for ever.
pub(crate) fn stop_grace(emulator: Emulator) -> Duration {
    match emulator {
        Emulator::MiniStack => Duration::from_secs(15),
        Emulator::LocalStack => Duration::ZERO,
    }
}

/// The emulator that already answers at a port. `None` where nothing listens there.
pub(crate) async fn existing(installer: &Installer, emulator: Emulator, port: u16) -> Result<Option<Emulator>> {
    if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_err() {
        return Ok(None);
    }
    let Some(probed) = probe(&endpoint(port)).await else {
        return Err(Error::PortInUse { emulator, port });
    };
    (installer.observer)(&Progress::UsingExisting { emulator: probed.emulator, endpoint: endpoint(port) });
    Ok(Some(probed.emulator))
}

pub(crate) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

pub(crate) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Empties the server at an endpoint.
pub(crate) async fn reset(emulator: Emulator, endpoint: &str) -> Result<()> {
    let Some(path) = emulator.reset_path() else { return Err(Error::CannotReset { emulator }) };
    let url = format!("{endpoint}{path}");
    let reason = match request(Method::POST, &url, Duration::from_secs(30)).await {
        Ok(answer) if answer.status.is_success() => return Ok(()),
        Ok(answer) => format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)),
        Err(reason) => reason,
    };
    Err(Error::Request { url, reason })
}

/// What keeps a process alive.
pub(crate) enum Lifeline {
    /// Our end of its standard input; `remove`: it removes its folder when that closes.
    Owned { remove: bool },
    /// Nothing, once it has been told to go on.
    Detached,
}

/// A process that was started, and the name by which it can be told from others.
pub(crate) struct Launched {
    pub(crate) process: Child,
    pub(crate) instance: String,
}

/// One start of a server, owned or not.
pub(crate) struct Start<'a> {
    pub(crate) installer: &'a Installer,
    pub(crate) installation: &'a Installation,
    pub(crate) port: u16,
    pub(crate) folder: &'a Path,
    pub(crate) enforce_iam: bool,
    pub(crate) persist: bool,
}

impl Start<'_> {
    pub(crate) fn launch(&self, lifeline: &Lifeline) -> Result<Launched> {
        let emulator = self.installation.emulator;
        let host = self.installer.host();
        if host.find("node").is_none() {
            (self.installer.observer)(&Progress::Warning(format!(
                "`node` is not on the PATH: {emulator} will start, but it can't run functions"
            )));
        }
        let programs = self.folder.join("program");
        write_assets(&programs, emulator.start_assets())?;
        let temporary = self.folder.join("tmp");
        // What functions of an earlier run left there.
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(Error::file("remove", &temporary))?;
        }
        let data = emulator.data_folders().map(|name| self.folder.join(name));
        for folder in data.chain([temporary]) {
            std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        }
        let log_path = log_file(self.folder);
        let log = File::create(&log_path).map_err(Error::file("write", &log_path))?;
        let errors = log.try_clone().map_err(Error::file("write", &log_path))?;
        let instance = Uuid::new_v4().to_string();
        let [(program, _), ..] = emulator.start_assets() else {
            return Err(Error::NotRunning { emulator });
        };
        (self.installer.observer)(&Progress::Starting { emulator, port: self.port });
        let mut command = Command::new(&self.installation.python);
        command.arg(programs.join(program));
        match lifeline {
            Lifeline::Owned { remove } => {
                let remove = if *remove { self.folder } else { Path::new("-") };
                // A group of its own, to end it with all that it has started; and a Ctrl-C is for the owner to handle.
                command.arg("owned").arg(remove).process_group(0);
            }
            Lifeline::Detached => {
                command.arg("detached");
            }
        }
        let process = command
            .env_clear()
            .envs(host.server_environment())
            .envs(emulator.start_environment(self.port, self.folder, self.enforce_iam, self.persist))
            .env("SEMANTEST_INSTANCE", &instance)
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(Error::file("run", &self.installation.python))?;
        Ok(Launched { process, instance })
    }

    /// Waits for the first answer that is this process's own.
    pub(crate) async fn ready(&self, process: &mut Child, instance: &str, within: Duration) -> Result<Duration> {
        let emulator = self.installation.emulator;
        let endpoint = endpoint(self.port);
        let log = log_file(self.folder);
        let started = Instant::now();
        let url = format!("{endpoint}{}", emulator.health_path());
        loop {
            let ended = process.try_wait().map_err(Error::file("wait for", &self.installation.python))?;
            if let Some(status) = ended {
                return Err(Error::EarlyExit { emulator, status: status.to_string(), tail: tail(&log), log });
            }
            if let Ok(answer) = request(Method::GET, &url, within.min(Duration::from_secs(3))).await
                && answer.status.is_success()
                && match emulator {
                    // On a free port that another start has taken at the same time, that other server would answer.
                    Emulator::MiniStack => answer.instance.as_deref() == Some(instance),
                    Emulator::LocalStack => tail(&log).lines().any(|line| line.trim() == "Ready."),
                }
            {
                let took = started.elapsed();
                (self.installer.observer)(&Progress::Ready { emulator, endpoint, took });
                return Ok(took);
            }
            if started.elapsed() >= within {
                return Err(Error::NotReady { emulator, endpoint, seconds: within.as_secs(), tail: tail(&log), log });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

fn lost_its_port(error: &Error) -> bool {
    matches!(error, Error::EarlyExit { tail, .. } if tail.contains("already in use") || tail.contains("in use"))
}

fn temporary_folder(installer: &Installer, emulator: Emulator) -> Result<TempDir> {
    let folder = installer.host().temporary_folder();
    let prefix = format!("semantest-{}-", emulator.slug());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(&folder).map_err(Error::file("create a folder in", &folder))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The end of a log.
pub(crate) fn tail(log: &Path) -> String {
    const BYTES: u64 = 16 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.is_empty() => "(nothing)".to_owned(),
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), LINES_SHOWN),
        Err(error) => format!("(can't be read: {error})"),
    }
}
