//! `stack`: looking after stacks.

mod encryption;
mod export;
mod list;

use crate::cli::arguments::stack::StackCommand;
use crate::cli::session::{CommandResult, Session};

/// Carries out one of its commands.
pub fn stack(session: &Session, command: &StackCommand) -> CommandResult {
    match command {
        StackCommand::Ls(arguments) => list::list(session, arguments),
        StackCommand::Export(arguments) => export::export(session, arguments),
        StackCommand::Encrypt(arguments) => encryption::encrypt(session, arguments),
        StackCommand::Decrypt(arguments) => encryption::decrypt(session, arguments),
    }
}
