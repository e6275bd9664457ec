//! Carrying out one step of a plan: resolve its inputs, call the provider, record what came of it.
//!
//! Everything generic about resource types lives here once: reclaiming what a cut-off try left behind, refusal of what
//! isn't ours, the turn of an update into a creation when the resource is gone, secrets in outputs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use resource_graph::{
    DiffRules, OutputReference, PropertyChange, PropertyMap, Reconsidered, Resolved, ResourceRecord, ResourceSpec,
    ResourceTypes, Step, Urn,
};

use super::gate::WriteCounter;
use super::ownership::{Owner, Owners, ThingKey, exists, refusal};
use super::records::{like_before, record_of, same_but_for_times};
use crate::application::error::{ApplicationError, ErrorKind, detail_of};
use crate::application::journal::dispatcher::Dispatcher;
use crate::application::plan::recorded::output_of;
use crate::domain::deployment::{DeploymentEvent, ErrorDetail, ResourceOperation};
use crate::ports::clock::{milliseconds, recorded_time};
use crate::ports::{
    CallGate, Cloud, Found, LockedStack, OperationContext, ProviderError, ProviderErrorKind, RecordedResource,
    ResourceProvider, ResourceState, ResourceTags, WallClock, Whose,
};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Something was done.
    Done,
    /// Its inputs turned out to be what they were: no call was made.
    Same,
    /// What was planned as a replacement turned out to be a change in place.
    Updated,
}

/// A step that failed: its detail was recorded.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct StepFailure(pub ErrorDetail);

impl From<StepFailure> for ApplicationError {
    fn from(failure: StepFailure) -> Self {
        Self { kind: ErrorKind::NeedsAttention, details: vec![failure.0] }
    }
}

/// What a deployment's steps share.
pub struct Applier {
    cloud: Arc<dyn Cloud>,
    dispatcher: Arc<Dispatcher>,
    clock: Arc<dyn WallClock>,
    tags: ResourceTags,
    /// What a stack of the same name has made is taken for ours.
    reclaim: bool,
    provider_reference: String,
    /// What the state held before.
    records: Vec<RecordedResource>,
    /// Whose a thing is: made of `records` when it is first asked for.
    owners: OnceLock<Owners>,
    known: Mutex<HashMap<Urn, Arc<ResourceRecord>>>,
    made_here: Mutex<HashSet<Urn>>,
}

struct Outcome {
    operation: ResourceOperation,
    reclaimed: bool,
    record: Option<ResourceRecord>,
    applied: Applied,
}

impl Outcome {
    fn same(record: Option<ResourceRecord>) -> Self {
        Self { operation: ResourceOperation::Same, reclaimed: false, record, applied: Applied::Same }
    }
}

