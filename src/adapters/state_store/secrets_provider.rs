//! Another secrets manager for a stack: its state is encrypted anew, under the lock, and written when every value could be
//! decrypted and encrypted.

use std::sync::Arc;

use state::{ConfiguredSecrets, Crypter, LoadedCheckpoint, SecretsManager, StackLock};

use super::{StateStore, settings_error, store_error};
use crate::ports::{Notice, NoticeHandler, StoreError};

impl StateStore {
    /// Does what Pulumi does where settings and state name different managers: what is written from now on is encrypted by
    /// the one of the settings, and what is there already is encrypted anew. What a deployment has left that died is
    /// settled first, with the manager that it was recorded with.
    pub(super) async fn follow_settings(
        &self,
        lock: &StackLock,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        let ConfiguredSecrets::Manager(wanted) = self.settings.configured().map_err(|error| settings_error(&error))?
        else {
            return Ok(());
        };
        let told = |error: state::Error| store_error(&error);
        let (loaded, journal) = self.store.load_with_journal(&self.id).await.map_err(told)?;
        let Some(loaded) = loaded.filter(|_| journal.is_none()) else { return Ok(()) };
        let recorded = loaded.checkpoint.latest.as_ref().and_then(|latest| latest.secrets_provider.clone());
        let Some(recorded) = recorded.filter(|recorded| !recorded.is_same(&wanted)) else { return Ok(()) };
        let open = |provider: &state::SecretsProvider| provider.open(&self.access).map_err(|error| told(error.into()));
        let (old, new) = (open(&recorded)?, open(&wanted)?);
        self.encrypt_anew(lock, loaded, &*old, new).await.map_err(told)?;
        let file = self.settings.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        notices.notice(Notice::Warning {
            message: format!(
                "the state's secrets were encrypted by {}, but {file} names {}: they are encrypted anew by that",
                recorded.in_words(),
                wanted.in_words()
            ),
            hint: None,
        });
        Ok(())
    }

    /// Encrypts a state's secrets by another manager and writes it in the place of the one that was read. All is decrypted
    /// and encrypted before anything is written.
    pub(super) async fn encrypt_anew(
        &self,
        lock: &StackLock,
        loaded: LoadedCheckpoint,
        old: &dyn Crypter,
        new: Arc<dyn SecretsManager>,
    ) -> state::Result<()> {
        let LoadedCheckpoint { mut checkpoint, revision, .. } = loaded;
        if let Some(latest) = &mut checkpoint.latest {
            latest.reencrypt_secrets(old, &*new)?;
            latest.secrets_provider = Some(new.provider());
        }
        if self.store.is_sealed_stack(&self.id).await? {
            self.store.change_key(lock, new, &checkpoint, Some(&revision)).await?;
        } else {
            self.store.save(lock, &checkpoint, Some(&revision)).await?;
        }
        Ok(())
    }
}
