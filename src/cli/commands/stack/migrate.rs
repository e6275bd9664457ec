//! `stack migrate`: a stack goes to another store, with its history, backups and tags.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::stack::StackMigrateArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::Workspace;

/// `stack migrate --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// Where it is now.
    pub location: String,
    /// Whether it was removed from where it was.
    pub removed: bool,
    /// How many files of its history went along.
    pub history: usize,
    /// How many copies of its states went along.
    pub backups: usize,
}

/// Takes a stack to another store.
pub fn migrate(session: &Session, arguments: &StackMigrateArguments) -> CommandResult {
    let workspace = Workspace::find(session, &arguments.stack.store)?;
    let (address, selected) = workspace.select(&arguments.stack.stack)?;
    let notices = Notices::of(session);
    let migrated = session.block_on(async {
        let migration = workspace.open_migration(selected.as_ref(), &arguments.url).await?;
        let locking = notices.locking(&arguments.lock);
        migration.migrate(&address, arguments.remove, locking.request, locking.notices).await.map_err(store_failure)
    })?;
    if session.output.json().is_some() {
        session.output.document(&MigrationDocument {
            schema_version: 1,
            project: address.project,
            stack: address.stack,
            location: migrated.location,
            removed: arguments.remove,
            history: migrated.history,
            backups: migrated.backups,
        });
        return Ok(ExitCode::Done);
    }
    session.output.result(&format!("Migrated {} to {}\n", address.qualified(), migrated.location));
    if workspace.configuration.is_some() {
        session.output.note(&format!("Next: set `state: {{ url: \"{}\" }}` in semantest-iac.yaml", arguments.url));
    }
    Ok(ExitCode::Done)
}
