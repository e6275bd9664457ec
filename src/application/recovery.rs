//! Settling a deployment that died: its events are in the state already, as far as they were durable; what it left open is
//! looked up in the cloud.
//!
//! A creation is looked for by the identifying inputs that its intent holds; an update is read, and planned again in any
//! case; a deletion is read. Nothing is changed in the cloud here: the next plan does what is left.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::future::try_join_all;
use resource_graph::{PropertyMap, Resolved, ResourceRecord, Urn, Value};

use super::apply::{detail_of, output_of};
use super::error::{ApplicationError, ErrorKind};
use super::gate::DirectGate;
use super::intent;
use super::refresh::tags;
use super::request::{Options, Ports};
use crate::domain::deployment::{Deployment, DeploymentEvent, Operation, PlannedStep, SettledOutcome, StepPhase};
use crate::ports::clock::rfc3339;
use crate::ports::{
    CallGate, CheckpointChange, InterruptedDeployment, LockedStack, OperationContext, ResourceState, StackSnapshot,
};

/// What was found out: the event to record, and what changes in the state.
pub struct Settled {
    /// [`DeploymentEvent::DeploymentRecovered`].
    pub event: DeploymentEvent,
    /// Changes of the checkpoint.
    pub changes: Vec<CheckpointChange>,
}

/// Where the records of the state and of what has been found are looked up.
struct Records {
    live: HashMap<Urn, Arc<ResourceRecord>>,
    old_copies: HashMap<Urn, Arc<ResourceRecord>>,
    provider: Option<String>,
}

/// Settles what a died deployment left open.
///
/// # Errors
/// When the cloud can't be asked, or the state can't be read: nothing has changed then, and it can be tried again.
pub async fn settle(
    ports: &Ports,
    options: &Options,
    stack: &dyn LockedStack,
    snapshot: &StackSnapshot,
    interrupted: &InterruptedDeployment,
) -> Result<Settled, ApplicationError> {
    let corrupt = |message: String| ApplicationError::new(ErrorKind::NeedsAttention, "journal", message);
    let deployment = Deployment::replay(&interrupted.events)
        .map_err(|error| corrupt(format!("the journal of the interrupted deployment doesn't hang together: {error}")))?
        .ok_or_else(|| corrupt("the journal of the interrupted deployment is empty".into()))?;
    let mut records = Records::of(snapshot)?;
    let context = Context { ports, options, stack, deployment: deployment.id() };
    let gate: Arc<dyn CallGate> = Arc::new(DirectGate::new(ports, options));
    let mut open: Vec<PlannedStep> = deployment.open_steps().cloned().collect();
    let mut settled = BTreeMap::new();
    let mut changes = Vec::new();
    // In rounds, since a route can be looked for only once the API that it belongs to is known.
    while !open.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|step| !step.operation.creates() || resolve_identity(step, &records).is_some());
        if ready.is_empty() {
            // Their inputs were never known, so they can't have been made.
            settled.extend(waiting.iter().map(|step| (step.urn.to_string(), SettledOutcome::Undone)));
            break;
        }
        let results =
            try_join_all(ready.iter().map(|step| context.settle_step(step, &records, Arc::clone(&gate)))).await?;
        for (step, result) in ready.iter().zip(results) {
            settled.insert(step.urn.to_string(), result.outcome);
            changes.extend(result.change);
            if let Some(record) = result.record {
                records.live.insert(step.urn.clone(), Arc::new(record));
            }
        }
        open = waiting;
    }
    let finished = deployment.steps().filter(|(_, phase)| *phase == StepPhase::Succeeded).count();
    let last_event_at = interrupted.events.last().map(|event| event.metadata.timestamp.clone()).unwrap_or_default();
    let event = DeploymentEvent::DeploymentRecovered {
        interrupted_deployment: deployment.id().to_owned(),
        last_event_at,
        finished,
        settled,
    };
    Ok(Settled { event, changes })
}

impl Records {
    fn of(snapshot: &StackSnapshot) -> Result<Self, ApplicationError> {
        let mut records = Self { live: HashMap::new(), old_copies: HashMap::new(), provider: None };
        for resource in &snapshot.resources {
            let record = resource.to_record().map_err(|error| {
                let message = format!("the record of {} can't be read: {error}", resource.urn());
                ApplicationError::new(ErrorKind::Failed, "state-unreadable", message)
            })?;
            if record.provider.is_some() && records.provider.is_none() {
                records.provider.clone_from(&record.provider);
            }
            let map = if record.pending_deletion { &mut records.old_copies } else { &mut records.live };
            map.insert(record.urn.clone(), record);
        }
        Ok(records)
    }
}

/// The identifying inputs of a step, when all that they refer to is known.
fn resolve_identity(step: &PlannedStep, records: &Records) -> Option<PropertyMap> {
    let inputs = intent::decode(&step.identity)?;
    let resolved = inputs.resolve(&mut |reference| match records.live.get(&reference.urn) {
        Some(record) => output_of(record, &reference.path),
        None => Resolved::Unknown,
    });
    resolved.ok().filter(|inputs| !inputs.values().any(Value::contains_unknown))
}

