//! The exit codes (DESIGN.md section 10): what each means, and which failure ends with which.

use std::fmt::Write as _;

use crate::application::{DeploymentResult, ErrorKind};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Failed; nothing was changed, or what was changed was brought back.
    Failed = 1,
    /// Wrong arguments or configuration.
    Usage = 2,
    /// There is drift, or there are changes, and the command was asked to say so.
    Changes = 3,
    /// Somebody else holds the stack's lock.
    Locked = 4,
    /// Failed with changes done.
    NeedsAttention = 5,
    /// Stopped from outside.
    Interrupted = 130,
}

impl ExitCode {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Failed, Self::Usage, Self::Changes, Self::Locked, Self::NeedsAttention, Self::Interrupted];

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed; nothing was changed, or it was brought back",
            Self::Usage => "wrong arguments or configuration",
            Self::Changes => "there are changes, with --detailed-exitcode",
            Self::Locked => "somebody else holds the stack's lock",
            Self::NeedsAttention => "failed with changes done: the next deploy goes on from there",
            Self::Interrupted => "interrupted",
        }
    }

    /// The number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The table at the end of a help text.
    pub fn help() -> String {
        let mut text = String::from("Exit codes:\n");
        for code in Self::ALL {
            // Writing into a String can't fail.
            let _ = writeln!(text, "  {:<4} {}", code.number(), code.meaning());
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The result that a failure which ends with this code has in the JSON document.
    pub fn result(self) -> DeploymentResult {
        match self {
            Self::Done | Self::Changes => DeploymentResult::Succeeded,
            Self::Failed | Self::Usage | Self::Locked => DeploymentResult::Failed,
            Self::NeedsAttention => DeploymentResult::NeedsAttention,
            Self::Interrupted => DeploymentResult::Interrupted,
        }
    }
}

impl From<ErrorKind> for ExitCode {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::NeedsAttention => Self::NeedsAttention,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<DeploymentResult> for ExitCode {
    fn from(result: DeploymentResult) -> Self {
        match result {
            DeploymentResult::Succeeded => Self::Done,
            DeploymentResult::Failed | DeploymentResult::RolledBack => Self::Failed,
            DeploymentResult::Interrupted => Self::Interrupted,
            DeploymentResult::NeedsAttention => Self::NeedsAttention,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
