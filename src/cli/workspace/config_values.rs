//! A stack's configuration values on their way into the components of `semantest-iac.yaml` (`${config.<name>}`).

use std::collections::BTreeMap;

use state::{ConfigKey, StackSettings};

use super::project::SelectedStack;
use super::pulumi_files;
use crate::adapters::configuration::{Configuration, ConfigurationErrors};
use crate::cli::compose::new_passphrase;
use crate::cli::compose::ports::{self, settings_failure};
use crate::cli::compose::store;
use crate::cli::failure::Failure;
use crate::cli::process::session::Session;
use crate::domain::component::Component;
use crate::domain::config_text::ConfigText;
use crate::ports::{ConfigEntry, ConfigPlace};

/// Puts the values that the components refer to into them, secrets decrypted. From now on those are taken out of whatever is
/// written. Names in environment variables that aren't known stay so; [`missing`] tells them.
///
/// # Errors
/// When the values can't be read, a secret can't be decrypted, or a component can't be read with them or without one.
pub async fn take(
    session: &Session,
    configuration: &mut Configuration,
    selected: &SelectedStack,
) -> Result<(), Failure> {
    let Some(environment) = selected.environment.as_ref().map(ToString::to_string) else { return Ok(()) };
    let names = configuration.config_names(&environment)?;
    if names.is_empty() {
        return Ok(());
    }
    let url = store::url(&session.process, configuration.state())?;
    let passphrase = new_passphrase::sources(session, None);
    let stack = ports::open_configuration(session, &url, configuration, selected, passphrase).await?;
    let mut values = BTreeMap::new();
    for name in names {
        let found = stack.value(&ConfigPlace { key: name.clone(), is_path: false }).await;
        if let Some(entry) = found.map_err(crate::cli::commands::store_failure)? {
            hide(session, &entry);
            values.insert(name, ConfigText { text: entry.value.to_string(), is_secret: entry.is_secret });
        }
    }
    configuration.fill_config(&environment, &|name| values.get(name).cloned())?;
    match missing(configuration, &environment, selected.name.as_str(), &[])? {
        Some(errors) => Err(errors.into()),
        None => Ok(()),
    }
}

/// Makes the redactor know a secret value: as a whole, and each text in it.
fn hide(session: &Session, entry: &ConfigEntry) {
    if !entry.is_secret {
        return;
    }
    let redactor = session.output.redactor();
    redactor.add_secret(&entry.value);
    if let Ok(value) = serde_json::from_str(&entry.value) {
        let mut left: Vec<serde_json::Value> = vec![value];
        while let Some(value) = left.pop() {
            match value {
                serde_json::Value::String(text) => redactor.add_secret(&text),
                serde_json::Value::Array(items) => left.extend(items),
                serde_json::Value::Object(map) => left.extend(map.into_iter().map(|(_, value)| value)),
                _ => {}
            }
        }
    }
}

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
