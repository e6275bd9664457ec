//! Physical names that resources keep: the blueprint's own names are for what is yet to be made.

use resource_graph::{Ownership, ResourceSpec, Urn};

use super::Mapping;
use super::candidates::Candidates;
use super::matching::{Mapped, resolve_mappings};
use crate::application::error::ApplicationError;
use crate::ports::{Cloud, PhysicalNames, RecordedResource};

/// The names of what is recorded as ours.
pub fn kept(cloud: &dyn Cloud, records: &[RecordedResource]) -> PhysicalNames {
    let ownership = Ownership::of(records);
    let mut names = PhysicalNames::default();
    for (index, record) in records.iter().enumerate() {
        if !record.marks().pending_deletion && !ownership.is_foreign(index) {
            keep(cloud, record.urn(), record, &mut names);
        }
    }
    names
}

/// The names of what is said to be ours.
///
/// # Errors
/// When a mapping names nothing, or several things.
pub fn mapped(
    cloud: &dyn Cloud,
    mappings: &[Mapping],
    specs: &[ResourceSpec],
    records: &[RecordedResource],
    all_wanted: bool,
) -> Result<PhysicalNames, ApplicationError> {
    let ownership = Ownership::of(records);
    let specs: Vec<&ResourceSpec> = specs.iter().collect();
    let wanted = specs.iter().map(|spec| &spec.urn).collect();
    let candidates = Candidates::of(cloud, &ownership, records, all_wanted.then_some(&wanted));
    let mut names = PhysicalNames::default();
    for Mapped { spec, record } in resolve_mappings(cloud, mappings, &specs, &candidates, &ownership, all_wanted)? {
        keep(cloud, &spec.urn, record, &mut names);
    }
    Ok(names)
}

fn keep(cloud: &dyn Cloud, urn: &Urn, record: &RecordedResource, names: &mut PhysicalNames) {
    let Some(input) = cloud.resource(&urn.type_token()).and_then(|provider| provider.adoption_facts().name_input)
    else {
        return;
    };
    // Outputs repeat the name, and reading one of them decrypts nothing else.
    let name = record.output(&[input.to_owned()]).ok().flatten();
    if let Some(name) = name.as_ref().and_then(|name| name.as_str()).filter(|name| !name.is_empty()) {
        names.insert(urn.clone(), name.to_owned());
    }
}
