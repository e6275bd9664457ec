//! The port of administration on top of the `state` crate: one store and all of its stacks.

mod edits;
mod encryption;
mod export;
mod import;
mod life;
mod list;
mod locks;
mod migration;
mod moving;
mod problems;
mod reading;

use std::collections::BTreeMap;

use async_trait::async_trait;
use resource_graph::Urn;
use state::{Checkpoint, Deployment, LockOptions, Owner, SecretsAccess, StackId, StackLock};

use super::{Loaded, StateStore, holders, recorded, store_error};
use crate::ports::{
    ConvertedFiles, EditPlan, ExportedState, GraphNode, HistoryRecord, LockRequest, MovePlan, MoveRequest,
    NewStackSecrets, NoticeHandler, RecordedResource, RemoveRequest, StackAddress, StackAdministration,
    StackEncryption, StackEntry, StackExportRequest, StackImportRequest, StateEdit, StateProblem, StoreError,
    StoreErrorKind,
};

pub use migration::StateMigration;

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

    /// A stack as it is now, journal and all, whatever rules its state breaks.
    async fn load(&self, address: &StackAddress) -> Result<Loaded, StoreError> {
        let loaded = self.stack(address)?.load_unverified().await?;
        self.existing(address, loaded).await
    }

    /// As [`Self::load`], for whoever relies on the state's rules.
    async fn load_sound(&self, address: &StackAddress) -> Result<Loaded, StoreError> {
        let loaded = self.stack(address)?.load().await?;
        self.existing(address, loaded).await
    }

    async fn existing(&self, address: &StackAddress, loaded: Loaded) -> Result<Loaded, StoreError> {
        match loaded.checkpoint.is_some() || loaded.journal.is_some() {
            true => Ok(loaded),
            false => Err(self.no_such_stack(address).await),
        }
    }

    /// Refuses work on a stack with a deployment that is under way, or was cut off and isn't settled.
    async fn refuse_open(&self, address: &StackAddress, loaded: &Loaded) -> Result<(), StoreError> {
        let Some(deployment) = loaded.open_deployment() else { return Ok(()) };
        let id = Self::id(address)?;
        let holder = self.store.live_holder(&id, &self.owner, &self.lock).await.map_err(|error| store_error(&error))?;
        let name = address.qualified();
        Err(match holder {
            Some(holder) => {
                let message = format!("deployment {deployment} of '{name}' is under way, by {}", holders(&[holder]));
                StoreError::new(StoreErrorKind::Locked, message).with_hint("wait for its end")
            }
            None => {
                let message = format!("deployment {deployment} of '{name}' was cut off and isn't settled yet");
                StoreError::new(StoreErrorKind::Refused, message).with_hint("run `deploy` (or `destroy`) to settle it")
            }
        })
    }

    /// Writes a state over the one that was read. All that isn't of the state stays as it is.
    async fn save(&self, lock: &StackLock, deployment: Deployment, loaded: &Loaded) -> Result<(), StoreError> {
        let mut checkpoint = Checkpoint::new(lock.stack(), deployment);
        if let Some(before) = &loaded.checkpoint {
            checkpoint.unknown.clone_from(&before.checkpoint.unknown);
        }
        let base = loaded.checkpoint.as_ref().map(|before| &before.revision);
        self.store.save(lock, &checkpoint, base).await.map(|_| ()).map_err(|error| store_error(&error))
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
            true => "there is no stack there yet: `semantest-iac stack init` makes an empty one".to_owned(),
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

    async fn export(&self, stack: &StackAddress, request: StackExportRequest) -> Result<ExportedState, StoreError> {
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

    async fn outputs(
        &self,
        stack: &StackAddress,
        show_secrets: bool,
    ) -> Result<serde_json::Map<String, serde_json::Value>, StoreError> {
        self.shown_outputs(stack, show_secrets).await
    }

    async fn show(
        &self,
        stack: &StackAddress,
        urn: &Urn,
        show_secrets: bool,
    ) -> Result<Vec<serde_json::Value>, StoreError> {
        self.shown_resources(stack, urn, show_secrets).await
    }

    async fn graph(&self, stack: &StackAddress) -> Result<Vec<GraphNode>, StoreError> {
        self.nodes(stack).await
    }

    async fn history(&self, stack: &StackAddress, show_secrets: bool) -> Result<Vec<HistoryRecord>, StoreError> {
        self.records(stack, show_secrets).await
    }

    async fn problems(&self, stack: &StackAddress, secrets: bool) -> Result<Vec<StateProblem>, StoreError> {
        self.all_problems(stack, secrets).await
    }

    async fn import(
        &self,
        stack: &StackAddress,
        request: StackImportRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<Vec<String>, StoreError> {
        self.import_state(stack, request, lock, notices).await
    }

    async fn plan_edit(&self, stack: &StackAddress, edit: &StateEdit) -> Result<EditPlan, StoreError> {
        self.plan_state_edit(stack, edit).await
    }

    async fn edit(
        &self,
        stack: &StackAddress,
        edit: &StateEdit,
        plan: &EditPlan,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.edit_state(stack, edit, plan, lock, notices).await
    }

    async fn plan_move(&self, request: &MoveRequest) -> Result<MovePlan, StoreError> {
        self.plan_resource_move(request).await
    }

    async fn move_resources(
        &self,
        request: &MoveRequest,
        plan: &MovePlan,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.make_move(request, plan, lock, notices).await
    }

    async fn tags(&self, stack: &StackAddress) -> Result<BTreeMap<String, String>, StoreError> {
        self.stack_tags(stack).await
    }

    async fn set_tag(
        &self,
        stack: &StackAddress,
        name: &str,
        value: Option<&str>,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.change_tag(stack, name, value, lock, notices).await
    }

    async fn create(
        &self,
        stack: &StackAddress,
        secrets: &NewStackSecrets,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.create_stack(stack, secrets, lock, notices).await
    }

    async fn remove(
        &self,
        stack: &StackAddress,
        request: RemoveRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.remove_stack(stack, request, lock, notices).await
    }

    async fn rename(
        &self,
        stack: &StackAddress,
        new: &StackAddress,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.rename_stack(stack, new, lock, notices).await
    }
}

/// Gives a lock back, whatever became of the work under it.
async fn give_back<T>(lock: StackLock, result: Result<T, StoreError>) -> Result<T, StoreError> {
    let released = lock.release().await.map_err(|error| store_error(&error));
    let value = result?;
    released.map(|()| value)
}
