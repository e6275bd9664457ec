//! The stack that a user has chosen for a project with `stack select`: remembered in the user's data folder, by the
//! configuration's place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cli::failure::Failure;
use crate::cli::process::session::Session;

/// Where the choice for a configuration is kept.
fn file(session: &Session, configuration: &Path) -> Result<PathBuf, Failure> {
    let place = fs::canonicalize(configuration).unwrap_or_else(|_| configuration.to_owned());
    let digest = hex::encode(Sha256::digest(place.as_os_str().as_encoded_bytes()));
    Ok(session.data_folder()?.join("selected").join(&digest[..32]))
}

/// The chosen stack; none where none was chosen or the choice can't be read.
pub fn chosen(session: &Session, configuration: &Path) -> Option<String> {
    let text = fs::read_to_string(file(session, configuration).ok()?).ok()?;
    Some(text.trim().to_owned()).filter(|stack| !stack.is_empty())
}

/// Remembers a choice, or that there is none.
///
/// # Errors
/// When it can't be written.
pub fn choose(session: &Session, configuration: &Path, stack: Option<&str>) -> Result<(), Failure> {
    let file = file(session, configuration)?;
    let written = match stack {
        Some(stack) => {
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).and_then(|()| fs::write(&file, format!("{stack}\n")))
        }
        None => match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
    };
    written.map_err(|error| Failure::system(format!("{} can't be written", file.display()), &error))
}
