//! `stack encrypt` and `stack decrypt`: what of a stack's files is encrypted.

use crate::application::stacks::{self, EncryptionChange};
use crate::cli::arguments::stack::{StackDecryptArguments, StackEncryptArguments, StackReference};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, render_warning};
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::palette::Palette;
use crate::cli::workspace::stores::Workspace;
use crate::ports::StackEncryption;

/// Seals a stack.
pub fn encrypt(session: &Session, arguments: &StackEncryptArguments) -> CommandResult {
    convert(session, &arguments.stack, StackEncryption::Full, arguments.accept_older_state)
}

/// Gives a stack Pulumi's form.
pub fn decrypt(session: &Session, arguments: &StackDecryptArguments) -> CommandResult {
    convert(session, &arguments.stack, StackEncryption::Secrets, false)
}

fn convert(session: &Session, reference: &StackReference, to: StackEncryption, accept: bool) -> CommandResult {
    let workspace = Workspace::find(session, &reference.store)?;
    let (address, selected) = workspace.select(&reference.stack)?;
    let change = session.block_on(async {
        let store = workspace.open(selected.as_ref()).await?;
        let changed = match accept {
            true => stacks::accept_older_state(store.as_ref(), &address).await,
            false => stacks::convert(store.as_ref(), &address, to).await,
        };
        changed.map_err(Failure::from)
    })?;
    let output = &session.output;
    match output.json() {
        Some(_) => output.document(&change),
        None if accept => output.result(&format!("What is there of stack {} counts as the newest now\n", change.stack)),
        None => output.result(&text(&change, output.result_palette())),
    }
    let configured = workspace.encryption().map(|encryption| match encryption {
        state::Encryption::Secrets => StackEncryption::Secrets,
        state::Encryption::Full => StackEncryption::Full,
    });
    if configured.is_some_and(|configured| configured != to) {
        let warning = format!(
            "the configuration doesn't say `encryption: {}`: deployments will refuse the stack",
            change.encryption
        );
        let hint = format!("set `state.encryption: {}` in semantest-iac.yaml", change.encryption);
        output.message(&render_warning(&warning, Some(&hint), output.message_palette()));
    }
    Ok(ExitCode::Done)
}

fn text(change: &EncryptionChange, palette: Palette) -> String {
    let EncryptionChange { stack, encryption, written, removed, left } = change;
    let form = if encryption == "full" { "sealed" } else { "in Pulumi's form" };
    if written.is_empty() && removed.is_empty() {
        return format!("Stack {stack} is {form}\n");
    }
    let mut text = format!(
        "Stack {stack} is {form} now: {} files written and read back, {} removed\n",
        written.len(),
        removed.len()
    );
    for file in removed {
        text.push_str(&format!("  {} {file}\n", palette.faint("removed")));
    }
    for file in left {
        text.push_str(&format!("  {} {file}: it is none of the stack's files\n", palette.changed("left")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_and_left_is_listed() {
        let mut change = EncryptionChange {
            stack: "organization/shop/dev".to_owned(),
            encryption: "full".to_owned(),
            written: vec!["/s/dev.sealed".to_owned()],
            removed: vec!["/s/dev.json".to_owned()],
            left: vec!["/s/notes".to_owned()],
        };
        let shown = text(&change, Palette::new(false));
        assert!(
            shown.starts_with("Stack organization/shop/dev is sealed now: 1 files written and read back, 1 removed")
        );
        assert!(shown.contains("removed /s/dev.json") && shown.contains("left /s/notes"), "{shown}");
        (change.written, change.removed) = (Vec::new(), Vec::new());
        assert_eq!(text(&change, Palette::new(false)), "Stack organization/shop/dev is sealed\n");
    }
}
