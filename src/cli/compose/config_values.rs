//! A stack's configuration values on their way into the components of `semantest-iac.yaml` (`${config.<name>}`): read from
//! the stack, secrets decrypted.

use std::collections::BTreeMap;

use super::{new_passphrase, ports, store};
use crate::adapters::configuration::Configuration;
use crate::cli::failure::{Failure, store_failure};
use crate::cli::process::session::Session;
use crate::cli::workspace::config_values::missing;
use crate::cli::workspace::project::SelectedStack;
use crate::domain::code::config_text::ConfigText;
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
        if let Some(entry) = found.map_err(store_failure)? {
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
