//! `local up|down|status|reset`, and the local cloud that `endpoint: local` stands for.

use std::sync::Arc;

use localstack::{Daemon, DaemonOptions, Emulator, Installer, Progress, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::arguments::{LocalArguments, LocalCommand};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, render_warning};
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::output::Output;

/// `local … --json`: what is there after the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalCloud {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// `running`, `stopped` or `unresponsive`.
    pub status: String,
    /// `ministack` or `localstack`.
    pub emulator: String,
    /// Its version, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The URL for clients, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its process, where it is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its log, where it is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl LocalCloud {
    fn of(status: &Status, wanted: Emulator) -> Self {
        let stopped = Self {
            schema_version: 1,
            status: "stopped".to_owned(),
            emulator: wanted.slug().to_owned(),
            version: None,
            endpoint: None,
            pid: None,
            log: None,
        };
        match status {
            Status::Running { emulator, version, endpoint, pid, log, .. } => Self {
                status: "running".to_owned(),
                emulator: emulator.slug().to_owned(),
                version: version.clone(),
                endpoint: Some(endpoint.clone()),
                pid: *pid,
                log: log.as_ref().map(|log| log.display().to_string()),
                ..stopped
            },
            Status::Unresponsive { emulator, endpoint, pid, log, .. } => Self {
                status: "unresponsive".to_owned(),
                emulator: emulator.slug().to_owned(),
                endpoint: Some(endpoint.clone()),
                pid: Some(*pid),
                log: Some(log.display().to_string()),
                ..stopped
            },
            _ => stopped,
        }
    }

    fn sentence(&self, emulator: Emulator) -> String {
        let name = emulator.name();
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        match (self.status.as_str(), self.pid) {
            ("running", Some(pid)) => {
                format!("{name} {} runs at {endpoint} (pid {pid})\n", self.version.as_deref().unwrap_or_default())
            }
            ("running", None) => format!("{name} runs at {endpoint}; it wasn't started by this program\n"),
            ("unresponsive", Some(pid)) => format!(
                "{name} (pid {pid}) doesn't answer at {endpoint}; see its log: {}\n",
                self.log.as_deref().unwrap_or_default()
            ),
            _ => format!("{name} doesn't run\n"),
        }
    }
}

/// Runs a subcommand of `local`.
pub fn local(session: &Session, arguments: &LocalArguments) -> CommandResult {
    let emulator = emulator_named(&arguments.emulator)?;
    let daemon = daemon(session, emulator)?;
    session.block_on(async {
        let status = match &arguments.command {
            LocalCommand::Up(up) => daemon.up(DaemonOptions { port: up.port, enforce_iam: up.enforce_iam }).await?,
            LocalCommand::Down => {
                if !daemon.down().await? {
                    session.output.note(&format!("{} doesn't run", emulator.name()));
                }
                Status::Stopped
            }
            LocalCommand::Status => daemon.status().await?,
            LocalCommand::Reset => {
                daemon.reset().await?;
                session.output.note(&format!("{} is empty", emulator.name()));
                daemon.status().await?
            }
        };
        let cloud = LocalCloud::of(&status, emulator);
        if session.output.json().is_some() {
            session.output.document(&cloud);
        } else {
            session.output.result(&cloud.sentence(emulator));
        }
        Ok(ExitCode::Done)
    })
}

/// Starts the embedded local cloud for a deployment, or uses the one that runs, and gives its URL. What takes time is
/// told on stderr.
///
/// # Errors
/// When it can't be installed or started.
pub async fn ensure_local_cloud(session: &Session) -> Result<String, Failure> {
    let emulator = Emulator::default();
    let status = daemon(session, emulator)?.up(DaemonOptions::default()).await?;
    status.endpoint().map(str::to_owned).ok_or_else(|| {
        Failure::new(ExitCode::Failed, "local-cloud", format!("{} doesn't answer", emulator.name()))
            .with_hint("`semantest-iac local status` says more")
    })
}

fn emulator_named(name: &str) -> Result<Emulator, Failure> {
    let known = Emulator::AWS.into_iter().find(|emulator| emulator.slug() == name);
    known.ok_or_else(|| Failure::usage(format!("there is no local cloud named {name}")))
}

fn daemon(session: &Session, emulator: Emulator) -> Result<Daemon, Failure> {
    let output = Arc::clone(&session.output);
    let installer =
        Installer::new(session.host(), session.cache_folder()?).with_observer(move |progress| tell(&output, progress));
    Ok(Daemon::new(installer, emulator, &session.data_folder()?))
}

fn tell(output: &Output, progress: &Progress) {
    match progress {
        Progress::Warning(text) => output.message(&render_warning(text, None, output.message_palette())),
        progress => output.note(&format!("Local cloud: {progress}")),
    }
}
