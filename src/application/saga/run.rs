//! A deployment that has begun: from its request in the journal to its end, whatever comes in between.
//!
//! From here on nothing is an error of the command: what goes wrong stands in the report, what was done stands in the state,
//! and where the state can't be written, the journal stays open for the next command.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use resource_graph::{
    Outcome, Phase, Phases, Plan, PropertyMap, Resolved, ResourceRecord, RunOptions, RunReport, StepId, StepResult,
    Urn, lower_bound_of,
};

use super::checkpoints;
use super::context::Context;
use super::health::{self, Checked};
use crate::application::adoption::Adoption;
use crate::application::error::ApplicationError;
use crate::application::journal::dispatcher::Dispatcher;
use crate::application::journal::intent;
use crate::application::plan::outputs;
use crate::application::plan::planning::{self, Planned};
use crate::application::plan::preview::counts_of;
use crate::application::plan::recorded::{self, recorded_output};
use crate::application::plan::refresh::tags;
use crate::application::projections::audit::AuditLog;
use crate::application::report::{DeploymentReport, DeploymentResult, SCHEMA_VERSION};
use crate::application::steps::apply::{Applier, StepFailure};
use crate::application::steps::executor::{StepExecutor, record_rest, unneeded};
use crate::application::steps::records;
use crate::domain::deployment::{DeploymentCommand, DeploymentEvent, ErrorDetail, ResourceImage};
use crate::ports::clock::{milliseconds, recorded_time};
use crate::ports::{HistoryEntry, RecordedResource, StackSnapshot};

/// The name of the deployment's saga.
const SAGA: &str = "Deployment";

/// A deployment whose request is durable.
pub struct Run<'a> {
    pub context: &'a Context<'a>,
    pub planned: Planned,
    pub snapshot: &'a StackSnapshot,
    pub dispatcher: Arc<Dispatcher>,
    /// As estimated before.
    pub lower_bound_ms: u64,
    /// As it was measured.
    pub work: OnceLock<Work>,
    /// Hears the events.
    pub audit: Arc<AuditLog>,
    /// The components that are to be asked for their health.
    pub health_checks: Vec<String>,
}

/// What the work on the resources took. Packaging and health checks aren't part of it.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    applied_ms: u64,
    /// What it takes at least, with the times that the steps really took.
    lower_bound_ms: u64,
}

/// What came of the plan.
#[derive(Default)]
struct Progress {
    errors: Vec<ErrorDetail>,
    stopped: bool,
    /// What the stack shows now; only when everything that is wanted was made.
    outputs: Option<PropertyMap>,
    /// The components that answered well.
    healthy: Vec<String>,
    /// Why others didn't.
    unhealthy: BTreeMap<String, String>,
}

