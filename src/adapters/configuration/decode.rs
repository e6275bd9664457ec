//! Reads what isn't a component of a tree that has passed the check against the shape.

use std::path::Path;

use crate::domain::provider::Provider;
use crate::domain::violation::FieldPath;
use crate::ports::CloudSettings;

use super::clouds::Clouds;
use super::document::tree::{Content, Node};
use super::form::fields;
use super::form::view::{Decoded, View};
use super::settings::{LeaseSpan, StateEncryption, StateLocation};
use super::shape::{ObjectShape, Shape};

/// What an environment, written in `node`, says of the clouds.
pub fn clouds(node: &Node, clouds: &Clouds) -> Vec<(Provider, CloudSettings)> {
    let sections = clouds.iter().filter_map(|cloud| {
        let provider = cloud.provider();
        let section = node.get(provider.as_str())?;
        let mut values = Vec::new();
        single_values(section, cloud.settings(), "", &mut values);
        Some((provider, values.into_iter().collect()))
    });
    sections.collect()
}

/// The single values of a mapping, or what holds where they are left out, and those of the mappings in it.
fn single_values(node: &Node, shape: &'static ObjectShape, under: &str, found: &mut Vec<(String, String)>) {
    for field in shape.fields {
        let key = format!("{under}{}", field.key);
        match (node.get(field.key), &field.shape) {
            (Some(inner), Shape::Object(shape)) => single_values(inner, shape, &format!("{key}."), found),
            (inner, _) => match inner.map(|inner| &inner.content) {
                Some(Content::Scalar(scalar)) => found.push((key, scalar.text.clone())),
                _ => found.extend(field.default.map(|default| (key, default.to_owned()))),
            },
        }
    }
}

/// The resources that an environment, written in `node`, takes over: ours, and theirs.
pub fn adopted(node: &Node) -> Vec<(String, String)> {
    let entries = node.get("adopt").map(Node::entries).unwrap_or_default().iter();
    let pairs = entries.filter_map(|entry| match &entry.value.content {
        Content::Scalar(scalar) => Some((entry.key.clone(), scalar.text.clone())),
        _ => None,
    });
    pairs.collect()
}

/// What kind of secrets manager new stacks get, by the file's root `node`. What is wrong with it the check against the shape
/// has told already.
pub fn secrets_provider(node: &Node) -> state::NewSecrets {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    let view = root.object("state", &fields::STATE);
    view.written("secrets-provider").and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Where state is kept, by the file's root `node`.
///
/// # Errors
/// When the URL is none, which the check against the shape has told already.
pub fn state_location(node: &Node, folder: &Path) -> Decoded<StateLocation> {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    let view = root.object("state", &fields::STATE);
    let url = view.written("url").unwrap_or_default();
    let location = StateLocation::new(url, folder).map_err(|error| view.refuse("url", &error))?;
    Ok(if view.has("url") { location } else { location.by_default() })
}

/// What of the state is encrypted, by the file's root `node`.
///
/// # Errors
/// When there is no such encryption, which the check against the shape has told already.
pub fn state_encryption(node: &Node) -> Decoded<StateEncryption> {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    Ok(root.object("state", &fields::STATE).optional("encryption")?.unwrap_or_default())
}

/// How long the lease of a stack's lock runs, by the file's root `node`.
///
/// # Errors
/// When it is no such time, which the check against the shape has told already.
pub fn state_lease(node: &Node) -> Decoded<LeaseSpan> {
    View::root(node, &fields::ROOT, FieldPath::root()).object("state", &fields::STATE).required("lease")
}
