//! `local up|down|status|reset`, and the local cloud that `endpoint: local` stands for.

use localstack::{DaemonOptions, Emulator, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::arguments::{LocalArguments, LocalCommand};
use crate::cli::compose::local_cloud::daemon;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};

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

fn emulator_named(name: &str) -> Result<Emulator, Failure> {
    let known = Emulator::AWS.into_iter().find(|emulator| emulator.slug() == name);
    known.ok_or_else(|| Failure::usage(format!("there is no local cloud named {name}")))
}
