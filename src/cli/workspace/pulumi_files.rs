//! Pulumi's own files of a project, `Pulumi.yaml` and `Pulumi.<stack>.yaml`, so that `pulumi` works in the same folder. What
//! is there is never overwritten: disagreement is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use state::ProjectSettings;

use crate::cli::failure::Failure;
use crate::cli::failure::settings_failure;

/// The file of a stack's settings, where the project says that it is.
///
/// # Errors
/// When `Pulumi.yaml` can't be read or understood.
pub fn stack_file(folder: &Path, stack: &str) -> Result<PathBuf, Failure> {
    Ok(project(folder)?.stack_file(folder, stack))
}

fn project(folder: &Path) -> Result<ProjectSettings, Failure> {
    ProjectSettings::find(folder).map_err(|error| settings_failure(&error))
}

/// Writes `Pulumi.yaml` where there is none; else says in which points it disagrees.
///
/// # Errors
/// When it can't be read or written.
pub fn write_project(folder: &Path, name: &str, url: &str) -> Result<Vec<String>, Failure> {
    let found = project(folder)?;
    let Some(file) = &found.file else {
        ProjectSettings::create(folder, name, url).map_err(|error| settings_failure(&error))?;
        return Ok(Vec::new());
    };
    let file = file.display();
    let mut warnings = Vec::new();
    let wrong = |what: &str, found: &str, expected: &str| {
        format!("{file} has the {what} {found}, and not {expected}: pulumi works on other stacks there")
    };
    if let Some(found) = found.name.filter(|found| found != name) {
        warnings.push(wrong("name", &found, name));
    }
    match found.backend_url {
        Some(found) if found.trim_end_matches('/') != url.trim_end_matches('/') => {
            warnings.push(wrong("backend URL", &found, url));
        }
        Some(_) => {}
        None => {
            warnings
                .push(format!("{file} names no backend: run `pulumi login {url}`, or add `backend: {{ url: {url} }}`"));
        }
    }
    Ok(warnings)
}

/// Removes the file of a stack's settings; says whether there was one.
///
/// # Errors
/// When it can't be removed.
pub fn remove_stack_file(folder: &Path, stack: &str) -> Result<bool, Failure> {
    let file = stack_file(folder, stack)?;
    match fs::remove_file(&file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::system(format!("{} can't be removed", file.display()), &error)),
    }
}

/// Gives the file of a stack's settings the name of another stack.
///
/// # Errors
/// When it can't be renamed, or there is a file of the new name.
pub fn rename_stack_file(folder: &Path, stack: &str, new: &str) -> Result<(), Failure> {
    let (from, to) = (stack_file(folder, stack)?, stack_file(folder, new)?);
    if !from.exists() {
        return Ok(());
    }
    let renamed = match to.exists() {
        true => Err(io::ErrorKind::AlreadyExists.into()),
        false => fs::rename(&from, &to),
    };
    renamed.map_err(|error| Failure::system(format!("{} can't be renamed to {}", from.display(), to.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_disagreement_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let file = folder.join("Pulumi.yaml");
        assert!(write_project(folder, "shop", "file://./.semantest").unwrap().is_empty());
        let text = "name: shop\nruntime: yaml\nbackend:\n  url: file://./.semantest\n";
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert!(write_project(folder, "shop", "file://./.semantest/").unwrap().is_empty());
        assert_eq!(write_project(folder, "other", "s3://bucket").unwrap().len(), 2);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        fs::write(&file, "name: shop # ours\nruntime: nodejs\n").unwrap();
        let warnings = write_project(folder, "shop", "s3://bucket").unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("names no backend"), "{warnings:?}");
        fs::write(&file, "name: [").unwrap();
        assert!(write_project(folder, "shop", "s3://bucket").is_err());
    }

    #[test]
    fn settings_are_found_where_the_project_says() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("Pulumi.yaml"), "name: shop\nruntime: yaml\nstackConfigDir: stacks\n").unwrap();
        fs::create_dir(folder.join("stacks")).unwrap();
        fs::write(folder.join("stacks/Pulumi.dev.yaml"), "").unwrap();
        rename_stack_file(folder, "dev", "prod").unwrap();
        assert!(folder.join("stacks/Pulumi.prod.yaml").exists());
        // There is none any more, so there is nothing to do.
        rename_stack_file(folder, "dev", "prod").unwrap();
        fs::write(folder.join("stacks/Pulumi.dev.yaml"), "").unwrap();
        assert!(rename_stack_file(folder, "dev", "prod").is_err());
        assert!(remove_stack_file(folder, "prod").unwrap() && !remove_stack_file(folder, "prod").unwrap());
    }
}
