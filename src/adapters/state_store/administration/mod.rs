//! The port of administration on top of the `state` crate: one store and all of its stacks.

mod encryption;
mod export;
mod list;
mod locks;

use async_trait::async_trait;
use state::{LockOptions, Owner, SecretsAccess, StackId};

use super::{Loaded, StateStore, recorded, store_error};
use crate::ports::{
    ConvertedFiles, ExportRequest, ExportedState, RecordedResource, StackAddress, StackAdministration, StackEncryption,
    StackEntry, StoreError, StoreErrorKind,
};

/// A store of the `state` crate.
pub struct StateAdministration {
    store: state::StackStore,
    owner: Owner,
    lock: LockOptions,
    access: SecretsAccess,
}

impl StateAdministration {
    /// The stacks in `store`. `owner` is this process; `access` is used only when a secret is touched.
    pub fn new(store: state::StackStore, owner: Owner, lock: LockOptions, access: SecretsAccess) -> Self {
        Self { store: store.with_access(&access), owner, lock, access }
    }

    fn id(address: &StackAddress) -> Result<StackId, StoreError> {
        StackId::new(&address.project, &address.stack).map_err(|error| store_error(&error))
    }

    /// One stack as deployments see it.
    fn stack(&self, address: &StackAddress) -> Result<StateStore, StoreError> {
        let (store, owner, lock) = (self.store.clone(), self.owner.clone(), self.lock.clone());
        StateStore::new(store, &address.project, &address.stack, owner, lock, self.access.clone())
    }

    /// A stack as it is now, journal and all.
    async fn load(&self, address: &StackAddress) -> Result<Loaded, StoreError> {
        let loaded = self.stack(address)?.load().await?;
        match loaded.checkpoint.is_some() || loaded.journal.is_some() {
            true => Ok(loaded),
            false => Err(self.no_such_stack(address).await),
        }
    }

    /// The error for a stack that isn't there, with those that are.
    async fn no_such_stack(&self, address: &StackAddress) -> StoreError {
        let known = self.store.stacks(None).await.unwrap_or_default();
        let names: Vec<String> = known
            .iter()
            .map(|summary| StackAddress::new(summary.id.project(), summary.id.stack()))
            .map(|known| known.shown_in(Some(&address.project)))
            .collect();
        let message = format!("no stack named '{}' found in {}", address.qualified(), self.store.display_url());
        StoreError::new(StoreErrorKind::Missing, message).with_hint(match names.is_empty() {
            true => "there is no stack there yet; the first deployment makes one".to_owned(),
            false => format!("there is: {}", names.join(", ")),
        })
    }
}

#[async_trait]
impl StackAdministration for StateAdministration {
    fn location(&self) -> String {
        self.store.display_url()
    }

    async fn stacks(&self, project: Option<&str>) -> Result<Vec<StackEntry>, StoreError> {
        self.list(project).await
    }

    async fn export(&self, stack: &StackAddress, request: ExportRequest) -> Result<ExportedState, StoreError> {
        self.export_state(stack, request).await
    }

    async fn resources(&self, stack: &StackAddress) -> Result<Vec<RecordedResource>, StoreError> {
        let loaded = self.load(stack).await?;
        Ok(recorded(&loaded.deployment, &loaded.secrets))
    }

    async fn convert(&self, stack: &StackAddress, to: StackEncryption) -> Result<ConvertedFiles, StoreError> {
        self.convert_stack(stack, to).await
    }

    async fn accept_older_state(&self, stack: &StackAddress) -> Result<(), StoreError> {
        self.accept_state(stack).await
    }
}
