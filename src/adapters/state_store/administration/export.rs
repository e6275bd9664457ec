//! A stack's state as a file.

use state::{Deployment, Export};

use super::StateAdministration;
use crate::adapters::state_store::secrets::StackSecrets;
use crate::adapters::state_store::store_error;
use crate::ports::{ExportedState, StackAddress, StackExportRequest, StoreError, StoreErrorKind};

impl StateAdministration {
    pub(super) async fn export_state(
        &self,
        address: &StackAddress,
        request: StackExportRequest,
    ) -> Result<ExportedState, StoreError> {
        let (mut deployment, open_deployment) = match request.version {
            Some(version) => (self.kept_version(address, version).await?, None),
            None => {
                let loaded = self.load(address).await?;
                let has_state = loaded.journal.is_some() || loaded.has_state;
                (has_state.then(|| loaded.settled()), loaded.open_deployment().map(str::to_owned))
            }
        };
        if let Some(deployment) = deployment.as_mut().filter(|_| request.show_secrets) {
            let secrets = StackSecrets::new(deployment.secrets_provider.clone(), self.access.clone());
            deployment.reveal_secrets(&secrets).map_err(|error| store_error(&error.into()))?;
        }
        let content = Export { deployment, unknown: Vec::new() }.to_bytes();
        Ok(ExportedState { content, open_deployment })
    }

    /// The state that is kept with an entry of the history.
    async fn kept_version(&self, address: &StackAddress, version: usize) -> Result<Option<Deployment>, StoreError> {
        let id = Self::id(address)?;
        let entries = self.store.history(&id, usize::MAX).await.map_err(|error| store_error(&error))?;
        let missing = |message: String| StoreError::new(StoreErrorKind::Missing, message);
        // Newest first; versions count from the oldest.
        let place = entries.len().checked_sub(version).filter(|_| version > 0);
        let entry = place.map(|place| &entries[place]).ok_or_else(|| {
            missing(format!(
                "the history of '{}' has {} versions, and none of number {version}",
                address.qualified(),
                entries.len()
            ))
        })?;
        let kept = self.store.history_checkpoint(&id, entry.number).await.map_err(|error| store_error(&error))?;
        let kept = kept
            .ok_or_else(|| missing(format!("no state is kept with version {version} of '{}'", address.qualified())))?;
        Ok(kept.latest)
    }
}
