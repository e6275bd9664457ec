//! Gates for calls: one that counts, and one for the few calls outside of a scheduled plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use resource_graph::{CallSlot, Cancellation, StepContext, Urgency};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::request::{Options, Ports};
use crate::domain::deployment::CallCounts;
use crate::ports::{CallGate, CallKind, CallPermit, ProviderError, ProviderErrorKind};

/// Calls that may be under way at a time where nothing else limits them.
const PARALLEL_CALLS: usize = 16;

/// Counts the calls of a command.
#[derive(Debug, Default)]
pub struct CallCounter {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl CallCounter {
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

/// The error of a call that isn't made any more.
pub fn cancelled() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Cancelled, "the deployment is being stopped")
}

/// A gate without quotas, for reads that a plan needs and for settling what a died deployment left open.
pub struct DirectGate {
    slots: Arc<Semaphore>,
    counter: Arc<CallCounter>,
    cancellation: Cancellation,
    started: Instant,
}

struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl CallPermit for Slot {}

impl DirectGate {
    /// A gate for one round of calls.
    pub fn new(ports: &Ports, options: &Options) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(options.parallelism.unwrap_or(PARALLEL_CALLS).max(1))),
            counter: Arc::clone(&ports.calls),
            cancellation: options.cancellation.clone(),
            started: Instant::now(),
        }
    }

    fn check(&self) -> Result<(), ProviderError> {
        if self.cancellation.is_requested() { Err(cancelled()) } else { Ok(()) }
    }
}

#[async_trait]
impl CallGate for DirectGate {
    async fn acquire(&self, _quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        self.check()?;
        let permit = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| cancelled())?;
        self.counter.count(kind);
        Ok(Box::new(Slot(permit)))
    }

    fn throttled(&self, _quota: &'static str) {}

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        self.check()?;
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            () = self.cancellation.requested(Urgency::Graceful) => Err(cancelled()),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A gate that knows how many calls that change something went through it.
pub struct WriteCounter {
    gate: Arc<dyn CallGate>,
    writes: AtomicU32,
}

impl WriteCounter {
    /// Counts what goes through `gate` from now on.
    pub fn new(gate: Arc<dyn CallGate>) -> Self {
        Self { gate, writes: AtomicU32::new(0) }
    }

    /// The calls so far that change something.
    pub fn writes(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl CallGate for WriteCounter {
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        let permit = self.gate.acquire(quota, kind).await?;
        if kind == CallKind::Write {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(permit)
    }

    fn throttled(&self, quota: &'static str) {
        self.gate.throttled(quota);
    }

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        self.gate.sleep(duration).await
    }

    fn now(&self) -> Duration {
        self.gate.now()
    }
}

/// The gate of a scheduled step: the scheduler's quotas and slots, counted.
pub struct StepGate {
    context: StepContext,
    counter: Arc<CallCounter>,
}

impl CallPermit for CallSlot {}

impl StepGate {
    /// The gate of one step.
    pub fn new(context: StepContext, counter: Arc<CallCounter>) -> Self {
        Self { context, counter }
    }
}

#[async_trait]
impl CallGate for StepGate {
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        let slot = self.context.acquire(quota).await;
        self.counter.count(kind);
        Ok(Box::new(slot))
    }

    fn throttled(&self, quota: &'static str) {
        self.context.throttled(quota);
    }

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        self.context.sleep(duration).await;
        Ok(())
    }

    fn now(&self) -> Duration {
        self.context.now()
    }
}
