//! What a stack's settings (`Pulumi.<stack>.yaml`) and the project say of its secrets manager. The settings come first, then
//! what the state says, then the kind that the project wants for new stacks (SPEC.md sections 3 and 5).

use std::path::PathBuf;
use std::sync::Arc;

use state::{ConfiguredSecrets, NewSecrets, SecretsAccess, SecretsError, SecretsManager, SettingsError, StackSettings};

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

    /// Makes a manager for a stack that has none, and writes it into the settings where there are any.
    ///
    /// # Errors
    /// When it can't be made, or the settings can't be written.
    pub fn create(&self, access: &SecretsAccess) -> Result<Arc<dyn SecretsManager>, SecretsError> {
        let mut settings = self.read().map_err(SecretsError::settings)?;
        let kind = match settings.as_ref().map(StackSettings::secrets) {
            Some(ConfiguredSecrets::NewDataKey { url }) => NewSecrets::Key(url),
            _ => self.kind.clone(),
        };
        let manager = kind.create(access)?;
        if let Some(settings) = settings.as_mut().filter(|settings| settings.exists() || self.is_shared) {
            settings.set_secrets(&manager.provider()).map_err(SecretsError::settings)?;
            settings.write().map_err(SecretsError::settings)?;
        }
        Ok(manager)
    }
}
