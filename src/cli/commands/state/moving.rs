//! `state move`: resources go to another stack of the store.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::stacks;
use crate::cli::arguments::StackSelection;
use crate::cli::arguments::state::StateMoveArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::consent::TerminalConsent;
use crate::cli::workspace::stores::Workspace;
use crate::ports::{BrokenReference, MoveRequest};

/// A resource that was moved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MovedResource {
    /// Its name before.
    pub from: String,
    /// Its name afterwards.
    pub to: String,
}

/// `state move --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The stack that the resources were in, in full.
    pub source: String,
    /// The stack that they went to, in full.
    pub destination: String,
    /// Whether they were moved; `false` where somebody said no.
    pub changed: bool,
    /// The resources.
    pub moved: Vec<MovedResource>,
    /// Those that were in the other stack already, since an earlier move was cut off.
    pub already_there: Vec<String>,
    /// Providers that were copied along.
    pub providers: Vec<String>,
    /// Names that aren't in the stack.
    pub missing: Vec<String>,
    /// References that were dropped from what stays.
    pub broken_in_source: Vec<BrokenReference>,
    /// References that were dropped from what went.
    pub broken_in_destination: Vec<BrokenReference>,
}

/// Moves resources.
pub fn move_resources(session: &Session, arguments: &StateMoveArguments) -> CommandResult {
    let consent = TerminalConsent::new(session, arguments.edit.yes, "state move")?;
    let workspace = Workspace::find(session, &arguments.store)?;
    let named = |name: Option<&String>| workspace.select(&StackSelection::default().named(name.map(String::as_str)));
    let (destination, _) = named(arguments.dest.as_ref())?;
    let (source, selected) = named(arguments.source.as_ref())?;
    let request =
        MoveRequest { source, destination, urns: arguments.urns.clone(), include_parents: arguments.include_parents };
    let notices = Notices::of(session);
    let (plan, changed) = session.block_on(async {
        let store = workspace.open(selected.as_ref()).await?;
        let locking = notices.locking(&arguments.edit.lock);
        Ok(stacks::move_resources(store.as_ref(), &request, locking, &consent).await?)
    })?;
    let (source, destination) = (request.source.qualified(), request.destination.qualified());
    match session.output.json() {
        Some(_) => session.output.document(&MoveDocument {
            schema_version: 1,
            source,
            destination,
            changed,
            moved: plan.moved.into_iter().map(|(from, to)| MovedResource { from, to }).collect(),
            already_there: plan.already_there,
            providers: plan.providers,
            missing: plan.missing,
            broken_in_source: plan.broken_in_source,
            broken_in_destination: plan.broken_in_destination,
        }),
        None if changed => {
            session.output.result(&format!("Successfully moved resources from {source} to {destination}\n"));
        }
        None => {}
    }
    Ok(ExitCode::Done)
}
