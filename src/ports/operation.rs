//! What an operation on a cloud resource is given: permission for each call, a clock, who asks and for what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::Urn;

use super::ProviderError;

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The call only reads.
    Read,
    /// The call changes something.
    Write,
}

/// Held while one call is under way; dropping it gives the slot back.
pub trait CallPermit: Send {}

/// Where calls wait for their quota. The scheduler stands behind it.
#[async_trait]
pub trait CallGate: Send + Sync {
    /// Waits until a call of this quota class may be sent. The permit is held for just that call: whoever waits for a
    /// poll, a retry or propagation gives it back first.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Cancelled`](super::ProviderErrorKind::Cancelled) when the deployment is being stopped at once.
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError>;

    /// Tells that the cloud throttled a call of this class, so that the rate is narrowed.
    fn throttled(&self, quota: &'static str);

    /// Waits, holding neither slot nor token.
    ///
    /// # Errors
    /// As [`CallGate::acquire`].
    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError>;

    /// Whether the deployment was asked to stop: what has begun is finished, but nothing is waited for that may never come.
    fn stopping(&self) -> bool;

    /// How long calls have waited for tokens and slots so far.
    fn waited(&self) -> Duration;

    /// Time since an arbitrary start, for budgets of retries; virtual in simulations.
    fn now(&self) -> Duration;
}

/// How long after it was sent a call may still be carried out, though whoever sent it doesn't wait any more. No cloud names a figure;
/// control planes answer within seconds, and what they haven't begun by then they mostly refuse.
pub const LONGEST_CALL: Duration = Duration::from_secs(15);

/// The tags that find a resource again, whatever happens to the state (DESIGN.md section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTags {
    /// `semantest:project`.
    pub project: String,
    /// `semantest:stack`.
    pub stack: String,
    /// `semantest:identity`: what tells this stack from others of the same project and name. It is made with the stack, and kept
    /// in its state.
    pub identity: String,
    /// `semantest:deployed-by`: whose that deployment was.
    pub user: String,
    /// `semantest:deployment`: the deployment that made the resource. It isn't part of the inputs, since it changes
    /// each time.
    pub deployment: String,
}

/// What one operation on one resource is given.
#[derive(Clone)]
pub struct OperationContext {
    /// The resource.
    pub urn: Urn,
    /// Tags for it.
    pub tags: ResourceTags,
    /// Where calls wait.
    pub gate: Arc<dyn CallGate>,
}

impl fmt::Debug for OperationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationContext").field("urn", &self.urn).field("tags", &self.tags).finish_non_exhaustive()
    }
}
