//! A stack's configuration values, and who encrypts its secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::{ApplicationError, ErrorKind};
use crate::ports::{ConfigChange, ConfigEntry, ConfigKind, ConfigPlace, SecretsChange, StackConfiguration, StoreError};

/// A configuration value, with Pulumi's members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigValueDocument {
    /// The value as text; left out where it is secret and wasn't asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value, where it is a list or map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_value: Option<serde_json::Value>,
    /// Whether a part of it is secret.
    pub secret: bool,
}

impl ConfigValueDocument {
    /// A value; `shown` says whether its secrets may be.
    pub fn of(entry: &ConfigEntry, shown: bool) -> Self {
        let is_shown = shown || !entry.is_secret;
        let object = || serde_json::from_str(&entry.value).ok();
        Self {
            value: is_shown.then(|| entry.value.to_string()),
            object_value: (is_shown && entry.is_object).then(object).flatten(),
            secret: entry.is_secret,
        }
    }
}

/// The values by their keys.
pub type ConfigDocument = BTreeMap<String, ConfigValueDocument>;

/// What a change of the secrets manager has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretsChangeDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The manager before; left out when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The manager now: `passphrase`, or the URL of a cloud's key.
    pub after: String,
    /// How many configuration values were encrypted anew.
    pub config_values: usize,
    /// Whether there is a state, which was encrypted anew.
    pub state: bool,
}

impl From<SecretsChange> for SecretsChangeDocument {
    fn from(change: SecretsChange) -> Self {
        let SecretsChange { before, after, config_values, state } = change;
        Self { schema_version: 1, before, after, config_values, state }
    }
}

/// One value, its secrets decrypted.
///
/// # Errors
/// When there is none, or it can't be decrypted.
pub async fn get(config: &dyn StackConfiguration, place: &ConfigPlace) -> Result<ConfigEntry, ApplicationError> {
    match config.value(place).await? {
        Some(entry) => Ok(entry),
        None => Err(missing(config, place).await?),
    }
}

/// Sets values: all or none.
///
/// # Errors
/// When one of them looks like a secret and isn't to be encrypted (unless `looks_are_fine`), doesn't fit its place, or the
/// file can't be written.
pub async fn set(
    config: &dyn StackConfiguration,
    changes: &[ConfigChange],
    looks_are_fine: bool,
) -> Result<(), ApplicationError> {
    let suspicious = |change: &&ConfigChange| {
        change.kind != ConfigKind::Secret && looks_like_secret(&change.place.key, &change.value)
    };
    if let Some(change) = changes.iter().find(suspicious).filter(|_| !looks_are_fine) {
        let message = format!("config value for '{}' looks like a secret", change.place.key);
        return Err(ApplicationError::new(ErrorKind::Usage, "looks-like-secret", message)
            .with_hint("rerun with --secret to encrypt it, or --plaintext if you meant to store in plaintext"));
    }
    Ok(config.set(changes).await?)
}

/// Removes values: all or none.
///
/// # Errors
/// When none of them is there, or the file can't be written.
pub async fn remove(config: &dyn StackConfiguration, places: &[ConfigPlace]) -> Result<(), ApplicationError> {
    let missing_places = config.remove(places).await?;
    match missing_places.first() {
        Some(place) if missing_places.len() == places.len() => Err(missing(config, place).await?),
        _ => Ok(()),
    }
}

async fn missing(config: &dyn StackConfiguration, place: &ConfigPlace) -> Result<ApplicationError, StoreError> {
    let known: Vec<String> = config.values(false).await?.into_iter().map(|entry| entry.name).collect();
    let message = format!("configuration key '{}' not found in {}", place.key, config.location());
    let hint = match known.is_empty() {
        true => "there are no values yet: `semantest-iac config set` sets one".to_owned(),
        false => format!("there is: {}", known.join(", ")),
    };
    Ok(ApplicationError::new(ErrorKind::Failed, "config-missing", message).with_hint(hint))
}

/// Whether a value that isn't to be encrypted looks as if it should be: named like a secret, and as random as one. A guess
/// like Pulumi's, with the same thresholds on the entropy of the first characters.
fn looks_like_secret(key: &str, value: &str) -> bool {
    const NAMES: [&str; 5] = ["passwd", "pass", "pwd", "secret", "token"];
    const LONGEST: usize = 16;
    let name = key.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    if !NAMES.iter().any(|part| name.contains(part)) {
        return false;
    }
    let start: Vec<char> = value.chars().take(LONGEST).collect();
    let mut counts = BTreeMap::new();
    start.iter().for_each(|character| *counts.entry(character).or_insert(0_u32) += 1);
    let length = u32::try_from(start.len()).map_or(0.0, f64::from);
    let bits_each: f64 =
        counts.values().map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum();
    bits_each >= 3.0 && bits_each * length >= 40.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_under_a_secrets_name_looks_like_a_secret() {
        for (key, value, suspicious) in [
            ("dbPassword", "x8#kQ2!vLm9$zT4w", true),
            ("shop:apiToken", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", true),
            ("region", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", false),
            ("passwordPolicy", "strict", false),
            ("token", "", false),
            ("secret", "aaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(looks_like_secret(key, value), suspicious, "{key}");
        }
    }

    #[test]
    fn a_secret_is_in_the_document_only_when_it_was_asked_for() {
        let entry = ConfigEntry {
            key: "shop:a".to_owned(),
            name: "a".to_owned(),
            value: r#"{"x":1}"#.to_owned().into(),
            is_object: true,
            is_secret: true,
        };
        let shown = serde_json::to_value(ConfigValueDocument::of(&entry, true)).unwrap();
        assert_eq!(shown, serde_json::json!({ "value": "{\"x\":1}", "objectValue": { "x": 1 }, "secret": true }));
        let hidden = serde_json::to_value(ConfigValueDocument::of(&entry, false)).unwrap();
        assert_eq!(hidden, serde_json::json!({ "secret": true }));
    }
}
