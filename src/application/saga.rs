//! The deployment saga: lock → settle what died → plan → apply → health check → clean up → complete, or fail.
//!
//! Each turn of it is an event; what it leaves in the store is decided by the events alone. Nothing that changes the cloud
//! happens before the plan's intents are durable, and nothing is removed before the components answer.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use resource_graph::{
    Latencies, LowerBound, Outcome, Phase, Phases, Plan, PropertyMap, ResourceRecord, RunOptions, RunReport, Scheduler,
    StepId, SystemClock, Urn,
};

use super::apply::{Applier, StepFailure};
use super::dispatcher::Dispatcher;
use super::error::{ApplicationError, ErrorKind};
use super::execution::{StepExecutor, record_rest};
use super::health::{self, Unhealthy};
use super::measure;
use super::planning::{self, Planned, Wanted};
use super::recovery;
use super::report::{DeploymentReport, DeploymentResult, SCHEMA_VERSION};
use super::request::{Options, Ports};
use super::{intent, outputs, records};
use crate::domain;
use crate::domain::deployment::{
    ChangeCounts, Deployment, DeploymentCommand, DeploymentEvent, ErrorDetail, PlannedStep,
};
use crate::ports::clock::rfc3339;
use crate::ports::{
    CloudIdentity, HistoryEntry, LockRequest, LockedStack, RecordedResource, ResourceTags, StackSnapshot,
};

/// What is shown before anything is done.
pub struct Preview<'a> {
    /// The command.
    pub command: DeploymentCommand,
    /// The stack.
    pub stack: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// What was found otherwise than recorded.
    pub drifts: &'a [planning::Drift],
    /// The shortest time that quotas and dependencies allow.
    pub lower_bound: &'a LowerBound,
}

/// Who may say no.
#[async_trait::async_trait]
pub trait Confirmation: Send + Sync {
    /// Shows what would be done, and says whether to do it.
    ///
    /// # Errors
    /// When nobody can be asked.
    async fn confirm(&self, preview: &Preview<'_>) -> Result<bool, ApplicationError>;
}

/// Everything that a run of the saga needs.
pub(super) struct Saga<'a> {
    pub ports: &'a Ports,
    pub options: &'a Options,
    /// All components of the project in this environment.
    pub components: &'a [domain::component::Component],
    pub wanted: Wanted,
    pub identity: CloudIdentity,
    pub confirmation: &'a dyn Confirmation,
    pub started_ms: i64,
}

struct Applied {
    errors: Vec<ErrorDetail>,
    stopped: bool,
}

