//! Taking stacks from one store to another.

use async_trait::async_trait;

use super::{StateAdministration, give_back};
use crate::adapters::state_store::store_error;
use crate::ports::{
    LockRequest, MigratedStack, NoticeHandler, StackAddress, StackMigration, StoreError, StoreErrorKind,
};

/// Two stores of the `state` crate.
pub struct StateMigration {
    from: StateAdministration,
    to: StateAdministration,
}

impl StateMigration {
    /// From one store to another.
    pub fn new(from: StateAdministration, to: StateAdministration) -> Self {
        Self { from, to }
    }
}

#[async_trait]
impl StackMigration for StateMigration {
    async fn migrate(
        &self,
        stack: &StackAddress,
        remove: bool,
        request: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<MigratedStack, StoreError> {
        let location = self.to.store.display_url();
        if location == self.from.store.display_url() {
            let message = format!("'{}' is in {location} already", stack.qualified());
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let loaded = self.from.load_sound(stack).await?;
        self.from.refuse_open(stack, &loaded).await?;
        let lock = self.from.stack(stack)?.take_lock(request, None, notices).await?;
        let target = match self.to.stack(stack)?.take_lock(request, None, notices).await {
            Ok(target) => target,
            Err(error) => return give_back(lock, Err(error)).await,
        };
        let copied = self.from.store.copy_stack(&lock, &target).await.map_err(|error| store_error(&error));
        let mut copied = give_back(target, copied).await;
        if remove && copied.is_ok() {
            let removed = self.from.store.remove_stack(&lock, false).await;
            copied = copied.and_then(|copied| removed.map(|()| copied).map_err(|error| store_error(&error)));
        }
        let copied = copied.map(|copied| MigratedStack {
            location,
            history: copied.history,
            backups: copied.backups,
            tags: copied.tags,
        });
        give_back(lock, copied).await
    }
}
