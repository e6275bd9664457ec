//! The calls of a command to the cloud's API: the quotas that they share, and how many there were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resource_graph::Scheduler;

use crate::domain::deployment::CallCounts;
use crate::ports::{CallKind, Cloud, MonotonicClock};

/// A command's way to the cloud's API: the scheduler with the quotas that all its calls share, and how many there were.
#[derive(Debug)]
pub struct Calls {
    scheduler: Scheduler,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Calls {
    /// No call yet, and full quotas.
    pub fn new(cloud: &dyn Cloud, clock: Arc<dyn MonotonicClock>) -> Self {
        let scheduler = Scheduler::new(clock, cloud.quotas().into_iter().collect());
        Self { scheduler, reads: AtomicU64::new(0), writes: AtomicU64::new(0) }
    }

    /// What carries plans out.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Counts one call.
    pub fn count(&self, kind: CallKind) {
        match kind {
            CallKind::Read => self.reads.fetch_add(1, Ordering::Relaxed),
            CallKind::Write => self.writes.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// The calls so far.
    pub fn counts(&self) -> CallCounts {
        CallCounts { read: self.reads.load(Ordering::Relaxed), write: self.writes.load(Ordering::Relaxed) }
    }
}
