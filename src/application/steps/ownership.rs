//! Whose a thing in the cloud is, according to the state.

use std::collections::HashMap;

use resource_graph::{PropertyMap, ResourceRecord, ResourceTypes, TypeToken, Urn};

use crate::ports::RecordedResource;

/// What tells a thing in the cloud from all others: its type, its id, and what that is unique within, where it doesn't say
/// all by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThingKey {
    token: TypeToken,
    id: String,
    within: Vec<String>,
}

impl ThingKey {
    /// The key of a thing with this id and these inputs.
    pub fn new(types: &dyn ResourceTypes, token: &TypeToken, id: &str, inputs: &PropertyMap) -> Self {
        let within = types.info(token).map_or(&[][..], |info| info.id_within);
        let text = |input: &&str| inputs.get(input).and_then(|value| value.exposed().as_str()).unwrap_or_default();
        let within = within.iter().map(|input| text(input).to_owned()).collect();
        Self { token: token.clone(), id: id.to_owned(), within }
    }

    /// The key of what a record stands for; `None` when it has no id.
    pub fn of(types: &dyn ResourceTypes, record: &ResourceRecord) -> Option<Self> {
        Some(Self::new(types, &record.type_token, record.id.as_deref()?, &record.inputs))
    }
}

/// Whose a thing is, beside the resource that asks.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// No record stands for it, or only the resource's own that lives.
    Nobody,
    /// It is an old copy of the resource itself, which waits to be deleted.
    OldCopy,
    /// It is another resource's.
    Other(Urn),
}

/// All that a state holds, by key.
#[derive(Debug, Default)]
pub struct Owners(HashMap<ThingKey, Vec<(Urn, bool)>>);

impl Owners {
    /// Of these records. One that can't be read stands for nothing.
    pub fn of(types: &dyn ResourceTypes, records: &[RecordedResource]) -> Self {
        let mut owners = Self::default();
        for record in records.iter().filter(|record| record.marks().custom) {
            if let (Some(id), Ok(inputs)) = (record.id(), record.inputs()) {
                let key = ThingKey::new(types, &record.urn().type_token(), id, &inputs);
                owners.0.entry(key).or_default().push((record.urn().clone(), record.marks().pending_deletion));
            }
        }
        owners
    }

    /// Whose a thing is that was found for `urn`.
    pub fn owner(&self, urn: &Urn, key: &ThingKey) -> Owner {
        let owners = self.0.get(key).map_or(&[][..], Vec::as_slice);
        match owners.iter().find(|(owner, _)| owner != urn) {
            Some((owner, _)) => Owner::Other(owner.clone()),
            None if owners.iter().any(|(_, is_old_copy)| *is_old_copy) => Owner::OldCopy,
            None => Owner::Nobody,
        }
    }
}