impl Saga<'_> {
    /// Runs the saga from the state that was read before.
    pub async fn run(self, snapshot: StackSnapshot) -> Result<DeploymentReport, ApplicationError> {
        let latencies = self.ports.latencies.load();
        // Nothing to do and nothing left open: no lock, no write.
        let mut first = None;
        if snapshot.interrupted.is_none() {
            let planned = planning::plan(self.ports, self.options, &self.wanted, &snapshot, &latencies).await?;
            if planned.is_empty(&snapshot) {
                return Ok(self.unchanged(&planned, &snapshot));
            }
            self.ask(&planned).await?;
            first = Some((planned, snapshot.version.clone()));
        }
        let request = LockRequest { timeout: self.options.lock_timeout };
        let stack = self.ports.store.lock(request, self.ports.notices.as_ref()).await?;
        let result = self.locked(first, &stack, latencies).await;
        let released = stack.release().await;
        let report = result?;
        released?;
        Ok(report)
    }

    async fn ask(&self, planned: &Planned) -> Result<(), ApplicationError> {
        let lower_bound = lower_bound(self.ports, &planned.plan);
        let preview = Preview {
            command: self.wanted.command,
            stack: &self.options.target.stack,
            plan: &planned.plan,
            drifts: &planned.drifts,
            lower_bound: &lower_bound,
        };
        if self.confirmation.confirm(&preview).await? {
            return Ok(());
        }
        Err(ApplicationError::new(ErrorKind::Failed, "declined", "nothing was done: the plan was declined"))
    }

    async fn locked(
        &self,
        first: Option<(Planned, String)>,
        stack: &Arc<dyn LockedStack>,
        latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        let mut snapshot = stack.read().await?;
        let mut recovered = None;
        if let Some(interrupted) = snapshot.interrupted.take() {
            let settled = recovery::settle(self.ports, self.options, stack.as_ref(), &snapshot, &interrupted).await?;
            stack.checkpoint(&settled.changes, &[]).await?;
            stack.settle().await?;
            recovered = Some(settled.event);
            snapshot = stack.read().await?;
        }
        let planned = match first {
            Some((planned, version)) if version == snapshot.version && recovered.is_none() => planned,
            _ => {
                let planned = planning::plan(self.ports, self.options, &self.wanted, &snapshot, &latencies).await?;
                if planned.is_empty(&snapshot) && recovered.is_none() {
                    return Ok(self.unchanged(&planned, &snapshot));
                }
                // Somebody else's deployment came between, or one that died was settled: the plan is another one.
                if !planned.is_empty(&snapshot) {
                    self.ask(&planned).await?;
                }
                planned
            }
        };
        self.deploy(planned, &snapshot, stack, recovered, latencies).await
    }

    async fn deploy(
        &self,
        planned: Planned,
        snapshot: &StackSnapshot,
        stack: &Arc<dyn LockedStack>,
        recovered: Option<DeploymentEvent>,
        latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        let clock = &self.ports.clock;
        let stamp: String = rfc3339(clock.now_ms()).chars().filter(char::is_ascii_digit).take(14).collect();
        let id = format!("{stamp}-{}", clock.fresh_id());
        let correlation = self.options.correlation_id.clone().unwrap_or_else(|| format!("corr_{id}"));
        let mut handlers = self.ports.handlers.clone();
        let measured = Arc::new(measure::Measured::default());
        handlers.push(Arc::clone(&measured) as _);
        let dispatcher = Dispatcher::begin(
            Deployment::new(&id, correlation, &self.options.user),
            self.request_event(),
            Arc::clone(stack),
            handlers,
            Arc::clone(clock),
        )
        .await?;
        let dispatcher = Arc::new(dispatcher);
        let provider_reference = self.record_provider(&dispatcher, &planned.records)?;
        if let Some(event) = recovered {
            dispatcher.dispatch(event)?;
        }
        for drift in &planned.drifts {
            let resource = drift.record.as_ref().map(|record| stack.encode(record)).transpose()?;
            let (urn, properties) = (drift.urn.clone(), drift.properties.clone());
            dispatcher.dispatch(DeploymentEvent::ResourceDrifted { urn, properties, resource })?;
        }
        let bound = lower_bound(self.ports, &planned.plan);
        let lower_bound_ms = milliseconds(bound.duration);
        dispatcher.dispatch(DeploymentEvent::DeploymentPlanned {
            steps: self.intents(&planned.plan),
            changes: counts_of(&planned.plan),
            lower_bound_ms,
        })?;
        // The intents are durable, in the journal and for other readers of the state, before anything is called.
        dispatcher.flush().await?;
        let applier = Applier::new(
            Arc::clone(&self.ports.cloud),
            Arc::clone(&dispatcher),
            Arc::clone(clock),
            ResourceTags {
                project: self.options.target.project.clone(),
                stack: self.options.target.stack.clone(),
                deployment: id.clone(),
            },
            provider_reference,
            !snapshot.exists,
        );
        if !planned.plan.is_empty() {
            let creating = self.pending(&planned.plan, stack)?;
            stack.checkpoint(&dispatcher.changes(), &creating).await?;
        }
        let applied = self.apply(&planned, snapshot, &applier, &dispatcher).await?;
        let Some(applied) = applied else {
            // Stopped at once: the journal stays as it is, and the next command settles what was under way.
            let _ = dispatcher.flush().await;
            let unknown = dispatcher.unknown();
            return Ok(self.report(
                DeploymentResult::Interrupted,
                &dispatcher,
                lower_bound_ms,
                snapshot,
                stop_errors(&unknown),
            ));
        };
        self.conclude(applied, &planned, snapshot, &applier, &dispatcher, lower_bound_ms, &measured, latencies).await
    }

    /// Applies the plan and checks health before removals. `None`: stopped at once.
    async fn apply(
        &self,
        planned: &Planned,
        snapshot: &StackSnapshot,
        applier: &Applier,
        dispatcher: &Dispatcher,
    ) -> Result<Option<Applied>, ApplicationError> {
        let scheduler = Scheduler::new(Arc::new(SystemClock::new()), self.ports.cloud.quotas().into_iter().collect());
        let executor = StepExecutor::new(applier, Arc::clone(&self.ports.calls));
        let mut options = RunOptions {
            parallelism: self.options.parallelism,
            phases: Phases::Make,
            cancellation: self.options.cancellation.clone(),
            ..RunOptions::default()
        };
        let saga_id = dispatcher.deployment_id();
        begin(dispatcher, &saga_id, "apply")?;
        let made = scheduler.run(&planned.plan, &executor, &options).await;
        let Some(mut applied) = Self::taken(&made) else { return Ok(None) };
        end(dispatcher, &saga_id, "apply", &applied.errors)?;
        if applied.errors.is_empty() && !applied.stopped {
            let outputs = self.outputs(planned, snapshot, applier)?;
            let unhealthy = self.check_health(planned, &outputs, dispatcher, &saga_id).await?;
            applied.errors.extend(unhealthy.into_iter().map(|unhealthy| unhealthy.detail));
        }
        let mut runs = vec![&made];
        let removed;
        let removals = planned.plan.steps().iter().any(|step| step.phase == Phase::Remove);
        if removals && applied.errors.is_empty() && !applied.stopped {
            begin(dispatcher, &saga_id, "clean-up")?;
            options.phases = Phases::Remove;
            options.done = done_steps(&planned.plan, &made);
            removed = scheduler.run(&planned.plan, &executor, &options).await;
            let Some(cleaned) = Self::taken(&removed) else { return Ok(None) };
            end(dispatcher, &saga_id, "clean-up", &cleaned.errors)?;
            applied.errors.extend(cleaned.errors);
            applied.stopped |= cleaned.stopped;
            runs.push(&removed);
        }
        record_rest(&planned.plan, &runs, applier)?;
        Ok(Some(applied))
    }

    fn taken(run: &RunReport<StepFailure>) -> Option<Applied> {
        if run.steps.iter().any(|step| matches!(step.outcome, Outcome::Interrupted)) {
            return None;
        }
        Some(Applied { errors: run.failures().map(|(_, failure)| failure.0.clone()).collect(), stopped: run.cancelled })
    }

    async fn check_health(
        &self,
        planned: &Planned,
        outputs: &PropertyMap,
        dispatcher: &Dispatcher,
        saga_id: &str,
    ) -> Result<Vec<Unhealthy>, ApplicationError> {
        let checks = health::due(
            self.ports,
            self.options,
            &self.identity,
            self.components,
            &self.wanted,
            &planned.plan,
            outputs,
        );
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        begin(dispatcher, saga_id, "health-check")?;
        let unhealthy = health::run(self.ports, checks, dispatcher).await?;
        let errors: Vec<ErrorDetail> = unhealthy.iter().map(|unhealthy| unhealthy.detail.clone()).collect();
        end(dispatcher, saga_id, "health-check", &errors)?;
        Ok(unhealthy)
    }

    fn outputs(
        &self,
        planned: &Planned,
        snapshot: &StackSnapshot,
        applier: &Applier,
    ) -> Result<PropertyMap, ApplicationError> {
        if self.wanted.command == DeploymentCommand::Destroy {
            return Ok(planning::outputs_after_destroy(self.options, snapshot));
        }
        let before = planning::outputs_before(&self.wanted, self.options, snapshot);
        let by_urn: BTreeMap<&Urn, &RecordedResource> = planned
            .records
            .iter()
            .filter(|record| !record.marks().pending_deletion)
            .map(|record| (record.urn(), record))
            .collect();
        outputs::resolve(&before, &self.wanted.outputs, &mut |reference| match applier.lookup(reference) {
            resource_graph::Resolved::Unknown => by_urn
                .get(&reference.urn)
                .map_or(resource_graph::Resolved::Missing, |record| planning::recorded_output(record, &reference.path)),
            known => known,
        })
        .map_err(|error| ApplicationError::new(ErrorKind::NeedsAttention, "outputs", error.to_string()))
    }

    #[expect(clippy::too_many_arguments, reason = "the end of the saga needs all that came before")]
    async fn conclude(
        &self,
        mut applied: Applied,
        planned: &Planned,
        snapshot: &StackSnapshot,
        applier: &Applier,
        dispatcher: &Dispatcher,
        lower_bound_ms: u64,
        measured: &measure::Measured,
        mut latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        let stack = dispatcher.stack();
        let succeeded = applied.errors.is_empty() && !applied.stopped;
        let mut shown = snapshot.outputs.clone();
        if succeeded {
            shown = self.outputs(planned, snapshot, applier)?;
            self.record_root(&shown, planned, dispatcher)?;
        }
        let (changes, calls) = (dispatcher.done(), self.ports.calls.counts());
        let duration_ms = self.elapsed_ms();
        let unknown = dispatcher.unknown();
        let (result, event) = if succeeded {
            let outputs = outputs::shown(&shown);
            (DeploymentResult::Succeeded, DeploymentEvent::DeploymentCompleted { changes, calls, duration_ms, outputs })
        } else if applied.stopped {
            applied.errors.extend(stop_errors(&unknown));
            let unknown = unknown.clone();
            (
                DeploymentResult::Interrupted,
                DeploymentEvent::DeploymentInterrupted { changes, calls, duration_ms, unknown },
            )
        } else {
            let result = match changes.is_empty() && unknown.is_empty() {
                true => DeploymentResult::Failed,
                false => DeploymentResult::NeedsAttention,
            };
            let errors = applied.errors.clone();
            (result, DeploymentEvent::DeploymentFailed { changes, calls, duration_ms, errors })
        };
        dispatcher.dispatch(event)?;
        dispatcher.flush().await?;
        stack.checkpoint(&dispatcher.changes(), &[]).await?;
        let entry = self.history_entry(dispatcher, succeeded, changes);
        stack.finish(&entry, !unknown.is_empty()).await?;
        measured.learn(&mut latencies);
        self.ports.latencies.save(&latencies);
        let snapshot = StackSnapshot { outputs: shown, ..snapshot.clone() };
        Ok(self.report(result, dispatcher, lower_bound_ms, &snapshot, applied.errors))
    }

    fn request_event(&self) -> DeploymentEvent {
        let target = &self.options.target;
        let mut components: Vec<String> = self.options.components.clone();
        if components.is_empty() {
            components = self.wanted.outputs.iter().map(|output| output.component.clone()).collect();
            components.dedup();
        }
        DeploymentEvent::DeploymentRequested {
            command: self.wanted.command,
            project: target.project.clone(),
            stack: target.stack.clone(),
            environment: target.environment.clone(),
            provider: self.ports.cloud.provider().to_string(),
            components,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            source: self.options.source.clone(),
            message: self.options.message.clone(),
        }
    }

    /// The provider resource's reference; records the resource when the state lacks it.
    fn record_provider(
        &self,
        dispatcher: &Dispatcher,
        records: &[RecordedResource],
    ) -> Result<String, ApplicationError> {
        let target = &self.options.target;
        let package = self.ports.cloud.provider().to_string();
        let token = resource_graph::TypeToken::provider(&package);
        let (name, inputs) = self.ports.cloud.provider_resource(&self.identity);
        // One that another program recorded, of another version perhaps, serves as well.
        let known = records.iter().find(|record| {
            record.urn().type_token() == token && record.urn().name().starts_with("default") && record.id().is_some()
        });
        if let Some(known) = known {
            return Ok(format!("{}::{}", known.urn(), known.id().unwrap_or_default()));
        }
        let urn = Urn::new(&target.stack, &target.project, None, &token, &name);
        let id = self.ports.clock.fresh_uuid();
        if self.wanted.command == DeploymentCommand::Destroy {
            return Ok(format!("{urn}::{id}"));
        }
        let now = rfc3339(self.ports.clock.now_ms());
        let mut record = ResourceRecord::new(urn.clone(), true);
        record.outputs = inputs.clone();
        record.outputs.retain(|name, _| !resource_graph::diff::is_internal(name));
        record.inputs = inputs;
        record.id = Some(id.clone());
        (record.created, record.modified) = (Some(now.clone()), Some(now));
        let resource = dispatcher.stack().encode(&record)?;
        dispatcher.dispatch(DeploymentEvent::ResourceRecorded { urn: urn.clone(), resource })?;
        Ok(format!("{urn}::{id}"))
    }

    /// The root resource carries what the stack shows.
    fn record_root(
        &self,
        outputs: &PropertyMap,
        planned: &Planned,
        dispatcher: &Dispatcher,
    ) -> Result<(), ApplicationError> {
        let target = &self.options.target;
        let urn = Urn::root(&target.stack, &target.project);
        let before = planned.records.iter().find(|record| *record.urn() == urn);
        let destroyed = planned.plan.steps_of(&urn).any(|step| step.operation == resource_graph::Operation::Delete);
        if destroyed {
            return Ok(());
        }
        let now = rfc3339(self.ports.clock.now_ms());
        let old = before
            .map(|record| record.to_record())
            .transpose()
            .map_err(|error| ApplicationError::new(ErrorKind::NeedsAttention, "state-unreadable", error.to_string()))?;
        let mut record = old.as_deref().cloned().unwrap_or_else(|| ResourceRecord {
            created: Some(now.clone()),
            modified: Some(now.clone()),
            ..ResourceRecord::new(urn.clone(), false)
        });
        record.outputs = outputs.clone();
        if old.as_deref().is_some_and(|old| records::same_but_for_times(old, &record)) {
            return Ok(());
        }
        record.modified = Some(now);
        let resource = dispatcher.stack().encode(&record)?;
        dispatcher.dispatch(DeploymentEvent::ResourceRecorded { urn, resource })?;
        Ok(())
    }

    fn intents(&self, plan: &Plan) -> Vec<PlannedStep> {
        let intents = plan.steps().iter().map(|step| {
            let operation = super::apply::operation_of(step);
            let identity = match self.ports.cloud.resource(&step.type_token) {
                Some(provider) if operation.creates() && !step.free => {
                    let names = provider.identifying_inputs();
                    let mut inputs = step.inputs.clone();
                    inputs.retain(|name, _| names.is_empty() || names.contains(&name));
                    intent::encode(&inputs)
                }
                _ => serde_json::Value::Null,
            };
            PlannedStep {
                step: step.id.0,
                operation,
                urn: step.urn.clone(),
                state_only: step.free,
                id: step.record.as_ref().and_then(|record| record.id.clone()),
                parent: step.spec.as_ref().and_then(|spec| spec.options.parent.clone()).filter(|_| operation.creates()),
                identity,
                changes: step.changes.iter().map(|change| change.path.to_string()).collect(),
            }
        });
        intents.collect()
    }

    /// What will be created, for readers of the checkpoint that don't know the journal: inputs as far as they are known.
    fn pending(
        &self,
        plan: &Plan,
        stack: &Arc<dyn LockedStack>,
    ) -> Result<Vec<crate::domain::deployment::ResourceImage>, ApplicationError> {
        let creates = plan.steps().iter().filter(|step| super::apply::operation_of(step).creates() && !step.free);
        let mut images = Vec::new();
        for step in creates {
            let Some(spec) = &step.spec else { continue };
            let inputs = step
                .inputs
                .resolve(&mut |_| resource_graph::Resolved::Unknown)
                .map_err(|error| ApplicationError::new(ErrorKind::Failed, "inputs", error.to_string()))?;
            let mut record = ResourceRecord::new(spec.urn.clone(), spec.custom);
            record.inputs = inputs;
            record.parent = spec.options.parent.clone();
            images.push(stack.encode(&record)?);
        }
        Ok(images)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.ports.clock.now_ms() - self.started_ms).unwrap_or_default()
    }

    fn unchanged(&self, planned: &Planned, snapshot: &StackSnapshot) -> DeploymentReport {
        DeploymentReport {
            schema_version: SCHEMA_VERSION,
            command: self.wanted.command.as_str().to_owned(),
            project: self.options.target.project.clone(),
            stack: self.options.target.stack.clone(),
            result: DeploymentResult::Succeeded,
            deployment_id: None,
            changes: counts_of(&planned.plan),
            calls: self.ports.calls.counts(),
            duration_ms: self.elapsed_ms(),
            lower_bound_ms: 0,
            outputs: outputs::shown(&snapshot.outputs),
            errors: Vec::new(),
        }
    }

    fn report(
        &self,
        result: DeploymentResult,
        dispatcher: &Dispatcher,
        lower_bound_ms: u64,
        snapshot: &StackSnapshot,
        errors: Vec<ErrorDetail>,
    ) -> DeploymentReport {
        DeploymentReport {
            schema_version: SCHEMA_VERSION,
            command: self.wanted.command.as_str().to_owned(),
            project: self.options.target.project.clone(),
            stack: self.options.target.stack.clone(),
            result,
            deployment_id: Some(dispatcher.deployment_id()),
            changes: dispatcher.done(),
            calls: self.ports.calls.counts(),
            duration_ms: self.elapsed_ms(),
            lower_bound_ms,
            outputs: outputs::shown(&snapshot.outputs),
            errors,
        }
    }

    fn history_entry(&self, dispatcher: &Dispatcher, succeeded: bool, changes: ChangeCounts) -> HistoryEntry {
        HistoryEntry {
            deployment_id: dispatcher.deployment_id(),
            kind: match self.wanted.command {
                DeploymentCommand::Deploy => "update",
                DeploymentCommand::Destroy => "destroy",
            }
            .to_owned(),
            succeeded,
            started: self.started_ms / 1000,
            ended: self.ports.clock.now_ms() / 1000,
            message: self.options.message.clone(),
            environment: self.options.source.clone(),
            changes,
        }
    }
}