impl Applier {
    /// What the steps of one deployment share. `provider_reference` is the provider resource's `<urn>::<id>`; `records` is
    /// what the state held before.
    pub fn new(
        cloud: Arc<dyn Cloud>,
        dispatcher: Arc<Dispatcher>,
        clock: Arc<dyn WallClock>,
        tags: ResourceTags,
        reclaim: bool,
        provider_reference: String,
        records: Vec<RecordedResource>,
    ) -> Self {
        Self {
            cloud,
            dispatcher,
            clock,
            tags,
            reclaim,
            provider_reference,
            records,
            owners: OnceLock::new(),
            known: Mutex::default(),
            made_here: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Urn, Arc<ResourceRecord>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of an output as far as this deployment has made or changed the resource.
    pub fn lookup(&self, reference: &OutputReference) -> Resolved {
        match self.known().get(&reference.urn) {
            None => Resolved::Unknown,
            Some(record) => output_of(record, &reference.path),
        }
    }

    /// The record of a resource that this deployment has made or changed.
    pub fn record_of(&self, urn: &Urn) -> Option<Arc<ResourceRecord>> {
        self.known().get(urn).cloned()
    }

    /// The stack, held for this deployment.
    pub fn stack(&self) -> Arc<dyn LockedStack> {
        Arc::clone(self.dispatcher.stack())
    }

    /// Why nothing may be begun any more.
    pub fn is_cut_off(&self) -> Option<StepFailure> {
        let error = self.dispatcher.stack().failure()?;
        Some(StepFailure(ErrorDetail {
            urn: None,
            code: error.kind.code().into(),
            message: error.message,
            hint: error.hint,
        }))
    }

    /// Carries out one step and records its start and its end.
    ///
    /// # Errors
    /// [`StepFailure`], after it was recorded.
    pub async fn apply(&self, step: &Step, gate: Arc<dyn CallGate>) -> Result<Applied, StepFailure> {
        let operation = operation_of(step);
        let (number, urn) = (step.id.0, step.urn.clone());
        self.record(DeploymentEvent::ResourceOperationStarted { step: number, operation, urn: urn.clone() })?;
        let gate = Arc::new(WriteCounter::new(gate));
        let begun = gate.now();
        let context = OperationContext {
            urn: urn.clone(),
            tags: self.tags.clone(),
            gate: Arc::clone(&gate) as Arc<dyn CallGate>,
        };
        let result = match self.carry_out(step, operation, &context).await {
            Ok(outcome) => self.encode(outcome),
            Err(error) => Err(error),
        };
        let duration_ms = milliseconds(gate.now().saturating_sub(begun));
        match result {
            Ok((outcome, resource)) => {
                let made =
                    outcome.record.as_ref().filter(|_| outcome.operation == ResourceOperation::CreateReplacement);
                let made = made.and_then(|record| ThingKey::of(self.types(), record));
                let taken_back = made.is_some_and(|key| self.owner_of(&urn, &key) == Owner::OldCopy);
                // Dependants resolve their inputs as soon as this step counts as done.
                match outcome.record {
                    Some(record) => {
                        self.known().insert(urn.clone(), Arc::new(record));
                    }
                    None if outcome.operation == ResourceOperation::Same && !is_old_copy(step) => {
                        self.known().extend(step.record.clone().map(|record| (urn.clone(), record)));
                    }
                    None => {}
                }
                let deleted = step.record.as_deref().filter(|_| operation.deletes());
                self.record(DeploymentEvent::ResourceOperationSucceeded {
                    step: number,
                    operation: outcome.operation,
                    urn,
                    duration_ms,
                    waited_ms: milliseconds(gate.waited()),
                    adopted: outcome.reclaimed,
                    taken_back,
                    id: deleted.and_then(|record| record.id.clone()),
                    created: deleted.and_then(|record| record.created.clone()),
                    resource,
                })?;
                Ok(outcome.applied)
            }
            Err(error) => {
                let outcome_unknown = !step.free && may_have_taken_effect(error.kind, gate.writes());
                let detail = detail_of(&error, &urn);
                self.record(DeploymentEvent::ResourceOperationFailed {
                    step: number,
                    operation,
                    urn,
                    duration_ms,
                    error: detail.clone(),
                    outcome_unknown,
                })?;
                Err(StepFailure(detail))
            }
        }
    }

    /// Records that a step wasn't tried.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn skip(&self, step: &Step, because: Option<Urn>) -> Result<(), StepFailure> {
        self.record(DeploymentEvent::ResourceOperationSkipped {
            step: step.id.0,
            operation: operation_of(step),
            urn: step.urn.clone(),
            because,
        })
    }

    /// Records that a step turned out not to be needed.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn not_needed(&self, step: &Step) -> Result<(), StepFailure> {
        let (number, operation, urn) = (step.id.0, operation_of(step), step.urn.clone());
        self.record(DeploymentEvent::ResourceOperationStarted { step: number, operation, urn: urn.clone() })?;
        self.record(DeploymentEvent::ResourceOperationSucceeded {
            step: number,
            operation: ResourceOperation::Same,
            urn,
            duration_ms: 0,
            waited_ms: 0,
            adopted: false,
            taken_back: false,
            id: None,
            created: None,
            resource: None,
        })
    }

    fn record(&self, event: DeploymentEvent) -> Result<(), StepFailure> {
        self.dispatcher.dispatch(event).map_err(|illegal| {
            StepFailure(ErrorDetail { code: "internal".into(), message: illegal.to_string(), ..ErrorDetail::default() })
        })
    }

    fn encode(
        &self,
        outcome: Outcome,
    ) -> Result<(Outcome, Option<crate::domain::deployment::ResourceImage>), ProviderError> {
        let image = outcome.record.as_ref().map(|record| self.dispatcher.stack().encode(record)).transpose();
        let image = image.map_err(|error| ProviderError {
            hint: error.hint.clone(),
            ..ProviderError::new(ProviderErrorKind::Internal, format!("its result can't be recorded: {error}"))
        })?;
        Ok((outcome, image))
    }

