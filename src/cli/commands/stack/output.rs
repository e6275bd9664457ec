//! `stack output`: what a stack shows, in Pulumi's forms.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::cli::arguments::stack::StackOutputArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::tables::table;
use crate::cli::workspace::stores::OpenedStack;

/// Shows the outputs, or one.
pub fn output(session: &Session, arguments: &StackOutputArguments) -> CommandResult {
    let json = session.output.json().is_some();
    if json && arguments.shell {
        return Err(Failure::usage("only one of --json and --shell may be set"));
    }
    let outputs = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        store.outputs(&address, arguments.show_secrets).await.map_err(store_failure)
    })?;
    let one = arguments.name.as_deref().map(|name| one(&outputs, name)).transpose()?;
    if json {
        match one {
            Some((_, value)) => document(session, value, arguments.show_secrets),
            None => document(session, &outputs, arguments.show_secrets),
        }
        return Ok(ExitCode::Done);
    }
    let text = match one {
        Some((name, value)) if arguments.shell => assignment(name, value),
        Some((_, value)) => format!("{}\n", plain(value)),
        None if arguments.shell => outputs.iter().map(|(name, value)| assignment(name, value)).collect(),
        None => all(&outputs),
    };
    if arguments.show_secrets {
        session.output.verbatim(text.as_bytes());
    } else {
        session.output.result(&text);
    }
    Ok(ExitCode::Done)
}

fn document(session: &Session, value: &impl serde::Serialize, show_secrets: bool) {
    if show_secrets { session.output.document_in_clear(value) } else { session.output.document(value) }
}

fn one<'o>(outputs: &'o Map<String, Value>, name: &str) -> Result<(&'o str, &'o Value), Failure> {
    outputs.get_key_value(name).map(|(name, value)| (name.as_str(), value)).ok_or_else(|| {
        let message = format!("current stack does not have output property '{name}'");
        let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
        let failure = Failure::new(ExitCode::Usage, "unknown-output", message);
        match known.is_empty() {
            true => failure.with_hint("the stack shows nothing"),
            false => failure.with_hint(format!("there is: {}", known.join(", "))),
        }
    })
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn assignment(name: &str, value: &Value) -> String {
    let plain = plain(value);
    // It fails only on a NUL, which no shell can hold.
    let quoted = shlex::try_quote(&plain).map_or_else(|_| String::from("''"), std::borrow::Cow::into_owned);
    format!("{name}={quoted}\n")
}

fn all(outputs: &Map<String, Value>) -> String {
    let mut text = format!("Current stack outputs ({}):\n", outputs.len());
    if outputs.is_empty() {
        text.push_str("    No output values currently in this stack\n");
        return text;
    }
    let rows: Vec<Vec<String>> = outputs.iter().map(|(name, value)| vec![name.clone(), plain(value)]).collect();
    for line in table(&["OUTPUT", "VALUE"], &rows).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_as_pulumi_tells_them() {
        let outputs: Map<String, Value> = serde_json::from_str(r#"{"a":"x y","list":[1,{"b":null}]}"#).unwrap();
        assert_eq!(
            all(&outputs),
            "Current stack outputs (2):\n    OUTPUT  VALUE\n    a       x y\n    list    [1,{\"b\":null}]\n"
        );
        assert_eq!(assignment("a", &outputs["a"]), "a='x y'\n");
        assert!(all(&Map::new()).contains("(0)"));
        assert_eq!(one(&outputs, "b").unwrap_err().details[0].hint.as_deref(), Some("there is: a, list"));
    }
}
