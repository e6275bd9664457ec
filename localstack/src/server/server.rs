//! A server of one's own: started on a port of the loopback interface, in a folder of its own, and gone with its owner.
//!
//! The owner's end of the server's standard input is its lifeline (`launcher/lifeline.py`): the server ends when it closes, so that not even a
//! killed owner leaves a process behind.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
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

use super::process::{Identity, kill_group, start_of};
use crate::error::{Error, Result};
use crate::health::{probe, request};
use crate::install::{last_lines, write_assets};
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
    /// Whether its resources are kept in the folder for the next start there (not LocalStack's).
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
    ready_after: Duration,
    /// Stands before the place, so that it ends before that goes. `None` where the server was there before.
    process: Option<Launched>,
    place: Place,
}

/// Where a server keeps its data and its log.
#[derive(Debug)]
enum Place {
    Given(PathBuf),
    /// Removed with the server.
    Temporary(TempDir),
}

impl Place {
    fn of(installer: &Installer, emulator: Emulator, given: Option<&Path>) -> Result<Place> {
        if let Some(folder) = given {
            // The server runs in that folder, where a relative path would mean something else.
            return std::path::absolute(folder).map(Place::Given).map_err(Error::file("find", folder));
        }
        let folder = installer.host().temporary_folder();
        let prefix = format!("semantest-{}-", emulator.slug());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(&folder);
        made.map(Place::Temporary).map_err(Error::file("create a folder in", &folder))
    }

