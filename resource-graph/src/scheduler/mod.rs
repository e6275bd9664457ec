//! The scheduler: carries out a plan within the quotas of the cloud, as many steps side by side as these allow.
//!
//! - A step starts when all that it needs is done, nothing that shares a conflict key with it runs, and there are a
//!   token of the quota of its first call and a free slot. Among those that could start, the one with the longest way
//!   still to go does.
//! - Tokens and slots belong to calls, not to steps: a step that sleeps or waits for a quota holds neither.
//! - Conflict keys belong to steps, from start to end, sleeps included: what a step waits for (an update that is in
//!   progress) is just what makes other writes to the same thing fail. A step that knows better gives them up early
//!   ([`StepContext::release_conflict_keys`]).
//! - When a step fails, those that need it are skipped, and all removals; the rest goes on.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::cancellation::{Cancellation, Urgency};
use crate::clock::{Clock, Sleep};
use crate::scheduler::quota::{Bucket, Quotas};
use crate::{Phase, Plan, Step, StepId};

mod context;
mod core;
pub mod lower_bound;
pub mod quota;
mod remaining_path;
mod report;

pub use context::{CallSlot, StepContext};
pub use report::{Outcome, RunReport, StepReport};

use self::core::Core;
use self::report::Recorder;

/// What carries out steps: calls providers, writes the journal, tells of progress.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Why a step failed.
    type Error: Send;

    /// Carries out one step. All calls go through `context`, and so does all waiting.
    ///
    /// # Errors
    /// Whatever made the step fail; the scheduler skips what needs it.
    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, Self::Error>;
}

/// How a step ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// As planned.
    Done,
    /// Nothing had to change in the cloud after all; options and dependencies are still to be recorded as wanted. The
    /// other half of a replacement is no longer needed, with one exception: a copy that was to be deleted first stays,
    /// and the second half is asked whether it has to be updated instead.
    BecameSame,
    /// A replacement turned out to be an update, which has been done. Its other half is no longer needed.
    BecameUpdate,
}

/// Which parts of a plan to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phases {
    /// All of it, removals last.
    #[default]
    All,
    /// What comes before removals.
    Make,
    /// Removals; the rest has been done by an earlier run.
    Remove,
}

impl Phases {
    fn include(self, phase: Phase) -> bool {
        match self {
            Phases::All => true,
            Phases::Make => phase == Phase::Make,
            Phases::Remove => phase == Phase::Remove,
        }
    }
}

/// How to run a plan.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Most calls at a time; `None` leaves it to the quotas.
    pub parallelism: Option<usize>,
    /// Which parts.
    pub phases: Phases,
    /// Steps that are done already, by an earlier run of the same plan: they aren't run again.
    pub done: std::collections::HashSet<StepId>,
    /// How to stop it.
    pub cancellation: Cancellation,
}

/// Token buckets by name, shared by all runs of a scheduler.
#[derive(Debug)]
pub(crate) struct Buckets {
    quotas: Quotas,
    by_name: BTreeMap<String, usize>,
    buckets: Vec<Bucket>,
}

impl Buckets {
    /// The bucket of a quota class.
    fn find(&mut self, name: &str, now: Duration) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        self.buckets.push(Bucket::new(self.quotas.get(name), now));
        self.by_name.insert(name.to_owned(), self.buckets.len() - 1);
        self.buckets.len() - 1
    }
}

/// Runs plans. Its buckets remember what earlier runs used and what the cloud throttled, so one scheduler serves all that
/// a process does with one account and region.
#[derive(Debug, Clone)]
pub struct Scheduler {
    clock: Arc<dyn Clock>,
    buckets: Arc<Mutex<Buckets>>,
}

