//! The port of a stack's configuration on top of its settings' file, and the change of its secrets manager.

use std::sync::Arc;

use async_trait::async_trait;
use state::{
    ConfigKey, ConfigValue, ConfiguredSecrets, Crypter, NewSecrets, PassphraseSource, PropertyPath, SecretsAccess,
    SecretsError, SecretsManager, SecretsProvider, StackSettings,
};

use super::{StateStore, settings_error, store_error};
use crate::ports::{
    ConfigChange, ConfigEntry, ConfigKind, ConfigPlace, SecretsChange, StackConfiguration, StoreError, StoreErrorKind,
};

/// Where the passphrase comes from that a stack is to have from now on.
#[derive(Clone)]
pub struct NewPassphrase {
    /// One that was given for this alone.
    pub given: Option<Arc<dyn PassphraseSource>>,
    /// Who is asked for it where only the passphrase changes.
    pub asked: Arc<dyn PassphraseSource>,
}

/// The configuration of one stack.
pub struct StackConfigurationFile {
    stack: StateStore,
    file: std::path::PathBuf,
    new_passphrase: NewPassphrase,
}

impl StackConfigurationFile {
    /// The configuration of `stack`, whose settings are in `file`.
    pub fn new(stack: StateStore, file: std::path::PathBuf, new_passphrase: NewPassphrase) -> Self {
        Self { stack, file, new_passphrase }
    }

    fn read(&self) -> Result<StackSettings, StoreError> {
        StackSettings::read(&self.file).map_err(|error| settings_error(&error))
    }

    fn project(&self) -> &str {
        self.stack.id.project()
    }

    /// The manager that the state names.
    async fn recorded(&self) -> Result<Option<SecretsProvider>, StoreError> {
        let loaded = self.stack.store.load(&self.stack.id).await.map_err(|error| store_error(&error))?;
        Ok(loaded.and_then(|loaded| loaded.checkpoint.latest?.secrets_provider))
    }

    /// The manager that encrypts the values: that of the settings, else that of the state, else for writing a new one. One
    /// that isn't in the settings is put there, since values that it has encrypted need it.
    async fn manager(
        &self,
        settings: &mut StackSettings,
        for_writing: bool,
    ) -> Result<Arc<dyn SecretsManager>, StoreError> {
        let told = |error: SecretsError| store_error(&error.into());
        let access = &self.stack.access;
        let manager = match settings.secrets() {
            ConfiguredSecrets::Manager(provider) => return provider.open(access).map_err(told),
            ConfiguredSecrets::NewDataKey { url } if for_writing => {
                NewSecrets::Key(url).create(access).map_err(told)?
            }
            ConfiguredSecrets::None | ConfiguredSecrets::NewDataKey { .. } => match self.recorded().await? {
                Some(provider) => provider.open(access).map_err(told)?,
                None if for_writing => self.stack.settings.kind.create(access).map_err(told)?,
                None => return Err(told(SecretsError::NoManager)),
            },
        };
        settings.set_secrets(&manager.provider()).map_err(|error| settings_error(&error))?;
        Ok(manager)
    }

    fn place(&self, place: &ConfigPlace) -> Result<(ConfigKey, PropertyPath), StoreError> {
        let parsed = match place.is_path {
            true => PropertyPath::of_key(&place.key, self.project()),
            false => ConfigKey::in_project(&place.key, self.project()).map(|key| (key, PropertyPath::default())),
        };
        parsed.map_err(|error| settings_error(&error))
    }

    fn entry(
        &self,
        key: &ConfigKey,
        value: &ConfigValue,
        crypter: Option<&dyn Crypter>,
    ) -> Result<ConfigEntry, StoreError> {
        let shown = match crypter {
            Some(crypter) => value.reveal(crypter).map_err(|error| {
                let error = store_error(&error.into());
                StoreError {
                    message: format!("could not decrypt configuration value {key}: {}", error.message),
                    ..error
                }
            })?,
            None => value.blinded().into(),
        };
        Ok(ConfigEntry {
            key: key.to_string(),
            name: key.in_words(self.project()),
            value: shown,
            is_object: value.is_object(),
            is_secret: value.is_secret(),
        })
    }

    /// A manager that opens with the passphrase as it is, or with the one that is to be: an earlier change may have been cut
    /// off between its two files.
    fn open_either(&self, provider: &SecretsProvider, new: &SecretsAccess) -> Result<Opened, StoreError> {
        let told = |error: SecretsError| store_error(&error.into());
        let manager = provider.open(&self.stack.access).map_err(told)?;
        match manager.unlock() {
            Ok(()) => Ok(Opened { manager, by_new_passphrase: false }),
            Err(wrong @ SecretsError::WrongPassphrase) => {
                let manager = provider.open(new).map_err(told)?;
                match manager.unlock() {
                    Ok(()) => Ok(Opened { manager, by_new_passphrase: true }),
                    Err(_) => Err(told(wrong)),
                }
            }
            Err(error) => Err(told(error)),
        }
    }

