//! Whose a thing in the cloud is, according to the state.

use std::collections::HashMap;

use resource_graph::{PropertyMap, ResourceRecord, ResourceTypes, TypeToken, Urn};

use crate::ports::{Found, ProviderError, ProviderErrorKind, RecordedResource, Whose};

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

/// Why something that stands where a resource is to be made is left alone; `None` when it is gone on with. `reclaim` takes what a
/// stack of the same name has made for ours, whose state was lost.
pub fn refusal(owner: &Owner, found: &Found, reclaim: bool) -> Option<ProviderError> {
    let id = &found.state.id;
    if let Owner::Other(owner) = owner {
        let error = exists(format!("{id} exists already: it is {owner} of this stack"));
        return Some(error.with_hint("choose another name, or first deploy without the one, then with the other"));
    }
    match &found.whose {
        Whose::Ours => None,
        Whose::Namesake(_) if reclaim => None,
        Whose::Namesake(maker) => {
            let message = format!("{id} belongs to another stack of the same name{}", maker.described());
            Some(exists(message).with_hint(maker.hint()))
        }
        Whose::Others => Some(exists(format!("{id} exists already and wasn't made by this stack")).with_hint(
            "it isn't ours, so it is left alone: delete or rename it, or choose another name for the component",
        )),
    }
}

/// An error about something that stands there already.
pub fn exists(message: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::AlreadyExists, message)
}