    async fn carry_out(
        &self,
        step: &Step,
        operation: ResourceOperation,
        context: &OperationContext,
    ) -> Result<Outcome, ProviderError> {
        let done = |record| Outcome { operation, reclaimed: false, record, applied: Applied::Done };
        if operation.deletes() || operation == ResourceOperation::Forget {
            if step.conditional && self.turns_out_unneeded(step)? {
                return Ok(Outcome::same(None));
            }
            if !step.free
                && step.operation != resource_graph::Operation::Forget
                && let Some(record) = &step.record
            {
                if self.is_taken_back(record) {
                    return Ok(Outcome::same(None));
                }
                let provider = self.provider(step)?;
                match provider.delete(context, &state_of(record)).await {
                    Err(error) if error.kind == ProviderErrorKind::NotFound => {}
                    result => result?,
                }
                if operation == ResourceOperation::Delete {
                    self.delete_duplicates(provider.as_ref(), context, record).await?;
                }
            }
            return Ok(done(None));
        }
        let Some(spec) = &step.spec else {
            return self.read(step, context).await.map(|record| done(Some(record)));
        };
        let inputs = self.resolve(step)?;
        let mut operation = operation;
        if step.conditional {
            match step.reconsider(&inputs, self.types()) {
                Reconsidered::Same => return Ok(Outcome::same(self.with_new_options(spec, step.record.as_deref()))),
                Reconsidered::Update(_) => operation = ResourceOperation::Update,
                Reconsidered::Replace(_) => {}
                Reconsidered::Protected(changes) => return Err(protected(&changes)),
            }
        }
        let old = step.record.as_deref();
        if step.free || operation == ResourceOperation::Same {
            let mut record = self.new_record(spec, inputs, None, old, false);
            if let Some(old) = old {
                (record.id, record.outputs) = (old.id.clone(), old.outputs.clone());
            }
            return Ok(done(Some(record)));
        }
        let provider = self.provider(step)?;
        let (state, reclaimed) = match (operation, old) {
            (ResourceOperation::Update, Some(old)) => match provider.update(context, &state_of(old), &inputs).await {
                Err(error) if error.kind == ProviderErrorKind::NotFound => {
                    // What wasn't made here has no tags yet by which it would be found again: it is asked for by its id.
                    let id = old.id.as_deref().unwrap_or_default();
                    if provider.read(context, id, &old.inputs).await?.is_some() {
                        return Err(error);
                    }
                    self.create(provider.as_ref(), spec, context, &inputs, None).await?
                }
                result => (result?, false),
            },
            (ResourceOperation::Read, _) => return self.read(step, context).await.map(|record| done(Some(record))),
            _ => {
                // The copy that is being replaced is no new one.
                let replaced = old.filter(|_| operation == ResourceOperation::CreateReplacement);
                let replaced = replaced.and_then(|old| ThingKey::of(self.types(), old));
                self.create(provider.as_ref(), spec, context, &inputs, replaced).await?
            }
        };
        let made_new = operation.creates();
        let record = self.new_record(spec, inputs, Some(state), old, made_new);
        let became_update = step.operation == resource_graph::Operation::CreateReplacement && !made_new;
        let applied = if became_update { Applied::Updated } else { Applied::Done };
        Ok(Outcome { operation, reclaimed, record: Some(record), applied })
    }

