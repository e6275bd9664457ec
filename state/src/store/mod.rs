//! Where stacks are kept: Pulumi's DIY layout, version 1 (SPEC.md section 4), over any object store.
//!
//! What is ours alone (leases, journals, event logs) stands beside it under `.semantest/`, where Pulumi never looks.

pub mod access;
pub mod checkpoints;
pub mod history;
pub mod layout;
pub mod local;
mod objects;
pub mod refusal;
mod remote;
pub mod tags;
pub mod transfer;
pub mod url;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::path::Path;
use tokio::sync::OnceCell;

use crate::codec::Compression;
use crate::error::{Error, Result};
use crate::seal::{Encryption, SealOptions, Seals};
use crate::secrets::SecretsAccess;
pub use access::{AzureAccess, AzureIdentity, NoCredentials, S3Access, S3Credentials, S3Keys, Secret, StoreAccess};
pub(crate) use checkpoints::Form;
pub use checkpoints::{CheckpointDigest, LoadedCheckpoint, StackSummary};
pub use history::{HistoryEntry, UpdateInfo};
pub use layout::StackId;
pub use objects::Revision;
pub(crate) use objects::{Condition, Entry, Listing, Objects};
pub use refusal::{Refusal, RefusalKind};
pub use transfer::Transferred;
pub use url::{AzureUrl, S3Encryption, S3Url, StoreUrl};

/// Says what time it is.
pub type TimeSource = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How a store is to be used.
#[derive(Clone)]
pub struct StoreOptions {
    /// How checkpoints and history are packed; `None` leaves each as it is.
    pub compression: Option<Compression>,
    /// Whether each operation's end leaves a second copy of the checkpoint among the backups (SPEC.md section 4.7).
    pub backups: bool,
    /// Whether each checkpoint that is written is kept beside the newest, under its time (SPEC.md section 4.2).
    pub retain_checkpoints: bool,
    /// The clock for leases, history and backups.
    pub time: TimeSource,
    /// What sealed stacks take.
    pub seal: SealOptions,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            compression: None,
            backups: true,
            retain_checkpoints: false,
            time: Arc::new(Utc::now),
            seal: SealOptions::default(),
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("compression", &self.compression)
            .field("backups", &self.backups)
            .field("retain_checkpoints", &self.retain_checkpoints)
            .field("seal", &self.seal)
            .finish_non_exhaustive()
    }
}

/// A store of stacks. Cloning shares it.
#[derive(Clone, Debug)]
pub struct StackStore {
    pub(crate) objects: Arc<Objects>,
    pub(crate) options: StoreOptions,
    pub(crate) seals: Arc<Seals>,
    /// Whether the layout was found to be ours: `true` when `meta.yaml` is there.
    layout: Arc<OnceCell<bool>>,
    initialised: Arc<OnceCell<()>>,
}

impl StackStore {
    /// Opens the store at a URL. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when something that it takes isn't known, such as a region or credentials.
    pub fn open(url: &StoreUrl, options: StoreOptions, access: &StoreAccess) -> Result<Self> {
        let place = format!("{url}/");
        let objects = match url {
            StoreUrl::File { folder } => return Self::open_folder(folder.clone(), options),
            StoreUrl::S3(s3) => Objects::new(remote::open_s3(s3, access)?, Path::from(s3.prefix.as_str()), place, None),
            StoreUrl::Azure(azure) => {
                let store = remote::open_azure(azure, access)?;
                Objects::new(store, Path::from(azure.prefix.as_str()), place, None).with_bare_tags_in_lists()
            }
        };
        Ok(Self::over(objects, options))
    }

    /// Opens the store in a folder, which needn't be there yet.
    ///
    /// # Errors
    /// When the path can't be used.
    pub fn open_folder(folder: impl Into<PathBuf>, options: StoreOptions) -> Result<Self> {
        let folder = folder.into();
        let folder = std::path::absolute(&folder).map_err(|error| Error::read(folder.display().to_string(), error))?;
        let prefix =
            Path::from_absolute_path(&folder).map_err(|error| Error::read(folder.display().to_string(), error))?;
        let store = Arc::new(local::LocalStore::new(folder.clone()));
        Ok(Self::over(Objects::new(store, prefix, format!("{}/", folder.display()), Some(folder)), options))
    }

