//! Turning decisions into steps, with the edges that they need.

use foldhash::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::decision::{Decision, Fate, is_free};
use super::removals::{RecordFate, is_removal};
use super::{PlanError, Planner};
use crate::resource::recorded::Recorded;
use crate::{
    ConflictKey, Counts, Latencies, Operation, Phase, Plan, PropertyMap, Reason, ResourceRecord, ResourceTypeInfo,
    Step, StepId, TypeToken, UntouchedReason, Urn, Value,
};

/// Steps under construction.
#[derive(Default)]
struct Draft {
    steps: Vec<Step>,
    needs: Vec<Vec<StepId>>,
}

impl Draft {
    fn next_id(&self) -> StepId {
        // Plans of more than four thousand million steps don't fit into memory.
        StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX))
    }

    fn add(&mut self, mut step: Step) -> StepId {
        let id = self.next_id();
        step.id = id;
        self.steps.push(step);
        self.needs.push(Vec::new());
        id
    }

    fn need(&mut self, step: StepId, needed: StepId) {
        self.needs[step.index()].push(needed);
    }

    fn pair(&mut self, first: StepId, second: StepId) {
        self.steps[first.index()].pair = Some(second);
        self.steps[second.index()].pair = Some(first);
        self.need(second, first);
    }
}

/// The steps of a wanted resource: the one after which it is there, and the one that removes its old copy.
#[derive(Clone, Copy, Default)]
struct StepsOf {
    make: Option<StepId>,
    remove: Option<StepId>,
}

