//! Where a stack's new passphrase comes from: a file that is given for it, or a question on the terminal, asked twice.

use std::path::Path;
use std::sync::Arc;

use state::{Passphrase, PassphraseSource, SecretsError};

use super::passphrases::ask_twice;
use crate::adapters::causes::with_causes;
use crate::adapters::state_store::NewPassphrase;
use crate::cli::process::session::Session;
use crate::cli::terminal::output::Output;

/// The sources, with `file` if it was given.
pub fn sources(session: &Session, file: Option<&Path>) -> NewPassphrase {
    let output = Arc::clone(&session.output);
    let given = file.map(|file| {
        let (file, output) = (session.process.resolve(file), Arc::clone(&output));
        Arc::new(move || read(&file, &output)) as Arc<dyn PassphraseSource>
    });
    let has_terminal = session.process.stdin_is_terminal && session.process.stderr_is_terminal;
    NewPassphrase { given, asked: Arc::new(move || if has_terminal { ask(&output) } else { Err(missing()) }) }
}

fn read(file: &Path, output: &Output) -> Result<Passphrase, SecretsError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        SecretsError::PassphraseSource(format!("the new passphrase's file {} can't be read: {error}", file.display()))
    })?;
    Ok(known(text.trim(), output))
}

fn ask(output: &Output) -> Result<Passphrase, SecretsError> {
    let typed = ask_twice(output, "New passphrase: ");
    typed.map(|text| known(&text, output)).map_err(|error| SecretsError::PassphraseSource(with_causes(&error)))
}

/// From now on it is taken out of whatever is written.
fn known(text: &str, output: &Output) -> Passphrase {
    output.redactor().add_secret(text);
    Passphrase::new(text)
}

fn missing() -> SecretsError {
    SecretsError::PassphraseSource(
        "the new one isn't given, and there is no terminal to ask on: name a file that holds it with \
         --new-passphrase-file"
            .to_owned(),
    )
}
