//! What a stack shows and what happened to it, as JSON values and texts.

use std::collections::BTreeMap;

use resource_graph::{PropertyMap, Urn, Value};
use serde_json::Value as Tree;
use state::{Crypter, Properties, UpdateInfo, ValueDecoder, ValueEncoder, ValueError};

use super::StateAdministration;
use super::edits::near_names;
use crate::adapters::state_store::secrets::StackSecrets;
use crate::adapters::state_store::store_error;
use crate::ports::{GraphNode, HistoryRecord, RecordedSetting, StackAddress, StoreError, StoreErrorKind};

/// What stands for a secret that isn't shown; Pulumi's text.
const HIDDEN: &str = "[secret]";

impl StateAdministration {
    pub(super) async fn shown_outputs(
        &self,
        address: &StackAddress,
        show_secrets: bool,
    ) -> Result<serde_json::Map<String, Tree>, StoreError> {
        let loaded = self.load(address).await?;
        let Some(root) = loaded.deployment.root() else { return Ok(serde_json::Map::new()) };
        let shown = shown(&root.outputs, loaded.secrets.as_ref(), show_secrets);
        match shown.map_err(|error| store_error(&error.into()))? {
            Tree::Object(map) => Ok(map),
            _ => Ok(serde_json::Map::new()),
        }
    }

    pub(super) async fn shown_resources(
        &self,
        address: &StackAddress,
        urn: &Urn,
        show_secrets: bool,
    ) -> Result<Vec<Tree>, StoreError> {
        let loaded = self.load(address).await?;
        let found: Vec<_> = loaded.deployment.resources.iter().filter(|resource| resource.urn == *urn).collect();
        if found.is_empty() {
            let message = format!("No such resource \"{urn}\" exists in the current state");
            let hint = near_names(std::slice::from_ref(urn), &loaded.deployment);
            return Err(StoreError::new(StoreErrorKind::Missing, message).with_hint(hint));
        }
        let broken = |error: serde_json::Error| StoreError::new(StoreErrorKind::Corrupt, error.to_string());
        let mut shown_resources = Vec::new();
        for resource in found {
            let mut tree: Tree = resource.to_json().parse().map_err(broken)?;
            for (name, properties) in [("inputs", &resource.inputs), ("outputs", &resource.outputs)] {
                let value = shown(properties, loaded.secrets.as_ref(), show_secrets);
                let value = value.map_err(|error| store_error(&error.into()))?;
                if tree.get(name).is_some() {
                    tree[name] = value;
                }
            }
            shown_resources.push(tree);
        }
        Ok(shown_resources)
    }

    pub(super) async fn nodes(&self, address: &StackAddress) -> Result<Vec<GraphNode>, StoreError> {
        let loaded = self.load(address).await?;
        let node = |resource: &state::Resource| {
            let mut properties = resource.property_dependencies();
            properties.sort();
            let inputs = |urn: &Urn| {
                let named = properties.iter().filter(|(_, urns)| urns.contains(urn));
                named.map(|(name, _)| name.clone()).collect()
            };
            GraphNode {
                urn: resource.urn.clone(),
                parent: resource.parent.clone(),
                dependencies: resource.dependencies.iter().map(|urn| (urn.clone(), inputs(urn))).collect(),
            }
        };
        Ok(loaded.deployment.resources.iter().map(node).collect())
    }

    pub(super) async fn records(
        &self,
        address: &StackAddress,
        show_secrets: bool,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        let loaded = self.load(address).await?;
        let id = Self::id(address)?;
        let entries = self.store.history(&id, usize::MAX).await.map_err(|error| store_error(&error))?;
        let count = entries.len();
        let secrets = show_secrets.then(|| loaded.secrets.as_ref());
        let records = entries.into_iter().enumerate();
        records.map(|(place, entry)| record(count - place, entry.update, secrets)).collect()
    }
}

/// Properties as JSON: secrets hidden, or as what they hold.
fn shown(properties: &Properties, secrets: &StackSecrets, show_secrets: bool) -> Result<Tree, ValueError> {
    let decoder = match show_secrets {
        true => ValueDecoder::revealing(secrets),
        false => ValueDecoder::hiding(),
    };
    let map: PropertyMap =
        decoder.properties(properties)?.into_iter().map(|(name, value)| (name, bare(value, show_secrets))).collect();
    let properties = ValueEncoder::without_secrets().properties(&map, &Properties::none())?;
    let malformed = |error: serde_json::Error| ValueError::Malformed(error.to_string());
    properties.json().map_or_else(|| Ok(Tree::Object(serde_json::Map::new())), |json| json.parse().map_err(malformed))
}

/// A value without the marks of secrets.
fn bare(value: Value, show_secrets: bool) -> Value {
    match value {
        Value::Secret(_) if !show_secrets => Value::from(HIDDEN),
        Value::Secret(secret) => bare(secret.into_exposed(), show_secrets),
        Value::List(list) => Value::List(list.into_iter().map(|value| bare(value, show_secrets)).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(name, value)| (name, bare(value, show_secrets))).collect()),
        other => other,
    }
}

fn record(number: usize, update: UpdateInfo, secrets: Option<&StackSecrets>) -> Result<HistoryRecord, StoreError> {
    let mut config = BTreeMap::new();
    for (key, value) in update.config {
        config.insert(key, setting(value, secrets)?);
    }
    Ok(HistoryRecord {
        number,
        version: update.version,
        kind: update.kind,
        result: update.result,
        started: update.start_time,
        ended: update.end_time,
        message: update.message,
        environment: update.environment,
        config,
        changes: update.resource_changes,
    })
}

/// A value of a recorded configuration (SPEC.md section 5): a text, `{"secure": …}`, or an object with such in it.
fn setting(mut value: Tree, secrets: Option<&StackSecrets>) -> Result<RecordedSetting, StoreError> {
    let secret = holds_secret(&value);
    if secret {
        let Some(secrets) = secrets else {
            return Ok(RecordedSetting { value: None, is_object: false, secret });
        };
        reveal(&mut value, secrets)?;
    }
    let is_object = value.is_object() || value.is_array();
    let text = match value {
        Tree::String(text) => text,
        other => other.to_string(),
    };
    Ok(RecordedSetting { value: Some(text), is_object, secret })
}

fn ciphertext(value: &Tree) -> Option<&str> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.get("secure")?.as_str()
}

fn holds_secret(value: &Tree) -> bool {
    match value {
        Tree::Object(map) => ciphertext(value).is_some() || map.values().any(holds_secret),
        Tree::Array(list) => list.iter().any(holds_secret),
        _ => false,
    }
}

fn reveal(value: &mut Tree, secrets: &StackSecrets) -> Result<(), StoreError> {
    if let Some(ciphertext) = ciphertext(value) {
        let text = secrets.decrypt(ciphertext).map_err(|error| store_error(&error.into()))?;
        *value = Tree::String(text.to_string());
        return Ok(());
    }
    match value {
        Tree::Object(map) => map.values_mut().try_for_each(|value| reveal(value, secrets)),
        Tree::Array(list) => list.iter_mut().try_for_each(|value| reveal(value, secrets)),
        _ => Ok(()),
    }
}