impl<R: Recorded> Planner<'_, R> {
    pub(super) fn build(mut self) -> Result<Plan, PlanError> {
        let decisions = std::mem::take(&mut self.decisions);
        let mut counts = Counts::default();
        let (mut unchanged, mut untouched) = (Vec::new(), Vec::new());
        for (decision, spec) in decisions.iter().zip(&self.specs) {
            if decision.fate == Fate::Same {
                unchanged.push(spec.urn.clone());
            } else if decision.fate == Fate::Untouched {
                untouched.push((spec.urn.clone(), self.untouched_reason(&spec.urn)));
            }
            count(&mut counts, decision.fate, is_free(spec.custom, &spec.type_token));
        }
        for (fate, record) in self.fates.iter().zip(self.records) {
            if let RecordFate::Keep(reason) = fate {
                untouched.push((record.urn().clone(), reason.clone()));
            }
        }
        self.decisions = decisions;
        let has_removals =
            self.fates.iter().any(is_removal) || self.decisions.iter().any(|decision| decision.fate == Fate::Replace);
        let dependants = if has_removals { self.dependants() } else { HashMap::default() };
        self.settle_conditions(&dependants);
        let below_deleted_first = self.below_deleted_first();

        let mut draft = Draft::default();
        let made = self.draft_made(&mut draft)?;
        let removed = self.draft_removed(&mut draft, &mut counts)?;
        self.order_removals(&mut draft, &dependants, &made, &removed, &below_deleted_first);
        let steps = &draft.steps;
        let urns: Vec<Urn> = steps.iter().map(|step| step.urn.clone()).collect();
        Plan::new(draft.steps, draft.needs).map(|plan| plan.with_resources(unchanged, untouched, counts)).map_err(
            |cycle| PlanError::RecordedCycle { urns: cycle.0.iter().map(|id| urns[id.index()].clone()).collect() },
        )
    }

    fn untouched_reason(&self, urn: &Urn) -> UntouchedReason {
        let is_selected = self.position.get(urn.as_str()).is_some_and(|position| self.selected[*position as usize]);
        if is_selected { UntouchedReason::External } else { UntouchedReason::NotSelected }
    }

    /// Steps for wanted resources, in the order of dependencies.
    fn draft_made(&mut self, draft: &mut Draft) -> Result<Vec<StepsOf>, PlanError> {
        let mut decisions = std::mem::take(&mut self.decisions);
        let mut made = vec![StepsOf::default(); decisions.len()];
        for (place, decision) in decisions.iter_mut().enumerate() {
            if matches!(decision.fate, Fate::Same | Fate::Untouched) {
                continue;
            }
            let position = u32::try_from(place).unwrap_or(u32::MAX);
            let steps = self.draft_one(draft, position, decision)?;
            let removes_first = decision.deletes_first();
            let waits = [steps.make, steps.remove.filter(|_| removes_first && is_conditional(decision))];
            for needed in &self.needs[place] {
                if let Some(needed) = made[*needed as usize].make {
                    waits.into_iter().flatten().for_each(|step| draft.need(step, needed));
                }
            }
            made[place] = steps;
        }
        self.decisions = decisions;
        Ok(made)
    }

    fn draft_one(&self, draft: &mut Draft, position: u32, decision: &mut Decision) -> Result<StepsOf, PlanError> {
        let spec = self.specs[position as usize];
        let free = is_free(spec.custom, &spec.type_token);
        let info = if free { None } else { self.types.info(&spec.type_token) };
        let record = match self.record_of(position) {
            Some(index) => Some(self.record(index).to_record().map_err(self.unreadable(index))?),
            None => None,
        };
        let mut details = decision.details.take().unwrap_or_default();
        let operation = match decision.fate {
            Fate::Options | Fate::Same | Fate::Untouched => Operation::Same,
            Fate::Read => Operation::Read,
            Fate::Create => Operation::Create,
            Fate::Update => Operation::Update,
            Fate::Replace => Operation::CreateReplacement,
        };
        let id = record.as_ref().and_then(|record| record.id.as_deref());
        let inputs = std::mem::take(&mut details.inputs);
        let is_new = matches!(operation, Operation::Create | Operation::CreateReplacement);
        let wanted_keys = info.and_then(|info| conflict_key(info, &inputs, &spec.urn, if is_new { None } else { id }));
        let mut make = self.step(operation, &spec.urn, &spec.type_token, info, Phase::Make);
        make.free |= free || operation == Operation::Same;
        make.conditional = details.conditional;
        make.spec = Some(Arc::clone(spec));
        make.record.clone_from(&record);
        make.conflict_keys = wanted_keys.into_iter().collect();
        if make.free {
            make.conflict_keys.clear();
        }
        make.changes = std::mem::take(&mut details.changes);
        make.reasons = std::mem::take(&mut details.reasons);
        let mut steps = StepsOf::default();
        if decision.fate == Fate::Replace {
            let operation = if details.keep_old { Operation::Forget } else { Operation::DeleteReplaced };
            let phase = if details.delete_first { Phase::Make } else { Phase::Remove };
            let mut remove = self.step(operation, &spec.urn, &spec.type_token, info, phase);
            remove.conditional = details.conditional;
            remove.spec = Some(Arc::clone(spec));
            remove.reasons = vec![if details.keep_old { Reason::Retained } else { Reason::Replaced }];
            remove.conflict_keys = old_keys(info, record.as_deref());
            remove.record = record;
            if details.delete_first {
                remove.inputs = inputs.clone();
                make.inputs = inputs;
                let first = draft.add(remove);
                let second = draft.add(make);
                draft.pair(first, second);
                steps = StepsOf { make: Some(second), remove: Some(first) };
            } else {
                make.inputs = inputs;
                let first = draft.add(make);
                let second = draft.add(remove);
                draft.pair(first, second);
                steps = StepsOf { make: Some(first), remove: Some(second) };
            }
        } else {
            make.inputs = inputs;
            steps.make = Some(draft.add(make));
        }
        // What edges are made by later on.
        decision.details = Some(details);
        Ok(steps)
    }

    /// Steps for records that go, last recorded first.
    fn draft_removed(&self, draft: &mut Draft, counts: &mut Counts) -> Result<HashMap<u32, StepId>, PlanError> {
        let mut removed = HashMap::default();
        for (place, fate) in self.fates.iter().enumerate().rev() {
            let index = u32::try_from(place).unwrap_or(u32::MAX);
            let (mut operation, mut reasons) = match fate {
                RecordFate::Delete => (Operation::Delete, self.removal_reasons(index)),
                RecordFate::Forget(reason) => (Operation::Forget, vec![(**reason).clone()]),
                RecordFate::Wanted | RecordFate::Keep(_) => continue,
            };
            if let (Operation::Delete, Some(with)) = (operation, self.goes_away_with(index)) {
                operation = Operation::Forget;
                reasons.push(Reason::DeletedWith(with));
            }
            let record = self.record(index).to_record().map_err(self.unreadable(index))?;
            let free = self.is_removed_for_free(index);
            let info = if free { None } else { self.types.info(&record.type_token) };
            let phase = if self.early.contains(&index) { Phase::Make } else { Phase::Remove };
            let mut step = self.step(operation, &record.urn, &record.type_token, info, phase);
            step.free |= free;
            step.reasons = reasons;
            if !step.free {
                step.conflict_keys = old_keys(info, Some(&record));
            }
            if !free {
                match operation {
                    Operation::Delete => counts.delete += 1,
                    _ => counts.forget += 1,
                }
            }
            step.record = Some(record);
            removed.insert(index, draft.add(step));
        }
        Ok(removed)
    }

    /// A record goes after those that refer to it: after they have gone or, where it goes early, have been moved away.
    fn order_removals(
        &self,
        draft: &mut Draft,
        dependants: &HashMap<u32, Vec<u32>>,
        made: &[StepsOf],
        removed: &HashMap<u32, StepId>,
        below_deleted_first: &[bool],
    ) {
        let wanted = |index: u32| match self.fates[index as usize] {
            RecordFate::Wanted => {
                self.position.get(self.record(index).urn().as_str()).map(|position| *position as usize)
            }
            _ => None,
        };
        let removal = |index: u32| removed.get(&index).copied().or_else(|| made[wanted(index)?].remove);
        for (index, above) in dependants {
            let Some(step) = removal(*index) else { continue };
            let phase = draft.steps[step.index()].phase;
            for above in above {
                if let Some(first) = removal(*above).filter(|first| draft.steps[first.index()].phase <= phase) {
                    draft.need(step, first);
                }
                // What needs the new copy of something deleted first can't be waited for.
                if phase == Phase::Make
                    && wanted(*index).is_none()
                    && let Some(place) = wanted(*above).filter(|place| !below_deleted_first[*place])
                    && let Some(make) = made[place].make
                {
                    draft.need(step, make);
                }
            }
        }
    }

    fn step(
        &self,
        operation: Operation,
        urn: &Urn,
        type_token: &TypeToken,
        info: Option<&ResourceTypeInfo>,
        phase: Phase,
    ) -> Step {
        new_step(operation, urn, type_token, info, phase, &self.options.latencies)
    }
}