struct Context<'a> {
    ports: &'a Ports,
    options: &'a Options,
    stack: &'a dyn LockedStack,
    deployment: &'a str,
}

struct SettledStep {
    outcome: SettledOutcome,
    record: Option<ResourceRecord>,
    change: Option<CheckpointChange>,
}

impl SettledStep {
    fn unchanged(outcome: SettledOutcome) -> Self {
        Self { outcome, record: None, change: None }
    }
}

impl Context<'_> {
    async fn settle_step(
        &self,
        step: &PlannedStep,
        records: &Records,
        gate: Arc<dyn CallGate>,
    ) -> Result<SettledStep, ApplicationError> {
        let Some(provider) = self.ports.cloud.resource(&step.urn.type_token()) else {
            // Groups and the root are nothing in the cloud: the next plan records them.
            return Ok(SettledStep::unchanged(SettledOutcome::Undone));
        };
        let context = OperationContext { urn: step.urn.clone(), tags: tags(self.options, self.deployment), gate };
        let failed = |error: crate::ports::ProviderError| ApplicationError {
            kind: ErrorKind::NeedsAttention,
            details: vec![detail_of(&error, &step.urn)],
        };
        if step.operation.creates() {
            let Some(inputs) = resolve_identity(step, records) else {
                return Ok(SettledStep::unchanged(SettledOutcome::Undone));
            };
            let found = provider.find(&context, &inputs).await.map_err(failed)?;
            let replaced = records.live.get(&step.urn).filter(|_| step.operation != Operation::Create);
            return match found.filter(|found| found.ours) {
                // A replacement is looked for under the new name; what is found may still be the old one.
                Some(found) if replaced.is_none_or(|old| old.id.as_deref() != Some(&found.state.id)) => {
                    self.made(step, found.state, records)
                }
                _ => Ok(SettledStep::unchanged(SettledOutcome::Undone)),
            };
        }
        let record = match step.operation {
            Operation::DeleteReplaced => records.old_copies.get(&step.urn).or_else(|| records.live.get(&step.urn)),
            _ => records.live.get(&step.urn),
        };
        let Some(record) = record else { return Ok(SettledStep::unchanged(SettledOutcome::Done)) };
        let id = record.id.as_deref().unwrap_or_default();
        let state = provider.read(&context, id, &record.inputs).await.map_err(failed)?;
        match (state, step.operation.deletes()) {
            (None, true) => Ok(SettledStep {
                outcome: SettledOutcome::Done,
                record: None,
                change: Some(match step.operation {
                    Operation::DeleteReplaced => {
                        CheckpointChange::RemoveReplaced { urn: step.urn.clone(), id: step.id.clone() }
                    }
                    _ => CheckpointChange::Remove { urn: step.urn.clone() },
                }),
            }),
            (Some(_), true) => Ok(SettledStep::unchanged(SettledOutcome::Undone)),
            (None, false) => Ok(SettledStep {
                outcome: SettledOutcome::Undone,
                record: None,
                change: Some(CheckpointChange::Gone { urn: step.urn.clone() }),
            }),
            (Some(state), false) => {
                let record = ResourceRecord {
                    inputs: state.inputs,
                    outputs: state.outputs,
                    init_errors: vec![format!("the update by {} was cut off", self.deployment)],
                    ..ResourceRecord::clone(record)
                };
                self.put(step, record, SettledOutcome::Partial)
            }
        }
    }

    fn made(
        &self,
        step: &PlannedStep,
        state: ResourceState,
        records: &Records,
    ) -> Result<SettledStep, ApplicationError> {
        let now = rfc3339(self.ports.clock.now_ms());
        let mut record = ResourceRecord::new(step.urn.clone(), true);
        record.id = Some(state.id);
        record.inputs = state.inputs;
        record.outputs = state.outputs;
        record.provider.clone_from(&records.provider);
        record.created = Some(now.clone());
        record.modified = Some(now);
        // What it depends on is known from its intent; the next deployment writes the rest.
        if let Some(inputs) = intent::decode(&step.identity) {
            inputs.for_each_reference(&mut |reference| {
                if !record.dependencies.contains(&reference.urn) {
                    record.dependencies.push(reference.urn.clone());
                }
            });
        }
        record.parent = step.parent.clone().filter(|parent| records.live.contains_key(parent));
        record.init_errors = vec![format!("its creation by {} was cut off", self.deployment)];
        self.put(step, record, SettledOutcome::Done)
    }

    fn put(
        &self,
        step: &PlannedStep,
        record: ResourceRecord,
        outcome: SettledOutcome,
    ) -> Result<SettledStep, ApplicationError> {
        let image = self.stack.encode(&record).map_err(ApplicationError::from)?;
        let urn = step.urn.clone();
        let change = match step.operation {
            Operation::CreateReplacement => CheckpointChange::PutReplacement { urn, image },
            _ => CheckpointChange::Put { urn, image },
        };
        Ok(SettledStep { outcome, record: Some(record), change: Some(change) })
    }
}
