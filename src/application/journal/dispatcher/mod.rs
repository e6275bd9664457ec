//! The one place that orders a deployment's events: checks each against the aggregate, appends it to the journal, folds it
//! into the checkpoint and hands it to the event handlers.
//!
//! Two locks: the stream's, under which an event gets its place and is appended, and the handlers', under which they hear of it.
//! A handler that takes its time keeps nobody from the journal and the checkpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::deployment::{ChangeCounts, Deployment, DeploymentEvent, IllegalTransition};
use crate::domain::event::DomainEvent;
use crate::ports::clock::rfc3339;
use crate::ports::{CheckpointChange, EventHandler, LockedStack, StoreError, WallClock};

struct Stream {
    deployment: Deployment,
    changes: Vec<CheckpointChange>,
    /// What is recorded and hasn't been handed to the handlers.
    unheard: VecDeque<DomainEvent>,
}

/// A deployment's stream, from its request to its end.
pub struct Dispatcher {
    stream: Mutex<Stream>,
    clock: Arc<dyn WallClock>,
    stack: Arc<dyn LockedStack>,
    /// Locked by who hands events to them, so that all of them see the stream's order.
    handlers: Mutex<Vec<Arc<dyn EventHandler>>>,
}

impl Dispatcher {
    /// Begins a stream: the request is durable when this returns.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub async fn begin(
        mut deployment: Deployment,
        request: DeploymentEvent,
        stack: Arc<dyn LockedStack>,
        handlers: Vec<Arc<dyn EventHandler>>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, StoreError> {
        let first =
            deployment.record(request, rfc3339(clock.now_ms())).expect("a deployment's first event is its request");
        stack.begin(&first).await?;
        handlers.iter().for_each(|handler| handler.handle(&first));
        let stream = Stream { deployment, changes: Vec::new(), unheard: VecDeque::new() };
        Ok(Self { stream: Mutex::new(stream), clock, stack, handlers: Mutex::new(handlers) })
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event. It becomes durable with the next group; [`Dispatcher::flush`] waits for that. When this returns, all
    /// handlers have heard of it.
    ///
    /// # Errors
    /// [`IllegalTransition`] when it can't follow on those before it: a fault of ours.
    pub fn dispatch(&self, event: DeploymentEvent) -> Result<(), IllegalTransition> {
        self.append(event)?;
        // A handler that panicked has taken its event; the others go on with the next one.
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is here first hands on what others have recorded meanwhile, too.
        while let Some(event) = self.next_unheard() {
            handlers.iter().for_each(|handler| handler.handle(&event));
        }
        Ok(())
    }

    fn append(&self, event: DeploymentEvent) -> Result<(), IllegalTransition> {
        let mut stream = self.stream();
        let event = stream.deployment.record(event, rfc3339(self.clock.now_ms()))?;
        self.stack.append(&event);
        stream.changes.extend(CheckpointChange::of(&event.event));
        stream.unheard.push_back(event);
        Ok(())
    }

    fn next_unheard(&self) -> Option<DomainEvent> {
        self.stream().unheard.pop_front()
    }

    /// Waits until everything that was recorded is durable.
    ///
    /// # Errors
    /// When the journal can't be written, or the lock was lost.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.stack.flush().await
    }

    /// What has been done so far.
    pub fn done(&self) -> ChangeCounts {
        self.stream().deployment.done()
    }

    /// URNs of the steps that may have changed something and whose outcome isn't recorded.
    pub fn unknown(&self) -> Vec<String> {
        use crate::domain::deployment::StepPhase;
        let stream = self.stream();
        let unknown = stream
            .deployment
            .steps()
            .filter(|(_, phase)| matches!(phase, StepPhase::Started | StepPhase::Failed { outcome_unknown: true }));
        unknown.map(|(step, _)| step.urn.to_string()).collect()
    }

    /// All changes of the checkpoint since the deployment began.
    pub fn changes(&self) -> Vec<CheckpointChange> {
        self.stream().changes.clone()
    }

    /// The locked stack.
    pub fn stack(&self) -> &Arc<dyn LockedStack> {
        &self.stack
    }

    /// What joins the events with those of whatever set the deployment off.
    pub fn correlation_id(&self) -> String {
        self.stream().deployment.correlation_id().to_owned()
    }

    /// The deployment's id.
    pub fn deployment_id(&self) -> String {
        self.stream().deployment.id().to_owned()
    }
}

#[cfg(test)]
mod tests;
