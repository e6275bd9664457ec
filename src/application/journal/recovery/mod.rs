//! Settling a deployment that died: its events are in the state already, as far as they were durable; what it left open is
//! looked up in the cloud.
//!
//! A creation is looked for by the identifying inputs that its intent holds; updates and deletions are read. Nothing is
//! changed in the cloud here: the next plan does what is left. What was found half done is recorded as it is, and marked so
//! that the next plan looks after it whatever is wanted by then.

mod inquiry;
mod records;
mod unsettled;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Once};

use futures::future::try_join_all;
use resource_graph::{ResourceRecord, ResourceSpec, Urn};

use self::inquiry::Answer;
use self::records::Records;
pub use self::unsettled::{look_again, unsettled};
use super::intent;
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::{Options, Ports};
use crate::application::steps::default_provider::DefaultProvider;
use crate::application::steps::gate::ReadGate;
use crate::application::steps::records::{hide_named, like_before, marked_unchecked, references_of};
use crate::domain::component::group_urns;
use crate::domain::deployment::{
    Deployment, DeploymentEvent, DeploymentPhase, PlannedStep, ResourceImage, ResourceOperation, SettledOutcome,
    StepPhase,
};
use crate::domain::event::DomainEvent;
use crate::ports::clock::recorded_time;
use crate::ports::{
    CallGate, CheckpointChange, CloudIdentity, HistoryEntry, InterruptedDeployment, LONGEST_CALL, LockedStack, Notice,
    RecordedResource, ResourceState, StackSnapshot,
};

/// What was found out: the event to record, and what changes in the state.
pub struct Settled {
    /// [`DeploymentEvent::DeploymentRecovered`]; `None` when the deployment had come to its end and left nothing open.
    pub event: Option<DeploymentEvent>,
    /// Changes of the checkpoint.
    pub changes: Vec<CheckpointChange>,
    /// Creations whose outcome can't be seen now: pending operations of the checkpoint.
    pub unsettled: Vec<ResourceImage>,
}

/// Settles what a died deployment left open.
///
/// # Errors
/// When the cloud can't be asked about anything, or the state can't be read: nothing has changed then, and it can be tried again.
pub async fn settle(
    ports: &Ports,
    options: &Options,
    identity: &CloudIdentity,
    wanted: &[Arc<ResourceSpec>],
    stack: &dyn LockedStack,
    snapshot: &StackSnapshot,
    interrupted: &InterruptedDeployment,
) -> Result<Settled, ApplicationError> {
    let corrupt = |message: String| {
        ApplicationError::new(ErrorKind::NeedsAttention, "journal", message)
            .with_hint("`semantest-iac events` shows its events; restore the state from a backup if they are damaged")
    };
    let deployment = Deployment::replay(&interrupted.events)
        .map_err(|error| corrupt(format!("the journal of the interrupted deployment doesn't hang together: {error}")))?
        .ok_or_else(|| corrupt("the journal of the interrupted deployment is empty".into()))?;
    if interrupted.overwritten.is_some() {
        ports.notices.notice(Notice::Warning {
            message: format!(
                "another program has written the state since deployment {} was cut off: what that has done is looked up \
                 in the cloud",
                deployment.id()
            ),
            hint: None,
        });
    }
    let provider = DefaultProvider::recorded(ports, snapshot.resources.iter()).or_else(|| {
        // Another program has taken it out of the state.
        let id = stack_identity(&interrupted.events)?;
        Some(DefaultProvider::new(ports, &options.target, identity, id))
    });
    let mut settlement = Settlement {
        ports,
        options,
        stack,
        wanted: wanted.iter().map(|spec| (&spec.urn, spec.as_ref())).collect(),
        late_until: late_until(&interrupted.events, stack, ports.clock.now_ms()),
        waiting: Once::new(),
        deployment: deployment.id(),
        identity: provider.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
        overwritten: interrupted.overwritten.as_ref().map(|records| by_name(records)),
        gate: Arc::new(ReadGate::new(ports, options)),
        records: Records::of(snapshot, ports.cloud.as_ref())?,
        groups: groups(&deployment),
        changes: Vec::new(),
        unsettled: Vec::new(),
        settled: BTreeMap::new(),
        removed: HashSet::new(),
    };
    if let Some((reference, record)) = provider.and_then(|it| Some((it.reference, it.record?))) {
        settlement.put(record)?;
        settlement.records.provider.get_or_insert(reference);
    }
    settlement.settle_all(&deployment).await?;
    settlement.remove_deleted()?;
    settlement.mark_unchecked(&interrupted.events)?;
    let Settlement { changes, settled, unsettled, .. } = settlement;
    let unsettled = unsettled.iter().map(|record| stack.encode(record)).collect::<Result<_, _>>()?;
    let finished = deployment.steps().filter(|(_, phase)| *phase == StepPhase::Succeeded).count();
    let last_event_at = interrupted.events.last().map(|event| event.metadata.timestamp.clone()).unwrap_or_default();
    let is_over = deployment.phase() == DeploymentPhase::Ended && settled.is_empty() && changes.is_empty();
    let event = (!is_over).then(|| DeploymentEvent::DeploymentRecovered {
        interrupted_deployment: deployment.id().to_owned(),
        last_event_at,
        finished,
        settled: settled.into_iter().map(|(urn, outcome)| (urn.to_string(), outcome)).collect(),
    });
    Ok(Settled { event, changes, unsettled })
}

