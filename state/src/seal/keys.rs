//! The keys of sealed stacks, each opened once; and sealing and opening whole objects with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::SealError;
use super::anchor::Mark;
use super::key::SealingKey;
use super::objects::header::{Header, Place, Provider};
use crate::error::{Error, Result};
use crate::secrets::{PassphraseSecrets, SecretsAccess, SecretsError, SecretsManager, SecretsProvider};
use crate::store::StackId;

/// A stack's secrets manager with the key that seals its files.
#[derive(Debug)]
pub(crate) struct StackKey {
    pub manager: Arc<dyn SecretsManager>,
    provider: Provider,
    sealing: SealingKey,
}

/// An object that is to be written.
pub(super) struct SealedObject {
    pub content: Bytes,
    pub mark: Mark,
}

/// An object that was opened.
pub(crate) struct OpenedObject {
    pub content: Bytes,
    pub mark: Mark,
    /// Of an entry of the history, see [`Header::checkpoint`].
    pub checkpoint: Option<Mark>,
}

impl StackKey {
    fn of(manager: Arc<dyn SecretsManager>) -> Result<Self, SecretsError> {
        let sealing = SealingKey::derive(&manager.stack_key()?);
        let provider = Provider::of(&manager.provider());
        Ok(Self { manager, provider, sealing })
    }

    /// Whether this is the key of the manager that a state names.
    pub fn is_of(&self, provider: &SecretsProvider) -> bool {
        self.manager.provider().is_same(provider)
    }

    /// What tells the key from others.
    pub fn id(&self) -> &str {
        self.sealing.id()
    }

    /// Where the key comes from: the cloud's key, or a passphrase.
    pub fn authority(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Cloud {
            url: String,
        }
        let provider = self.manager.provider();
        let cloud = provider.state.as_ref().and_then(|state| state.parse::<Cloud>().ok());
        match cloud {
            Some(Cloud { url }) => url.split('?').next().unwrap_or_default().to_owned(),
            None => provider.kind,
        }
    }

    /// Seals an object for its place.
    pub fn seal(
        &self,
        place: Place<'_>,
        generation: u64,
        checkpoint: Option<Mark>,
        content: &[u8],
    ) -> Result<SealedObject, SecretsError> {
        let mut header = Header::new(place, generation, self.id(), self.provider.clone());
        header.checkpoint = checkpoint;
        let line = header.to_line();
        let mut sealed = Vec::with_capacity(line.len() + content.len() + super::key::SALT + super::key::TAG);
        sealed.extend_from_slice(&line);
        let tag = self.sealing.seal(&line, content, &mut sealed)?;
        Ok(SealedObject { content: sealed.into(), mark: Mark::new(generation, &tag) })
    }

    /// The head of what is sealed in parts, see [`super::objects::frames`].
    pub fn head(&self, place: Place<'_>, generation: u64) -> Vec<u8> {
        Header::new(place, generation, self.id(), self.provider.clone()).to_line()
    }

    /// The key itself, for what is sealed in parts.
    pub fn sealing(&self) -> &SealingKey {
        &self.sealing
    }

    /// Reads the head of an object of this key; gives its length.
    ///
    /// # Errors
    /// When the object belongs elsewhere or was sealed with another key.
    pub fn read_head(&self, place: Place<'_>, content: &[u8], file: &str) -> Result<(Header, usize), SealError> {
        let (header, length) = Header::read(content, file)?;
        header.expect(place, file)?;
        if header.key != self.id() {
            return Err(SealError::OtherKey {
                file: file.to_owned(),
                found: header.key,
                expected: self.id().to_owned(),
            });
        }
        Ok((header, length))
    }

    /// Opens an object that was sealed for its place with this key.
    ///
    /// # Errors
    /// [`SealError`] when it is anything else.
    pub fn open(&self, place: Place<'_>, content: Bytes, file: &str) -> Result<OpenedObject, SealError> {
        let (header, start) = self.read_head(place, &content, file)?;
        let line = content[..start].to_vec();
        let opened = self.sealing.open(&line, content, start);
        let (content, tag) = opened.map_err(|_| SealError::Tampered { file: file.to_owned() })?;
        Ok(OpenedObject { content, mark: Mark::new(header.generation, &tag), checkpoint: header.checkpoint })
    }
}

