//! The metrics projection: how many operations of which kind there were, how they ended, how long they took and how long they
//! waited for quotas.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use resource_graph::{TypeToken, Urn};

use crate::domain::deployment::{DeploymentEvent, ResourceOperation, is_bookkeeping};
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// How an operation or a health check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Well.
    Succeeded,
    /// Not well.
    Failed,
    /// It wasn't tried.
    Skipped,
}

impl Ending {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Operations of one kind that ended alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// How many.
    pub count: u64,
    /// How long they took together.
    pub duration: Duration,
    /// How much of that they waited for quotas.
    pub waited: Duration,
}

/// What was counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Operations by type, operation and ending; those for the state's sake alone aren't counted.
    pub operations: BTreeMap<(TypeToken, &'static str, Ending), Operations>,
    /// Health checks by component and ending.
    pub health_checks: BTreeMap<(String, Ending), u64>,
}

/// Counts one deployment's events.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counted>);

impl Metrics {
    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, urn: &Urn, operation: ResourceOperation, ending: Ending, duration_ms: u64, waited_ms: u64) {
        if is_bookkeeping(urn) || operation == ResourceOperation::Same {
            return;
        }
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let operations = counted.operations.entry((urn.type_token(), operation.as_str(), ending)).or_default();
        operations.count += 1;
        operations.duration += Duration::from_millis(duration_ms);
        operations.waited += Duration::from_millis(waited_ms);
    }

    fn check(&self, component: &str, ending: Ending) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.health_checks.entry((component.to_owned(), ending)).or_default() += 1;
    }
}

impl EventHandler for Metrics {
    fn handle(&self, event: &DomainEvent) {
        use DeploymentEvent as E;
        match &event.event {
            E::ResourceOperationSucceeded { operation, urn, duration_ms, waited_ms, .. } => {
                self.count(urn, *operation, Ending::Succeeded, *duration_ms, *waited_ms);
            }
            E::ResourceOperationFailed { operation, urn, duration_ms, .. } => {
                self.count(urn, *operation, Ending::Failed, *duration_ms, 0);
            }
            E::ResourceOperationSkipped { operation, urn, .. } => self.count(urn, *operation, Ending::Skipped, 0, 0),
            E::HealthCheckPassed { component, .. } => self.check(component, Ending::Succeeded),
            E::HealthCheckFailed { component, .. } => self.check(component, Ending::Failed),
            _ => {}
        }
    }
}