/// The identity that a deployment marked what it made with; `None` when it hadn't planned anything yet.
fn stack_identity(events: &[DomainEvent]) -> Option<String> {
    events.iter().find_map(|event| match &event.event {
        DeploymentEvent::DeploymentPlanned { stack_identity, .. } => stack_identity.clone(),
        _ => None,
    })
}

/// Until when the calls of a deployment that died may still be carried out: the longest time of one after its last sign of life. Its
/// clock may have been ahead of ours: it isn't alive now.
fn late_until(events: &[DomainEvent], stack: &dyn LockedStack, now: i64) -> i64 {
    let time = |event: &DomainEvent| chrono::DateTime::parse_from_rfc3339(&event.metadata.timestamp).ok();
    let last_event = events.last().and_then(time).map(|time| time.timestamp_millis());
    let longest = i64::try_from(LONGEST_CALL.as_millis()).unwrap_or(i64::MAX);
    last_event.max(stack.predecessor_seen()).unwrap_or_default().min(now).saturating_add(longest)
}

/// A died deployment's place in the history; `None` when its journal doesn't even hold its request.
pub fn history_entry(interrupted: &InterruptedDeployment) -> Option<HistoryEntry> {
    let deployment = Deployment::replay(&interrupted.events).ok()??;
    let (first, last) = (interrupted.events.first()?, interrupted.events.last()?);
    let DeploymentEvent::DeploymentRequested { command, source, message, .. } = &first.event else { return None };
    let seconds = |event: &DomainEvent| {
        let time = chrono::DateTime::parse_from_rfc3339(&event.metadata.timestamp);
        time.map_or(0, |time| time.timestamp())
    };
    Some(HistoryEntry {
        deployment_id: deployment.id().to_owned(),
        kind: command.history_kind().to_owned(),
        succeeded: matches!(last.event, DeploymentEvent::DeploymentCompleted { .. }),
        started: seconds(first),
        ended: seconds(last),
        message: message.clone(),
        environment: source.clone(),
        changes: deployment.done(),
    })
}

/// Records by name, the first where there are several.
fn by_name(records: &[RecordedResource]) -> HashMap<&Urn, &RecordedResource> {
    records.iter().rev().map(|record| (record.urn(), record)).collect()
}

/// The groups (components, the root) that the deployment was to make, which are nothing in the cloud.
fn groups(deployment: &Deployment) -> HashMap<Urn, PlannedStep> {
    let groups = deployment.steps().filter(|(step, _)| step.state_only && step.operation.creates());
    groups.map(|(step, _)| (step.urn.clone(), step.clone())).collect()
}

/// The other resources that a step's identifying inputs refer to.
fn needed_by(step: &PlannedStep) -> Vec<Urn> {
    let mut urns = Vec::new();
    if let Some(inputs) = intent::decode(&step.identity) {
        inputs.for_each_reference(&mut |reference| {
            if !urns.contains(&reference.urn) {
                urns.push(reference.urn.clone());
            }
        });
    }
    urns
}

