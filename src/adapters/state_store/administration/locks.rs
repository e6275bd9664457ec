//! Who holds the locks of stacks, and taking them away.

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};

use super::StateAdministration;
use crate::adapters::state_store::store_error;
use crate::ports::{HeldLock, StackAddress, StackLocks, StoreError};

#[async_trait]
impl StackLocks for StateAdministration {
    async fn locks(&self, stack: &StackAddress) -> Result<Vec<HeldLock>, StoreError> {
        told(self.store.locks(&Self::id(stack)?, &self.owner, &self.lock).await)
    }

    async fn cancel(&self, stack: &StackAddress) -> Result<Vec<HeldLock>, StoreError> {
        told(self.store.cancel(&Self::id(stack)?, &self.owner, &self.lock).await)
    }
}

fn told(locks: state::Result<Vec<state::HeldLock>>) -> Result<Vec<HeldLock>, StoreError> {
    let rfc3339 = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let locks = locks.map_err(|error| store_error(&error))?.into_iter().map(|lock| {
        let state::Holder { user, host, pid, since, url, lease_until } = lock.holder;
        let (since, lease_until) = (rfc3339(since), lease_until.map(rfc3339));
        HeldLock { user, host, pid, since, lease_until, file: url, dead: lock.is_dead }
    });
    Ok(locks.collect())
}
