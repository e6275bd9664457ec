//! `config ls` and `config get`.

use super::{open, place};
use crate::application::stacks::config::{self, ConfigDocument, ConfigValueDocument};
use crate::cli::arguments::config::{ConfigGetArguments, ConfigListArguments};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::tables::table;

/// Shows all values.
pub fn list(session: &Session, arguments: &ConfigListArguments) -> CommandResult {
    let (entries, location) = session.block_on(async {
        let config = open(session, &arguments.stack).await?;
        let entries = config.values(arguments.show_secrets).await.map_err(store_failure)?;
        Ok((entries, config.location()))
    })?;
    let output = &session.output;
    if output.json().is_some() {
        let values: ConfigDocument = entries
            .iter()
            .map(|entry| (entry.key.clone(), ConfigValueDocument::of(entry, arguments.show_secrets)))
            .collect();
        output.document(&values);
    } else if entries.is_empty() {
        output.note(&format!("There are no values in {location}"));
    } else {
        let rows: Vec<Vec<String>> =
            entries.iter().map(|entry| vec![entry.name.clone(), entry.value.to_string()]).collect();
        output.result(&table(&["KEY", "VALUE"], &rows));
    }
    Ok(ExitCode::Done)
}

/// Prints one value.
pub fn get(session: &Session, arguments: &ConfigGetArguments) -> CommandResult {
    let entry = session.block_on(async {
        let stack = open(session, &arguments.stack).await?;
        Ok(config::get(stack.as_ref(), &place(&arguments.key, arguments.path)).await?)
    })?;
    if session.output.json().is_some() {
        session.output.document(&ConfigValueDocument::of(&entry, true));
    } else {
        session.output.verbatim(format!("{}\n", *entry.value).as_bytes());
    }
    Ok(ExitCode::Done)
}
