//! The one place that orders a deployment's events: checks each against the aggregate, appends it to the journal, folds it
//! into the checkpoint and hands it to the event handlers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::deployment::{ChangeCounts, Deployment, DeploymentEvent, IllegalTransition};
use crate::ports::clock::rfc3339;
use crate::ports::{CheckpointChange, EventHandler, LockedStack, StoreError, WallClock};

struct Stream {
    deployment: Deployment,
    changes: Vec<CheckpointChange>,
}

/// A deployment's stream, from its request to its end.
pub struct Dispatcher {
    stream: Mutex<Stream>,
    clock: Arc<dyn WallClock>,
    stack: Arc<dyn LockedStack>,
    handlers: Vec<Arc<dyn EventHandler>>,
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
        Ok(Self { stream: Mutex::new(Stream { deployment, changes: Vec::new() }), clock, stack, handlers })
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        // A panic while the lock is held can only come from a handler; the stream itself is whole then.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event. It becomes durable with the next group; [`Dispatcher::flush`] waits for that.
    ///
    /// # Errors
    /// [`IllegalTransition`] when it can't follow on those before it: a fault of ours.
    pub fn dispatch(&self, event: DeploymentEvent) -> Result<(), IllegalTransition> {
        let mut stream = self.stream();
        let event = stream.deployment.record(event, rfc3339(self.clock.now_ms()))?;
        self.stack.append(&event);
        stream.changes.extend(CheckpointChange::of(&event.event));
        // Handlers are called under the lock, so that all see the stream's order.
        self.handlers.iter().for_each(|handler| handler.handle(&event));
        Ok(())
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