    /// Deletes what was made twice, with what isn't wanted any more: a call that the cloud carried out very late may have made another
    /// one, which no record stands for. What lies within something else goes with that.
    async fn delete_duplicates(
        &self,
        provider: &dyn ResourceProvider,
        context: &OperationContext,
        deleted: &ResourceRecord,
    ) -> Result<(), ProviderError> {
        if !provider.has_generated_id() || !provider.info().id_within.is_empty() {
            return Ok(());
        }
        loop {
            let found = match provider.find(context, &deleted.inputs).await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                // What was to be deleted is: whether there was another one can't be seen.
                Err(error) => {
                    tracing::debug!("whether {} was made twice can't be seen: {error}", deleted.urn);
                    break;
                }
            };
            let key = ThingKey::new(self.types(), &deleted.type_token, &found.state.id, &found.state.inputs);
            let is_itself = deleted.id.as_ref() == Some(&found.state.id);
            if found.whose != Whose::Ours || is_itself || self.owner_of(&deleted.urn, &key) != Owner::Nobody {
                break;
            }
            tracing::warn!("{} was made twice: {} is deleted, too", deleted.urn, found.state.id);
            provider.delete(context, &found.state).await?;
        }
        Ok(())
    }

    /// Whether the deletion of a replacement that deletes first isn't needed after all.
    fn turns_out_unneeded(&self, step: &Step) -> Result<bool, ProviderError> {
        let inputs = self.resolve(step)?;
        match step.reconsider(&inputs, self.types()) {
            Reconsidered::Same | Reconsidered::Update(_) => Ok(true),
            Reconsidered::Replace(_) => Ok(false),
            Reconsidered::Protected(changes) => Err(protected(&changes)),
        }
    }

    fn resolve(&self, step: &Step) -> Result<PropertyMap, ProviderError> {
        step.inputs.resolve(&mut |reference| self.lookup(reference)).map_err(|error| {
            ProviderError::new(ProviderErrorKind::Internal, format!("its inputs can't be put together: {error}"))
        })
    }

    fn new_record(
        &self,
        spec: &ResourceSpec,
        inputs: PropertyMap,
        state: Option<ResourceState>,
        old: Option<&ResourceRecord>,
        made_new: bool,
    ) -> ResourceRecord {
        let provider = spec.custom.then_some(self.provider_reference.as_str());
        record_of(spec, inputs, state, old, made_new, provider, &recorded_time(self.clock.now_ms()))
    }

    /// The record of a resource whose inputs turned out to be the same, when its dependencies or options aren't.
    fn with_new_options(&self, spec: &ResourceSpec, old: Option<&ResourceRecord>) -> Option<ResourceRecord> {
        let old = old?;
        let mut record = self.new_record(spec, old.inputs.clone(), None, Some(old), false);
        (record.id, record.outputs) = (old.id.clone(), old.outputs.clone());
        (record.provider, record.modified) = (old.provider.clone(), old.modified.clone());
        (!same_but_for_times(old, &record)).then_some(record)
    }

    fn provider(&self, step: &Step) -> Result<Arc<dyn ResourceProvider>, ProviderError> {
        self.cloud.resource(&step.type_token).ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Internal, format!("there is no provider for {}", step.type_token))
        })
    }

    fn types(&self) -> &dyn ResourceTypes {
        self.cloud.as_ref()
    }

    async fn read(&self, step: &Step, context: &OperationContext) -> Result<ResourceRecord, ProviderError> {
        let record = step.record.as_deref().ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Internal, "there is no record of what is to be read")
        })?;
        let id = record.id.as_deref().unwrap_or_default();
        let state = self.provider(step)?.read(context, id, &record.inputs).await?;
        let state = state
            .ok_or_else(|| ProviderError::new(ProviderErrorKind::NotFound, format!("{id} is gone from the cloud")))?;
        Ok(ResourceRecord { outputs: like_before(&record.outputs, state.outputs), ..record.clone() })
    }

    /// Makes a resource, or reclaims what a cut-off try or a lost state left behind. Says whether it did.
    /// `replaced` is the copy that this one takes the place of.
    async fn create(
        &self,
        provider: &dyn ResourceProvider,
        spec: &ResourceSpec,
        context: &OperationContext,
        inputs: &PropertyMap,
        replaced: Option<ThingKey>,
    ) -> Result<(ResourceState, bool), ProviderError> {
        let key_of = |id: &str| ThingKey::new(self.types(), &spec.type_token, id, inputs);
        if self.may_exist(provider, spec)
            && let Some(found) = provider.find(context, inputs).await?
            && let key = key_of(&found.state.id)
            && replaced.as_ref() != Some(&key)
            && self.owner_of(&spec.urn, &key) == Owner::Nobody
            && found.whose != Whose::Others
        {
            if let Some(refused) = refusal(&Owner::Nobody, &found, self.reclaim) {
                return Err(refused);
            }
            return self.reclaim(provider, spec, context, found, inputs).await.map(|state| (state, true));
        }
        let refused = match provider.create(context, inputs).await {
            Ok(state) => {
                self.made_here.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.urn.clone());
                return Ok((state, false));
            }
            Err(error) if error.kind == ProviderErrorKind::AlreadyExists => error,
            Err(error) => return Err(error),
        };
        let Some(found) = provider.find(context, inputs).await? else { return Err(refused) };
        let id = &found.state.id;
        let key = key_of(id);
        if let Some(refused) = refusal(&self.owner_of(&spec.urn, &key), &found, self.reclaim) {
            return Err(refused);
        }
        if replaced == Some(key) {
            return Err(exists(format!("{id} can't be made anew while the one that it replaces is there"))
                .with_hint("choose another name for it, or let it be deleted before it is replaced"));
        }
        // An old copy that waits to be deleted is taken back: what is wanted has become what it was.
        self.reclaim(provider, spec, context, found, inputs).await.map(|state| (state, true))
    }

    /// Whether something with a generated id, which the cloud would happily make twice, may be there already: from a try that
    /// failed after all, or a state that was lost. Not below something that this deployment has made.
    fn may_exist(&self, provider: &dyn ResourceProvider, spec: &ResourceSpec) -> bool {
        let made_here = self.made_here.lock().unwrap_or_else(PoisonError::into_inner);
        provider.has_generated_id() && !spec.dependencies().iter().any(|urn| made_here.contains(urn))
    }

    /// Whose a thing is that was found or made for a resource.
    fn owner_of(&self, urn: &Urn, key: &ThingKey) -> Owner {
        self.owners.get_or_init(|| Owners::of(self.types(), &self.records)).owner(urn, key)
    }

    /// Whether an old copy that is to be deleted was taken back: the resource that lives is the same thing in the cloud.
    fn is_taken_back(&self, copy: &ResourceRecord) -> bool {
        let Some(key) = ThingKey::of(self.types(), copy).filter(|_| copy.pending_deletion) else { return false };
        let is_it = |record: &ResourceRecord| ThingKey::of(self.types(), record).as_ref() == Some(&key);
        if let Some(live) = self.record_of(&copy.urn) {
            return is_it(&live);
        }
        let live = self.records.iter().filter(|record| *record.urn() == copy.urn && !record.marks().pending_deletion);
        live.filter_map(|record| record.to_record().ok()).any(|record| is_it(&record))
    }

    async fn reclaim(
        &self,
        provider: &dyn ResourceProvider,
        spec: &ResourceSpec,
        context: &OperationContext,
        Found { whose, state: found }: Found,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        let rules = DiffRules::new(self.cloud.info(&spec.type_token), &spec.options)
            .map_err(|error| ProviderError::new(ProviderErrorKind::Internal, error.to_string()))?;
        let changes = rules.diff(&found.inputs, inputs);
        // What was another's by its tags is changed in any case, so that it bears ours.
        if changes.is_empty() && whose == Whose::Ours {
            return Ok(found);
        }
        if changes.iter().any(|change| change.forces_replacement) {
            provider.delete(context, &found).await?;
            return provider.create(context, inputs).await;
        }
        provider.update(context, &found, inputs).await
    }
}

