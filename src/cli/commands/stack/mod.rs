//! `stack`: looking after stacks.

mod change_secrets_provider;
mod encryption;
mod export;
mod graph;
mod history;
mod import;
mod init;
mod list;
mod migrate;
mod output;
mod remove;
mod rename;
mod select;
mod tag;
mod verify;

use crate::cli::arguments::stack::StackCommand;
use crate::cli::process::session::{CommandResult, Session};

pub use init::InitialStackDocument;
pub use migrate::MigrationDocument;
pub use verify::VerifiedDocument;

/// Carries out one of its commands.
pub fn stack(session: &Session, command: &StackCommand) -> CommandResult {
    match command {
        StackCommand::Ls(arguments) => list::list(session, arguments),
        StackCommand::Init(arguments) => init::init(session, arguments),
        StackCommand::Select(arguments) => select::select(session, arguments),
        StackCommand::Rm(arguments) => remove::remove(session, arguments),
        StackCommand::Rename(arguments) => rename::rename(session, arguments),
        StackCommand::Export(arguments) => export::export(session, arguments),
        StackCommand::Import(arguments) => import::import(session, arguments),
        StackCommand::History(arguments) => history::history(session, arguments),
        StackCommand::Output(arguments) => output::output(session, arguments),
        StackCommand::Graph(arguments) => graph::graph(session, arguments),
        StackCommand::Tag(arguments) => tag::tag(session, &arguments.command),
        StackCommand::Migrate(arguments) => migrate::migrate(session, arguments),
        StackCommand::Verify(arguments) => verify::verify(session, arguments),
        StackCommand::Encrypt(arguments) => encryption::encrypt(session, arguments),
        StackCommand::Decrypt(arguments) => encryption::decrypt(session, arguments),
        StackCommand::ChangeSecretsProvider(arguments) => {
            change_secrets_provider::change_secrets_provider(session, arguments)
        }
    }
}
