//! Between scheduler and applier: carries out the steps that the scheduler starts, and records those that it never started.

use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{Executor, Outcome, Plan, RunReport, Step, StepContext, StepResult};

use super::apply::{Applied, Applier, StepFailure};
use super::gate::{CallCounter, StepGate};

/// Carries out steps.
pub struct StepExecutor<'a> {
    applier: &'a Applier,
    calls: Arc<CallCounter>,
}

impl<'a> StepExecutor<'a> {
    /// An executor for one deployment.
    pub fn new(applier: &'a Applier, calls: Arc<CallCounter>) -> Self {
        Self { applier, calls }
    }
}

#[async_trait]
impl Executor for StepExecutor<'_> {
    type Error = StepFailure;

    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, StepFailure> {
        let gate = StepGate::new(context.clone(), Arc::clone(&self.calls));
        Ok(match self.applier.apply(step, Arc::new(gate)).await? {
            Applied::Done => StepResult::Done,
            Applied::Same => StepResult::BecameSame,
            Applied::Updated => StepResult::BecameUpdate,
        })
    }
}

/// Records what became of the steps that a run didn't carry out: the other halves of replacements that turned out to be
/// none, and those that weren't started. `last` is the run that came latest; steps of phases that never ran count as not
/// started.
///
/// # Errors
/// As [`Applier::skip`].
pub fn record_rest(plan: &Plan, runs: &[&RunReport<StepFailure>], applier: &Applier) -> Result<(), StepFailure> {
    for step in plan.steps() {
        let mut outcomes = runs.iter().map(|run| run.outcome(step.id));
        // The latest run that had anything to do with the step says what became of it.
        let outcome = outcomes.rfind(|outcome| !matches!(outcome, Outcome::NotIncluded));
        match outcome {
            Some(Outcome::NotNeeded) => applier.not_needed(step)?,
            Some(Outcome::Skipped { cause }) => applier.skip(step, Some(plan.step(*cause).urn.clone()))?,
            Some(Outcome::NotStarted) | None => applier.skip(step, None)?,
            Some(_) => {}
        }
    }
    Ok(())
}
