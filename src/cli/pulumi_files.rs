//! Pulumi's own files of a project, `Pulumi.yaml` and `Pulumi.<stack>.yaml`, so that `pulumi` works in the same folder. What
//! is there is never overwritten: lines are put in at the top, and disagreement is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// The project's file.
const PROJECT: &str = "Pulumi.yaml";

/// The file of a stack's settings.
pub fn stack_file(folder: &Path, stack: &str) -> PathBuf {
    folder.join(format!("Pulumi.{stack}.yaml"))
}

/// Writes `Pulumi.yaml` where there is none; else says in which points it disagrees.
///
/// # Errors
/// When it can't be read or written.
pub fn write_project(folder: &Path, project: &str, url: &str) -> Result<Vec<String>, Failure> {
    let file = folder.join(PROJECT);
    let Some(text) = read(&file)? else {
        let text = format!("name: {project}\nruntime: yaml\nbackend:\n  url: {url}\n");
        write(&file, &text)?;
        return Ok(Vec::new());
    };
    let mut warnings = Vec::new();
    let wrong = |what: &str, found: &str, expected: &str| {
        format!("{} has the {what} {found}, and not {expected}: pulumi works on other stacks there", file.display())
    };
    match member(&text, "name", false) {
        Some(name) if name != project => warnings.push(wrong("name", &name, project)),
        _ => {}
    }
    match member(&text, "url", true) {
        Some(found) if found.trim_end_matches('/') != url.trim_end_matches('/') => {
            warnings.push(wrong("backend URL", &found, url));
        }
        Some(_) => {}
        None => warnings.push(format!(
            "{} names no backend: run `pulumi login {url}`, or add `backend: {{ url: {url} }}`",
            file.display()
        )),
    }
    Ok(warnings)
}

/// A member of a stack's file, such as `encryptionsalt`.
///
/// # Errors
/// When the file can't be read.
pub fn stack_setting(folder: &Path, stack: &str, name: &str) -> Result<Option<String>, Failure> {
    Ok(read(&stack_file(folder, stack))?.and_then(|text| member(&text, name, false)))
}

/// Puts settings into a stack's file, which is made where there is none. Those that it has are left alone.
///
/// # Errors
/// When it can't be read or written.
pub fn add_stack_settings(folder: &Path, stack: &str, settings: &[(&str, String)]) -> Result<(), Failure> {
    let file = stack_file(folder, stack);
    let before = read(&file)?.unwrap_or_default();
    let new: String = settings
        .iter()
        .filter(|(name, _)| member(&before, name, false).is_none())
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    if new.is_empty() { Ok(()) } else { write(&file, &format!("{new}{before}")) }
}

/// Removes a stack's file; says whether there was one.
///
/// # Errors
/// When it can't be removed.
pub fn remove_stack_file(folder: &Path, stack: &str) -> Result<bool, Failure> {
    let file = stack_file(folder, stack);
    match fs::remove_file(&file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::system(format!("{} can't be removed", file.display()), &error)),
    }
}

/// Gives a stack's file the name of another stack.
///
/// # Errors
/// When it can't be renamed, or there is a file of the new name.
pub fn rename_stack_file(folder: &Path, stack: &str, new: &str) -> Result<(), Failure> {
    let (from, to) = (stack_file(folder, stack), stack_file(folder, new));
    if !from.exists() {
        return Ok(());
    }
    let renamed = match to.exists() {
        true => Err(io::ErrorKind::AlreadyExists.into()),
        false => fs::rename(&from, &to),
    };
    renamed.map_err(|error| Failure::system(format!("{} can't be renamed to {}", from.display(), to.display()), &error))
}

fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::system(format!("{} can't be read", file.display()), &error)),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| Failure::system(format!("{} can't be written", file.display()), &error))
}

/// The plain value of a member at the top, or of one within another.
fn member(text: &str, name: &str, nested: bool) -> Option<String> {
    text.lines().find_map(|line| {
        let trimmed = line.trim_start();
        if (trimmed.len() < line.len()) != nested {
            return None;
        }
        let value = trimmed.strip_prefix(name)?.strip_prefix(':')?.trim();
        let value = value.split(" #").next().unwrap_or_default().trim();
        Some(value.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_disagreement_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(write_project(folder, "shop", "file://./.semantest").unwrap().is_empty());
        let text = "name: shop\nruntime: yaml\nbackend:\n  url: file://./.semantest\n";
        assert_eq!(fs::read_to_string(folder.join(PROJECT)).unwrap(), text);
        assert!(write_project(folder, "shop", "file://./.semantest/").unwrap().is_empty());
        assert_eq!(write_project(folder, "other", "s3://bucket").unwrap().len(), 2);
        assert_eq!(fs::read_to_string(folder.join(PROJECT)).unwrap(), text);
        fs::write(folder.join(PROJECT), "name: shop # ours\nruntime: nodejs\n").unwrap();
        let warnings = write_project(folder, "shop", "s3://bucket").unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("names no backend"), "{warnings:?}");
    }

    #[test]
    fn settings_go_to_the_top_and_comments_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(stack_file(folder, "dev"), "config: # mine\n  a:b: c\n").unwrap();
        add_stack_settings(folder, "dev", &[("encryptionsalt", "v1:x".to_owned())]).unwrap();
        add_stack_settings(folder, "dev", &[("encryptionsalt", "v1:y".to_owned())]).unwrap();
        let text = fs::read_to_string(stack_file(folder, "dev")).unwrap();
        assert_eq!(text, "encryptionsalt: v1:x\nconfig: # mine\n  a:b: c\n");
        assert_eq!(stack_setting(folder, "dev", "encryptionsalt").unwrap().as_deref(), Some("v1:x"));
        rename_stack_file(folder, "dev", "prod").unwrap();
        assert!(rename_stack_file(folder, "dev", "prod").is_ok());
        fs::write(stack_file(folder, "dev"), "").unwrap();
        assert!(rename_stack_file(folder, "dev", "prod").is_err());
        assert!(remove_stack_file(folder, "prod").unwrap() && !remove_stack_file(folder, "prod").unwrap());
    }
}
