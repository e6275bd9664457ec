//! What can't be settled, since the cloud can't be asked about it: it keeps nobody from going on.
//!
//! A creation stays in the state as a pending operation (SPEC.md section 1.8), marked, and each later command that holds the lock
//! looks for it again. A resource that was to be changed or deleted is marked, so that the next plan looks after it.

use std::collections::HashSet;
use std::sync::Arc;

use resource_graph::{PropertyMap, ResourceRecord, Urn};

use super::Settlement;
use crate::application::error::ApplicationError;
use crate::application::plan::refresh::tags;
use crate::application::request::{Options, Ports};
use crate::application::steps::default_provider::DefaultProvider;
use crate::application::steps::gate::ReadGate;
use crate::application::steps::ownership::ThingKey;
use crate::application::steps::records::hide_named;
use crate::domain::deployment::{PlannedStep, SettledOutcome};
use crate::ports::clock::recorded_time;
use crate::ports::{
    CallGate, CheckpointChange, CloudIdentity, LockedStack, Notice, OperationContext, ProviderError, ProviderErrorKind,
    ResourceState, StackSnapshot, Whose,
};

/// The creations of ours that a state holds as pending, since their outcome couldn't be seen.
pub fn unsettled(snapshot: &StackSnapshot) -> Vec<Arc<ResourceRecord>> {
    let records = snapshot.pending.iter().filter(|operation| operation.kind == "creating");
    let records = records.filter_map(|operation| operation.resource.to_record().ok());
    records.filter(|record| !record.init_errors.is_empty()).collect()
}

/// Looks again for the creations whose outcome couldn't be seen before. What still can't be seen stays as it is, and is told.
///
/// # Errors
/// When the command is stopped, or something can't be recorded.
pub async fn look_again(
    ports: &Ports,
    options: &Options,
    account: &CloudIdentity,
    stack: &dyn LockedStack,
    snapshot: &StackSnapshot,
) -> Result<Vec<CheckpointChange>, ApplicationError> {
    let mut provider = DefaultProvider::recorded(ports, snapshot.resources.iter());
    let gate: Arc<dyn CallGate> = Arc::new(ReadGate::new(ports, options));
    let live: HashSet<&Urn> = snapshot.resources.iter().map(|record| record.urn()).collect();
    // What waits for its replacement isn't there any more.
    let there = snapshot.resources.iter().filter(|record| record.marks().custom && !record.marks().pending_replacement);
    let mut known = HashSet::new();
    for record in there {
        let record = record.to_record().map_err(|error| ApplicationError::of_record(record.urn(), &error))?;
        known.extend(ThingKey::of(ports.cloud.as_ref(), &record));
    }
    let mut changes = Vec::new();
    for record in unsettled(snapshot) {
        let urn = record.urn.clone();
        let Some(resource) = ports.cloud.resource(&record.type_token) else { continue };
        // The stack may have been destroyed but for this.
        let made_by = |record: &ResourceRecord| {
            let (_, id) = record.provider.as_ref()?.rsplit_once("::")?;
            Some(DefaultProvider::new(ports, &options.target, account, id.to_owned()))
        };
        let stack_provider = provider.clone().or_else(|| made_by(&record));
        let identity = stack_provider.as_ref().map(|provider| provider.id.as_str()).unwrap_or_default();
        let context = OperationContext { urn: urn.clone(), tags: tags(options, identity, ""), gate: Arc::clone(&gate) };
        match resource.find(&context, &record.inputs).await {
            Ok(Some(found)) if found.whose == Whose::Ours && !known.contains(&key_of(ports, &record, &found.state)) => {
                if let Some(provider) = stack_provider.as_ref().and_then(|provider| provider.record.clone()) {
                    changes.push(CheckpointChange::Put { image: stack.encode(&provider)?, urn: provider.urn });
                }
                for group in missing_groups(record.parent.as_ref(), &live) {
                    changes.push(CheckpointChange::Put { image: stack.encode(&group)?, urn: group.urn });
                }
                let made = ResourceRecord {
                    provider: stack_provider.as_ref().map(|provider| provider.reference.clone()),
                    ..made(ports, &record, found.state)
                };
                let image = stack.encode(&made)?;
                // It was to replace what is there.
                changes.push(match live.contains(&urn) {
                    true => CheckpointChange::PutReplacement { urn: urn.clone(), image, taken_back: false },
                    false => CheckpointChange::Put { urn: urn.clone(), image },
                });
                changes.push(CheckpointChange::Settled { urn });
                provider = stack_provider;
            }
            // It wasn't made, is recorded meanwhile, or isn't ours.
            Ok(_) => changes.push(CheckpointChange::Settled { urn }),
            Err(error) if error.kind == ProviderErrorKind::Cancelled => {
                return Err(ApplicationError::of_resource(&error, &urn));
            }
            Err(error) => tell(ports, &urn, &error),
        }
    }
    Ok(changes)
}

