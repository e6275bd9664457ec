//! `export --import-file`: Pulumi's file for importing the resources of a stack into another one.

use std::path::Path;

use crate::application::importing::bulk_file::BulkFile;
use crate::cli::arguments::ExportArguments;
use crate::cli::compose::ports;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::progress::plural;

/// Writes the file. Takes no lock and calls no cloud.
pub fn export(session: &Session, arguments: &ExportArguments) -> CommandResult {
    let configuration = session.configuration()?;
    let selected = session.select_stack(&configuration, &arguments.stack)?;
    let Some(environment) = selected.environment.as_ref().map(ToString::to_string) else {
        return Err(Failure::usage(format!("no environment goes with the stack {}", selected.name))
            .with_hint("name the environment with --env"));
    };
    let file = session.block_on(async {
        let cloud = ports::describe_cloud(session, &configuration, &environment, &selected).await?;
        let store = ports::open_store(session, &configuration, &selected).await?;
        let snapshot = store.read().await.map_err(store_failure)?;
        Ok(BulkFile::of(cloud.as_ref(), &snapshot.resources)?)
    })?;
    if session.output.json().is_some() {
        session.output.document(&file);
    }
    let text = file.to_text();
    if arguments.import_file == Path::new("-") {
        if session.output.json().is_none() {
            session.output.result(&text);
        }
        return Ok(ExitCode::Done);
    }
    let path = session.process.resolve(&arguments.import_file);
    std::fs::write(&path, text)
        .map_err(|error| Failure::system(format!("{} can't be written", path.display()), &error))?;
    let written = format!("{} of {} in {}", plural(file.resources.len(), "resource"), selected.name, path.display());
    session.output.note(&written);
    Ok(ExitCode::Done)
}
