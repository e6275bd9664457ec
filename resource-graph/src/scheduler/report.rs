//! What became of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StepResult;
use crate::StepId;

/// What became of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<E> {
    /// It ended well.
    Succeeded(StepResult),
    /// It wasn't needed, since the other half of its replacement turned out to be no replacement.
    NotNeeded,
    /// An earlier run has done it, or it isn't among the phases of this one.
    NotIncluded,
    /// It failed.
    Failed(E),
    /// It wasn't started, since a step that it needs failed: the first one that did.
    Skipped {
        /// The step that failed.
        cause: StepId,
    },
    /// It wasn't started, since the run was cancelled before.
    NotStarted,
    /// It was dropped while it ran. What it did in the cloud isn't known.
    Interrupted,
}

impl<E> Outcome<E> {
    /// Whether the step is done, or there was nothing to do.
    pub fn is_done(&self) -> bool {
        matches!(self, Outcome::Succeeded(_) | Outcome::NotNeeded | Outcome::NotIncluded)
    }
}

/// What became of a step, and when. Times are the clock's.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport<E> {
    /// What became of it.
    pub outcome: Outcome<E>,
    /// When it started.
    pub started: Option<Duration>,
    /// When it ended.
    pub finished: Option<Duration>,
    /// How long it waited for tokens and slots, once started.
    pub waited: Duration,
}

impl<E> StepReport<E> {
    /// How long the step took, waits for tokens and slots not included.
    pub fn busy(&self) -> Option<Duration> {
        Some(self.finished?.saturating_sub(self.started?).saturating_sub(self.waited))
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport<E> {
    /// What became of each step, by its id.
    pub steps: Vec<StepReport<E>>,
    /// How long the run took.
    pub elapsed: Duration,
    /// Calls that were made, by the name of their quota.
    pub calls: BTreeMap<String, u64>,
    /// It was asked to stop.
    pub cancelled: bool,
}

impl<E> RunReport<E> {
    /// What became of a step. Panics for the id of another plan.
    pub fn outcome(&self, id: StepId) -> &Outcome<E> {
        &self.steps[id.index()].outcome
    }

    /// Whether all steps are done.
    pub fn is_success(&self) -> bool {
        self.steps.iter().all(|step| step.outcome.is_done())
    }

    /// Steps that failed, with their errors.
    pub fn failures(&self) -> impl Iterator<Item = (StepId, &E)> {
        self.steps.iter().zip(0..).filter_map(|(step, id)| match &step.outcome {
            Outcome::Failed(error) => Some((StepId(id), error)),
            _ => None,
        })
    }
}

/// Collects the report.
pub(super) struct Recorder<E> {
    steps: Vec<StepReport<E>>,
    started: Duration,
}

impl<E> Recorder<E> {
    pub fn new(count: usize, started: Duration) -> Self {
        let steps = (0..count)
            .map(|_| StepReport { outcome: Outcome::NotStarted, started: None, finished: None, waited: Duration::ZERO })
            .collect();
        Self { steps, started }
    }

    pub fn started(&mut self, id: StepId, now: Duration) {
        let step = &mut self.steps[id.index()];
        step.started = Some(now);
        step.outcome = Outcome::Interrupted;
    }

    pub fn finished(&mut self, id: StepId, now: Duration, outcome: Outcome<E>) {
        let step = &mut self.steps[id.index()];
        step.finished = Some(now);
        step.outcome = outcome;
    }

    pub fn waited(&mut self, id: StepId, waited: Duration) {
        self.steps[id.index()].waited = waited;
    }

    pub fn set(&mut self, id: StepId, outcome: Outcome<E>) {
        self.steps[id.index()].outcome = outcome;
    }

    pub fn report(
        self,
        now: Duration,
        calls: BTreeMap<String, u64>,
        is_stopping: bool,
        interrupted: bool,
    ) -> RunReport<E> {
        RunReport {
            steps: self.steps,
            elapsed: now.saturating_sub(self.started),
            calls,
            cancelled: is_stopping || interrupted,
        }
    }
}