    /// The settings are changed, the state isn't.
    fn half_changed(&self, error: &StoreError) -> StoreError {
        let message = format!("{} is changed, but the state isn't: {}", self.file.display(), error.message);
        StoreError::new(error.kind, message).with_hint(
            "nothing is lost: run the same command again, with the old passphrase where that is changed, or go on with \
             `semantest-iac deploy`",
        )
    }

    async fn change_under_lock(
        &self,
        lock: &state::StackLock,
        wanted: &NewSecrets,
    ) -> Result<SecretsChange, StoreError> {
        let told = |error: state::Error| store_error(&error);
        let unedited = |error: state::SettingsError| settings_error(&error);
        let stack = &self.stack;
        let (loaded, journal) = stack.store.load_with_journal(&stack.id).await.map_err(told)?;
        if journal.is_some() {
            let message = "a deployment of the stack was cut off, and what it has recorded isn't in the state yet";
            return Err(StoreError::new(StoreErrorKind::Refused, message)
                .with_hint("run `semantest-iac deploy` or `semantest-iac destroy` first: it settles what was left"));
        }
        let mut settings = self.read()?;
        let recorded = loaded.as_ref().and_then(|loaded| loaded.checkpoint.latest.as_ref()?.secrets_provider.clone());
        let configured = match settings.secrets() {
            ConfiguredSecrets::Manager(provider) => Some(provider),
            ConfiguredSecrets::None | ConfiguredSecrets::NewDataKey { .. } => recorded.clone(),
        };
        let is_passphrase = |provider: &SecretsProvider| provider.kind == "passphrase";
        let rotates = *wanted == NewSecrets::Passphrase && configured.as_ref().is_none_or(is_passphrase);
        let passphrase = match &self.new_passphrase.given {
            Some(given) => Arc::clone(given),
            None if rotates && configured.is_some() => Arc::clone(&self.new_passphrase.asked),
            None => Arc::clone(&stack.access.passphrase),
        };
        let new_access = SecretsAccess { passphrase, ..stack.access.clone() };
        let from_settings = configured.as_ref().map(|provider| self.open_either(provider, &new_access)).transpose()?;
        let from_state = match (&recorded, &configured, &from_settings) {
            (Some(recorded), Some(configured), Some(opened)) if recorded.is_same(configured) => Some(opened.clone()),
            (Some(recorded), ..) => Some(self.open_either(recorded, &new_access)?),
            (None, ..) => None,
        };
        // What an earlier try has changed already is what the rest is to follow.
        let halfway = [&from_settings, &from_state].into_iter().flatten().find(|opened| opened.by_new_passphrase);
        let new = match halfway.filter(|_| *wanted == NewSecrets::Passphrase) {
            Some(opened) => Arc::clone(&opened.manager),
            None => wanted.create(&new_access).map_err(|error| told(error.into()))?,
        };
        let mut values = 0;
        for (key, value) in settings.config().into_iter().filter(|(_, value)| value.is_secret()) {
            let Some(old) = &from_settings else { return Err(told(SecretsError::NoManager.into())) };
            let encrypted = value.re_encrypted(&*old.manager, &*new).map_err(|error| told(error.into()))?;
            settings.set(&key, &PropertyPath::default(), encrypted).map_err(unedited)?;
            values += 1;
        }
        let is_kept = settings.exists() || stack.settings.is_shared || loaded.is_none();
        if is_kept {
            settings.set_secrets(&new.provider()).map_err(unedited)?;
        }
        // The state is encrypted in memory before anything is written. The settings come first: whoever finds only them
        // changed, this program or Pulumi, goes on with the new manager and encrypts the state by it.
        if let (Some(loaded), Some(old)) = (&loaded, &from_state)
            && let Some(latest) = &loaded.checkpoint.latest
        {
            latest.check_secrets(&*old.manager).map_err(|error| told(error.into()))?;
        }
        if is_kept {
            settings.write().map_err(unedited)?;
        }
        let is_deployed = loaded.is_some();
        if let Some(loaded) = loaded {
            let old = from_state.as_ref().map_or_else(|| Arc::clone(&new), |opened| Arc::clone(&opened.manager));
            stack.encrypt_anew(lock, loaded, &*old, Arc::clone(&new)).await.map_err(|error| match is_kept {
                true => self.half_changed(&store_error(&error)),
                false => store_error(&error),
            })?;
        }
        Ok(SecretsChange {
            before: configured.map(|provider| provider.in_words()),
            after: new.provider().in_words(),
            config_values: values,
            state: is_deployed,
        })
    }
}

