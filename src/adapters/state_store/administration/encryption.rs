//! What of a stack's files is encrypted.

use state::{Converted, StackLock};

use super::StateAdministration;
use crate::adapters::state_store::store_error;
use crate::ports::{ConvertedFiles, StackAddress, StackEncryption, StoreError};

impl StateAdministration {
    pub(super) async fn convert_stack(
        &self,
        address: &StackAddress,
        to: StackEncryption,
    ) -> Result<ConvertedFiles, StoreError> {
        let converted = self
            .under_lock(address, async |lock| match to {
                StackEncryption::Full => self.store.encrypt_stack(lock).await,
                StackEncryption::Secrets => self.store.decrypt_stack(lock).await,
            })
            .await;
        match converted {
            Err(state::Error::NoSuchStack { .. }) => Err(self.no_such_stack(address).await),
            Err(error) => Err(store_error(&error)),
            Ok(Converted { written, removed, left }) => Ok(ConvertedFiles { written, removed, left }),
        }
    }

    pub(super) async fn accept_state(&self, address: &StackAddress) -> Result<(), StoreError> {
        let accepted = self.under_lock(address, async |lock| self.store.accept_sealed_state(lock).await).await;
        accepted.map_err(|error| store_error(&error))
    }

    /// Does something while the stack's lock is held. A failed work's error comes before that of giving the lock back.
    async fn under_lock<T>(
        &self,
        address: &StackAddress,
        work: impl AsyncFnOnce(&StackLock) -> state::Result<T>,
    ) -> state::Result<T> {
        let id = state::StackId::new(&address.project, &address.stack)?;
        let lock = self.store.lock(&id, &self.owner, &self.lock).await?;
        let done = work(&lock).await;
        let released = lock.release().await;
        let done = done?;
        released.map(|()| done)
    }
}
