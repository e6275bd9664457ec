//! `state show`: all that a state says of a resource.

use crate::cli::arguments::state::StateShowArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::OpenedStack;

/// Shows a resource as JSON; an old copy that waits to be deleted has the same name and follows.
pub fn show(session: &Session, arguments: &StateShowArguments) -> CommandResult {
    let resources = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        store.show(&address, &arguments.urn, arguments.show_secrets).await.map_err(store_failure)
    })?;
    let output = &session.output;
    if output.json().is_some() {
        if arguments.show_secrets {
            output.document_in_clear(&resources)
        } else {
            output.document(&resources)
        }
        return Ok(ExitCode::Done);
    }
    let text: String = resources.iter().map(|resource| format!("{resource:#}\n")).collect();
    if arguments.show_secrets {
        output.verbatim(text.as_bytes())
    } else {
        output.result(&text)
    }
    Ok(ExitCode::Done)
}
