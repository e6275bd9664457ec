//! `stack export`: a stack's state in Pulumi's form.

use std::path::Path;

use crate::cli::arguments::stack::StackExportArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::failure::{Failure, render_warning};
use crate::cli::process::private_file;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::OpenedStack;
use crate::ports::StackExportRequest;

/// Writes the state to stdout or a file, as it is: taking anything out of it would spoil it.
pub fn export(session: &Session, arguments: &StackExportArguments) -> CommandResult {
    let request = StackExportRequest { show_secrets: arguments.show_secrets, version: arguments.version };
    let exported = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        store.export(&address, request).await.map_err(store_failure)
    })?;
    let output = &session.output;
    if let Some(deployment) = &exported.open_deployment {
        let warning = format!(
            "deployment {deployment} hasn't come to its end: what it has recorded so far is in the export, and \
             operations under way may be missing"
        );
        let hint = "the next `deploy` or `destroy` settles it; export again afterwards";
        output.message(&render_warning(&warning, Some(hint), output.message_palette()));
    }
    match &arguments.file {
        Some(file) => write(session, file, &exported.content, arguments.show_secrets)?,
        None => output.verbatim(&exported.content),
    }
    Ok(ExitCode::Done)
}

fn write(session: &Session, file: &Path, content: &[u8], holds_secrets: bool) -> Result<(), Failure> {
    let path = session.process.resolve(file);
    let written = if holds_secrets { private_file::write(&path, content) } else { std::fs::write(&path, content) };
    written.map_err(|error| Failure::system(format!("{} can't be written", path.display()), &error))
}
