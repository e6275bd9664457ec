//! Who holds the locks of a store's stacks, and taking them away.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ports::{StackAddress, StoreError};

/// A lock on a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldLock {
    /// Who holds it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// In which process.
    pub pid: u32,
    /// Since when, RFC 3339.
    pub since: String,
    /// Until when it holds unless it is renewed before, RFC 3339; nothing for locks of Pulumi's, which hold for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<String>,
    /// The lock file.
    pub file: String,
    /// Whether its process seems not to run any more.
    pub dead: bool,
}

/// The locks of the stacks of one store.
#[async_trait]
pub trait StackLocks: Send + Sync {
    /// Who holds a stack's lock, the dead included. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    async fn locks(&self, stack: &StackAddress) -> Result<Vec<HeldLock>, StoreError>;

    /// Removes all locks of a stack, whoever holds them, and says whose they were. A deployment that still runs stops
    /// before its next write.
    ///
    /// # Errors
    /// When the store can't be written.
    async fn cancel(&self, stack: &StackAddress) -> Result<Vec<HeldLock>, StoreError>;
}
