//! What happens to records that nothing wants any more, and which deletes can't wait until the end.

use foldhash::{HashMap, HashSet};

use super::decision::{Fate, is_free};
use super::{PlanError, Planner, Selection};
use crate::resource::ownership::is_foreign;
use crate::resource::recorded::Recorded;
use crate::{Reason, TypeToken, UntouchedReason, Urn};

/// What happens to a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RecordFate {
    /// It belongs to a wanted resource, whose decision holds.
    Wanted,
    /// It stays as it is.
    Keep(UntouchedReason),
    /// It goes.
    Delete,
    /// It goes from the state alone.
    Forget(Box<Reason>),
}

impl<R: Recorded> Planner<'_, R> {
    pub(super) fn decide_removals(&mut self) -> Result<(), PlanError> {
        let belongs = self.belonging();
        let mut fates: Vec<RecordFate> = (0..)
            .zip(self.records)
            .map(|(index, record)| {
                let marks = record.marks();
                let urn = record.urn();
                if !marks.pending_deletion && self.position.contains_key(urn.as_str()) {
                    return RecordFate::Wanted;
                }
                let token = urn.type_token();
                if token.is_stack() || is_default_provider(urn, &token) {
                    RecordFate::Keep(UntouchedReason::Bookkeeping)
                } else if marks.external {
                    RecordFate::Keep(UntouchedReason::External)
                } else if marks.custom && self.types.info(&token).is_none() {
                    RecordFate::Keep(UntouchedReason::UnknownType)
                } else if token.is_provider() || is_foreign(self.records, &self.live, index as usize) {
                    RecordFate::Keep(UntouchedReason::NotOurs)
                } else if !belongs(index) {
                    RecordFate::Keep(UntouchedReason::NotSelected)
                } else if marks.pending_replacement {
                    RecordFate::Forget(Box::new(Reason::InterruptedReplacement))
                } else if self.options.gone.contains(urn) && !marks.pending_deletion {
                    RecordFate::Forget(Box::new(Reason::GoneFromCloud))
                } else if marks.retain_on_delete && marks.custom {
                    RecordFate::Forget(Box::new(Reason::Retained))
                } else {
                    RecordFate::Delete
                }
            })
            .collect();
        drop(belongs);
        if fates.iter().any(is_removal) {
            self.keep_what_is_needed(&mut fates)?;
        }
        self.remove_bookkeeping(&mut fates);
        self.fates = fates;
        Ok(())
    }

    /// A stack that is destroyed as a whole loses its root and its providers, too.
    fn remove_bookkeeping(&self, fates: &mut [RecordFate]) {
        let is_bookkeeping = |fate: &RecordFate| *fate == RecordFate::Keep(UntouchedReason::Bookkeeping);
        let is_destroy = self.graph.is_empty() && self.options.selection == Selection::All;
        if is_destroy && fates.iter().all(|fate| is_removal(fate) || is_bookkeeping(fate)) {
            fates.iter_mut().filter(|fate| is_bookkeeping(fate)).for_each(|fate| *fate = RecordFate::Delete);
        }
    }

    /// Tells for each record whether the selection allows to remove it.
    fn belonging(&self) -> Box<dyn Fn(u32) -> bool + '_> {
        match &self.options.selection {
            Selection::All => Box::new(|_| true),
            Selection::Targets(targets) => Box::new(|index| targets.contains(self.record(index).urn())),
            Selection::Components(roots) => Box::new(|index| {
                let mut record = self.record(index);
                // A damaged state may hold parents in a circle.
                for _ in 0..self.records.len() {
                    if roots.contains(record.urn()) {
                        return true;
                    }
                    match record.parent().and_then(|parent| self.live.get(parent)) {
                        Some(parent) => record = self.record(*parent),
                        None => return record.parent().is_some_and(|parent| roots.contains(parent)),
                    }
                }
                false
            }),
        }
    }

    /// A record that stays must not lose what it refers to.
    fn keep_what_is_needed(&self, fates: &mut [RecordFate]) -> Result<(), PlanError> {
        let stays = |fate: &RecordFate, record: &R| match fate {
            RecordFate::Keep(_) => true,
            RecordFate::Wanted => self
                .position
                .get(record.urn().as_str())
                .is_some_and(|position| self.decisions[*position as usize].fate == Fate::Untouched),
            RecordFate::Delete | RecordFate::Forget(_) => false,
        };
        let mut open: Vec<u32> = (0..)
            .zip(fates.iter().zip(self.records))
            .filter(|(_, (fate, record))| stays(fate, record))
            .map(|(index, _)| index)
            .collect();
        while let Some(index) = open.pop() {
            let record = self.record(index);
            let mut needed: Vec<u32> = Vec::new();
            self.for_each_needed(index, &mut |target| needed.push(target));
            for target in needed {
                if !is_removal(&fates[target as usize]) {
                    continue;
                }
                let urn = self.record(target).urn();
                if matches!(&self.options.selection, Selection::Targets(targets) if targets.contains(urn)) {
                    return Err(PlanError::StillNeeded { urn: urn.clone(), needed_by: record.urn().clone() });
                }
                fates[target as usize] = RecordFate::Keep(UntouchedReason::NeededBy(record.urn().clone()));
                open.push(target);
            }
        }
        Ok(())
    }

    /// Calls `visit` with the index of each live record that the given one refers to.
    pub(super) fn for_each_needed(&self, index: u32, visit: &mut dyn FnMut(u32)) {
        self.for_each_reference(index, &mut |urn| {
            if let Some(target) = self.live.get(urn) {
                visit(*target);
            }
        });
    }

    fn for_each_reference(&self, index: u32, visit: &mut dyn FnMut(&str)) {
        let record = self.record(index);
        record.parent().into_iter().for_each(&mut *visit);
        record.deleted_with().into_iter().for_each(&mut *visit);
        record.for_each_dependency(visit);
        record.for_each_other_reference(visit);
        // Until all that it manages is gone, a state's rules want the provider there.
        if let Some(provider) = record.provider() {
            visit(provider);
        }
    }

    /// For each record, the records that refer to it: those of old copies included.
    pub(super) fn dependants(&self) -> HashMap<u32, Vec<u32>> {
        let mut dependants: HashMap<u32, Vec<u32>> = HashMap::default();
        for (index, _) in (0..).zip(self.records) {
            self.for_each_needed(index, &mut |needed| {
                let above = dependants.entry(needed).or_default();
                // Most references stand in several places.
                if above.last() != Some(&index) {
                    above.push(index);
                }
            });
        }
        for (needed, index) in self.references_to_copies() {
            // Copies may come from deployments between which references were turned round.
            if !reaches(&dependants, index, needed) {
                dependants.entry(needed).or_default().push(index);
            }
        }
        dependants
    }

    /// Old copies, each with a record that may refer to it, since it refers to a resource of that name. Those that stand
    /// before what refers to them, as they did when they were made, come first.
    fn references_to_copies(&self) -> Vec<(u32, u32)> {
        let mut copies: HashMap<&str, Vec<u32>> = HashMap::default();
        for (index, record) in (0..).zip(self.records) {
            if record.marks().pending_deletion {
                copies.entry(record.urn().as_str()).or_default().push(index);
            }
        }
        let mut references = Vec::new();
        if copies.is_empty() {
            return references;
        }
        for (index, _) in (0..).zip(self.records) {
            self.for_each_reference(index, &mut |urn| {
                references.extend(copies.get(urn).into_iter().flatten().map(|copy| (*copy, index)));
            });
        }
        references.sort_by_key(|(copy, index)| (copy > index, *index, *copy));
        references
    }

    /// Why a record goes, for [`RecordFate::Delete`].
    pub(super) fn removal_reasons(&self, index: u32) -> Vec<Reason> {
        let record = self.record(index);
        vec![if record.marks().pending_deletion { Reason::LeftByReplacement } else { Reason::NoLongerWanted }]
    }

    /// The resource with which this one goes away, when that one is really deleted in this run.
    pub(super) fn goes_away_with(&self, index: u32) -> Option<Urn> {
        let with = self.live.get(self.record(index).deleted_with()?)?;
        (self.fates[*with as usize] == RecordFate::Delete).then(|| self.record(*with).urn().clone())
    }

    /// Whether the removal calls no provider.
    pub(super) fn is_removed_for_free(&self, index: u32) -> bool {
        let record = self.record(index);
        is_free(record.marks().custom, &record.urn().type_token())
    }
}

/// Whether `to` is found on the way from `from` to those that refer to it, and so on.
fn reaches(dependants: &HashMap<u32, Vec<u32>>, from: u32, to: u32) -> bool {
    let (mut open, mut seen) = (vec![from], HashSet::from_iter([from]));
    while let Some(index) = open.pop() {
        if index == to {
            return true;
        }
        open.extend(dependants.get(&index).into_iter().flatten().filter(|above| seen.insert(**above)));
    }
    false
}

pub(super) fn is_removal(fate: &RecordFate) -> bool {
    matches!(fate, RecordFate::Delete | RecordFate::Forget(_))
}

/// Whether a provider was made by the way, for whatever asks for none (SPEC.md section 1.7), and not by somebody's program.
fn is_default_provider(urn: &Urn, token: &TypeToken) -> bool {
    token.is_provider() && urn.name().starts_with("default")
}
