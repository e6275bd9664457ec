//! What the cloud says of a step that a died deployment has left open.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use resource_graph::{OutputReference, PropertyMap, Resolved, ResourceRecord, ResourceSpec, Urn, Value};

use super::{Settlement, needed_by};
use crate::application::error::ApplicationError;
use crate::application::journal::intent;
use crate::application::plan::recorded::{output_of, recorded_output};
use crate::application::plan::refresh::tags;
use crate::domain::deployment::{PlannedStep, ResourceOperation, SettledOutcome};
use crate::ports::{
    Notice, OperationContext, ProviderError, ProviderErrorKind, ResourceProvider, ResourceState, Whose,
};

/// How often it is looked whether a call takes effect after all.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the cloud says of an open step.
pub(super) enum Answer {
    /// Nothing has happened, or nothing is left to be recorded.
    Nothing(SettledOutcome),
    /// The creation took effect.
    Made(ResourceState),
    /// It is there, but not as recorded: the step, or another program, got half way.
    Changed(Arc<ResourceRecord>, ResourceState),
    /// It isn't there any more, though it wasn't to be deleted.
    Gone(Arc<ResourceRecord>),
    /// The deletion took effect.
    Deleted,
    /// The cloud can't be asked about this one.
    Unknown(ProviderError),
}

impl Answer {
    /// Whether the operation had no effect that can be seen.
    fn is_nothing_new(&self) -> bool {
        match self {
            Self::Nothing(outcome) => *outcome == SettledOutcome::Undone,
            Self::Changed(record, state) => is_as_recorded(record, state),
            _ => false,
        }
    }
}

