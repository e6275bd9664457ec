//! What commands are given: the ports, the stack, who asks for what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use resource_graph::{Cancellation, Urn};

use super::adoption::Mapping;
use super::steps::calls::Calls;
use crate::domain;
use crate::ports::latencies::LatencyStore;
use crate::ports::{
    Cloud, EventHandler, HealthChecker, MonotonicClock, NoticeHandler, Packager, StackStore, WallClock,
};

/// The outside world.
#[derive(Clone)]
pub struct Ports {
    /// The cloud.
    pub cloud: Arc<dyn Cloud>,
    /// Where the stack's state is.
    pub store: Arc<dyn StackStore>,
    /// Builds and packages.
    pub packager: Arc<dyn Packager>,
    /// Asks deployed components.
    pub health: Arc<dyn HealthChecker>,
    /// The time of day.
    pub clock: Arc<dyn WallClock>,
    /// The time that passes; `calls` go by the same.
    pub monotonic: Arc<dyn MonotonicClock>,
    /// What earlier deployments measured.
    pub latencies: Arc<dyn LatencyStore>,
    /// Who hears of what takes time.
    pub notices: Arc<dyn NoticeHandler>,
    /// The way to the cloud's API.
    pub calls: Arc<Calls>,
    /// Who hears of the deployment's events.
    pub handlers: Vec<Arc<dyn EventHandler>>,
}

/// The stack that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackTarget {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The stack.
    pub stack: String,
}

/// What is read from the cloud before a plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// What the plan is about to touch.
    #[default]
    Changed,
    /// Every resource of the stack.
    All,
    /// Nothing.
    None,
}

/// Who asks, and how it is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// The stack.
    pub target: StackTarget,
    /// Names of the chosen components; none means all.
    pub components: Vec<String>,
    /// Only these resources and what they depend on; none means all.
    pub targets: Vec<Urn>,
    /// Which resources of ours are which records of another program's, where their names don't tell.
    pub adopt: Vec<Mapping>,
    /// What is taken over from another program may be replaced.
    pub replace_adopted: bool,
    /// What a stack of the same project and name has made, whose state was lost, is taken for ours.
    pub reclaim: bool,
    /// What is read first.
    pub refresh: Refresh,
    /// The most calls at a time; `None` leaves it to the quotas.
    pub parallelism: Option<usize>,
    /// How long to wait for the stack's lock.
    pub lock_timeout: Duration,
    /// Who asks: `metadata.userId` of the events.
    pub user: String,
    /// A word from whoever asks.
    pub message: String,
    /// Facts about the source: commit, branch, author, CI.
    pub source: BTreeMap<String, String>,
    /// Joins the events with those of whatever set this off; `None` makes a new id.
    pub correlation_id: Option<String>,
    /// Asked when the deployment is to be stopped: once to finish what is under way, twice to stop at once.
    pub cancellation: Cancellation,
}

/// What to deploy.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    /// How.
    pub options: Options,
    /// All components of the project in this environment, the chosen ones among them.
    pub components: Vec<domain::component::Component>,
}

/// What to destroy.
#[derive(Clone, Debug)]
pub struct DestroyRequest {
    /// How.
    pub options: Options,
    /// Names of the components that the configuration knows: there is nothing to do for one that isn't deployed.
    pub configured: Vec<String>,
}