fn is_conditional(decision: &Decision) -> bool {
    decision.details.as_ref().is_some_and(|details| details.conditional)
}

fn count(counts: &mut Counts, fate: Fate, free: bool) {
    if free {
        return;
    }
    match fate {
        Fate::Create => counts.create += 1,
        Fate::Update => counts.update += 1,
        Fate::Replace => counts.replace += 1,
        Fate::Read => counts.read += 1,
        Fate::Same | Fate::Options => counts.same += 1,
        Fate::Untouched => {}
    }
}

fn new_step(
    operation: Operation,
    urn: &Urn,
    type_token: &TypeToken,
    info: Option<&ResourceTypeInfo>,
    phase: Phase,
    latencies: &Latencies,
) -> Step {
    let cost = info.and_then(|info| match operation.provider_operation() {
        Operation::Create => Some(info.create),
        Operation::Update => Some(info.update),
        Operation::Delete => Some(info.delete),
        Operation::Read => Some(info.read),
        _ => None,
    });
    Step {
        id: StepId(0),
        operation,
        urn: urn.clone(),
        type_token: type_token.clone(),
        phase,
        free: cost.is_none(),
        conditional: false,
        spec: None,
        inputs: PropertyMap::new(),
        record: None,
        changes: Vec::new(),
        reasons: Vec::new(),
        pair: None,
        conflict_keys: Vec::new(),
        calls: cost.map_or(&[], |cost| cost.calls),
        estimated: cost.map_or(Duration::ZERO, |cost| latencies.estimate(type_token, operation, cost.typical)),
    }
}

/// The key of a recorded copy.
fn old_keys(info: Option<&ResourceTypeInfo>, record: Option<&ResourceRecord>) -> Vec<ConflictKey> {
    info.zip(record)
        .and_then(|(info, record)| conflict_key(info, &record.inputs, &record.urn, record.id.as_deref()))
        .into_iter()
        .collect()
}

/// The key that a type's conflict input gives. `id` as the input's name means the resource itself.
fn conflict_key(info: &ResourceTypeInfo, inputs: &PropertyMap, urn: &Urn, id: Option<&str>) -> Option<ConflictKey> {
    let input = info.conflict_input?;
    if input == "id" && !inputs.contains_key("id") {
        let own = || format!("{urn}#id");
        return Some(ConflictKey::new(info.conflict_scope, &id.map_or_else(own, str::to_owned)));
    }
    let mut thing = String::new();
    name_thing(inputs.get(input)?, &mut thing);
    if thing.is_empty() { None } else { Some(ConflictKey::new(info.conflict_scope, &thing)) }
}

fn name_thing(value: &Value, thing: &mut String) {
    match value.exposed() {
        Value::String(text) => thing.push_str(text),
        Value::Number(number) => thing.push_str(&number.to_string()),
        Value::Output(output) => {
            thing.push_str(output.urn.as_str());
            thing.push('#');
            thing.push_str(&output.path.join("."));
        }
        Value::Interpolation(text) => text.parts.iter().for_each(|part| name_thing(part, thing)),
        _ => {}
    }
}
