//! `stack verify`: everything that is wrong with a stack.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::stacks;
use crate::cli::arguments::stack::StackVerifyArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::stores::OpenedStack;

/// `stack verify --json` of a stack that is sound.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// Always: one that isn't makes the command fail, with what is wrong as errors.
    pub sound: bool,
}

/// Checks a stack.
pub fn verify(session: &Session, arguments: &StackVerifyArguments) -> CommandResult {
    let address = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        stacks::verify(store.as_ref(), &address, arguments.secrets).await?;
        Ok(address)
    })?;
    match session.output.json() {
        Some(_) => {
            let (project, stack) = (address.project, address.stack);
            session.output.document(&VerifiedDocument { schema_version: 1, project, stack, sound: true });
        }
        None => session.output.result(&format!("{} is sound\n", address.qualified())),
    }
    Ok(ExitCode::Done)
}