impl Run<'_> {
    /// Carries the plan out.
    pub async fn run(&self, recovered: Option<DeploymentEvent>, creating: &[ResourceImage]) -> DeploymentReport {
        match self.carry_out(recovered, creating).await {
            Ok(report) => report,
            Err(error) => self.abort(error).await,
        }
    }

    async fn carry_out(
        &self,
        recovered: Option<DeploymentEvent>,
        creating: &[ResourceImage],
    ) -> Result<DeploymentReport, ApplicationError> {
        let (ports, options, dispatcher) = (self.context.ports, self.context.options, &self.dispatcher);
        let plan = &self.planned.plan;
        dispatcher.dispatch(DeploymentEvent::SagaStarted {
            saga_id: dispatcher.deployment_id(),
            saga_name: SAGA.into(),
            correlation_id: dispatcher.correlation_id(),
            initial_context: self.context.facts(),
        })?;
        self.record_provider()?;
        if let Some(event) = recovered {
            dispatcher.dispatch(event)?;
        }
        self.record_adoptions()?;
        self.record_drifts()?;
        dispatcher.dispatch(DeploymentEvent::DeploymentPlanned {
            steps: intent::of_plan(ports.cloud.as_ref(), plan),
            changes: counts_of(plan),
            lower_bound_ms: self.lower_bound_ms,
            health_checks: self.health_checks.clone(),
            stack_identity: Some(self.planned.provider.id.clone()),
        })?;
        // The intents are durable, in the journal and for other readers of the state, before anything is called.
        dispatcher.flush().await?;
        if !plan.is_empty() {
            dispatcher.stack().checkpoint(&dispatcher.changes(), creating).await?;
        }
        let applier = Applier::new(
            Arc::clone(&ports.cloud),
            Arc::clone(dispatcher),
            Arc::clone(&ports.clock),
            tags(options, &self.planned.provider.id, &dispatcher.deployment_id()),
            options.reclaim,
            self.planned.provider.reference.clone(),
            self.planned.records.clone(),
        );
        let write = async || dispatcher.stack().checkpoint(&dispatcher.changes(), creating).await;
        match checkpoints::with_checkpoints(ports.monotonic.as_ref(), self.apply(&applier), write).await? {
            Some(applied) => self.conclude(applied).await,
            None => Ok(self.stopped_at_once().await?),
        }
    }

    /// Applies the plan and checks health before removals. `None`: stopped at once.
    async fn apply(&self, applier: &Applier) -> Result<Option<Progress>, ApplicationError> {
        let (ports, plan) = (self.context.ports, &self.planned.plan);
        let scheduler = ports.calls.scheduler();
        let executor = StepExecutor::new(applier, Arc::clone(&ports.calls));
        let mut options = RunOptions {
            parallelism: self.context.options.parallelism,
            phases: Phases::Make,
            cancellation: self.context.options.cancellation.clone(),
            ..RunOptions::default()
        };
        self.begin("apply")?;
        let began = ports.monotonic.now();
        let made = scheduler.run(plan, &executor, &options).await;
        let mut took = ports.monotonic.now().saturating_sub(began);
        let Some(mut applied) = taken(&made) else { return Ok(None) };
        self.end("apply", &applied.errors)?;
        if applied.errors.is_empty() && !applied.stopped {
            match self.outputs(applier) {
                Ok(outputs) => {
                    self.check_health(&outputs, &mut applied).await?;
                    applied.outputs = Some(outputs);
                }
                Err(error) => applied.errors.push(error),
            }
        }
        let unneeded = unneeded(plan, &made);
        let mut runs = vec![&made];
        let removed;
        let removals = plan.steps().iter().any(|step| step.phase == Phase::Remove);
        if removals && applied.errors.is_empty() && !applied.stopped {
            self.begin("clean-up")?;
            options.phases = Phases::Remove;
            options.done = done_steps(plan, &made);
            options.done.extend(&unneeded);
            let began = ports.monotonic.now();
            removed = scheduler.run(plan, &executor, &options).await;
            took += ports.monotonic.now().saturating_sub(began);
            let Some(cleaned) = taken(&removed) else { return Ok(None) };
            self.end("clean-up", &cleaned.errors)?;
            applied.errors.extend(cleaned.errors);
            applied.stopped |= cleaned.stopped;
            runs.push(&removed);
        }
        record_rest(plan, &runs, &unneeded, applier)?;
        let _ = self.work.set(Work { applied_ms: milliseconds(took), lower_bound_ms: self.bound_of(&runs) });
        self.mark_unchecked(&applied, &made, applier)?;
        Ok(Some(applied))
    }

    /// The shortest time that quotas and dependencies allow for what was done, with the times that it took.
    fn bound_of(&self, runs: &[&RunReport<StepFailure>]) -> u64 {
        let plan = &self.planned.plan;
        let busy = |id: StepId| runs.iter().find_map(|run| run.steps.get(id.index())?.busy());
        let durations: Vec<Duration> = plan.steps().iter().map(|step| busy(step.id).unwrap_or_default()).collect();
        let quotas = self.context.ports.cloud.quotas().into_iter().collect();
        let bound = lower_bound_of(plan, &quotas, &durations, |step| busy(step.id).is_some());
        milliseconds(bound.duration)
    }

    async fn check_health(&self, outputs: &PropertyMap, applied: &mut Progress) -> Result<(), ApplicationError> {
        let (ports, identity) = (self.context.ports, &self.context.identity);
        let checks = health::due(ports, identity, self.context.components, &self.health_checks, outputs);
        if checks.is_empty() {
            return Ok(());
        }
        self.begin("health-check")?;
        match health::run(self.context.ports, &self.context.options.cancellation, checks, &self.dispatcher).await? {
            None => applied.stopped = true,
            Some(Checked { healthy, unhealthy }) => {
                let errors: Vec<ErrorDetail> = unhealthy.iter().map(|(_, detail)| detail.clone()).collect();
                self.end("health-check", &errors)?;
                applied.errors.extend(errors);
                applied.healthy = healthy;
                applied.unhealthy = unhealthy.into_iter().map(|(name, detail)| (name, detail.message)).collect();
            }
        }
        Ok(())
    }

    /// Marks the components that changed and didn't answer well, or weren't asked: the next deployment asks them.
    fn mark_unchecked(
        &self,
        applied: &Progress,
        made: &RunReport<StepFailure>,
        applier: &Applier,
    ) -> Result<(), ApplicationError> {
        let target = &self.context.options.target;
        for component in self.health_checks.iter().filter(|name| !applied.healthy.contains(name)) {
            let Some(wanted) = self.context.components.iter().find(|wanted| wanted.name().as_str() == component) else {
                continue;
            };
            let group = wanted.group_urn(&target.project, &target.stack);
            let before = self.live_record(&group)?;
            let was_marked = before.as_ref().is_some_and(|record| !record.init_errors.is_empty());
            let changed = self.planned.plan.steps().iter().any(|step| {
                let parent = step.spec.as_ref().and_then(|spec| spec.options.parent.as_ref());
                let outcome = made.outcome(step.id);
                let is_done = matches!(outcome, Outcome::Succeeded(result) if *result != StepResult::BecameSame);
                !step.free && parent == Some(&group) && is_done
            });
            let Some(record) = applier.record_of(&group).or(before).filter(|_| changed || was_marked) else { continue };
            let otherwise = || format!("the deployment {} didn't get that far", self.dispatcher.deployment_id());
            let why = applied.unhealthy.get(component).and_then(|message| message.lines().next());
            let marked = records::marked_unchecked(&record, &why.map_or_else(otherwise, str::to_owned));
            self.record(&marked)?;
        }
        Ok(())
    }

    fn outputs(&self, applier: &Applier) -> Result<PropertyMap, ErrorDetail> {
        let (wanted, options, snapshot) = (&self.context.wanted, self.context.options, self.snapshot);
        if wanted.command == DeploymentCommand::Destroy {
            return Ok(planning::outputs_after_destroy(options, snapshot));
        }
        let live = recorded::live(&self.planned.records);
        planning::outputs_after_deploy(wanted, options, snapshot, &mut |reference| match applier.lookup(reference) {
            Resolved::Unknown => {
                live.get(&reference.urn).map_or(Resolved::Missing, |record| recorded_output(record, &reference.path))
            }
            known => known,
        })
        .map_err(|error| ErrorDetail {
            code: "outputs".into(),
            message: error.to_string(),
            ..ErrorDetail::default()
        })
    }

    /// All steps have ended: the deployment does, too.
    async fn conclude(&self, mut applied: Progress) -> Result<DeploymentReport, ApplicationError> {
        let dispatcher = &self.dispatcher;
        let succeeded = applied.errors.is_empty() && !applied.stopped;
        let mut shown = self.snapshot.outputs.clone();
        // What is shown follows what is made, though something may be left to be removed.
        let is_deploy = self.context.wanted.command == DeploymentCommand::Deploy;
        if let Some(outputs) = applied.outputs.take().filter(|_| is_deploy || succeeded) {
            self.record_root(&outputs)?;
            shown = outputs;
        }
        let (changes, calls) = (dispatcher.done(), self.context.ports.calls.counts());
        let duration_ms = self.context.watch.elapsed_ms();
        let unknown = dispatcher.unknown();
        let (result, event) = if succeeded {
            let outputs = outputs::shown(&shown);
            let work = self.work.get();
            let (applied_ms, lower_bound_ms) = (work.map(|work| work.applied_ms), work.map(|work| work.lower_bound_ms));
            let event = DeploymentEvent::DeploymentCompleted {
                changes,
                calls,
                duration_ms,
                applied_ms,
                lower_bound_ms,
                outputs,
            };
            (DeploymentResult::Succeeded, event)
        } else if applied.stopped {
            applied.errors.extend(stop_errors(&unknown));
            let unknown = unknown.clone();
            let event = DeploymentEvent::DeploymentInterrupted { changes, calls, duration_ms, unknown };
            (DeploymentResult::Interrupted, event)
        } else {
            let errors = applied.errors.clone();
            let is_well = applied.unhealthy.is_empty();
            let result = if is_well { self.failure() } else { DeploymentResult::NeedsAttention };
            (result, DeploymentEvent::DeploymentFailed { changes, calls, duration_ms, errors })
        };
        self.end_saga(applied.errors.first())?;
        dispatcher.dispatch(event)?;
        self.close(succeeded).await?;
        Ok(self.report(result, &shown, applied.errors))
    }

    /// Makes the end durable. Each part comes only after the one before: a journal is put away only when all that it says is
    /// in the checkpoint.
    async fn close(&self, succeeded: bool) -> Result<(), ApplicationError> {
        let (dispatcher, stack) = (&self.dispatcher, self.dispatcher.stack());
        dispatcher.flush().await?;
        stack.checkpoint(&dispatcher.changes(), &[]).await?;
        stack.audit(&dispatcher.deployment_id(), self.audit.lines()).await?;
        let keep_open = !dispatcher.unknown().is_empty();
        stack.finish(&self.history_entry(succeeded), keep_open).await?;
        Ok(())
    }

    /// Steps were dropped while they ran: the journal stays open, and the next command settles what was under way.
    async fn stopped_at_once(&self) -> Result<DeploymentReport, ApplicationError> {
        let unknown = self.dispatcher.unknown();
        self.end_saga(stop_errors(&[]).first())?;
        self.dispatcher.dispatch(DeploymentEvent::DeploymentInterrupted {
            changes: self.dispatcher.done(),
            calls: self.context.ports.calls.counts(),
            duration_ms: self.context.watch.elapsed_ms(),
            unknown: unknown.clone(),
        })?;
        let mut errors = stop_errors(&unknown);
        if let Err(error) = self.dispatcher.flush().await {
            errors.extend(ApplicationError::from(error).details);
        }
        Ok(self.report(DeploymentResult::Interrupted, &self.snapshot.outputs, errors))
    }

    /// Something of ours went wrong: the state can't be written, mostly. Ends the deployment as well as that allows.
    async fn abort(&self, error: ApplicationError) -> DeploymentReport {
        let result = self.failure();
        let mut errors = error.details;
        let event = DeploymentEvent::DeploymentFailed {
            changes: self.dispatcher.done(),
            calls: self.context.ports.calls.counts(),
            duration_ms: self.context.watch.elapsed_ms(),
            errors: errors.clone(),
        };
        // One that has ended can't end again; only its end couldn't be written.
        let _ = self.end_saga(errors.first());
        if self.dispatcher.dispatch(event).is_ok()
            && let Err(error) = self.close(false).await
        {
            errors.extend(error.details.into_iter().filter(|detail| !errors.contains(detail)).collect::<Vec<_>>());
        }
        self.report(result, &self.snapshot.outputs, errors)
    }

    fn failure(&self) -> DeploymentResult {
        if self.dispatcher.done().is_empty() && self.dispatcher.unknown().is_empty() {
            DeploymentResult::Failed
        } else {
            DeploymentResult::NeedsAttention
        }
    }

    fn record(&self, record: &ResourceRecord) -> Result<(), ApplicationError> {
        let (urn, resource) = (record.urn.clone(), self.dispatcher.stack().encode(record)?);
        Ok(self.dispatcher.dispatch(DeploymentEvent::ResourceRecorded { urn, resource })?)
    }

    fn live_record(&self, urn: &Urn) -> Result<Option<Arc<ResourceRecord>>, ApplicationError> {
        let is_it = |record: &&RecordedResource| record.urn() == urn && !record.marks().pending_deletion;
        let record = self.planned.records.iter().find(is_it).map(|record| record.to_record()).transpose();
        record.map_err(|error| ApplicationError::of_record(urn, &error))
    }

    /// What is taken over, after what it belongs to from now on.
    fn record_adoptions(&self) -> Result<(), ApplicationError> {
        let adoptions = &self.planned.adoptions;
        for group in &adoptions.groups {
            self.record(group)?;
        }
        for Adoption { from, record, .. } in &adoptions.records {
            let resource = self.dispatcher.stack().encode_adopted(from, record)?;
            let (urn, from) = (record.urn.clone(), from.clone());
            self.dispatcher.dispatch(DeploymentEvent::ResourceAdopted { urn, from, resource })?;
        }
        Ok(())
    }

    /// What was found otherwise than recorded.
    fn record_drifts(&self) -> Result<(), ApplicationError> {
        for drift in &self.planned.drifts {
            let resource = drift.record.as_ref().map(|record| self.dispatcher.stack().encode(record)).transpose()?;
            let (urn, properties) = (drift.urn.clone(), drift.properties.clone());
            self.dispatcher.dispatch(DeploymentEvent::ResourceDrifted { urn, properties, resource })?;
        }
        Ok(())
    }

    /// The provider resource's reference; records the resource when the state lacks it.
    fn record_provider(&self) -> Result<(), ApplicationError> {
        match &self.planned.provider.record {
            Some(record) if self.context.wanted.command == DeploymentCommand::Deploy => self.record(record),
            _ => Ok(()),
        }
    }

    /// The root resource carries what the stack shows. A destroyed stack has none any more.
    fn record_root(&self, outputs: &PropertyMap) -> Result<(), ApplicationError> {
        let target = &self.context.options.target;
        let urn = Urn::root(&target.stack, &target.project);
        let is_destroy = self.context.wanted.command == DeploymentCommand::Destroy;
        let old = self.live_record(&urn)?;
        let goes = self.planned.plan.steps_of(&urn).any(|step| step.operation == resource_graph::Operation::Delete);
        if goes || is_destroy && old.is_none() {
            return Ok(());
        }
        let now = recorded_time(self.context.ports.clock.now_ms());
        let mut record = old.as_deref().cloned().unwrap_or_else(|| ResourceRecord {
            created: Some(now.clone()),
            modified: Some(now.clone()),
            ..ResourceRecord::new(urn, false)
        });
        record.outputs = outputs.clone();
        if old.as_deref().is_some_and(|old| records::same_but_for_times(old, &record)) {
            return Ok(());
        }
        record.modified = Some(now);
        self.record(&record)
    }

    fn begin(&self, step: &str) -> Result<(), ApplicationError> {
        let (saga_id, step) = (self.dispatcher.deployment_id(), step.to_owned());
        Ok(self.dispatcher.dispatch(DeploymentEvent::StepStarted { saga_id, step, attempt: 1 })?)
    }

    fn end(&self, step: &str, errors: &[ErrorDetail]) -> Result<(), ApplicationError> {
        let (saga_id, step) = (self.dispatcher.deployment_id(), step.to_owned());
        Ok(self.dispatcher.dispatch(match errors.first() {
            None => DeploymentEvent::StepCompleted { saga_id, step },
            Some(first) => DeploymentEvent::StepFailed { saga_id, step, attempt: 1, error: first.message.clone() },
        })?)
    }

    fn end_saga(&self, error: Option<&ErrorDetail>) -> Result<(), ApplicationError> {
        let saga_id = self.dispatcher.deployment_id();
        Ok(self.dispatcher.dispatch(match error {
            None => DeploymentEvent::SagaCompleted { saga_id },
            Some(error) => DeploymentEvent::SagaFailed { saga_id, error: error.message.clone() },
        })?)
    }

    fn report(&self, result: DeploymentResult, shown: &PropertyMap, errors: Vec<ErrorDetail>) -> DeploymentReport {
        DeploymentReport {
            schema_version: SCHEMA_VERSION,
            command: self.context.wanted.command.as_str().to_owned(),
            project: self.context.options.target.project.clone(),
            stack: self.context.options.target.stack.clone(),
            result,
            deployment_id: Some(self.dispatcher.deployment_id()),
            changes: self.dispatcher.done(),
            calls: self.context.ports.calls.counts(),
            duration_ms: self.context.watch.elapsed_ms(),
            applied_ms: self.work.get().map(|work| work.applied_ms),
            lower_bound_ms: self.work.get().map_or(self.lower_bound_ms, |work| work.lower_bound_ms),
            outputs: outputs::shown(shown),
            adopted: self.planned.adoptions.reported(),
            errors,
            left: self.context.left(&self.planned.plan),
        }
    }

    fn history_entry(&self, succeeded: bool) -> HistoryEntry {
        HistoryEntry {
            deployment_id: self.dispatcher.deployment_id(),
            kind: self.context.wanted.command.history_kind().to_owned(),
            succeeded,
            started: self.context.watch.began_ms() / 1000,
            ended: self.context.ports.clock.now_ms() / 1000,
            message: self.context.options.message.clone(),
            environment: self.context.options.source.clone(),
            changes: self.dispatcher.done(),
        }
    }
}

/// What a run came to; `None` when steps were dropped while they ran. What fails many steps alike is told once.
fn taken(run: &RunReport<StepFailure>) -> Option<Progress> {
    if run.steps.iter().any(|step| matches!(step.outcome, Outcome::Interrupted)) {
        return None;
    }
    let mut applied = Progress { stopped: run.cancelled, ..Progress::default() };
    for (_, failure) in run.failures() {
        if !applied.errors.contains(&failure.0) {
            applied.errors.push(failure.0.clone());
        }
    }
    Some(applied)
}

fn done_steps(plan: &Plan, run: &RunReport<StepFailure>) -> HashSet<StepId> {
    let steps = plan.steps().iter().map(|step| step.id);
    steps.filter(|id| plan.step(*id).phase == Phase::Make && run.outcome(*id).is_done()).collect()
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