impl Settlement<'_> {
    /// Asks the cloud about an open step. A call that was sent a moment before the deployment died may still be carried out: what
    /// that would spoil is looked at until it can't be any more.
    pub(super) async fn ask(
        &self,
        step: &PlannedStep,
        is_started: bool,
        unmade: &HashSet<Urn>,
    ) -> Result<Answer, ApplicationError> {
        if self.is_to_be_forgotten(step) {
            return Ok(Answer::Deleted);
        }
        let provider = self.ports.cloud.resource(&step.urn.type_token());
        let Some(provider) = provider.filter(|_| !step.operation.creates() || !needs_one_of(step, unmade)) else {
            return Ok(Answer::Nothing(SettledOutcome::Undone));
        };
        let tags = tags(self.options, &self.identity, self.deployment);
        let context = OperationContext { urn: step.urn.clone(), tags, gate: Arc::clone(&self.gate) };
        let may_come = is_started && self.spoils(step, provider.as_ref());
        let answer = async {
            loop {
                let answer = self.look(step, is_started, provider.as_ref(), &context).await?;
                if !may_come || !answer.is_nothing_new() || !self.may_be_late() {
                    return Ok::<_, ProviderError>(answer);
                }
                self.tell_waiting();
                context.gate.sleep(LOOK_EVERY).await?;
            }
        };
        match answer.await {
            Err(error) if error.kind == ProviderErrorKind::Cancelled => {
                Err(ApplicationError::of_resource(&error, &step.urn))
            }
            Err(error) => Ok(Answer::Unknown(error)),
            Ok(answer) => Ok(answer),
        }
    }

    /// Whether it does harm when the cloud carries this operation out only after the command has gone on: a second thing beside one
    /// whose id the cloud makes up, one that nobody asks for any more, the deletion of what is wanted again, an old change after a new
    /// one. A creation of what is wanted next, too, is in the way of its like instead.
    fn spoils(&self, step: &PlannedStep, provider: &dyn ResourceProvider) -> bool {
        let wanted = self.wanted.get(&step.urn);
        if !step.operation.creates() {
            return wanted.is_some();
        }
        let is_like = |spec: &&ResourceSpec| {
            let made = intent::decode(&step.identity).unwrap_or_default();
            // What it refers to may be replaced.
            made.iter().all(|(name, value)| spec.inputs.get(name) == Some(value) && !value.contains_reference())
        };
        provider.has_generated_id() || wanted.filter(|spec| is_like(spec)).is_none()
    }

    /// Whether calls of the deployment that died may still be carried out.
    fn may_be_late(&self) -> bool {
        self.ports.clock.now_ms() < self.late_until
    }

    fn tell_waiting(&self) {
        self.waiting.call_once(|| {
            let seconds = (self.late_until - self.ports.clock.now_ms()).max(0).unsigned_abs().div_ceil(1000);
            let message = format!(
                "deployment {} was cut off a moment ago, and its last calls may still be carried out: their outcome is waited for, \
                 {seconds} s at most",
                self.deployment
            );
            self.ports.notices.notice(Notice::Warning { message, hint: None });
        });
    }

    async fn look(
        &self,
        step: &PlannedStep,
        is_started: bool,
        provider: &dyn ResourceProvider,
        context: &OperationContext,
    ) -> Result<Answer, ProviderError> {
        if !step.operation.creates() {
            return self.read(step, is_started, provider, context).await;
        }
        let found = self.find(step, provider, context).await?;
        Ok(found.map_or(Answer::Nothing(SettledOutcome::Undone), Answer::Made))
    }

    /// What an open creation has made.
    async fn find(
        &self,
        step: &PlannedStep,
        provider: &dyn ResourceProvider,
        context: &OperationContext,
    ) -> Result<Option<ResourceState>, ProviderError> {
        // An intent whose references lead nowhere can't have been carried out.
        let Some(inputs) = self.resolve_identity(step) else { return Ok(None) };
        let found = provider.find(context, &inputs).await?;
        Ok(found.filter(|found| found.whose == Whose::Ours).map(|found| found.state).filter(|state| {
            // A replacement is looked for under the new inputs; what is found may still be the old one.
            !self.records.is_taken(&step.urn, state, self.ports.cloud.as_ref())
        }))
    }

    async fn read(
        &self,
        step: &PlannedStep,
        is_started: bool,
        provider: &dyn ResourceProvider,
        context: &OperationContext,
    ) -> Result<Answer, ProviderError> {
        let record = match step.operation {
            ResourceOperation::Update => self.records.live.get(&step.urn),
            _ => self.records.deleted_by(step),
        };
        // A deletion that was recorded after all, or an earlier try at settling it got this far.
        let Some(record) = record else { return Ok(Answer::Nothing(SettledOutcome::Done)) };
        let id = record.id.as_deref().unwrap_or_default();
        let state = provider.read(context, id, &record.inputs).await?;
        let is_deletion = step.operation.deletes();
        Ok(match state {
            None if is_deletion => Answer::Deleted,
            // An update that finds nothing to change makes it anew.
            None => match self.find(step, provider, context).await? {
                Some(state) => Answer::Changed(Arc::clone(record), state),
                None => Answer::Gone(Arc::clone(record)),
            },
            Some(state) if (is_deletion || !is_started) && is_as_recorded(record, &state) => {
                Answer::Nothing(SettledOutcome::Undone)
            }
            Some(_) if record.pending_deletion => Answer::Nothing(SettledOutcome::Undone),
            Some(state) => Answer::Changed(Arc::clone(record), state),
        })
    }

    /// The identifying inputs of a step, when all that they refer to is known.
    pub(super) fn resolve_identity(&self, step: &PlannedStep) -> Option<PropertyMap> {
        let inputs = intent::decode(&step.identity)?;
        let resolved = inputs.resolve(&mut |reference| match self.records.live.get(&reference.urn) {
            Some(record) => output_of(record, &reference.path),
            None => self.overwritten_output(reference),
        });
        resolved.ok().filter(|inputs| !inputs.values().any(Value::contains_unknown))
    }

    /// An output of a resource that another program has taken out of the state since.
    fn overwritten_output(&self, reference: &OutputReference) -> Resolved {
        let record = self.overwritten.as_ref().and_then(|records| records.get(&reference.urn));
        record.map_or(Resolved::Unknown, |record| recorded_output(record, &reference.path))
    }
}

fn needs_one_of(step: &PlannedStep, unmade: &HashSet<Urn>) -> bool {
    needed_by(step).iter().any(|urn| unmade.contains(urn))
}

/// Whether the cloud shows a resource as the state records it.
fn is_as_recorded(record: &ResourceRecord, state: &ResourceState) -> bool {
    let same = |recorded: &PropertyMap, now: &PropertyMap| {
        resource_graph::planner::diff::same(&Value::Map(recorded.clone()), &Value::Map(now.clone()))
    };
    same(&record.inputs, &state.inputs) && same(&record.outputs, &state.outputs)
}
