//! Files of settings: read whole, and replaced whole.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::SettingsError;
use super::document::{Node, parse, place};

/// The text of a file; `None` when there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, SettingsError> {
    let failed = |source| SettingsError::Read { file: file.to_owned(), source };
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        malformed(file, &text, valid, "this is not UTF-8")
    })
}

/// Reads the YAML of a file's text.
pub(super) fn tree(file: &Path, text: &str) -> Result<Option<Node>, SettingsError> {
    parse(text).map_err(|error| malformed(file, text, error.offset, error.message))
}

/// What is wrong at a byte of a file.
pub(super) fn malformed(file: &Path, text: &str, offset: usize, message: impl Into<String>) -> SettingsError {
    let (line, column) = place(text, offset);
    SettingsError::Malformed { file: file.to_owned(), line, column, message: message.into() }
}

/// Puts a text in the place of a file, whole or not at all: written beside it, made durable, and renamed. The file keeps its
/// permissions; a link stays one.
pub(super) fn write(file: &Path, text: &str) -> Result<(), SettingsError> {
    let failed = |source| SettingsError::Write { file: file.to_owned(), source };
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // No program lists this as the settings of a stack: those end in `.yaml`, `.yml` or `.json`.
    let beside = folder.join(format!(".{name}.{}.new", uuid::Uuid::new_v4().simple()));
    let written = write_new(&beside, text, &target).and_then(|()| fs::rename(&beside, &target));
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(failed(error));
    }
    // The new name is durable once its folder is; file systems that can't do that have done what they can.
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_new(path: &Path, text: &str, like: &Path) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    if let Ok(metadata) = fs::metadata(like) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