/// What a run shares with its steps.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    core: Mutex<Core>,
    cancellation: Cancellation,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        // A step that panics takes the run with it; its state is still sound.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scheduler {
    /// A scheduler with full buckets.
    pub fn new(clock: Arc<dyn Clock>, quotas: Quotas) -> Self {
        let buckets = Buckets { quotas, by_name: BTreeMap::new(), buckets: Vec::new() };
        Self { clock, buckets: Arc::new(Mutex::new(buckets)) }
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The rate that a quota allows at the moment, in calls a second; `None` when it is unlimited.
    pub fn current_rate(&self, quota: &str) -> Option<f64> {
        let now = self.clock.now();
        let mut buckets = self.buckets();
        let index = buckets.find(quota, now);
        buckets.buckets[index].rate(now)
    }

    /// Waits for a token of a quota, for one call outside of any plan, such as a read that a plan is made from. Whoever
    /// waits holds nothing; calls of a plan that runs beside it share the quota.
    pub async fn token(&self, quota: &str) {
        loop {
            let now = self.clock.now();
            let next = {
                let mut buckets = self.buckets();
                let index = buckets.find(quota, now);
                let bucket = &mut buckets.buckets[index];
                if bucket.take(now) {
                    return;
                }
                bucket.next_token(now)
            };
            self.clock.sleep_until(next).await;
        }
    }

    /// Tells that the cloud has throttled a call outside of any plan: as [`StepContext::throttled`].
    pub fn throttled(&self, quota: &str) {
        let now = self.clock.now();
        let mut buckets = self.buckets();
        let index = buckets.find(quota, now);
        buckets.buckets[index].narrow(now);
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a plan to its end, or until it is cancelled. All steps are driven by the task that polls this future:
    /// executors must not block it.
    pub async fn run<X: Executor>(&self, plan: &Plan, executor: &X, options: &RunOptions) -> RunReport<X::Error> {
        let started = self.clock.now();
        let core = Core::new(plan, options, Arc::clone(&self.buckets), started);
        let shared = Arc::new(Shared {
            clock: Arc::clone(&self.clock),
            core: Mutex::new(core),
            cancellation: options.cancellation.clone(),
        });
        let mut recorder = Recorder::new(plan.steps().len(), started);
        let mut running = FuturesUnordered::new();
        let mut timer: Option<(Duration, Sleep)> = None;
        let mut starting = Vec::new();
        let cancellation = options.cancellation.clone();
        let mut graceful = pin!(cancellation.requested(Urgency::Graceful));
        let mut immediate = pin!(cancellation.requested(Urgency::Immediate));
        let mut is_stopping = false;
        shared.core().begin(plan, &mut recorder);

        let interrupted = poll_fn(|context| {
            shared.core().polling(context.waker());
            loop {
                if !is_stopping && graceful.as_mut().poll(context).is_ready() {
                    is_stopping = true;
                    shared.core().stop_starting();
                }
                if is_stopping && immediate.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                let now = self.clock.now();
                shared.core().dispense(plan, now, &mut starting, &mut recorder);
                for id in starting.drain(..) {
                    recorder.started(id, now);
                    let context = StepContext::new(Arc::clone(&shared), id);
                    let step = plan.step(id);
                    running.push(async move { (id, executor.execute(step, &context).await) });
                }
                let finished = match running.poll_next_unpin(context) {
                    Poll::Ready(Some((id, result))) => {
                        let now = self.clock.now();
                        shared.core().finish(plan, id, now, result, &mut recorder);
                        true
                    }
                    Poll::Ready(None) => {
                        let is_over = shared.core().is_over();
                        if is_over {
                            return Poll::Ready(false);
                        }
                        false
                    }
                    Poll::Pending => false,
                };
                if finished || shared.core().take_changed() {
                    continue;
                }
                let token = shared.core().next_token(self.clock.now());
                if !poll_timer(&mut timer, token, &*self.clock, context) && shared.core().rest() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        drop(running);
        let calls = shared.core().calls();
        recorder.report(self.clock.now(), calls, is_stopping, interrupted)
    }
}

/// Polls the timer for the next token, set anew when the time has changed; true when it is over.
fn poll_timer(
    timer: &mut Option<(Duration, Sleep)>,
    wanted: Option<Duration>,
    clock: &dyn Clock,
    context: &mut Context<'_>,
) -> bool {
    let Some(time) = wanted else {
        *timer = None;
        return false;
    };
    if timer.as_ref().is_none_or(|(set, _)| *set != time) {
        *timer = Some((time, clock.sleep_until(time)));
    }
    let is_over = timer.as_mut().is_some_and(|(_, sleep)| Pin::new(sleep).poll(context).is_ready());
    if is_over {
        *timer = None;
    }
    is_over
}

#[cfg(test)]
mod tests;
