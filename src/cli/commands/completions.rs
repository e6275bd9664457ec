//! `completions`: a script that teaches a shell the commands and options.

use crate::cli::arguments::{self, CompletionsArguments};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};

/// Prints the script.
pub fn completions(session: &Session, wanted: &CompletionsArguments) -> CommandResult {
    if session.output.json().is_some() {
        return Err(Failure::usage("a script for a shell has no JSON form").with_hint("leave --json out"));
    }
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut arguments::command(), "semantest-iac", &mut script);
    session.output.result(&String::from_utf8_lossy(&script));
    Ok(ExitCode::Done)
}
