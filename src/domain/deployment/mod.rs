//! The deployment: an event-sourced aggregate with legal transitions only.
//!
//! Its stream of events is the journal; checkpoint, audit log, progress and reports are projections of it.

mod aggregate;
mod events;

pub use aggregate::{Deployment, DeploymentPhase, IllegalTransition, StepPhase};
pub use events::{
    CallCounts, ChangeCounts, DeploymentCommand, DeploymentEvent, ErrorDetail, PlannedStep, ResourceImage,
    ResourceOperation, SettledOutcome, is_bookkeeping,
};
