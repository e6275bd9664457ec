//! What a plan comes to, before anything is done, and who may say no to it.

use resource_graph::{LowerBound, Plan};

use super::planning::Drift;
use crate::application::adoption::Adoption;
use crate::application::error::ApplicationError;
use crate::application::request::Ports;
use crate::domain::deployment::{ChangeCounts, DeploymentCommand};

/// What is shown before anything is done.
pub struct Preview<'a> {
    /// The command.
    pub command: DeploymentCommand,
    /// The stack.
    pub stack: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// What is taken over from another program.
    pub adoptions: &'a [Adoption],
    /// What was found otherwise than recorded.
    pub drifts: &'a [Drift],
    /// The shortest time that quotas and dependencies allow.
    pub lower_bound: &'a LowerBound,
}

/// Who may say no.
#[async_trait::async_trait]
pub trait Confirmation: Send + Sync {
    /// Whether somebody is really asked, who may take any time to answer.
    fn takes_time(&self) -> bool;

    /// Shows what would be done, and says whether to do it.
    ///
    /// # Errors
    /// When nobody can be asked.
    async fn confirm(&self, preview: &Preview<'_>) -> Result<bool, ApplicationError>;
}

/// The planner's counts in the domain's form.
pub fn counts_of(plan: &Plan) -> ChangeCounts {
    let counts = plan.counts();
    ChangeCounts {
        create: counts.create,
        update: counts.update,
        replace: counts.replace,
        delete: counts.delete + counts.forget,
        same: counts.same,
    }
}

/// The shortest time that quotas and dependencies allow.
pub(in crate::application) fn lower_bound(ports: &Ports, plan: &Plan) -> LowerBound {
    resource_graph::lower_bound(plan, &ports.cloud.quotas().into_iter().collect(), |_| true)
}
