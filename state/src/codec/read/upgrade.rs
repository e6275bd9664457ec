//! What old versions leave out, put in as Pulumi does when it reads them.

use std::collections::BTreeMap;

use crate::codec::json::{Json, members};
use crate::model::deployment::Deployment;
use crate::model::resource::Resource;

/// The first version whose resources say which input depends on what.
const PROPERTY_DEPENDENCIES: u64 = 3;

/// Brings a state up to what its successors say.
pub(super) fn upgrade(deployment: &mut Deployment, version: u64) {
    if version < PROPERTY_DEPENDENCIES {
        deployment.resources.iter_mut().for_each(add_property_dependencies);
        deployment.pending_operations.iter_mut().for_each(|it| add_property_dependencies(&mut it.resource));
    }
}

/// As nothing is known, each input may depend on all that the resource depends on.
fn add_property_dependencies(resource: &mut Resource) {
    let Some(inputs) = resource.inputs.json().filter(|_| resource.property_dependencies.is_none()) else { return };
    let urns = Some(&resource.dependencies).filter(|urns| !urns.is_empty());
    // The text was checked when it was read.
    let names = members(inputs.as_str()).unwrap_or_default();
    let map: BTreeMap<_, _> = names.iter().map(|(name, _)| (name.as_ref(), urns)).collect();
    if let Ok(value) = serde_json::to_value(&map) {
        resource.edit().property_dependencies = Some(Json::of(&value));
    }
}
