//! Asking before a state is changed by hand: what would be done is shown first. Without a terminal nobody can be asked.

use std::fmt::Write as _;

use async_trait::async_trait;

use super::palette::Palette;
use super::prompts::Prompt;
use crate::application::stacks::{Consent, Proposal};
use crate::application::{ApplicationError, ErrorKind};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::Session;
use crate::cli::progress::plural;
use crate::ports::{BrokenReference, EditChange, EditPlan, MovePlan, MoveRequest};

/// Asks on the terminal, or doesn't where `--yes` was given.
pub struct TerminalConsent<'a> {
    session: &'a Session,
    yes: bool,
}

impl<'a> TerminalConsent<'a> {
    /// Asks in this session.
    ///
    /// # Errors
    /// When `--yes` wasn't given and there is no terminal.
    pub fn new(session: &'a Session, yes: bool, command: &str) -> Result<Self, Failure> {
        if !yes && !session.is_interactive() {
            let message = format!("`{command}` asks before it changes anything, and there is no terminal to ask on");
            let failure = Failure::new(ExitCode::Usage, "confirmation", message);
            return Err(failure.with_hint("--yes goes ahead without asking"));
        }
        Ok(Self { session, yes })
    }
}

#[async_trait]
impl Consent for TerminalConsent<'_> {
    async fn agree(&self, proposal: Proposal<'_>) -> Result<bool, ApplicationError> {
        let output = &self.session.output;
        let palette = output.message_palette();
        let (text, question) = match proposal {
            Proposal::Edit { stack, plan } => {
                let question =
                    format!("This command will edit the state of '{}' directly. Confirm?", stack.qualified());
                (edit_text(plan, palette), question)
            }
            Proposal::Move { request, plan } => {
                (move_text(request, plan, palette), "Do you want to perform this move?".to_owned())
            }
            Proposal::Remove { stack } => {
                (String::new(), format!("This will permanently remove the stack '{}'. Confirm?", stack.qualified()))
            }
        };
        if self.yes {
            output.note(&text);
            return Ok(true);
        }
        output.message(&text);
        let agreed = Prompt::new(output).confirm(&question).map_err(|failure| {
            let kind = if failure.exit == ExitCode::Interrupted { ErrorKind::Interrupted } else { ErrorKind::Failed };
            ApplicationError { kind, details: failure.details }
        })?;
        if !agreed {
            output.message("Nothing was changed");
        }
        Ok(agreed)
    }
}

/// The changes of an edit, a line each and what belongs to it below.
fn edit_text(plan: &EditPlan, palette: Palette) -> String {
    let mut text = String::new();
    let old = |pending: bool| if pending { " (to be deleted)" } else { "" };
    for change in &plan.changes {
        let _ = match change {
            EditChange::Delete { urn, id, protected, dependent } => {
                let id = id.as_ref().map(|id| palette.faint(format!("  {id} stays in the cloud"))).unwrap_or_default();
                let marks = [(*protected, "protected"), (*dependent, "depends on one of those named")];
                let marks: String = marks
                    .iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, mark)| format!("  {}", palette.changed(mark)))
                    .collect();
                writeln!(text, "{} {urn}{marks}{id}", palette.bad("-"))
            }
            EditChange::Rename { from, to } => {
                writeln!(text, "{} {from}\n  {} {to}", palette.changed("~"), palette.faint("becomes"))
            }
            EditChange::Protect { urn } => writeln!(text, "{} {urn}  protected", palette.good("+")),
            EditChange::Unprotect { urn } => writeln!(text, "{} {urn}  not protected any more", palette.changed("-")),
            EditChange::Reorder { urn, pending_deletion } => {
                writeln!(text, "{} {urn}{}  gets another place", palette.changed("*"), old(*pending_deletion))
            }
            EditChange::DropCopy { urn } => {
                writeln!(text, "{} {urn}  a second entry that is the same", palette.bad("-"))
            }
            EditChange::Repoint { urn, renamed, pending_deletion, dropped } => {
                let mut lines = format!("{} {urn}{}\n", palette.changed("~"), old(*pending_deletion));
                if let Some(name) = renamed {
                    let _ = writeln!(lines, "  {} {name} [urn]", palette.changed("~"));
                }
                for reference in dropped {
                    let _ = writeln!(lines, "  {} {} [{}]", palette.bad("-"), reference.target, reference.kind);
                }
                text.push_str(&lines);
                Ok(())
            }
        };
    }
    text
}

fn move_text(request: &MoveRequest, plan: &MovePlan, palette: Palette) -> String {
    let (source, destination) = (request.source.qualified(), request.destination.qualified());
    let mut text = format!("Planning to move the following resources from {source} to {destination}:\n\n");
    for (from, _) in &plan.moved {
        let _ = writeln!(text, "  - {from}");
    }
    for urn in &plan.already_there {
        let _ = writeln!(text, "  - {urn}  {}", palette.changed("is there already: an earlier move was cut off"));
    }
    text.push('\n');
    for urn in &plan.missing {
        let _ = writeln!(text, "{}: Resource {urn} not found in source stack", palette.warning("warning"));
    }
    if !plan.providers.is_empty() {
        let _ = writeln!(text, "{} copied along", plural(plan.providers.len(), "provider"));
    }
    let mut broken = |list: &[BrokenReference], head: String| {
        if list.is_empty() {
            return;
        }
        let _ = writeln!(text, "{head}\n");
        for BrokenReference { urn, reference } in list {
            let _ = writeln!(text, "  - {urn} has {} {}", reference.kind, reference.target);
        }
        text.push('\n');
    };
    broken(
        &plan.broken_in_source,
        format!("The following resources remaining in {source} have dependencies on resources moved to {destination}:"),
    );
    broken(
        &plan.broken_in_destination,
        format!("The following resources being moved to {destination} have dependencies on resources in {source}:"),
    );
    text
}
