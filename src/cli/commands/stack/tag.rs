//! `stack tag`: a stack's tags.

use crate::cli::arguments::stack::{StackTagCommand, StackTagListArguments, StackTagNameArguments};
use crate::cli::arguments::{LockWait, stack::StackReference};
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::tables::table;
use crate::cli::workspace::stores::OpenedStack;

/// Carries out one of its commands.
pub fn tag(session: &Session, command: &StackTagCommand) -> CommandResult {
    match command {
        StackTagCommand::Ls(arguments) => list(session, arguments),
        StackTagCommand::Get(arguments) => get(session, arguments),
        StackTagCommand::Set(arguments) => {
            let tag = (arguments.name.as_str(), Some(arguments.value.as_str()));
            change(session, &arguments.stack, &arguments.lock, tag)
        }
        StackTagCommand::Rm(arguments) => {
            change(session, &arguments.stack, &arguments.lock, (arguments.name.as_str(), None))
        }
    }
}

fn list(session: &Session, arguments: &StackTagListArguments) -> CommandResult {
    let tags = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        store.tags(&address).await.map_err(store_failure)
    })?;
    match session.output.json() {
        Some(_) => session.output.document(&tags),
        None => {
            let rows: Vec<Vec<String>> = tags.into_iter().map(|(name, value)| vec![name, value]).collect();
            session.output.result(&table(&["NAME", "VALUE"], &rows));
        }
    }
    Ok(ExitCode::Done)
}

fn get(session: &Session, arguments: &StackTagNameArguments) -> CommandResult {
    let (address, tags) = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        let tags = store.tags(&address).await.map_err(store_failure)?;
        Ok((address, tags))
    })?;
    let name = &arguments.name;
    let Some(value) = tags.get(name) else {
        let message = format!("stack tag '{name}' not found for stack '{}'", address.qualified());
        return Err(Failure::new(ExitCode::Usage, "unknown-tag", message));
    };
    match session.output.json() {
        Some(_) => session.output.document(value),
        None => session.output.result(&format!("{value}\n")),
    }
    Ok(ExitCode::Done)
}

fn change(session: &Session, stack: &StackReference, lock: &LockWait, tag: (&str, Option<&str>)) -> CommandResult {
    let notices = Notices::of(session);
    let tags = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, stack).await?;
        let locking = notices.locking(lock);
        let changed = store.set_tag(&address, tag.0, tag.1, locking.request, locking.notices).await;
        changed.map_err(store_failure)?;
        store.tags(&address).await.map_err(store_failure)
    })?;
    if session.output.json().is_some() {
        session.output.document(&tags);
    }
    Ok(ExitCode::Done)
}