/// The planner's counts in the domain's form.
pub fn counts_of(plan: &Plan) -> ChangeCounts {
    let counts = plan.counts();
    ChangeCounts {
        create: counts.create,
        update: counts.update,
        replace: counts.replace,
        delete: counts.delete + counts.forget,
        same: counts.same,
    }
}

/// The shortest time that quotas and dependencies allow.
pub(super) fn lower_bound(ports: &Ports, plan: &Plan) -> LowerBound {
    resource_graph::lower_bound(plan, &ports.cloud.quotas().into_iter().collect(), |_| true)
}

fn done_steps(plan: &Plan, run: &RunReport<StepFailure>) -> HashSet<StepId> {
    let steps = plan.steps().iter().map(|step| step.id);
    steps.filter(|id| plan.step(*id).phase == Phase::Make && run.outcome(*id).is_done()).collect()
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn stop_errors(unknown: &[String]) -> Vec<ErrorDetail> {
    let mut errors = vec![ErrorDetail {
        code: "interrupted".into(),
        message: "the deployment was stopped before it was done".into(),
        hint: Some("run the command again: it goes on from here".into()),
        ..ErrorDetail::default()
    }];
    errors.extend(unknown.iter().map(|urn| ErrorDetail {
        urn: Some(urn.clone()),
        code: "outcome-unknown".into(),
        message: "its operation was cut off; whether it took effect isn't known".into(),
        hint: Some("the next command on this stack looks it up".into()),
    }));
    errors
}

fn begin(dispatcher: &Dispatcher, saga_id: &str, step: &str) -> Result<(), ApplicationError> {
    let (saga_id, step) = (saga_id.to_owned(), step.to_owned());
    Ok(dispatcher.dispatch(DeploymentEvent::StepStarted { saga_id, step, attempt: 1 })?)
}

fn end(dispatcher: &Dispatcher, saga_id: &str, step: &str, errors: &[ErrorDetail]) -> Result<(), ApplicationError> {
    let (saga_id, step) = (saga_id.to_owned(), step.to_owned());
    Ok(dispatcher.dispatch(match errors.first() {
        None => DeploymentEvent::StepCompleted { saga_id, step },
        Some(first) => DeploymentEvent::StepFailed { saga_id, step, attempt: 1, error: first.message.clone() },
    })?)
}
