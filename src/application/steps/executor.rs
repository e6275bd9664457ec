//! Between scheduler and applier: carries out the steps that the scheduler starts, and records those that it never started.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{Executor, Operation, Outcome, Phase, Plan, RunReport, Step, StepContext, StepId, StepResult};

use super::apply::{Applied, Applier, StepFailure};
use super::calls::Calls;
use super::gate::StepGate;

/// Carries out steps.
pub struct StepExecutor<'a> {
    applier: &'a Applier,
    calls: Arc<Calls>,
}

impl<'a> StepExecutor<'a> {
    /// An executor for one deployment.
    pub fn new(applier: &'a Applier, calls: Arc<Calls>) -> Self {
        Self { applier, calls }
    }
}

#[async_trait]
impl Executor for StepExecutor<'_> {
    type Error = StepFailure;

    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, StepFailure> {
        // Without a lock, or a journal to write to, nothing more is begun.
        if let Some(failure) = self.applier.is_cut_off() {
            return Err(failure);
        }
        let gate = StepGate::new(context.clone(), Arc::clone(&self.calls), self.applier.stack());
        Ok(match self.applier.apply(step, Arc::new(gate)).await? {
            Applied::Done => StepResult::Done,
            Applied::Same => StepResult::BecameSame,
            Applied::Updated => StepResult::BecameUpdate,
        })
    }
}

/// The deletions of old copies that aren't needed, since their replacements turned out to be none: the copies live on.
pub fn unneeded(plan: &Plan, made: &RunReport<StepFailure>) -> HashSet<StepId> {
    let replacements = plan.steps().iter().filter(|step| step.operation == Operation::CreateReplacement);
    let none = replacements.filter(|step| {
        matches!(made.outcome(step.id), Outcome::Succeeded(StepResult::BecameSame | StepResult::BecameUpdate))
    });
    none.filter_map(|step| step.pair).filter(|pair| plan.step(*pair).phase == Phase::Remove).collect()
}

/// Records what became of the steps that a run didn't carry out: those that are `unneeded`, and those that weren't
/// started. Steps of phases that never ran count as not started.
///
/// # Errors
/// As [`Applier::skip`].
pub fn record_rest(
    plan: &Plan,
    runs: &[&RunReport<StepFailure>],
    unneeded: &HashSet<StepId>,
    applier: &Applier,
) -> Result<(), StepFailure> {
    // What kept removals from being tried.
    let cause = runs.iter().find_map(|run| run.failures().next()).map(|(id, _)| plan.step(id).urn.clone());
    for step in plan.steps() {
        if unneeded.contains(&step.id) {
            applier.not_needed(step)?;
            continue;
        }
        let mut outcomes = runs.iter().map(|run| run.outcome(step.id));
        // The latest run that had anything to do with the step says what became of it.
        let outcome = outcomes.rfind(|outcome| !matches!(outcome, Outcome::NotIncluded));
        match outcome {
            Some(Outcome::NotNeeded) => applier.not_needed(step)?,
            Some(Outcome::Skipped { cause }) => applier.skip(step, Some(plan.step(*cause).urn.clone()))?,
            Some(Outcome::NotStarted) => applier.skip(step, None)?,
            None => applier.skip(step, cause.clone())?,
            Some(_) => {}
        }
    }
    Ok(())
}
