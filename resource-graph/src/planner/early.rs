//! Deletes that can't wait until the end, since a replacement has to delete its old copy first.
//!
//! What is linked to that copy by an input that would force a replacement (a policy to its role, a route to its API) can't
//! outlive it: it goes before, and if it is wanted further on, it is replaced by deleting first as well. Looser references
//! don't stand in the way; what holds them is updated as soon as the new copy is there.

use foldhash::{HashMap, HashSet};

use super::decision::{Details, Fate};
use super::removals::{RecordFate, is_removal};
use super::{PlanError, Planner};
use crate::resource::recorded::Recorded;

/// A resource that may have to go early.
#[derive(Clone, Copy)]
enum Candidate {
    /// A wanted one that is replaced, by its position.
    Replaced(u32),
    /// One that is no longer wanted, by its record's index.
    Removed(u32),
}

impl<R: Recorded> Planner<'_, R> {
    fn positions(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.specs.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn deletes_first(&self, position: u32) -> bool {
        self.decisions[position as usize].deletes_first()
    }

    /// Finds all that can't outlive something that is deleted first.
    pub(super) fn spread_early_deletions(&mut self) -> Result<(), PlanError> {
        if !self.positions().any(|position| self.deletes_first(position)) {
            return Ok(());
        }
        // For each record, what may not outlive it.
        let mut linked: HashMap<u32, Vec<Candidate>> = HashMap::default();
        let mut link = |candidate: Candidate, links: HashSet<u32>| {
            links.into_iter().for_each(|index| linked.entry(index).or_default().push(candidate));
        };
        for position in self.positions() {
            let decision = &self.decisions[position as usize];
            if decision.fate == Fate::Replace
                && let Some(details) = decision.details.as_ref().filter(|details| !details.keep_old)
            {
                let mut links = self.wanted_links(position, details);
                if let Some(index) = self.record_of(position) {
                    links.extend(self.recorded_links(index)?);
                }
                link(Candidate::Replaced(position), links);
            }
        }
        for (index, fate) in (0..).zip(&self.fates) {
            if is_removal(fate) {
                link(Candidate::Removed(index), self.recorded_links(index)?);
            }
        }
        let mut open: Vec<u32> = linked.keys().copied().filter(|index| self.goes_early(*index)).collect();
        while let Some(index) = open.pop() {
            for candidate in linked.remove(&index).into_iter().flatten() {
                match candidate {
                    Candidate::Removed(index) => open.extend(self.early.insert(index).then_some(index)),
                    Candidate::Replaced(position) => {
                        open.extend(self.record_of(position));
                        if let Some(details) = self.decisions[position as usize].details.as_mut() {
                            details.delete_first = true;
                            details.conditional = false;
                        }
                    }
                }
            }
        }
        self.add_early_followers();
        Ok(())
    }

    /// Whether the live record's copy goes before the rest is made.
    fn goes_early(&self, index: u32) -> bool {
        self.early.contains(&index) || self.is_deleted_first(index)
    }

    fn is_deleted_first(&self, index: u32) -> bool {
        let position = self.position.get(self.record(index).urn().as_str());
        self.fates[index as usize] == RecordFate::Wanted
            && position.is_some_and(|position| self.deletes_first(*position))
    }

    /// Records of the resources that inputs come from which force a replacement and aren't known yet.
    fn wanted_links(&self, position: u32, details: &Details) -> HashSet<u32> {
        let spec = self.specs[position as usize];
        let mut links = HashSet::default();
        for change in details.changes.iter().filter(|change| change.forces_replacement && !change.is_certain()) {
            if let Some(value) = change.path.root().and_then(|root| spec.inputs.get(root)) {
                value.for_each_reference(&mut |reference| links.extend(self.live.get(reference.urn.as_str())));
            }
        }
        links
    }

    /// Records of the resources that the recorded copy is linked to by inputs that would force a replacement.
    fn recorded_links(&self, index: u32) -> Result<HashSet<u32>, PlanError> {
        let record = self.record(index);
        let mut links = HashSet::default();
        if let Some(info) = self.types.info(&record.urn().type_token()) {
            let record = record.to_record().map_err(self.unreadable(index))?;
            for (input, urns) in &record.property_dependencies {
                if info.replace_on.contains(&input.as_str()) {
                    links.extend(urns.iter().filter_map(|urn| self.live.get(urn.as_str())));
                }
            }
        }
        Ok(links)
    }

    /// Records that are no longer wanted and refer, however loosely, to what goes early do so too, if nothing has to be
    /// moved away from them first.
    fn add_early_followers(&mut self) {
        let dependants = self.dependants();
        let above = |index: u32| dependants.get(&index).into_iter().flatten().copied();
        let mut open: Vec<u32> = self.early.iter().copied().collect();
        open.extend((0..).zip(self.records).map(|(index, _)| index).filter(|index| self.is_deleted_first(*index)));
        let mut followers: HashSet<u32> = HashSet::default();
        while let Some(index) = open.pop() {
            for dependant in above(index) {
                let follows = is_removal(&self.fates[dependant as usize]) && !self.early.contains(&dependant);
                if follows && followers.insert(dependant) {
                    open.push(dependant);
                }
            }
        }
        let goes = |index: u32| followers.contains(&index) || self.goes_early(index);
        let mut staying: Vec<u32> = followers.iter().copied().filter(|index| !above(*index).all(goes)).collect();
        let mut stays: HashSet<u32> = staying.iter().copied().collect();
        while let Some(index) = staying.pop() {
            // What stays for now keeps what it refers to.
            self.for_each_needed(index, &mut |needed| {
                if followers.contains(&needed) && stays.insert(needed) {
                    staying.push(needed);
                }
            });
        }
        self.early.extend(followers.difference(&stays));
    }

    /// For each position, whether the resource is deleted first or needs one that is.
    pub(super) fn below_deleted_first(&self) -> Vec<bool> {
        let mut below = vec![false; self.specs.len()];
        for (place, needs) in self.needs.iter().enumerate() {
            below[place] = self.decisions[place].deletes_first() || needs.iter().any(|needed| below[*needed as usize]);
        }
        below
    }

    /// Resources that are deleted first and must be gone before another one that is deleted first, or that come after
    /// such a one: whether their own replacement is needed can't be waited for.
    pub(super) fn settle_conditions(&mut self, dependants: &HashMap<u32, Vec<u32>>) {
        let below = self.below_deleted_first();
        let mut certain: HashSet<u32> = HashSet::default();
        // What refers to an old copy, also by way of records that are removed. Wherever the way began: once is enough.
        let mut seen: HashSet<u32> = HashSet::default();
        for position in self.positions().filter(|position| self.deletes_first(*position)) {
            if self.needs[position as usize].iter().any(|needed| below[*needed as usize]) {
                certain.insert(position);
            }
            let mut open: Vec<u32> = self.record_of(position).into_iter().collect();
            while let Some(index) = open.pop() {
                for above in dependants.get(&index).into_iter().flatten().filter(|above| seen.insert(**above)) {
                    match self.position.get(self.record(*above).urn().as_str()) {
                        Some(position) if self.fates[*above as usize] == RecordFate::Wanted => {
                            certain.extend(self.deletes_first(*position).then_some(*position));
                        }
                        _ => open.push(*above),
                    }
                }
            }
        }
        for position in certain {
            if let Some(details) = self.decisions[position as usize].details.as_mut() {
                details.conditional = false;
            }
        }
    }
}