    fn folder(&self) -> &Path {
        match self {
            Place::Given(folder) => folder,
            Place::Temporary(folder) => folder.path(),
        }
    }
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
            && let Some(emulator) = existing(installer, emulator, port).await?
        {
            let place = Place::Given(options.folder.unwrap_or_default());
            return Ok(Server { emulator, port, ready_after: Duration::ZERO, process: None, place });
        }
        let installation = installer.install(emulator).await?;
        let place = Place::of(installer, emulator, options.folder.as_deref())?;
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
                folder: place.folder(),
                enforce_iam: options.enforce_iam,
                persist: options.persist,
            };
            let mut launched = start.launch(Lifeline::Owned { remove: matches!(place, Place::Temporary(_)) })?;
            match start.ready(&mut launched, options.ready_within).await {
                Ok(ready_after) => return Ok(Server { emulator, port, ready_after, process: Some(launched), place }),
                Err(Error::PortInUse { .. }) if options.port.is_none() && attempt < PORTS_TRIED => attempt += 1,
                Err(error) => {
                    drop(launched);
                    // The error quotes the log, but its path should lead somewhere too.
                    if let Place::Temporary(folder) = place {
                        drop(folder.keep());
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
        self.process.as_ref().map(Launched::pid)
    }

    /// Time from the start of the process to its first answer.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The folder of its data.
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// What it writes about itself and the functions in it.
    pub fn log_file(&self) -> PathBuf {
        log_file(self.place.folder())
    }

    /// Empties it: every resource of every account goes.
    ///
    /// # Errors
    /// [`Error::Request`] where it doesn't answer, [`Error::CannotReset`] for LocalStack and Azurite: start another one.
    pub async fn reset(&self) -> Result<()> {
        reset(self.emulator, &self.endpoint()).await
    }

    /// Ends it in an orderly way, so that what is persisted is complete.
    ///
    /// # Errors
    /// [`Error::CannotStop`] where the process survives even being killed.
    pub async fn stop(mut self) -> Result<()> {
        let Some(launched) = self.process.take() else {
            return Ok(());
        };
        let pid = launched.pid();
        let identity = Identity { pid, start: start_of(pid).unwrap_or_default() };
        // `end` counts a process as gone when it only remains to be waited for, which dropping it does.
        if identity.end(stop_grace(self.emulator)).await {
            Ok(())
        } else {
            Err(Error::CannotStop { emulator: self.emulator, pid })
        }
    }
}

/// How long an orderly end may take. LocalStack gets none: its open core keeps nothing that it could save, and asked to end it waits for ten
/// seconds, or for ever.
pub(crate) fn stop_grace(emulator: Emulator) -> Duration {
    match emulator {
        Emulator::MiniStack | Emulator::Azurite => Duration::from_secs(15),
        Emulator::LocalStack => Duration::ZERO,
    }
}

/// The emulator that already answers at a port. `None` where nothing listens there.
pub(crate) async fn existing(installer: &Installer, emulator: Emulator, port: u16) -> Result<Option<Emulator>> {
    if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_err() {
        return Ok(None);
    }
    let is_aws = |emulator| Emulator::AWS.contains(&emulator);
    // One local AWS is as good as another.
    let fits = |found| found == emulator || is_aws(found) && is_aws(emulator);
    let Some(probed) = probe(&endpoint(port)).await.filter(|probed| fits(probed.emulator)) else {
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
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lifeline {
    /// Our end of its standard input; `remove`: it removes its folder when that closes.
    Owned { remove: bool },
    /// Nothing, once it has been told to go on.
    Detached,
}

/// A process that was started. An owned one ends with this value, its group with it.
#[derive(Debug)]
pub(crate) struct Launched {
    process: Child,
    /// The name by which the server can be told from others.
    pub(crate) instance: String,
    owned: bool,
}

impl Launched {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Tells a detached process to go on. Where that fails it has ended already, which its starter sees next.
    pub(crate) fn go_on(&mut self) {
        if let Some(mut input) = self.process.stdin.take() {
            drop(input.write_all(b"go\n"));
        }
    }

    /// Waits for a detached process in the background: in a process that goes on for long, as a test does, it must not stay a zombie when it ends.
    pub(crate) fn let_go(mut self) {
        let waiting =
            std::thread::Builder::new().name("reap-daemon".to_owned()).spawn(move || drop(self.process.wait()));
        if let Err(error) = waiting {
            tracing::debug!(%error, "no thread to wait for the daemon");
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if self.owned {
            // Its number is its own until it has been waited for; and members of its group that outlived it keep the group's.
            kill_group(self.process.id());
            // Returns at once: nothing survives being killed.
            drop(self.process.wait());
        }
    }
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
    pub(crate) fn launch(&self, lifeline: Lifeline) -> Result<Launched> {
        let emulator = self.installation.emulator;
        let host = self.installer.host();
        if Emulator::AWS.contains(&emulator) && host.find("node").is_none() {
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
        (self.installer.observer)(&Progress::Starting { emulator, port: self.port });
        let mut command = Command::new(&self.installation.interpreter);
        command.arg(programs.join(emulator.program()));
        match lifeline {
            Lifeline::Owned { remove } => {
                let remove = if remove { self.folder } else { Path::new("-") };
                // A group of its own, to end it with all that it has started; and a Ctrl-C is for the owner to handle.
                command.arg("owned").arg(remove).process_group(0);
            }
            Lifeline::Detached => {
                command.arg("detached");
                // Python takes a session of its own, which Node.js can't.
                if emulator == Emulator::Azurite {
                    command.process_group(0);
                }
            }
        }
        let process = command
            .env_clear()
            .envs(host.server_environment())
            .envs(emulator.start_environment(self.port, self.folder, self.enforce_iam, self.persist))
            .envs(emulator.packages().environment(&self.installation.folder))
            .env("SEMANTEST_INSTANCE", &instance)
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(Error::file("run", &self.installation.interpreter))?;
        Ok(Launched { process, instance, owned: matches!(lifeline, Lifeline::Owned { .. }) })
    }

    /// Waits for the first answer that is this process's own.
    pub(crate) async fn ready(&self, launched: &mut Launched, within: Duration) -> Result<Duration> {
        let emulator = self.installation.emulator;
        let endpoint = endpoint(self.port);
        let log = log_file(self.folder);
        let started = Instant::now();
        let url = format!("{endpoint}{}", emulator.health_path());
        loop {
            let ended = launched.process.try_wait().map_err(Error::file("wait for", &self.installation.interpreter))?;
            if let Some(status) = ended {
                let tail = tail(&log);
                if tail.to_lowercase().contains("already in use") {
                    return Err(Error::PortInUse { emulator, port: self.port });
                }
                return Err(Error::EarlyExit { emulator, status: status.to_string(), tail, log });
            }
            if let Ok(answer) = request(Method::GET, &url, within.min(Duration::from_secs(3))).await
                && answer.status.is_success()
                && match emulator {
                    // On a free port that another start has taken at the same time, that other server would answer.
                    Emulator::MiniStack | Emulator::Azurite => {
                        answer.instance.as_deref() == Some(launched.instance.as_str())
                    }
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
