//! Making, naming, tagging and removing stacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use state::{Checkpoint, Deployment, Manifest, NewSecrets, SecretsManager, StackLock};

use super::{StateAdministration, give_back};
use crate::adapters::state_store::locked::WRITER;
use crate::adapters::state_store::{SecretsSettings, store_error};
use crate::ports::{
    LockRequest, NewStackSecrets, NoticeHandler, RemoveRequest, StackAddress, StoreError, StoreErrorKind,
};

impl StateAdministration {
    pub(super) async fn create_stack(
        &self,
        address: &StackAddress,
        secrets: &NewStackSecrets,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.refuse_existing(address).await?;
        let lock = self.stack(address)?.take_lock(lock, None, notices).await?;
        let created = async {
            self.refuse_existing(address).await?;
            // The settings come first: cut off in between, the next try takes the manager that they name.
            let manager = self.new_manager(secrets)?;
            self.store.use_manager(lock.stack(), Arc::clone(&manager));
            let now = self.store.now().to_rfc3339_opts(SecondsFormat::Nanos, true);
            let deployment = Deployment::new(Manifest::new(now, WRITER), Some(manager.provider()));
            let saved = self.store.save(&lock, &Checkpoint::new(lock.stack(), deployment), None).await;
            saved.map(|_| ()).map_err(|error| store_error(&error))
        };
        let created = created.await;
        give_back(lock, created).await
    }

    async fn refuse_existing(&self, address: &StackAddress) -> Result<(), StoreError> {
        let loaded = self.stack(address)?.load_unverified().await?;
        match loaded.checkpoint.is_none() && loaded.journal.is_none() {
            true => Ok(()),
            false => {
                let message = format!("stack '{}' already exists", address.qualified());
                Err(StoreError::new(StoreErrorKind::Refused, message))
            }
        }
    }

    fn new_manager(&self, secrets: &NewStackSecrets) -> Result<Arc<dyn SecretsManager>, StoreError> {
        let kind = |text: &String| {
            text.parse::<NewSecrets>().map_err(|error| {
                let error = store_error(&error.into());
                StoreError { kind: StoreErrorKind::Unsupported, ..error }
            })
        };
        let usual = secrets.usual.as_ref().map(kind).transpose()?.unwrap_or_default();
        let wanted = secrets.provider.as_ref().map(kind).transpose()?;
        let settings = SecretsSettings { file: secrets.settings.clone(), is_shared: true, kind: usual };
        settings.manager_of_new(wanted, &self.access)
    }

    pub(super) async fn remove_stack(
        &self,
        address: &StackAddress,
        request: RemoveRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.refuse_removal(address, request.force).await?;
        let lock = self.stack(address)?.take_lock(lock, None, notices).await?;
        let removed = async {
            self.refuse_removal(address, request.force).await?;
            if request.force {
                self.store.archive_journal(&lock).await.map_err(|error| store_error(&error))?;
            }
            let removed = self.store.remove_stack(&lock, request.remove_backups).await;
            removed.map_err(|error| store_error(&error))
        };
        let removed = removed.await;
        give_back(lock, removed).await
    }

    /// Refuses to remove a stack with something left in it, in Pulumi's words. A state that can't be read holds whatever it
    /// holds.
    async fn refuse_removal(&self, address: &StackAddress, force: bool) -> Result<(), StoreError> {
        let loaded = match self.load(address).await {
            Err(error) if error.kind == StoreErrorKind::Missing || !force => return Err(error),
            Err(_) => return Ok(()),
            Ok(_) if force => return Ok(()),
            Ok(loaded) => loaded,
        };
        self.refuse_open(address, &loaded).await?;
        if loaded.deployment.resources.iter().all(|resource| resource.is_root()) {
            return Ok(());
        }
        let name = address.qualified();
        let message = format!(
            "'{name}' still has resources; removal rejected. Possible actions:\n- Make sure that '{name}' is the stack \
             that you want to destroy\n- Run `semantest-iac destroy` to delete the resources, then run `semantest-iac \
             stack rm`\n- Run `semantest-iac stack rm --force` to override this error"
        );
        Err(StoreError::new(StoreErrorKind::Refused, message))
    }

    pub(super) async fn rename_stack(
        &self,
        address: &StackAddress,
        new: &StackAddress,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        if address == new {
            let message = format!("'{}' is the stack's name already", new.qualified());
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let loaded = self.load_sound(address).await?;
        self.refuse_open(address, &loaded).await?;
        let (first, second) = if address < new { (address, new) } else { (new, address) };
        let first_lock = self.stack(first)?.take_lock(lock, None, notices).await?;
        let second_lock = match self.stack(second)?.take_lock(lock, None, notices).await {
            Ok(lock) => lock,
            Err(error) => return give_back(first_lock, Err(error)).await,
        };
        let (from, to): (&StackLock, &StackLock) =
            if address < new { (&first_lock, &second_lock) } else { (&second_lock, &first_lock) };
        let renamed = self.store.rename_stack(from, to, loaded.secrets.as_ref()).await;
        let renamed = renamed.map(|_| ()).map_err(|error| store_error(&error));
        let renamed = give_back(second_lock, renamed).await;
        give_back(first_lock, renamed).await
    }

    pub(super) async fn stack_tags(&self, address: &StackAddress) -> Result<BTreeMap<String, String>, StoreError> {
        self.load(address).await?;
        self.store.tags(&Self::id(address)?).await.map_err(|error| store_error(&error))
    }

    pub(super) async fn change_tag(
        &self,
        address: &StackAddress,
        name: &str,
        value: Option<&str>,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        self.load(address).await?;
        let lock = self.stack(address)?.take_lock(lock, None, notices).await?;
        let changed = async {
            let mut tags = self.stack_tags(address).await?;
            let before = tags.clone();
            match value {
                Some(value) => drop(tags.insert(name.to_owned(), value.to_owned())),
                None => drop(tags.remove(name)),
            }
            if tags == before {
                return Ok(());
            }
            self.store.set_tags(&lock, tags).await.map_err(|error| store_error(&error))
        };
        let changed = changed.await;
        give_back(lock, changed).await
    }
}
