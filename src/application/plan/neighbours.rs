//! Which resources a refresh looks at beside one that turned out to be gone: whoever deleted that may have deleted more, and
//! what belonged to it died with it.

use std::collections::HashMap;

use resource_graph::Ownership;

use super::planning::places;
use crate::ports::RecordedResource;

/// For each recorded resource of ours, what is near it: what it depends on, what depends on it, and what belongs to the same
/// component. Made once for a state, since all of its resources may be gone.
pub struct Neighbours {
    /// By place among the records; places of live records.
    linked: Vec<Vec<usize>>,
    /// The place's component among `families`.
    family: Vec<Option<usize>>,
    /// All that belongs to a component; empty once it has been told.
    families: Vec<Vec<usize>>,
}

impl Neighbours {
    /// Looks through the records of a state. An old copy, too, leads to the resource that it is a copy of.
    pub fn of(records: &[RecordedResource]) -> Self {
        let live = places(records);
        let ownership = Ownership::of(records);
        let is_ours: Vec<bool> = (0..records.len()).map(|place| !ownership.is_foreign(place)).collect();
        let mut neighbours =
            Self { linked: vec![Vec::new(); records.len()], family: vec![None; records.len()], families: Vec::new() };
        let mut parents: HashMap<&str, usize> = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            let Some(own) = live.get(record.urn()).copied() else { continue };
            record.for_each_dependency(&mut |urn| {
                let Some(needed) = live.get(urn).copied() else { return };
                if is_ours[own] {
                    neighbours.linked[needed].push(own);
                }
                if is_ours[needed] && own == place {
                    neighbours.linked[place].push(needed);
                }
            });
            if let Some(parent) = record.parent() {
                let family = *parents.entry(parent).or_insert_with(|| {
                    neighbours.families.push(Vec::new());
                    neighbours.families.len() - 1
                });
                neighbours.family[place] = Some(family);
                if is_ours[own] {
                    neighbours.families[family].push(own);
                }
            }
        }
        neighbours
    }

    /// The places of what is near a resource, less what has been told already.
    pub fn take(&mut self, place: usize) -> impl Iterator<Item = usize> + use<> {
        let family = self.family[place].map(|family| std::mem::take(&mut self.families[family]));
        std::mem::take(&mut self.linked[place]).into_iter().chain(family.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resource_graph::{ResourceRecord, TypeToken, Urn};

    use super::*;

    fn urn(token: &str, name: &str) -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new(token), name)
    }

    fn record(name: &str, parent: Option<&Urn>, dependencies: &[&str]) -> ResourceRecord {
        let mut record = ResourceRecord::new(urn("a:b:C", name), true);
        record.parent = parent.cloned();
        record.dependencies = dependencies.iter().map(|name| urn("a:b:C", name)).collect();
        record
    }

    fn neighbours(records: Vec<ResourceRecord>) -> Neighbours {
        Neighbours::of(&records.into_iter().map(|record| Arc::new(record) as RecordedResource).collect::<Vec<_>>())
    }

    fn taken(neighbours: &mut Neighbours, place: usize) -> Vec<usize> {
        let mut taken: Vec<usize> = neighbours.take(place).collect();
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    #[test]
    fn what_is_near_is_needed_or_needs_it_or_is_a_part_of_the_same() {
        let (one, two) = (urn("our:index:Group", "one"), urn("our:index:Group", "two"));
        let mut copy = record("part", Some(&two), &["gone"]);
        copy.pending_deletion = true;
        let records = vec![
            record("base", None, &[]),
            record("gone", Some(&one), &["base", "nobody"]),
            record("sibling", Some(&one), &[]),
            record("above", Some(&two), &["gone"]),
            record("part", Some(&two), &[]),
            copy,
            record("far", Some(&two), &["base"]),
        ];
        assert_eq!(taken(&mut neighbours(records), 1), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn however_many_are_gone_each_part_and_each_dependency_is_told_once() {
        let group = urn("our:index:Group", "all");
        let names: Vec<String> = (0..50).map(|index| index.to_string()).collect();
        let records = (0..50).map(|index| {
            let before: Vec<&str> = names[..index].last().map(String::as_str).into_iter().collect();
            record(&names[index], Some(&group), &before)
        });
        let mut neighbours = neighbours(records.collect());
        let told: usize = (0..50).map(|place| neighbours.take(place).count()).sum();
        // Fifty parts, and forty-nine dependencies from both of their ends.
        assert_eq!(told, 50 + 2 * 49);
    }
}
