//! `config`: a stack's configuration values.

mod read;
mod write;

use std::sync::Arc;

use crate::cli::arguments::config::ConfigCommand;
use crate::cli::arguments::stack::StackReference;
use crate::cli::compose::new_passphrase;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::Workspace;
use crate::ports::{ConfigPlace, StackConfiguration};

/// Carries out one of its commands.
pub fn config(session: &Session, command: &ConfigCommand) -> CommandResult {
    match command {
        ConfigCommand::Ls(arguments) => read::list(session, arguments),
        ConfigCommand::Get(arguments) => read::get(session, arguments),
        ConfigCommand::Set(arguments) => write::set(session, arguments),
        ConfigCommand::SetAll(arguments) => write::set_all(session, arguments),
        ConfigCommand::Rm(arguments) => {
            write::remove(session, &arguments.stack, std::slice::from_ref(&arguments.key), arguments.path)
        }
        ConfigCommand::RmAll(arguments) => write::remove(session, &arguments.stack, &arguments.keys, arguments.path),
    }
}

async fn open(session: &Session, reference: &StackReference) -> Result<Arc<dyn StackConfiguration>, Failure> {
    let workspace = Workspace::find(session, &reference.store)?;
    workspace.open_configuration(&reference.stack, new_passphrase::sources(session, None)).await
}

fn place(key: &str, is_path: bool) -> ConfigPlace {
    ConfigPlace { key: key.to_owned(), is_path }
}
