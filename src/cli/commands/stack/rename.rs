//! `stack rename`: a stack gets another name, in its state, its history and its files.

use crate::cli::arguments::stack::StackRenameArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::{Workspace, parse_reference};
use crate::cli::workspace::{pulumi_files, selection};
use crate::ports::StackAddress;

/// Renames a stack.
pub fn rename(session: &Session, arguments: &StackRenameArguments) -> CommandResult {
    let workspace = Workspace::find(session, &arguments.stack.store)?;
    let (address, selected) = workspace.select(&arguments.stack.stack)?;
    let new = parse_reference(&arguments.new, Some(&address.project))?;
    if !arguments.force {
        refuse_derived(&workspace, &address, &new)?;
    }
    let notices = Notices::of(session);
    session.block_on(async {
        let store = workspace.open(selected.as_ref()).await?;
        let locking = notices.locking(&arguments.lock);
        store.rename(&address, &new, locking.request, locking.notices).await.map_err(store_failure)
    })?;
    if workspace.project() == Some(address.project.as_str()) {
        if let Some(folder) = workspace.folder().filter(|_| address.project == new.project) {
            pulumi_files::rename_stack_file(&folder, &address.stack, &new.stack)?;
        }
        if let Some(configuration) = &workspace.configuration
            && selection::chosen(session, configuration.path()).as_deref() == Some(&*address.stack)
        {
            let chosen = (address.project == new.project).then_some(new.stack.as_str());
            selection::choose(session, configuration.path(), chosen)?;
        }
    }
    match session.output.json() {
        Some(_) => session.output.document(&serde_json::json!({ "from": address.qualified(), "to": new.qualified() })),
        None => session.output.result(&format!("Renamed {} to {}\n", address.qualified(), new.qualified())),
    }
    Ok(ExitCode::Done)
}

/// A stack that an environment stands for keeps its name: the next deployment would look for the old one, find nothing, and
/// make everything again, under names that are taken.
fn refuse_derived(workspace: &Workspace<'_>, address: &StackAddress, new: &StackAddress) -> Result<(), Failure> {
    let configured = workspace.configured();
    let Some((_, environment)) = configured.iter().find(|(configured, _)| configured == address) else { return Ok(()) };
    let message = format!(
        "'{}' is the stack of the environment '{environment}': a deployment to it looks for that name, and not for '{}'",
        address.stack, new.stack
    );
    Err(Failure::new(ExitCode::Failed, "refused", message).with_hint(format!(
        "with --force it is renamed all the same; from then on deploy with `--env {environment} --stack {}`, which first \
         writes the new name into the tags of what is deployed",
        new.stack
    )))
}