/// All keys that were opened in a store.
#[derive(Debug)]
pub(super) struct Keys {
    access: Option<SecretsAccess>,
    opened: Mutex<Vec<Arc<StackKey>>>,
    /// Managers whose keys are to seal stacks that aren't there yet.
    chosen: Mutex<HashMap<StackId, Arc<dyn SecretsManager>>>,
}

impl Keys {
    pub fn new(access: Option<SecretsAccess>) -> Self {
        Self { access, opened: Mutex::default(), chosen: Mutex::default() }
    }

    /// The key that an object was sealed with. Nothing of the object is authentic yet.
    ///
    /// # Errors
    /// When the manager can't be opened, or gives another key than the object was sealed with.
    pub async fn of_content(&self, id: &StackId, content: &[u8], file: &str) -> Result<Arc<StackKey>> {
        let (header, _) = Header::read(content, file)?;
        let key = self.of_provider(id, &header.provider.secrets_provider()).await?;
        if key.id() != header.key {
            return Err(SealError::OtherKey {
                file: file.to_owned(),
                found: header.key,
                expected: key.id().to_owned(),
            }
            .into());
        }
        Ok(key)
    }

    /// The key of the manager that a state or a sealed file names.
    pub async fn of_provider(&self, id: &StackId, provider: &SecretsProvider) -> Result<Arc<StackKey>> {
        match (self.known(provider), &self.access) {
            (Some(key), _) => Ok(key),
            (None, Some(access)) => self.of_manager(provider.open(access)?).await,
            (None, None) => Err(SealError::NoAccess { stack: id.to_string() }.into()),
        }
    }

    /// The manager of a provider: the one that was chosen for the stack, if it is that, or one that is opened now.
    pub async fn manager_for(&self, id: &StackId, provider: &SecretsProvider) -> Result<Arc<dyn SecretsManager>> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        match chosen.filter(|manager| manager.provider().is_same(provider)) {
            Some(manager) => Ok(manager),
            None => Ok(Arc::clone(&self.of_provider(id, provider).await?.manager)),
        }
    }

    fn known(&self, provider: &SecretsProvider) -> Option<Arc<StackKey>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().find(|key| key.manager.provider().is_same(provider)).cloned()
    }

    /// The key of a manager. A passphrase's takes some 0.3 s to derive.
    pub async fn of_manager(&self, manager: Arc<dyn SecretsManager>) -> Result<Arc<StackKey>> {
        if let Some(known) = self.known(&manager.provider()) {
            return Ok(known);
        }
        let derived = tokio::task::spawn_blocking(move || StackKey::of(manager)).await;
        let key = Arc::new(derived.map_err(|error| Error::read("the stack's key", error))??);
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&key));
        Ok(key)
    }

    /// The manager that a provider names, if it was opened here.
    pub fn manager(&self, provider: &SecretsProvider) -> Option<Arc<dyn SecretsManager>> {
        self.known(provider).map(|key| Arc::clone(&key.manager))
    }

    /// Chooses the manager of a stack that isn't there yet.
    pub fn choose(&self, id: &StackId, manager: Arc<dyn SecretsManager>) {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), manager);
    }

    /// Takes over a key that another store has opened, for a stack that isn't there yet.
    pub fn share(&self, id: &StackId, key: &Arc<StackKey>) {
        self.choose(id, Arc::clone(&key.manager));
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(key));
    }

    /// The key for a stack that isn't there yet: of the manager that was chosen for it, or that its first state names, or of
    /// a new passphrase manager.
    pub async fn for_new(&self, id: &StackId, provider: Option<&SecretsProvider>) -> Result<Arc<StackKey>> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let manager = match (chosen, provider, &self.access) {
            (Some(manager), ..) => manager,
            (None, Some(provider), _) => return self.of_provider(id, provider).await,
            (None, None, Some(access)) => {
                let source = Arc::clone(&access.passphrase);
                let created = tokio::task::spawn_blocking(move || PassphraseSecrets::create(source)).await;
                let manager: Arc<dyn SecretsManager> =
                    Arc::new(created.map_err(|error| Error::read("the passphrase", error))??);
                self.choose(id, Arc::clone(&manager));
                manager
            }
            (None, None, None) => return Err(SealError::NoAccess { stack: id.to_string() }.into()),
        };
        self.of_manager(manager).await
    }
}
