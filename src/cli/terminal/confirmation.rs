//! Asking before something is changed. Without a terminal nobody can be asked, which is told before any work is done.

use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{Cancellation, Urgency};

use super::prompts::Prompt;
use crate::application::{ApplicationError, Confirmation, ErrorKind, Preview};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::Session;
use crate::cli::progress::Progress;
use crate::cli::views::plan::PlanView;
use crate::domain::deployment::DeploymentCommand;

/// Asks on the terminal, or doesn't where `--yes` was given.
pub struct TerminalConfirmation<'a> {
    session: &'a Session,
    progress: &'a Progress,
    cancellation: Cancellation,
    yes: bool,
}

impl<'a> TerminalConfirmation<'a> {
    /// Asks in this session.
    pub fn new(session: &'a Session, progress: &'a Progress, cancellation: Cancellation, yes: bool) -> Self {
        Self { session, progress, cancellation, yes }
    }

    async fn ask(&self, question: String) -> Result<bool, ApplicationError> {
        let output = Arc::clone(&self.session.output);
        // The thread is left to itself when the question is interrupted: nothing can wake it from reading.
        let answer = tokio::task::spawn_blocking(move || Prompt::new(&output).confirm(&question));
        tokio::select! {
            answer = answer => match answer {
                Ok(answer) => answer.map_err(application_error),
                Err(error) => Err(ApplicationError::new(ErrorKind::Failed, "internal", error.to_string())),
            },
            () = self.cancellation.requested(Urgency::Graceful) => {
                Err(ApplicationError::new(ErrorKind::Interrupted, "interrupted", "stopped before anything was changed"))
            }
        }
    }
}

fn application_error(failure: Failure) -> ApplicationError {
    let kind = match failure.exit {
        ExitCode::Usage => ErrorKind::Usage,
        ExitCode::Interrupted => ErrorKind::Interrupted,
        _ => ErrorKind::Failed,
    };
    ApplicationError { kind, details: failure.details }
}

#[async_trait]
impl Confirmation for TerminalConfirmation<'_> {
    fn takes_time(&self) -> bool {
        !self.yes
    }

    async fn confirm(&self, preview: &Preview<'_>) -> Result<bool, ApplicationError> {
        let view = PlanView {
            command: preview.command,
            stack: preview.stack,
            plan: preview.plan,
            adoptions: preview.adoptions,
            drifts: preview.drifts,
            verbose: self.session.global.verbose > 0,
        };
        let text = view.render(self.session.output.message_palette());
        if self.yes {
            if self.session.global.verbose > 0 {
                self.session.output.note(&text);
            }
            return Ok(true);
        }
        self.progress.pause();
        self.session.output.message(&text);
        let question = match preview.command {
            DeploymentCommand::Deploy => format!("Deploy this to {}?", preview.stack),
            DeploymentCommand::Destroy => format!("Delete this from {}?", preview.stack),
        };
        let answer = self.ask(question).await;
        self.progress.resume();
        answer
    }
}

/// Refuses early what would end in a question that nobody can be asked.
///
/// # Errors
/// When `--yes` wasn't given and there is no terminal.
pub fn require_confirmation(session: &Session, yes: bool, command: DeploymentCommand) -> Result<(), Failure> {
    if yes || session.is_interactive() {
        return Ok(());
    }
    let message = format!("{} asks before it changes anything, and there is no terminal to ask on", command.as_str());
    let hint = match command {
        DeploymentCommand::Deploy => "--yes goes ahead without asking; `preview` shows what would be done",
        DeploymentCommand::Destroy => "--yes goes ahead without asking; `status` shows what would be deleted",
    };
    Err(Failure::new(ExitCode::Usage, "confirmation", message).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::output::testing::{captured, plain};
    use super::*;
    use crate::adapters::clouds::CLOUDS;
    use crate::cli::process::environment::Process;

    #[test]
    fn without_a_terminal_yes_must_be_said() {
        let (output, _, _) = captured(plain(None));
        let session = |terminal| {
            let process = Process { stdin_is_terminal: terminal, stderr_is_terminal: terminal, ..Process::default() };
            Session::new(process, Default::default(), Arc::clone(&output), &CLOUDS, "deploy", Instant::now())
        };
        let refused = require_confirmation(&session(false), false, DeploymentCommand::Deploy).unwrap_err();
        assert_eq!(refused.exit, ExitCode::Usage);
        assert!(refused.details[0].hint.as_deref().unwrap().contains("--yes"));
        assert!(require_confirmation(&session(false), true, DeploymentCommand::Deploy).is_ok());
        assert!(require_confirmation(&session(true), false, DeploymentCommand::Destroy).is_ok());
    }
}
