//! What a stack's settings (`Pulumi.<stack>.yaml`) and the project say of its secrets manager. The settings come first, then
//! what the state says, then the kind that the project wants for new stacks (SPEC.md sections 3 and 5).

use std::path::PathBuf;
use std::sync::Arc;

use state::{
    ConfigValue, ConfiguredSecrets, NewSecrets, SecretsAccess, SecretsError, SecretsManager, SettingsError,
    StackSettings,
};

use super::{settings_error, store_error};
use crate::ports::{StoreError, StoreErrorKind};

/// Where a stack's settings are, and what a new stack gets.
#[derive(Clone, Debug, Default)]
pub struct SecretsSettings {
    /// The file of the stack's settings, which needn't be there.
    pub file: Option<PathBuf>,
    /// Pulumi works in the folder, too: a new manager is written into the settings even where there are none yet, so that
    /// it doesn't make one of its own.
    pub is_shared: bool,
    /// What kind of manager a stack gets that has none.
    pub kind: NewSecrets,
}

impl SecretsSettings {
    /// Reads the settings, where there may be any.
    ///
    /// # Errors
    /// When they can't be read or understood.
    pub fn read(&self) -> Result<Option<StackSettings>, SettingsError> {
        self.file.as_deref().map(StackSettings::read).transpose()
    }

    /// The manager that the settings name.
    ///
    /// # Errors
    /// As [`SecretsSettings::read`].
    pub fn configured(&self) -> Result<ConfiguredSecrets, SettingsError> {
        Ok(self.read()?.map_or(ConfiguredSecrets::None, |settings| settings.secrets()))
    }

    /// The manager in words, where anything says which a stack has or gets; `None` for a new passphrase.
    ///
    /// # Errors
    /// As [`SecretsSettings::read`].
    pub fn named(&self) -> Result<Option<String>, SettingsError> {
        Ok(match self.configured()? {
            ConfiguredSecrets::Manager(provider) => Some(provider.in_words()),
            ConfiguredSecrets::NewDataKey { url } => Some(url),
            ConfiguredSecrets::None => match &self.kind {
                NewSecrets::Passphrase => None,
                NewSecrets::Key(url) => Some(url.clone()),
            },
        })
    }

    /// Makes a manager for a stack that has none, and writes it into the settings where there are any.
    ///
    /// # Errors
    /// When it can't be made, or the settings can't be written.
    pub fn create(&self, access: &SecretsAccess) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        let kind = match self.configured().map_err(SecretsError::settings)? {
            ConfiguredSecrets::NewDataKey { url } => NewSecrets::Key(url),
            _ => self.kind.clone(),
        };
        self.create_of(&kind, access)
    }

    /// The manager of a stack that is to be made, with its key at hand: the one that the settings name, if that is what is
    /// wanted, else a new one, which they name then.
    ///
    /// # Errors
    /// As [`SecretsSettings::create`]; when the passphrase is another than that of the settings' manager; and when another
    /// manager is wanted while values in the settings are encrypted by theirs.
    pub fn manager_of_new(
        &self,
        wanted: Option<NewSecrets>,
        access: &SecretsAccess,
    ) -> Result<Arc<dyn SecretsManager>, StoreError> {
        let told = |error: SecretsError| store_error(&error.into());
        let settings = self.read().map_err(|error| settings_error(&error))?;
        let named = settings.as_ref().map(StackSettings::secrets);
        match (named, &settings, wanted) {
            (Some(ConfiguredSecrets::Manager(provider)), Some(settings), wanted) => match wanted {
                Some(wanted) if wanted.to_string() != provider.in_words() => {
                    if settings.config().values().any(ConfigValue::is_secret) {
                        return Err(other_manager(settings, &provider.in_words(), &wanted));
                    }
                    self.create_of(&wanted, access).map_err(told)
                }
                _ => {
                    let manager = provider.open(access).map_err(told)?;
                    manager.unlock().map_err(told)?;
                    Ok(manager)
                }
            },
            (_, _, Some(wanted)) => self.create_of(&wanted, access).map_err(told),
            (_, _, None) => self.create(access).map_err(told),
        }
    }

    fn create_of(&self, kind: &NewSecrets, access: &SecretsAccess) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        let manager = kind.create(access)?;
        let settings = self.read().map_err(SecretsError::settings)?;
        if let Some(mut settings) = settings.filter(|settings| settings.exists() || self.is_shared) {
            settings.set_secrets(&manager.provider()).map_err(SecretsError::settings)?;
            settings.write().map_err(SecretsError::settings)?;
        }
        Ok(manager)
    }
}

fn other_manager(settings: &StackSettings, named: &str, wanted: &NewSecrets) -> StoreError {
    let file = settings.file().display();
    let message = format!("values in {file} are encrypted by {named}, and not by {wanted}");
    StoreError::new(StoreErrorKind::Refused, message).with_hint(format!(
        "leave --secrets-provider out, and run `semantest-iac stack change-secrets-provider {wanted}` afterwards: it \
         encrypts them anew"
    ))
}
