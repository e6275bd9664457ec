//! `config set`, `set-all`, `rm` and `rm-all`.

use std::io::Read as _;

use zeroize::Zeroizing;

use super::{open, place};
use crate::application::stacks::config;
use crate::cli::arguments::config::{ConfigSetAllArguments, ConfigSetArguments, ConfigType};
use crate::cli::arguments::stack::StackReference;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::ports::{ConfigChange, ConfigKind};

/// Sets one value.
pub fn set(session: &Session, arguments: &ConfigSetArguments) -> CommandResult {
    let value = match &arguments.value {
        Some(value) => Zeroizing::new(value.clone()),
        None => read_value(session, arguments.secret, arguments.raw)?,
    };
    let kind = match arguments.kind {
        _ if arguments.secret => ConfigKind::Secret,
        None => ConfigKind::Untyped,
        Some(ConfigType::String) => ConfigKind::Text,
        Some(ConfigType::Bool) => ConfigKind::Boolean,
        Some(ConfigType::Int) => ConfigKind::Integer,
        Some(ConfigType::Float) => ConfigKind::Float,
    };
    let change = ConfigChange { place: place(&arguments.key, arguments.path), value, kind };
    apply(session, &arguments.stack, &[change], arguments.plaintext)
}

/// Sets several values.
pub fn set_all(session: &Session, arguments: &ConfigSetAllArguments) -> CommandResult {
    let plain = arguments.plaintext.iter().map(|pair| (pair, ConfigKind::Untyped));
    let secret = arguments.secret.iter().map(|pair| (pair, ConfigKind::Secret));
    let changes = plain.chain(secret).map(|(pair, kind)| {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            let message = "config value must be in the form [key]=[value]";
            Failure::usage(message).with_hint("for example --plaintext region=eu-west-1")
        })?;
        Ok(ConfigChange { place: place(key, arguments.path), value: Zeroizing::new(value.to_owned()), kind })
    });
    let changes = changes.collect::<Result<Vec<_>, Failure>>()?;
    // Whoever writes --plaintext before a value means it.
    apply(session, &arguments.stack, &changes, true)
}

fn apply(session: &Session, stack: &StackReference, changes: &[ConfigChange], looks_are_fine: bool) -> CommandResult {
    session.block_on(async {
        let stack = open(session, stack).await?;
        config::set(stack.as_ref(), changes, looks_are_fine).await?;
        session.output.note(&format!("Written to {}", stack.location()));
        Ok(ExitCode::Done)
    })
}

/// Removes values.
pub fn remove(session: &Session, stack: &StackReference, keys: &[String], is_path: bool) -> CommandResult {
    let places: Vec<_> = keys.iter().map(|key| place(key, is_path)).collect();
    session.block_on(async {
        let stack = open(session, stack).await?;
        config::remove(stack.as_ref(), &places).await?;
        session.output.note(&format!("Removed from {}", stack.location()));
        Ok(ExitCode::Done)
    })
}

/// The value from stdin, or else what is typed.
fn read_value(session: &Session, is_secret: bool, raw: bool) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: std::io::Error| Failure::system("the value can't be read", &error);
    if !session.process.stdin_is_terminal {
        let mut value = Zeroizing::new(String::new());
        std::io::stdin().read_to_string(&mut value).map_err(failed)?;
        let kept = if raw { value.len() } else { value.trim_end_matches(['\r', '\n']).len() };
        value.truncate(kept);
        return Ok(value);
    }
    if !session.process.stderr_is_terminal {
        return Err(Failure::usage("the value isn't given, and there is no terminal to ask on")
            .with_hint("give it after the key, or on stdin"));
    }
    session.output.messages().ask("value: ");
    let terminal = console::Term::stderr();
    let value = if is_secret { terminal.read_secure_line() } else { terminal.read_line() };
    Ok(Zeroizing::new(value.map_err(failed)?))
}