    /// Uses an object store, under a prefix, with a URL for messages.
    pub fn over_object_store(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        url: impl Into<String>,
        options: StoreOptions,
    ) -> Self {
        let mut url: String = url.into();
        if !url.ends_with('/') {
            url.push('/');
        }
        Self::over(Objects::new(store, prefix, url, None), options)
    }

    fn over(objects: Objects, options: StoreOptions) -> Self {
        let seals = Arc::new(Seals::new(&options.seal, &objects.show("")));
        Self { objects: Arc::new(objects), options, seals, layout: Arc::default(), initialised: Arc::default() }
    }

    /// The store with access to the keys of sealed stacks; one that has it keeps its own, and the keys that it has opened.
    #[must_use]
    pub fn with_access(self, access: &SecretsAccess) -> Self {
        if self.options.seal.access.is_some() {
            return self;
        }
        let mut options = self.options;
        options.seal.access = Some(access.clone());
        let seals = Arc::new(Seals::new(&options.seal, &self.objects.show("")));
        Self { options, seals, ..self }
    }

    /// The store, in which stacks that aren't there yet are made in a form (`None`: in clear), and those that are there are
    /// taken in either.
    pub(crate) fn for_new_stacks(&self, encryption: Option<Encryption>) -> Self {
        let mut options = self.options.clone();
        options.seal = SealOptions { encryption, tolerant: true, ..options.seal };
        let seals = Arc::new(Seals::new(&options.seal, &self.objects.show("")));
        Self {
            objects: Arc::clone(&self.objects),
            options,
            seals,
            layout: Arc::clone(&self.layout),
            initialised: Arc::clone(&self.initialised),
        }
    }

    /// The store's place, for messages.
    pub fn display_url(&self) -> String {
        self.objects.show("")
    }

    /// Bytes written so far through this store and its clones. Copies that a local store makes as hard links count
    /// nothing.
    pub fn bytes_written(&self) -> u64 {
        self.objects.bytes_written()
    }

    /// The time by the store's clock.
    pub fn now(&self) -> DateTime<Utc> {
        (self.options.time)()
    }

    /// Nanoseconds since 1970, which names of histories and backups end in.
    pub(crate) fn nanoseconds(&self) -> i64 {
        self.now().timestamp_nanos_opt().unwrap_or_default()
    }

    /// Looks at the store's layout once.
    ///
    /// # Errors
    /// When the layout is the legacy one, or of an unknown version.
    pub(crate) async fn check_layout(&self) -> Result<bool> {
        self.layout.get_or_try_init(|| self.read_layout()).await.copied()
    }

    async fn read_layout(&self) -> Result<bool> {
        let store = self.display_url();
        let Some(meta) = self.objects.get(layout::META).await? else {
            let entries = self.objects.list(layout::STACKS).await?;
            return match entries.files.iter().any(|file| layout::stack_of_file(&file.name).is_some()) {
                true => Err(Error::LegacyLayout { store }),
                false => Ok(false),
            };
        };
        let file = self.objects.show(layout::META);
        let text = String::from_utf8_lossy(&meta.content);
        // One key of YAML, as Pulumi writes it, or in braces.
        let version = text.lines().find_map(|line| {
            let (key, value) = line.trim_start_matches(['\u{feff}', '{', ' ']).split_once(':')?;
            (key.trim().trim_matches(['"', '\'']) == "version").then_some(value)
        });
        let version = version.map(|version| {
            let version = version.split(['#', ',', '}']).next().unwrap_or_default();
            version.trim().trim_matches(['"', '\'']).to_owned()
        });
        match version.as_deref() {
            None | Some("") => Err(Error::CorruptStore { file }),
            Some("1") => Ok(true),
            Some("0") => Err(Error::LegacyLayout { store }),
            Some(version) => Err(Error::UnsupportedStore { file, version: version.to_owned() }),
        }
    }

    /// Makes the store ready for stacks: writes `meta.yaml` where there is none.
    ///
    /// # Errors
    /// When the layout isn't ours or the store can't be written.
    pub async fn initialise(&self) -> Result<()> {
        let initialise = async {
            if !self.check_layout().await? {
                // Somebody else may write the same at this moment.
                let _ = self.objects.put(layout::META, "version: 1\n".into(), &Condition::Absent).await?;
            }
            Ok(())
        };
        self.initialised.get_or_try_init(|| initialise).await.copied()
    }
}
