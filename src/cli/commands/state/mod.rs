//! `state`: looking into a stack's state, and putting it right by hand.

mod list;

use crate::cli::arguments::state::StateCommand;
use crate::cli::session::{CommandResult, Session};

pub use list::StateDocument;

/// Carries out one of its commands.
pub fn state(session: &Session, command: &StateCommand) -> CommandResult {
    match command {
        StateCommand::Ls(arguments) => list::list(session, arguments),
    }
}