struct Settlement<'a> {
    ports: &'a Ports,
    options: &'a Options,
    stack: &'a dyn LockedStack,
    /// What is wanted next.
    wanted: HashMap<&'a Urn, &'a ResourceSpec>,
    /// Until when calls of the deployment that died may still be carried out, in milliseconds since 1970.
    late_until: i64,
    /// That they are waited for is told once.
    waiting: Once,
    deployment: &'a str,
    /// The stack's.
    identity: String,
    /// What the events recorded, when that isn't in the state: all steps are open then.
    overwritten: Option<HashMap<&'a Urn, &'a RecordedResource>>,
    gate: Arc<dyn CallGate>,
    records: Records,
    groups: HashMap<Urn, PlannedStep>,
    changes: Vec<CheckpointChange>,
    unsettled: Vec<ResourceRecord>,
    settled: BTreeMap<Urn, SettledOutcome>,
    /// What turned out to be deleted.
    removed: HashSet<Urn>,
}

impl Settlement<'_> {
    async fn settle_all(&mut self, deployment: &Deployment) -> Result<(), ApplicationError> {
        let phases: HashMap<u32, StepPhase> = deployment.steps().map(|(step, phase)| (step.step, phase)).collect();
        let is_started = |step: &PlannedStep| {
            matches!(phases.get(&step.step), Some(StepPhase::Started | StepPhase::Failed { outcome_unknown: true }))
        };
        let asks = |step: &&PlannedStep| {
            let is_for_the_state_alone =
                matches!(step.operation, ResourceOperation::Same | ResourceOperation::Read | ResourceOperation::Forget);
            !step.state_only && !is_for_the_state_alone || self.is_to_be_forgotten(step)
        };
        let mut open: Vec<&PlannedStep> = if self.overwritten.is_some() {
            deployment.steps().map(|(step, _)| step).filter(asks).filter(|step| !self.is_recorded(step)).collect()
        } else {
            deployment.open_steps().filter(asks).collect()
        };
        // Resources of which it is known that they weren't made, so that nothing that refers to them was either.
        let mut unmade: HashSet<Urn> = HashSet::new();
        // While nothing could be asked, it isn't the resource.
        let mut none_answered = true;
        // In rounds, since a route can be looked for only once it is known which API it belongs to.
        while !open.is_empty() {
            let making: HashSet<&Urn> =
                open.iter().filter(|step| !step.operation.deletes()).map(|step| &step.urn).collect();
            let must_wait = |step: &PlannedStep| {
                step.operation.creates() && needed_by(step).iter().any(|urn| *urn != step.urn && making.contains(urn))
            };
            let (mut waiting, mut ready): (Vec<&PlannedStep>, Vec<&PlannedStep>) =
                open.iter().partition(|step| must_wait(step));
            if ready.is_empty() {
                // Only a damaged journal holds intents that wait for each other.
                std::mem::swap(&mut waiting, &mut ready);
            }
            let answers = try_join_all(ready.iter().map(|step| self.ask(step, is_started(step), &unmade))).await?;
            none_answered &= answers.iter().all(|answer| matches!(answer, Answer::Unknown(_)));
            if let (true, Some((step, Answer::Unknown(error)))) = (none_answered, ready.iter().zip(&answers).next()) {
                return Err(ApplicationError::of_resource(error, &step.urn));
            }
            for (step, answer) in ready.iter().zip(answers) {
                let is_undone = matches!(answer, Answer::Nothing(SettledOutcome::Undone));
                if step.operation.creates() && is_undone && self.overwritten.is_none() {
                    unmade.insert(step.urn.clone());
                }
                let outcome = self.take(step, answer)?;
                self.settled.insert(step.urn.clone(), outcome);
            }
            open = waiting;
        }
        Ok(())
    }

    /// Whether a step was to forget what isn't in the cloud any more: that needs no asking, and what it refers to may be gone.
    fn is_to_be_forgotten(&self, step: &PlannedStep) -> bool {
        let is_absent = |record: &Arc<ResourceRecord>| record.pending_replacement;
        step.operation == ResourceOperation::Forget && self.records.live.get(&step.urn).is_some_and(is_absent)
    }

    /// Whether the state has what a step was to make: another program has recorded it, or had read it before.
    fn is_recorded(&self, step: &PlannedStep) -> bool {
        let is_there = |record: &Arc<ResourceRecord>| !record.pending_replacement && record.id.is_some();
        step.operation == ResourceOperation::Create && self.records.live.get(&step.urn).is_some_and(is_there)
    }

    /// Records what the cloud said.
    fn take(&mut self, step: &PlannedStep, answer: Answer) -> Result<SettledOutcome, ApplicationError> {
        let urn = step.urn.clone();
        match answer {
            Answer::Nothing(outcome) => Ok(outcome),
            Answer::Made(state) => {
                self.made(step, state)?;
                Ok(SettledOutcome::Done)
            }
            Answer::Changed(record, state) => {
                let record = ResourceRecord {
                    id: Some(state.id),
                    inputs: like_before(&record.inputs, state.inputs),
                    outputs: like_before(&record.outputs, state.outputs),
                    init_errors: vec![format!("the {} by {} was cut off", step.operation.as_str(), self.deployment)],
                    ..ResourceRecord::clone(&record)
                };
                self.put(record)?;
                Ok(SettledOutcome::Partial)
            }
            Answer::Gone(record) => {
                self.gone(&record);
                Ok(SettledOutcome::Undone)
            }
            Answer::Unknown(error) => self.keep_open(step, &error),
            Answer::Deleted => {
                if step.operation == ResourceOperation::DeleteReplaced {
                    let created = self.records.deleted_by(step).and_then(|copy| copy.created.clone());
                    self.deleted_copy(step);
                    self.changes.push(CheckpointChange::RemoveReplaced { urn, id: step.id.clone(), created });
                } else {
                    self.removed.insert(urn);
                }
                Ok(SettledOutcome::Done)
            }
        }
    }

    fn deleted_copy(&mut self, step: &PlannedStep) {
        let records = &mut self.records;
        let mut copies = records.old_copies.get_mut(&step.urn);
        let deleted = copies.as_ref().and_then(|copies| copies.iter().position(|copy| copy.id == step.id));
        match (&mut copies, deleted) {
            (Some(copies), Some(deleted)) => drop(copies.remove(deleted)),
            _ => {
                if let Some(record) = records.live.get_mut(&step.urn) {
                    *record = Arc::new(ResourceRecord { pending_replacement: true, ..ResourceRecord::clone(record) });
                }
            }
        }
    }

    /// Takes what was deleted out of the state. What others still refer to stays there until they are gone, marked as absent:
    /// a state in which references lead nowhere isn't sound.
    fn remove_deleted(&mut self) -> Result<(), ApplicationError> {
        let mut removed = std::mem::take(&mut self.removed);
        loop {
            let records = self.records.live.values().filter(|record| !removed.contains(&record.urn));
            let mut stays: HashSet<Urn> = records
                .chain(self.records.old_copies.values().flatten())
                .flat_map(|record| record.parent.iter().chain(&record.dependencies))
                .filter(|urn| removed.contains(*urn))
                .cloned()
                .collect();
            for (referrer, target) in &self.records.others {
                if referrer.as_ref().is_none_or(|referrer| !removed.contains(referrer)) {
                    stays.extend(removed.get(target.as_str()).cloned());
                }
            }
            if stays.is_empty() {
                break;
            }
            for urn in stays {
                removed.remove(&urn);
                if let Some(record) = self.records.live.get(&urn).filter(|record| !record.pending_replacement).cloned()
                {
                    self.gone(&record);
                }
            }
        }
        let mut removed: Vec<Urn> = removed.into_iter().collect();
        removed.sort_unstable();
        for urn in removed {
            self.records.live.remove(&urn);
            self.changes.push(CheckpointChange::Remove { urn });
        }
        Ok(())
    }

    fn made(&mut self, step: &PlannedStep, state: ResourceState) -> Result<(), ApplicationError> {
        if let Some(parent) = &step.parent {
            self.record_group(parent)?;
        }
        let now = recorded_time(self.ports.clock.now_ms());
        let mut record = ResourceRecord::new(step.urn.clone(), true);
        record.id = Some(state.id);
        record.inputs = hide_named(&step.secret_inputs, state.inputs);
        record.outputs = hide_named(&step.secret_inputs, state.outputs);
        record.provider.clone_from(&self.records.provider);
        record.created = Some(now.clone());
        record.modified = Some(now);
        record.parent = step.parent.clone().filter(|parent| self.records.live.contains_key(parent));
        record.property_dependencies = self.recorded_references(step);
        for urn in record.property_dependencies.iter().flat_map(|(_, urns)| urns).chain(&step.dependencies) {
            if self.records.live.contains_key(urn) && !record.dependencies.contains(urn) {
                record.dependencies.push(urn.clone());
            }
        }
        record.init_errors = vec![format!("its creation by {} was cut off", self.deployment)];
        let replaces = self.records.live.get(&step.urn).filter(|record| !record.pending_replacement).cloned();
        let image = self.stack.encode(&record)?;
        let urn = step.urn.clone();
        self.changes.push(match (step.operation, replaces) {
            (ResourceOperation::CreateReplacement, Some(old)) => {
                let old = ResourceRecord { pending_deletion: true, ..ResourceRecord::clone(&old) };
                self.records.old_copies.entry(step.urn.clone()).or_default().push(Arc::new(old));
                CheckpointChange::PutReplacement { urn, image, taken_back: false }
            }
            _ => CheckpointChange::Put { urn, image },
        });
        self.records.live.insert(step.urn.clone(), Arc::new(record));
        Ok(())
    }

    /// The resources that each identifying input refers to.
    fn recorded_references(&self, step: &PlannedStep) -> Vec<(String, Vec<Urn>)> {
        let inputs = intent::decode(&step.identity).unwrap_or_default();
        let references = inputs.iter().map(|(name, value)| {
            let mut urns = references_of(value);
            urns.retain(|urn| self.records.live.contains_key(urn));
            (name.to_owned(), urns)
        });
        references.collect()
    }

    fn put(&mut self, record: ResourceRecord) -> Result<(), ApplicationError> {
        let (urn, image) = (record.urn.clone(), self.stack.encode(&record)?);
        self.records.live.insert(urn.clone(), Arc::new(record));
        self.changes.push(CheckpointChange::Put { urn, image });
        Ok(())
    }

    /// What isn't there any more stays in the state, since others may refer to it, and waits to be made again.
    fn gone(&mut self, record: &ResourceRecord) {
        let urn = record.urn.clone();
        let record = ResourceRecord { pending_replacement: true, ..record.clone() };
        self.records.live.insert(urn.clone(), Arc::new(record));
        self.changes.push(CheckpointChange::Gone { urn });
    }

    /// Records a group, and what it belongs to, before something that belongs to it: a part must not be without its whole.
    fn record_group(&mut self, urn: &Urn) -> Result<(), ApplicationError> {
        if self.records.live.contains_key(urn) {
            return Ok(());
        }
        // Another program may have taken a group out of the state that was there before.
        let parent = match self.groups.remove(urn) {
            Some(step) => step.parent,
            None => (!urn.type_token().is_stack()).then(|| Urn::root(urn.stack(), urn.project())),
        };
        if let Some(parent) = &parent {
            self.record_group(parent)?;
        }
        let mut record = ResourceRecord::new(urn.clone(), false);
        record.parent = parent;
        let now = recorded_time(self.ports.clock.now_ms());
        (record.created, record.modified) = (Some(now.clone()), Some(now));
        self.put(record)
    }

    /// Marks the components that were to be asked for their health and weren't, so that the next deployment asks them.
    fn mark_unchecked(&mut self, events: &[DomainEvent]) -> Result<(), ApplicationError> {
        let target = &self.options.target;
        for component in unchecked(events.iter().map(|event| &event.event)) {
            for urn in group_urns(&target.project, &target.stack, component) {
                let Some(record) = self.records.live.get(&urn).filter(|record| record.init_errors.is_empty()) else {
                    continue;
                };
                let record = marked_unchecked(record, &format!("{} was cut off before", self.deployment));
                self.put(record)?;
            }
        }
        Ok(())
    }
}

/// The components that a deployment was to ask and that didn't answer well, as its events tell.
fn unchecked<'a>(events: impl Iterator<Item = &'a DeploymentEvent>) -> Vec<&'a str> {
    let mut unchecked: Vec<&str> = Vec::new();
    for event in events {
        match event {
            DeploymentEvent::DeploymentPlanned { health_checks, .. } => {
                unchecked = health_checks.iter().map(String::as_str).collect();
            }
            DeploymentEvent::HealthCheckPassed { component, .. } => unchecked.retain(|name| name != component),
            _ => {}
        }
    }
    unchecked
}
