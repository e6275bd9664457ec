//! The records that could be taken over, and how a person names one of them.

use std::collections::{HashMap, HashSet};

use resource_graph::{Ownership, Urn};

use crate::ports::{Cloud, RecordedResource, ResourceProvider};

/// The records that stand for something in this cloud, in this region, and are nobody's here: those of other programs, and our
/// own that are wanted under no such name (another tool may have renamed them).
pub struct Candidates<'r> {
    records: Vec<&'r RecordedResource>,
    /// Places among them, by type.
    by_type: HashMap<&'r str, Vec<usize>>,
    foreign: HashSet<&'r Urn>,
}

impl<'r> Candidates<'r> {
    /// Looks through a state. `wanted` is everything that is wanted of the stack; where only a part of it is looked at, nothing of
    /// ours counts as left over. What is only read, gone, or waits to be deleted is nothing to go on with.
    pub fn of(
        cloud: &dyn Cloud,
        ownership: &Ownership<'_, RecordedResource>,
        records: &'r [RecordedResource],
        wanted: Option<&HashSet<&Urn>>,
    ) -> Self {
        let mut candidates = Self { records: Vec::new(), by_type: HashMap::new(), foreign: HashSet::new() };
        for (index, record) in records.iter().enumerate() {
            let (marks, is_foreign) = (record.marks(), ownership.is_foreign(index));
            let is_there = !marks.pending_deletion && !marks.pending_replacement && !marks.external;
            if !is_there
                || record.urn().type_token().is_stack()
                || !is_foreign && wanted.is_none_or(|wanted| wanted.contains(record.urn()))
            {
                continue;
            }
            if !cloud.is_elsewhere(record.as_ref()) {
                candidates.by_type.entry(record.urn().type_name()).or_default().push(candidates.records.len());
                candidates.records.push(record);
                candidates.foreign.extend(is_foreign.then(|| record.urn()));
            }
        }
        candidates
    }

    /// Whether another program made a record.
    pub fn is_foreign(&self, record: &RecordedResource) -> bool {
        self.foreign.contains(record.urn())
    }

    /// Those of a type, or of one that it had before.
    pub fn of_type(&self, provider: &dyn ResourceProvider) -> impl Iterator<Item = &'r RecordedResource> {
        let types = std::iter::once(&provider.info().token).chain(provider.adoption_facts().former_types);
        let mut places: Vec<usize> = types.filter_map(|name| self.by_type.get(name)).flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| self.records[place])
    }

    /// Those of a group's name.
    pub fn groups(&self, urn: &Urn) -> impl Iterator<Item = &'r RecordedResource> {
        self.records.iter().copied().filter(move |record| !record.marks().custom && record.urn() == urn)
    }
}

/// Whether a record is what a person wrote: its URN, the URN's last part, or its id.
pub fn is_named(record: &RecordedResource, text: &str) -> bool {
    record.urn().as_str() == text || record.urn().name() == text || record.id() == Some(text)
}

/// A record for people: its URN, and its id.
pub fn shown(record: &RecordedResource) -> String {
    match record.id() {
        Some(id) => format!("{} ({id})", record.urn()),
        None => record.urn().to_string(),
    }
}
