//! `stack change-secrets-provider`: another manager, or another passphrase, for a stack's secrets.

use crate::application::stacks::config::SecretsChangeDocument;
use crate::cli::arguments::stack::StackSecretsArguments;
use crate::cli::compose::new_passphrase;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::progress::plural;
use crate::cli::workspace::stores::Workspace;

/// Encrypts the stack's secrets anew.
pub fn change_secrets_provider(session: &Session, arguments: &StackSecretsArguments) -> CommandResult {
    let (change, location) = session.block_on(async {
        let workspace = Workspace::find(session, &arguments.stack.store)?;
        let passphrase = new_passphrase::sources(session, arguments.new_passphrase_file.as_deref());
        let config = workspace.open_configuration(&arguments.stack.stack, passphrase).await?;
        let change = config.change_secrets_provider(&arguments.new_provider).await.map_err(store_failure)?;
        Ok((change, config.location()))
    })?;
    let document = SecretsChangeDocument::from(change);
    let output = &session.output;
    if output.json().is_some() {
        output.document(&document);
        return Ok(ExitCode::Done);
    }
    let values = plural(document.config_values, "value");
    let what = match document.state {
        true => format!("the state and {values} of {location}"),
        false => format!("{values} of {location}; the stack has no state yet"),
    };
    output.result(&format!("Secrets are encrypted by {} now: {what}\n", document.after));
    Ok(ExitCode::Done)
}
