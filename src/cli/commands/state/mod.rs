//! `state`: looking into a stack's state, and putting it right by hand.

mod edit;
mod list;
mod moving;
mod show;

use crate::cli::arguments::state::StateCommand;
use crate::cli::process::session::{CommandResult, Session};
use crate::ports::{StateEdit, Targets};

pub use edit::EditDocument;
pub use list::StateDocument;
pub use moving::MoveDocument;

/// Carries out one of its commands.
pub fn state(session: &Session, command: &StateCommand) -> CommandResult {
    let targets = |all: bool, urns: &[resource_graph::Urn]| match all {
        true => Targets::All,
        false => Targets::Only(urns.to_vec()),
    };
    match command {
        StateCommand::Ls(arguments) => list::list(session, arguments),
        StateCommand::Show(arguments) => show::show(session, arguments),
        StateCommand::Move(arguments) => moving::move_resources(session, arguments),
        StateCommand::Delete(arguments) => {
            let edit = StateEdit::Delete {
                targets: targets(arguments.all, &arguments.urns),
                force: arguments.force,
                dependents: arguments.target_dependents,
            };
            edit::edit(session, "state delete", &arguments.stack, &arguments.edit, &edit)
        }
        StateCommand::Rename(arguments) => {
            let edit = StateEdit::Rename { urn: arguments.urn.clone(), name: arguments.name.clone() };
            edit::edit(session, "state rename", &arguments.stack, &arguments.edit, &edit)
        }
        StateCommand::Protect(arguments) => {
            let edit = StateEdit::Protect { targets: targets(arguments.all, &arguments.urns), protect: true };
            edit::edit(session, "state protect", &arguments.stack, &arguments.edit, &edit)
        }
        StateCommand::Unprotect(arguments) => {
            let edit = StateEdit::Protect { targets: targets(arguments.all, &arguments.urns), protect: false };
            edit::edit(session, "state unprotect", &arguments.stack, &arguments.edit, &edit)
        }
        StateCommand::Repair(arguments) => {
            edit::edit(session, "state repair", &arguments.stack, &arguments.edit, &StateEdit::Repair)
        }
    }
}
