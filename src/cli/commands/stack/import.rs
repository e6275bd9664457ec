//! `stack import`: an exported state in the place of a stack's own.

use std::io::Read as _;

use crate::cli::arguments::stack::StackImportArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::failure::{Failure, render_warning};
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::OpenedStack;
use crate::ports::StackImportRequest;

/// What is said when it is done; Pulumi's text.
const DONE: &str = "Import complete.";

/// Reads the state from a file or stdin, and imports it.
pub fn import(session: &Session, arguments: &StackImportArguments) -> CommandResult {
    let (file, content) = read(session, arguments)?;
    let request = StackImportRequest { content, file, force: arguments.force };
    let notices = Notices::of(session);
    let warnings = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        let locking = notices.locking(&arguments.lock);
        store.import(&address, request, locking.request, locking.notices).await.map_err(store_failure)
    })?;
    let output = &session.output;
    for warning in &warnings {
        output.message(&render_warning(warning, None, output.message_palette()));
    }
    match output.json() {
        Some(_) => output.document(&serde_json::json!({ "warnings": warnings })),
        None => output.result(&format!("{DONE}\n")),
    }
    Ok(ExitCode::Done)
}

fn read(session: &Session, arguments: &StackImportArguments) -> Result<(String, Vec<u8>), Failure> {
    let Some(file) = &arguments.file else {
        if session.process.stdin_is_terminal {
            return Err(Failure::usage("there is nothing on stdin to import").with_hint("name the file with --file"));
        }
        let mut content = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut content);
        read.map_err(|error| Failure::system("reading stdin failed", &error))?;
        return Ok(("stdin".to_owned(), content));
    };
    let path = session.process.resolve(file);
    let content = std::fs::read(&path).map_err(|error| {
        Failure::system(format!("could not open file: {}", path.display()), &error).with_exit(ExitCode::Usage)
    })?;
    Ok((path.display().to_string(), content))
}
