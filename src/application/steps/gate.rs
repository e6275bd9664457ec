//! Gates for calls: those of a plan's steps, and one for the calls outside of a plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{CallSlot, Cancellation, StepContext, Urgency};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::calls::Calls;
use crate::application::error::ApplicationError;
use crate::application::request::{Options, Ports};
use crate::ports::{CallGate, CallKind, CallPermit, LockedStack, ProviderError, ProviderErrorKind, StoreError};

/// Calls that may be under way at a time where nothing else limits them.
const PARALLEL_CALLS: usize = 16;

/// The error of a call that isn't made any more.
pub fn cancelled() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Cancelled, "the deployment is being stopped")
}

/// What is waited for only until somebody asks to stop, since nothing is left half done when it is dropped.
///
/// # Errors
/// Its own, and of kind [`ErrorKind::Interrupted`](crate::application::ErrorKind) when a stop was asked for.
pub async fn unless_stopped<T, E>(
    options: &Options,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, ApplicationError>
where
    ApplicationError: From<E>,
{
    tokio::select! {
        biased;
        () = options.cancellation.requested(Urgency::Graceful) => Err(cancelled().into()),
        value = work => Ok(value?),
    }
}

fn lock_lost(error: StoreError) -> ProviderError {
    ProviderError {
        code: Some(error.kind.code().to_owned()),
        hint: error.hint,
        ..ProviderError::new(ProviderErrorKind::Cancelled, error.message)
    }
}

/// The gate of calls outside of a plan: the reads that it is made from, and those that settle what a died deployment left
/// open. They share the quotas with the plan's calls.
pub struct ReadGate {
    slots: Arc<Semaphore>,
    calls: Arc<Calls>,
    cancellation: Cancellation,
}

struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl CallPermit for Slot {}

impl ReadGate {
    /// A gate for one round of calls.
    pub fn new(ports: &Ports, options: &Options) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(options.parallelism.unwrap_or(PARALLEL_CALLS).max(1))),
            calls: Arc::clone(&ports.calls),
            cancellation: options.cancellation.clone(),
        }
    }

    async fn or_cancelled<T>(&self, future: impl Future<Output = T>) -> Result<T, ProviderError> {
        tokio::select! {
            biased;
            () = self.cancellation.requested(Urgency::Graceful) => Err(cancelled()),
            value = future => Ok(value),
        }
    }
}

#[async_trait]
impl CallGate for ReadGate {
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        self.or_cancelled(self.calls.scheduler().token(quota)).await?;
        let permit = self.or_cancelled(Arc::clone(&self.slots).acquire_owned()).await?.map_err(|_| cancelled())?;
        self.calls.count(kind);
        Ok(Box::new(Slot(permit)))
    }

    fn throttled(&self, quota: &'static str) {
        self.calls.scheduler().throttled(quota);
    }

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        let clock = self.calls.scheduler().clock();
        self.or_cancelled(clock.sleep_until(clock.now() + duration)).await
    }

    fn stopping(&self) -> bool {
        // Its waits end with the cancellation itself.
        false
    }

    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Duration {
        self.calls.scheduler().clock().now()
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

    fn stopping(&self) -> bool {
        self.gate.stopping()
    }

    fn waited(&self) -> Duration {
        self.gate.waited()
    }

    fn now(&self) -> Duration {
        self.gate.now()
    }
}

/// The gate of a scheduled step: the scheduler's quotas and slots, counted. Without the stack's lock nothing is changed.
pub struct StepGate {
    context: StepContext,
    calls: Arc<Calls>,
    stack: Arc<dyn LockedStack>,
}

impl CallPermit for CallSlot {}

impl StepGate {
    /// The gate of one step.
    pub fn new(context: StepContext, calls: Arc<Calls>, stack: Arc<dyn LockedStack>) -> Self {
        Self { context, calls, stack }
    }
}

#[async_trait]
impl CallGate for StepGate {
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        let slot = self.context.acquire(quota).await;
        if kind == CallKind::Write {
            self.stack.check_lock().await.map_err(lock_lost)?;
        }
        self.calls.count(kind);
        Ok(Box::new(slot))
    }

    fn throttled(&self, quota: &'static str) {
        self.context.throttled(quota);
    }

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        self.context.sleep(duration).await;
        Ok(())
    }

    fn stopping(&self) -> bool {
        self.context.cancelled()
    }

    fn waited(&self) -> Duration {
        self.context.waited()
    }

    fn now(&self) -> Duration {
        self.context.now()
    }
}
