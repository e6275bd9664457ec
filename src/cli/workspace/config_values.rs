//! What components ask for of a stack's configuration values (`${config.<name>}`), checked without decrypting any.

use state::{ConfigKey, StackSettings};

use super::pulumi_files;
use crate::adapters::configuration::{Configuration, ConfigurationErrors};
use crate::cli::failure::Failure;
use crate::cli::failure::settings_failure;
use crate::domain::code::config_text::ConfigText;
use crate::domain::component::Component;

/// Puts the values into the components without decrypting any, for checks that need no more than to know what there is. Gives
/// what is wrong with them.
///
/// # Errors
/// When the settings of the stack can't be read.
pub fn take_blinded(
    configuration: &mut Configuration,
    environment: &str,
    stack: &str,
) -> Result<Option<ConfigurationErrors>, Failure> {
    if configuration.config_names(environment)?.is_empty() {
        return Ok(None);
    }
    let project = configuration.project_name().to_string();
    let settings = settings(configuration, stack)?;
    let filled = configuration.fill_config(environment, &|name| {
        let value = settings.value(&ConfigKey::in_project(name, &project).ok()?)?;
        Some(ConfigText { text: value.blinded(), is_secret: value.is_secret() })
    });
    Ok(filled.err())
}

/// As [`take_blinded`], for commands that look at components and deploy none.
///
/// # Errors
/// When a component can't be read with the values, or without one.
pub fn take_for_looking(configuration: &mut Configuration, environment: &str, stack: &str) -> Result<(), Failure> {
    let wrong = take_blinded(configuration, environment, stack)?;
    match ConfigurationErrors::joined(wrong.into_iter().chain(missing(configuration, environment, stack, &[])?)) {
        Some(errors) => Err(errors.into()),
        None => Ok(()),
    }
}

/// The values that components refer to and that there aren't, at their lines.
///
/// # Errors
/// When the settings of the stack can't be read.
pub fn missing(
    configuration: &Configuration,
    environment: &str,
    stack: &str,
    components: &[Component],
) -> Result<Option<ConfigurationErrors>, Failure> {
    if configuration.missing_config(environment, components, &[], "").is_none() {
        return Ok(None);
    }
    let settings = settings(configuration, stack)?;
    let project = configuration.project_name().as_str();
    let known: Vec<String> = settings.keys().map(|key| key.in_words(project)).collect();
    let file = settings.file().file_name().unwrap_or_default().to_string_lossy();
    Ok(configuration.missing_config(environment, components, &known, &file))
}

fn settings(configuration: &Configuration, stack: &str) -> Result<StackSettings, Failure> {
    let file = pulumi_files::stack_file(configuration.folder(), stack)?;
    StackSettings::read(&file).map_err(|error| settings_failure(&error))
}