fn key_of(ports: &Ports, record: &ResourceRecord, found: &ResourceState) -> ThingKey {
    ThingKey::new(ports.cloud.as_ref(), &record.type_token, &found.id, &found.inputs)
}

/// What was made after all, in the place of what was known of it.
fn made(ports: &Ports, record: &ResourceRecord, state: ResourceState) -> ResourceRecord {
    let now = recorded_time(ports.clock.now_ms());
    ResourceRecord {
        id: Some(state.id),
        inputs: hide_named(&record.additional_secret_outputs, state.inputs),
        outputs: hide_named(&record.additional_secret_outputs, state.outputs),
        additional_secret_outputs: Vec::new(),
        created: Some(now.clone()),
        modified: Some(now),
        ..record.clone()
    }
}

/// What a resource belongs to and the state doesn't have any more, the outermost first.
fn missing_groups(parent: Option<&Urn>, live: &HashSet<&Urn>) -> Vec<ResourceRecord> {
    let Some(parent) = parent else { return Vec::new() };
    let root = Urn::root(parent.stack(), parent.project());
    let mut group = ResourceRecord::new(parent.clone(), false);
    group.parent = (*parent != root).then(|| root.clone());
    let root = group.parent.as_ref().map(|root| ResourceRecord::new(root.clone(), false));
    root.into_iter().chain([group]).filter(|group| !live.contains(&group.urn)).collect()
}

/// Tells what can't be seen, and why.
fn tell(ports: &Ports, urn: &Urn, error: &ProviderError) {
    ports.notices.notice(Notice::Warning {
        message: format!("what became of {urn} when a deployment was cut off can't be seen: {}", error.message),
        hint: Some(match &error.hint {
            Some(hint) => format!("{hint}; everything else goes on, and the next command looks again"),
            None => "everything else goes on, and the next command looks again".into(),
        }),
    });
}

impl Settlement<'_> {
    /// Keeps a step open of which nobody knows what became of it.
    pub(super) fn keep_open(
        &mut self,
        step: &PlannedStep,
        error: &ProviderError,
    ) -> Result<SettledOutcome, ApplicationError> {
        let urn = step.urn.clone();
        tell(self.ports, &urn, error);
        let why = format!("what became of the {} by {} couldn't be seen", step.operation.as_str(), self.deployment);
        let recorded = match step.operation.deletes() {
            true => self.records.deleted_by(step).cloned(),
            false => self.records.live.get(&urn).cloned(),
        };
        // Old copies wait to be deleted anyway.
        if let Some(record) = recorded.filter(|record| !record.pending_deletion) {
            self.put(ResourceRecord { init_errors: vec![why.clone()], ..ResourceRecord::clone(&record) })?;
        }
        if step.operation.creates()
            && let Some(inputs) = self.resolve_identity(step)
        {
            if let Some(parent) = &step.parent {
                self.record_group(parent)?;
            }
            self.unsettled.push(self.pending(step, inputs, why));
        }
        Ok(SettledOutcome::Unknown)
    }

    /// What is to be known of a creation when it is looked for again.
    fn pending(&self, step: &PlannedStep, inputs: PropertyMap, why: String) -> ResourceRecord {
        let mut record = ResourceRecord::new(step.urn.clone(), true);
        record.inputs = inputs;
        record.additional_secret_outputs.clone_from(&step.secret_inputs);
        record.parent.clone_from(&step.parent);
        record.provider.clone_from(&self.records.provider);
        record.init_errors = vec![why];
        record
    }
}
