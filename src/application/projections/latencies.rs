//! The metrics projection: how long operations took, to be learned from.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use resource_graph::{Latencies, TypeToken};

use crate::domain::deployment::{DeploymentEvent, ResourceOperation};
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// Durations of one deployment's operations.
#[derive(Debug, Default)]
pub struct Measured(Mutex<Vec<(TypeToken, resource_graph::Operation, Duration)>>);

impl Measured {
    /// Adds what was measured to what is known.
    pub fn learn(&self, latencies: &mut Latencies) {
        let measured = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (token, operation, duration) in measured {
            latencies.learn(token, operation, duration);
        }
    }
}

impl EventHandler for Measured {
    fn handle(&self, event: &DomainEvent) {
        let DeploymentEvent::ResourceOperationSucceeded {
            operation, urn, duration_ms, waited_ms, adopted: false, ..
        } = &event.event
        else {
            return;
        };
        let operation = match operation {
            ResourceOperation::Create | ResourceOperation::CreateReplacement => resource_graph::Operation::Create,
            ResourceOperation::Update => resource_graph::Operation::Update,
            ResourceOperation::Delete | ResourceOperation::DeleteReplaced => resource_graph::Operation::Delete,
            ResourceOperation::Read => resource_graph::Operation::Read,
            ResourceOperation::Same | ResourceOperation::Forget => return,
        };
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        measured.push((urn.type_token(), operation, Duration::from_millis(duration_ms.saturating_sub(*waited_ms))));
    }
}
