//! `state delete`, `rename`, `protect`, `unprotect` and `repair`: an edit that is shown, agreed to and made.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::stacks;
use crate::cli::arguments::stack::StackReference;
use crate::cli::arguments::state::EditOptions;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::progress::plural;
use crate::cli::terminal::consent::TerminalConsent;
use crate::cli::workspace::stores::OpenedStack;
use crate::ports::{EditChange, StateEdit};

/// What an edit of a state prints with `--json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// Whether the changes were made; `false` where there is nothing to change, or somebody said no.
    pub changed: bool,
    /// The changes, in the state's order.
    pub changes: Vec<EditChange>,
}

/// Makes an edit.
pub fn edit(
    session: &Session,
    command: &str,
    stack: &StackReference,
    options: &EditOptions,
    edit: &StateEdit,
) -> CommandResult {
    let consent = TerminalConsent::new(session, options.yes, command)?;
    let notices = Notices::of(session);
    let (address, plan, changed) = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, stack).await?;
        let locking = notices.locking(&options.lock);
        let (plan, changed) = stacks::edit(store.as_ref(), &address, edit, locking, &consent).await?;
        Ok((address, plan, changed))
    })?;
    let output = &session.output;
    let count = plan.changes.len();
    if output.json().is_some() {
        let (project, stack) = (address.project, address.stack);
        output.document(&EditDocument { schema_version: 1, project, stack, changed, changes: plan.changes });
    } else if count == 0 {
        output.note(nothing_to_do(edit));
    } else if changed {
        output.result(&format!("{}\n", done(edit, count)));
    }
    Ok(ExitCode::Done)
}

fn nothing_to_do(edit: &StateEdit) -> &'static str {
    match edit {
        StateEdit::Repair => "The snapshot is already valid; skipping repair",
        StateEdit::Delete { .. } => "There are no resources to delete",
        StateEdit::Rename { .. } => "That is its name already",
        StateEdit::Protect { protect: true, .. } => "They are protected already",
        StateEdit::Protect { protect: false, .. } => "None of them is protected",
    }
}

/// What was done; Pulumi's texts.
fn done(edit: &StateEdit, count: usize) -> String {
    match edit {
        StateEdit::Repair => "State repaired successfully".to_owned(),
        StateEdit::Rename { .. } => "Resource renamed".to_owned(),
        StateEdit::Delete { .. } => format!("{} deleted", plural(count, "resource")),
        StateEdit::Protect { protect: true, .. } => format!("{} protected", plural(count, "resource")),
        StateEdit::Protect { protect: false, .. } => format!("{} unprotected", plural(count, "resource")),
    }
}
