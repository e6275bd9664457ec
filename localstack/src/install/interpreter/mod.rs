//! Finds a program that an emulator can be installed with and runs on, by running what is there rather than trusting its name.

pub(crate) mod node;
pub(crate) mod python;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::host::Host;

/// An interpreter that hangs is as good as none.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A version, as far as it matters: major and minor.
pub(crate) type Version = (u32, u32);

/// The versions of an interpreter that will do, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) oldest: Version,
    /// `None`: every later one.
    pub(crate) newest: Option<Version>,
}

impl Versions {
    pub(crate) fn contains(&self, version: Version) -> bool {
        self.oldest <= version && self.newest.is_none_or(|newest| version <= newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.oldest;
        match self.newest {
            Some(newest) if newest == self.oldest => write!(formatter, "{major}.{minor}"),
            Some(newest) => write!(formatter, "{major}.{minor} to {}.{}", newest.0, newest.1),
            None => write!(formatter, "{major}.{minor} or newer"),
        }
    }
}

/// An interpreter that was looked at and can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The program.
    pub program: PathBuf,
    /// Why it can't be used.
    pub reason: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.program.display(), self.reason)
    }
}

/// How the versions of a kind of interpreter are told.
pub(crate) struct Question {
    /// Its name, for people.
    pub(crate) name: &'static str,
    /// The arguments that make it print its version; it fails where it couldn't be used.
    pub(crate) ask: &'static [&'static str],
    /// What its last line says when it fails.
    pub(crate) explain: fn(&str) -> String,
}

/// The first of the candidates that is of a wanted version.
pub(crate) async fn first(
    host: &Host,
    candidates: Vec<PathBuf>,
    wanted: Versions,
    question: &Question,
) -> std::result::Result<PathBuf, Vec<Tried>> {
    let mut tried: Vec<Tried> = Vec::new();
    for program in candidates {
        if tried.iter().any(|tried| tried.program == program) {
            continue;
        }
        match version(host, &program, question).await {
            Ok(version) if wanted.contains(version) => return Ok(program),
            Ok((major, minor)) => {
                tried.push(Tried { program, reason: format!("is {} {major}.{minor}", question.name) });
            }
            Err(reason) => tried.push(Tried { program, reason }),
        }
    }
    Err(tried)
}

async fn version(host: &Host, program: &Path, question: &Question) -> std::result::Result<Version, String> {
    let mut command = host.command(program);
    command.args(question.ask);
    let output = answer(command, ANSWER_WITHIN).await?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err((question.explain)(
            text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output").trim(),
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.trim().split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("answers `{}` when asked for its version", text.trim())),
    }
}

/// Runs a program that should answer soon.
pub(crate) async fn answer(mut command: Command, within: Duration) -> std::result::Result<Output, String> {
    let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
    match tokio::time::timeout(within, run).await {
        Err(_) => Err(format!("doesn't answer within {} s", within.as_secs())),
        Ok(Err(error)) => Err(format!("can't be run: {error}")),
        Ok(Ok(output)) => Ok(output),
    }
}
