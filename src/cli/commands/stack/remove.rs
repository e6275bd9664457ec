//! `stack rm`: a stack goes, with its settings.

use crate::application::stacks;
use crate::cli::arguments::stack::StackRemoveArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::consent::TerminalConsent;
use crate::cli::workspace::stores::Workspace;
use crate::cli::workspace::{pulumi_files, selection};
use crate::ports::RemoveRequest;

/// Removes a stack.
pub fn remove(session: &Session, arguments: &StackRemoveArguments) -> CommandResult {
    let consent = TerminalConsent::new(session, arguments.yes, "stack rm")?;
    let workspace = Workspace::find(session, &arguments.stack.store)?;
    let (address, selected) = workspace.select(&arguments.stack.stack.named(arguments.name.as_deref()))?;
    let request = RemoveRequest { force: arguments.force, remove_backups: arguments.remove_backups };
    let notices = Notices::of(session);
    let removed = session.block_on(async {
        let store = workspace.open(selected.as_ref()).await?;
        let locking = notices.locking(&arguments.lock);
        Ok(stacks::remove(store.as_ref(), &address, request, locking, &consent).await?)
    })?;
    if removed && workspace.project() == Some(address.project.as_str()) {
        if let Some(folder) = workspace.folder().filter(|_| !arguments.preserve_config) {
            pulumi_files::remove_stack_file(&folder, &address.stack)?;
        }
        if let Some(configuration) = &workspace.configuration
            && selection::chosen(session, configuration.path()).as_deref() == Some(&*address.stack)
        {
            selection::choose(session, configuration.path(), None)?;
        }
    }
    match session.output.json() {
        Some(_) => session.output.document(&serde_json::json!({ "removed": removed })),
        None if removed => session.output.note(&format!("Stack '{}' has been removed!", address.qualified())),
        None => {}
    }
    Ok(ExitCode::Done)
}