/// A manager that was opened, and by which passphrase.
#[derive(Clone)]
struct Opened {
    manager: Arc<dyn SecretsManager>,
    by_new_passphrase: bool,
}

#[async_trait]
impl StackConfiguration for StackConfigurationFile {
    fn location(&self) -> String {
        self.file.display().to_string()
    }

    async fn values(&self, show_secrets: bool) -> Result<Vec<ConfigEntry>, StoreError> {
        let mut settings = self.read()?;
        let config = settings.config();
        let needs_key = show_secrets && config.values().any(ConfigValue::is_secret);
        let manager = if needs_key { Some(self.manager(&mut settings, false).await?) } else { None };
        let crypter =
            |value: &ConfigValue| manager.as_ref().filter(|_| value.is_secret()).map(|manager| &**manager as _);
        config.iter().map(|(key, value)| self.entry(key, value, crypter(value))).collect()
    }

    async fn value(&self, place: &ConfigPlace) -> Result<Option<ConfigEntry>, StoreError> {
        let (key, path) = self.place(place)?;
        let mut settings = self.read()?;
        let Some(value) = settings.value(&key).and_then(|value| value.get(&path)) else { return Ok(None) };
        let manager = if value.is_secret() { Some(self.manager(&mut settings, false).await?) } else { None };
        self.entry(&key, &value, manager.as_ref().map(|manager| &**manager as _)).map(Some)
    }

    async fn set(&self, changes: &[ConfigChange]) -> Result<(), StoreError> {
        let mut settings = self.read()?;
        let mut manager = None;
        for change in changes {
            let (key, path) = self.place(&change.place)?;
            let text = change.value.as_str();
            let value = match change.kind {
                ConfigKind::Secret => {
                    let manager = match &manager {
                        Some(manager) => Arc::clone(manager),
                        None => Arc::clone(manager.insert(self.manager(&mut settings, true).await?)),
                    };
                    ConfigValue::secure(&manager.encrypt(text).map_err(|error| store_error(&error.into()))?)
                }
                ConfigKind::Untyped if path.0.is_empty() => ConfigValue::text(text),
                ConfigKind::Untyped => ConfigValue::coerced(text),
                ConfigKind::Text => ConfigValue::text(text),
                ConfigKind::Integer => typed(text.parse::<i64>().ok(), text, "a whole number")?,
                ConfigKind::Float => {
                    typed(text.parse::<f64>().ok().filter(|number| number.is_finite()), text, "a number")?
                }
                ConfigKind::Boolean => typed(text.parse::<bool>().ok(), text, "true or false")?,
            };
            settings.set(&key, &path, value).map_err(|error| settings_error(&error))?;
        }
        settings.write().map_err(|error| settings_error(&error))
    }

    async fn remove(&self, places: &[ConfigPlace]) -> Result<Vec<ConfigPlace>, StoreError> {
        let mut settings = self.read()?;
        let mut missing = Vec::new();
        for place in places {
            let (key, path) = self.place(place)?;
            if !settings.remove(&key, &path).map_err(|error| settings_error(&error))? {
                missing.push(place.clone());
            }
        }
        if missing.len() < places.len() {
            settings.write().map_err(|error| settings_error(&error))?;
        }
        Ok(missing)
    }

    async fn change_secrets_provider(&self, wanted: &str) -> Result<SecretsChange, StoreError> {
        let told = |error: state::Error| store_error(&error);
        let wanted: NewSecrets = wanted.parse().map_err(|error: SecretsError| {
            let error = told(error.into());
            StoreError { kind: StoreErrorKind::Unsupported, ..error }
        })?;
        let stack = &self.stack;
        stack.store.initialise().await.map_err(told)?;
        let lock = stack.store.lock(&stack.id, &stack.owner, &stack.lock).await.map_err(told)?;
        let changed = self.change_under_lock(&lock, &wanted).await;
        let released = lock.release().await.map_err(told);
        let changed = changed?;
        released.map(|()| changed)
    }
}

fn typed<T: Into<serde_json::Value>>(value: Option<T>, text: &str, what: &str) -> Result<ConfigValue, StoreError> {
    let message = || StoreError::new(StoreErrorKind::Unsupported, format!("{text:?} is not {what}"));
    value.map(|value| ConfigValue::from_json(value.into())).ok_or_else(message)
}