/// The domain's word for what a step does. Deleting a copy that an earlier replacement left is the end of that replacement.
pub fn operation_of(step: &Step) -> ResourceOperation {
    use resource_graph::Operation as Planned;
    match step.operation {
        Planned::Same => ResourceOperation::Same,
        Planned::Read => ResourceOperation::Read,
        Planned::Create => ResourceOperation::Create,
        Planned::Update => ResourceOperation::Update,
        Planned::CreateReplacement => ResourceOperation::CreateReplacement,
        Planned::DeleteReplaced => ResourceOperation::DeleteReplaced,
        Planned::Delete if is_old_copy(step) => ResourceOperation::DeleteReplaced,
        Planned::Delete => ResourceOperation::Delete,
        // A copy that stays in the cloud, but not in the state.
        Planned::Forget if step.pair.is_some() || is_old_copy(step) => ResourceOperation::DeleteReplaced,
        Planned::Forget => ResourceOperation::Forget,
    }
}

fn is_old_copy(step: &Step) -> bool {
    step.record.as_ref().is_some_and(|record| record.pending_deletion)
}

/// What a provider is told of a recorded resource.
pub fn state_of(record: &ResourceRecord) -> ResourceState {
    ResourceState {
        id: record.id.clone().unwrap_or_default(),
        inputs: record.inputs.clone(),
        outputs: record.outputs.clone(),
    }
}

/// Whether a failed operation may have changed something. A single call that was refused hasn't; of several, the first ones
/// have; and of one that got no answer nobody knows.
fn may_have_taken_effect(kind: ProviderErrorKind, writes: u32) -> bool {
    let is_refusal = matches!(
        kind,
        ProviderErrorKind::NotFound
            | ProviderErrorKind::AlreadyExists
            | ProviderErrorKind::Refused
            | ProviderErrorKind::Denied
            | ProviderErrorKind::Throttled
    );
    writes > 1 || (writes == 1 && !is_refusal)
}

fn protected(changes: &[PropertyChange]) -> ProviderError {
    let names: Vec<String> = changes.iter().map(|change| change.path.to_string()).collect();
    ProviderError::new(
        ProviderErrorKind::Refused,
        format!("it would have to be replaced ({}), but is protected", names.join(", ")),
    )
    .with_hint("remove the protection in a deployment of its own first")
}
