//! The records that recovery settles against: the state's, and what has been found since.

use std::collections::HashMap;
use std::sync::Arc;

use resource_graph::{ResourceRecord, ResourceTypes, Urn};

use crate::application::error::ApplicationError;
use crate::application::steps::ownership::ThingKey;
use crate::domain::deployment::{PlannedStep, ResourceOperation};
use crate::ports::{ResourceState, StackSnapshot};

/// Where the records of the state and of what has been found are looked up.
pub(super) struct Records {
    pub(super) live: HashMap<Urn, Arc<ResourceRecord>>,
    /// Old copies that wait to be deleted; there may be several of one resource.
    pub(super) old_copies: HashMap<Urn, Vec<Arc<ResourceRecord>>>,
    /// What is somebody's already.
    pub(super) by_key: HashMap<ThingKey, Urn>,
    pub(super) provider: Option<String>,
    /// References that records don't hold: who refers (`None`: an old copy), and to what.
    pub(super) others: Vec<(Option<Urn>, String)>,
}

impl Records {
    pub(super) fn of(snapshot: &StackSnapshot, types: &dyn ResourceTypes) -> Result<Self, ApplicationError> {
        let mut records = Self {
            live: HashMap::new(),
            old_copies: HashMap::new(),
            by_key: HashMap::new(),
            provider: None,
            others: Vec::new(),
        };
        for resource in &snapshot.resources {
            let record = resource.to_record().map_err(|error| ApplicationError::of_record(resource.urn(), &error))?;
            let referrer = (!record.pending_deletion).then(|| record.urn.clone());
            let mut refer = |urn: &str| {
                if !record.dependencies.iter().any(|known| known.as_str() == urn) {
                    records.others.push((referrer.clone(), urn.to_owned()));
                }
            };
            resource.deleted_with().into_iter().for_each(&mut refer);
            resource.for_each_other_reference(&mut refer);
            if record.type_token.is_provider() && records.provider.is_none() {
                records.provider = record.id.as_ref().map(|id| format!("{}::{id}", record.urn));
            }
            if let Some(key) = ThingKey::of(types, &record) {
                records.by_key.insert(key, record.urn.clone());
            }
            if record.pending_deletion {
                records.old_copies.entry(record.urn.clone()).or_default().push(record);
            } else {
                records.live.insert(record.urn.clone(), record);
            }
        }
        // The provider of what is there is that of what is found.
        let used = records.live.values().find_map(|record| record.provider.clone());
        records.provider = used.or(records.provider);
        Ok(records)
    }

    pub(super) fn copies_of(&self, urn: &Urn) -> &[Arc<ResourceRecord>] {
        self.old_copies.get(urn).map_or(&[], Vec::as_slice)
    }

    /// The copy that a deletion is about.
    pub(super) fn deleted_by(&self, step: &PlannedStep) -> Option<&Arc<ResourceRecord>> {
        let is_it = |record: &&Arc<ResourceRecord>| record.id == step.id;
        let live = || self.live.get(&step.urn).filter(|record| !record.pending_replacement);
        match step.operation {
            ResourceOperation::DeleteReplaced => {
                self.copies_of(&step.urn).iter().find(is_it).or_else(|| live().filter(is_it))
            }
            _ => live(),
        }
    }

    /// Whether what was found belongs to another resource of the state, or is a copy of this one that is known already.
    pub(super) fn is_taken(&self, urn: &Urn, found: &ResourceState, types: &dyn ResourceTypes) -> bool {
        let key = ThingKey::new(types, &urn.type_token(), &found.id, &found.inputs);
        let live = self.live.get(urn).filter(|record| !record.pending_replacement);
        let mut copies = live.into_iter().chain(self.copies_of(urn));
        self.by_key.get(&key).is_some_and(|owner| owner != urn)
            || copies.any(|copy| ThingKey::of(types, copy).as_ref() == Some(&key))
    }
}
