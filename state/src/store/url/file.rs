//! `file://` URLs.

use std::path::{Component, Path, PathBuf};

use super::{Invalid, Parameters};

/// The folder that a URL names. Parameters that Pulumi knows are accepted: what they ask for is always so here (no
/// temporary folder, folders made when needed), or has no meaning (side files with metadata are never written).
pub(super) fn folder(
    place: &str,
    mut parameters: Parameters,
    base: &Path,
    home: Option<&Path>,
) -> Result<PathBuf, Invalid> {
    if let Some(value) = parameters.text("metadata")
        && value != "skip"
    {
        return Err(Invalid::new(format!("its parameter 'metadata' can only be 'skip', not '{value}'")));
    }
    parameters.flag("no_tmp_dir")?;
    parameters.flag("create_dir")?;
    parameters.end()?;
    let path = decoded(place).ok_or_else(|| Invalid::new("its percent-encoding is broken"))?;
    if path.chars().any(char::is_control) {
        return Err(Invalid::new("there is a control character in it"));
    }
    let folder = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => home
            .ok_or_else(|| Invalid::new("the home folder is not known").with_hint("write the whole path: file:///…"))?
            .join(rest.trim_start_matches('/')),
        _ if path.is_empty() => return Err(Invalid::new("it has no path")),
        _ => base.join(&path),
    };
    Ok(without_dots(&folder))
}

/// Takes `.` and `..` out of a path by name alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    clean.push("..");
                }
            }
            part => clean.push(part),
        }
    }
    clean
}

/// Undoes percent-encoding; nothing when it isn't UTF-8 afterwards.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'%' => {
                let digits = others.get(..2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = &others[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
