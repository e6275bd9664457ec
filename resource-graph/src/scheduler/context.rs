//! What a step may do while it runs: call, wait, and know that it should come to an end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Shared;
use super::core::Ticket;
use crate::StepId;
use crate::cancellation::Urgency;

/// The way of a running step to quotas, slots and the clock. Clones stand for the same step.
#[derive(Debug, Clone)]
pub struct StepContext {
    shared: Arc<Shared>,
    step: StepId,
}

impl StepContext {
    pub(super) fn new(shared: Arc<Shared>, step: StepId) -> Self {
        Self { shared, step }
    }

    /// The step.
    pub fn step(&self) -> StepId {
        self.step
    }

    /// Makes one call: waits for a token of its quota and a slot, then makes and awaits the future. The slot is free
    /// again when the future is done. The call must be one request: retries are calls of their own.
    pub async fn call<F: Future>(&self, quota: &str, make: impl FnOnce() -> F) -> F::Output {
        let slot = self.acquire(quota).await;
        let answer = make().await;
        drop(slot);
        answer
    }

    /// Waits for a token of a quota and a slot, for one call that must be made at once. The slot is free again when it
    /// is dropped.
    pub async fn acquire(&self, quota: &str) -> CallSlot {
        Turn { context: self.clone(), quota, ticket: None }.await
    }

    /// Waits for a time and holds no slot meanwhile.
    pub async fn sleep(&self, duration: Duration) {
        let now = self.now();
        self.shared.core().give_back_reservation(self.step, now);
        self.shared.clock.sleep_until(now + duration).await;
    }

    /// Tells that the cloud has throttled a call: the quota's rate is halved, and grows again with time. The caller
    /// sleeps and tries again.
    pub fn throttled(&self, quota: &str) {
        self.shared.core().throttled(quota, self.now());
    }

    /// The clock's time.
    pub fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    /// How long the step has waited for tokens and slots so far. What it took beside that is what later plans can
    /// expect of such a step.
    pub fn waited(&self) -> Duration {
        self.shared.core().waited(self.step)
    }

    /// Whether the run was asked to stop. Steps finish what they have begun, but need not wait for what can be read
    /// later.
    pub fn cancelled(&self) -> bool {
        self.shared.cancellation.is_requested()
    }

    /// Waits until the run is asked to stop.
    pub async fn cancellation(&self) {
        self.shared.cancellation.requested(Urgency::Graceful).await;
    }

    /// Lets other steps at what this one had for itself, for a step that only waits for something that doesn't mind
    /// other writes.
    pub fn release_conflict_keys(&self) {
        self.shared.core().release_keys(self.step);
    }
}

/// A slot in use, for the time of one call.
#[derive(Debug)]
pub struct CallSlot(Arc<Shared>);

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.0.core().free_slot();
    }
}

/// Waits for a token and a slot.
struct Turn<'q> {
    context: StepContext,
    quota: &'q str,
    ticket: Option<Arc<Ticket>>,
}

impl Future for Turn<'_> {
    type Output = CallSlot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallSlot> {
        let shared = Arc::clone(&self.context.shared);
        let (step, now) = (self.context.step, shared.clock.now());
        let granted = match &self.ticket {
            Some(ticket) => shared.core().redeem(ticket, now, context.waker()),
            None => {
                self.ticket = shared.core().ask(step, self.quota, now, context.waker());
                self.ticket.is_none()
            }
        };
        if !granted {
            return Poll::Pending;
        }
        self.ticket = None;
        Poll::Ready(CallSlot(shared))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.context.now();
            self.context.shared.core().abandon(&ticket, now);
        }
    }
}
