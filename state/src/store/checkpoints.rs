//! Loading, saving and listing checkpoints (SPEC.md sections 4.3, 4.6).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout::{STACKS, stack_of_file};
use super::objects::{Entry, Listing};
use super::{Condition, Revision, StackId, StackStore};
use crate::codec::Compression;
use crate::codec::read::Origin;
use crate::error::{Error, Result};
use crate::journal::{JournalContents, JournalWriter};
use crate::lock::StackLock;
use crate::model::deployment::{Checkpoint, Deployment};
use crate::model::integrity::{CheckedWhen, IntegrityError, IntegrityProblem};
use crate::seal::{Packing, SEALED, StackForm};

/// A checkpoint and what is needed to write the next one over it.
#[derive(Debug)]
pub struct LoadedCheckpoint {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The version that was read.
    pub revision: Revision,
    /// The file, for messages.
    pub file: String,
    /// The file's content.
    content: Bytes,
}

impl LoadedCheckpoint {
    /// What tells this checkpoint from any other.
    pub fn digest(&self) -> CheckpointDigest {
        CheckpointDigest::of(&self.content)
    }

    /// Checks the rules of states, and that it is this stack's.
    fn verify(&self, id: &StackId) -> Result<()> {
        let Some(latest) = &self.checkpoint.latest else { return Ok(()) };
        latest.verify().map_err(|error| error.noticed(CheckedWhen::Read { file: self.file.clone() }))?;
        refuse_other_stack(latest, id, &self.file)
    }
}

/// What tells a checkpoint from any other, whoever wrote it: the SHA-256 of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointDigest(String);

impl CheckpointDigest {
    fn of(content: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(content)))
    }
}

/// A stack in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSummary {
    /// The stack.
    pub id: StackId,
    /// When its checkpoint was last written.
    pub modified: DateTime<Utc>,
    /// The checkpoint's size in bytes, as it is stored.
    pub size: u64,
    /// Whether its files are sealed.
    pub sealed: bool,
}

/// How often a state is read at most that changes all the time.
const MOST_READS: u32 = 5;

const FORMS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

/// Refuses resources of another stack: all would count as no longer wanted. Pulumi checks that when it imports a state
/// (SPEC.md section 1.10).
fn refuse_other_stack(deployment: &Deployment, id: &StackId, file: &str) -> Result<()> {
    let prefix = format!("urn:pulumi:{}::", id.stack());
    match deployment.resources.iter().find(|resource| !resource.urn.as_str().starts_with(&prefix)) {
        Some(resource) => Err(Error::OtherStack {
            file: file.to_owned(),
            urn: resource.urn.to_string(),
            found: resource.urn.stack().to_owned(),
            stack: id.stack().to_owned(),
        }),
        None => Ok(()),
    }
}

/// A checkpoint's content, packed.
fn packed(checkpoint: &Checkpoint, compression: Compression, file: &str) -> Result<Bytes> {
    compression.pack(checkpoint.to_bytes()).map_err(|error| Error::write(file, error))
}

/// Whether a state's rules are checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Checked,
    Unchecked,
}

/// A stack's checkpoint in one of its forms.
pub(crate) struct Form {
    pub packing: Packing,
    pub entry: Entry,
}

impl StackStore {
    /// All stacks, or those of one project, by name.
    ///
    /// # Errors
    /// When the store can't be read or has another layout.
    pub async fn stacks(&self, project: Option<&str>) -> Result<Vec<StackSummary>> {
        self.check_layout().await?;
        let projects = match project {
            Some(project) => vec![project.to_owned()],
            None => self.objects.list(STACKS).await?.folders,
        };
        let mut stacks: Vec<StackSummary> = Vec::new();
        for project in projects {
            for file in self.objects.list(&format!("{STACKS}/{project}")).await?.files {
                let (stack, sealed) = match file.name.strip_suffix(SEALED) {
                    Some(stack) => (Some(stack), true),
                    None => (stack_of_file(&file.name), false),
                };
                let Some(id) = stack.and_then(|stack| StackId::new(&project, stack).ok()) else { continue };
                let summary = StackSummary { id, modified: file.modified, size: file.size, sealed };
                match stacks.iter_mut().find(|known| known.id == summary.id) {
                    Some(known) if known.modified <= summary.modified => *known = summary,
                    Some(_) => {}
                    None => stacks.push(summary),
                }
            }
        }
        stacks.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(stacks)
    }

    /// The files of stacks in the layout from before projects, which lie beside those of this one and are passed over (SPEC.md
    /// section 4.2).
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn legacy_stacks(&self) -> Result<Vec<String>> {
        let files = self.objects.list(STACKS).await?.files;
        let legacy = files.iter().filter(|file| stack_of_file(&file.name).is_some());
        Ok(legacy.map(|file| self.objects.show(&format!("{STACKS}/{}", file.name))).collect())
    }

    /// Loads a stack's checkpoint and checks its rules; nothing when there is no such stack.
    ///
    /// # Errors
    /// When it can't be read, isn't a state, or breaks a rule.
    pub async fn load(&self, id: &StackId) -> Result<Option<LoadedCheckpoint>> {
        let loaded = self.load_unverified(id).await?;
        if let Some(loaded) = &loaded {
            loaded.verify(id)?;
        }
        Ok(loaded)
    }

    /// Loads a stack's checkpoint, as [`Self::load`] does, and the open journal that belongs to it. They are two files: when
    /// the checkpoint has changed in between, a deployment has just moved the one into the other, and both are read again.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::read_journal`].
    pub async fn load_with_journal(&self, id: &StackId) -> Result<(Option<LoadedCheckpoint>, Option<JournalContents>)> {
        if let Some(found) = self.guess_with_journal(id).await? {
            return Ok(found);
        }
        self.load_both(id, Rules::Checked).await
    }

    /// As [`Self::load_with_journal`], without checking the rules: for whoever wants to repair or export them.
    ///
    /// # Errors
    /// As [`Self::load_unverified`] and [`Self::read_journal`].
    pub async fn load_unverified_with_journal(
        &self,
        id: &StackId,
    ) -> Result<(Option<LoadedCheckpoint>, Option<JournalContents>)> {
        self.load_both(id, Rules::Unchecked).await
    }

    async fn load_both(
        &self,
        id: &StackId,
        rules: Rules,
    ) -> Result<(Option<LoadedCheckpoint>, Option<JournalContents>)> {
        let mut tries = 0;
        loop {
            let checkpoint = match rules {
                Rules::Checked => self.load(id).await?,
                Rules::Unchecked => self.load_unverified(id).await?,
            };
            let journal = self.read_journal(id).await?;
            let now = self.forms(id).await?.pop().map(|form| form.entry.revision);
            tries += 1;
            if tries == MOST_READS || now.as_ref() == checkpoint.as_ref().map(|loaded| &loaded.revision) {
                return Ok((checkpoint, journal));
            }
        }
    }

    /// The checkpoint and the open journal of a stack in its usual form, in as few looks as that takes, and all but the last at
    /// once: it says whether the guess was right, and whether both belong together. Nothing when it wasn't.
    async fn guess_with_journal(
        &self,
        id: &StackId,
    ) -> Result<Option<(Option<LoadedCheckpoint>, Option<JournalContents>)>> {
        if self.seals.are_wanted() {
            return Ok(None);
        }
        let packing = Packing::Clear(self.options.compression.unwrap_or_default());
        let key = id.packed(packing);
        let (_, object, journal) = futures::future::try_join3(
            self.check_layout(),
            self.objects.get(&key),
            self.read_journal_of(id, StackForm::Clear),
        )
        .await?;
        let newest = self.forms(id).await?.pop();
        let (object, newest) = match (object, newest) {
            (None, None) if !self.is_sealed(id).await? => return Ok(Some((None, journal))),
            (Some(object), Some(newest)) => (object, newest),
            _ => return Ok(None),
        };
        if (newest.packing, newest.entry.revision) != (packing, object.revision.clone()) {
            return Ok(None);
        }
        let checkpoint = self.opened(id, &key, object.content, object.revision)?;
        checkpoint.verify(id)?;
        Ok(Some((Some(checkpoint), journal)))
    }

    /// As [`Self::load`], without checking the rules: for whoever wants to repair them.
    ///
    /// # Errors
    /// When it can't be read or isn't a state.
    pub async fn load_unverified(&self, id: &StackId) -> Result<Option<LoadedCheckpoint>> {
        self.check_layout().await?;
        let form = self.forms(id).await?.pop();
        let (key, content, revision) = match form.map(|form| form.packing) {
            Some(packing @ Packing::Clear(_)) => {
                let key = id.packed(packing);
                let Some(object) = self.objects.get(&key).await? else { return Ok(None) };
                (key, object.content, object.revision)
            }
            None if !self.is_sealed(id).await? => return Ok(None),
            _ => {
                let Some(opened) = self.read_sealed_checkpoint(id).await? else { return Ok(None) };
                (id.sealed_checkpoint(), opened.content, opened.revision)
            }
        };
        self.opened(id, &key, content, revision).map(Some)
    }

    fn opened(&self, id: &StackId, key: &str, content: Bytes, revision: Revision) -> Result<LoadedCheckpoint> {
        let file = self.objects.show(key);
        let origin = Origin { file: &file, stack: id.stack() };
        let checkpoint = Checkpoint::read(content.clone(), origin)?;
        Ok(LoadedCheckpoint { checkpoint, revision, file, content })
    }

    /// The forms in which a stack's checkpoint exists, the one that counts last: the newest, on a tie the later by name.
    pub(crate) async fn forms(&self, id: &StackId) -> Result<Vec<Form>> {
        let listing = self.objects.list(&id.folder("stacks")).await?;
        let Listing { files, folders } = &listing;
        let names = FORMS.map(|compression| (format!("{}.json{}", id.stack(), compression.suffix()), compression));
        if let Some((name, _)) = names.iter().find(|(name, _)| folders.contains(name)) {
            return Err(Error::IsFolder { file: self.objects.show(&format!("{}/{name}", id.folder("stacks"))) });
        }
        let mut forms: Vec<Form> = files
            .iter()
            .filter_map(|entry| {
                let (_, compression) = names.iter().find(|(name, _)| *name == entry.name)?;
                Some(Form { packing: Packing::Clear(*compression), entry: entry.clone() })
            })
            .collect();
        forms.sort_by_key(|form| form.entry.modified);
        self.told_form(id, &listing, forms).await
    }

    /// A checkpoint's content, packed as the options or the one before say, once its rules are checked.
    pub(crate) fn packed_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        compression: Compression,
        file: &str,
    ) -> Result<Bytes> {
        if let Some(latest) = &checkpoint.latest {
            latest.verify().map_err(|error| error.noticed(CheckedWhen::BeforeWrite { file: file.to_owned() }))?;
        }
        packed(checkpoint, compression, file)
    }

    /// Writes a stack's checkpoint over the version that was read (`None`: there is none yet). The one before is kept as
    /// `.bak`. Nothing is written when the lock is lost, a rule is broken, or somebody else wrote in between.
    ///
    /// # Errors
    /// [`Error::LockLost`], [`Error::Integrity`], [`Error::Changed`], or [`Error::Write`]; the state before is then still
    /// in place.
    pub async fn save(&self, lock: &StackLock, checkpoint: &Checkpoint, base: Option<&Revision>) -> Result<Revision> {
        self.save_during(lock, checkpoint, base, None).await
    }

    /// As [`Self::save`], without checking the rules: where somebody insists on a state that breaks them.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub async fn save_unverified(
        &self,
        lock: &StackLock,
        checkpoint: &Checkpoint,
        base: Option<&Revision>,
    ) -> Result<Revision> {
        self.write_checkpoint(lock, checkpoint, base, None, Rules::Unchecked).await
    }

    /// As [`Self::save`], while a deployment's journal is open: that names the checkpoint first, so that whoever finds
    /// both can tell it from one that another program wrote.
    ///
    /// # Errors
    /// As [`Self::save`], or when the journal can't be written.
    pub async fn save_during(
        &self,
        lock: &StackLock,
        checkpoint: &Checkpoint,
        base: Option<&Revision>,
        journal: Option<&JournalWriter>,
    ) -> Result<Revision> {
        self.write_checkpoint(lock, checkpoint, base, journal, Rules::Checked).await
    }

    async fn write_checkpoint(
        &self,
        lock: &StackLock,
        checkpoint: &Checkpoint,
        base: Option<&Revision>,
        journal: Option<&JournalWriter>,
        rules: Rules,
    ) -> Result<Revision> {
        let id = lock.stack();
        self.initialise().await?;
        let mut forms = self.forms(id).await?;
        let current = forms.pop();
        // The key of a sealed stack is that of the manager which its state names.
        if current.as_ref().is_some_and(|form| form.packing == Packing::Sealed)
            && let Some(manager) = self.other_manager(id, checkpoint).await?
        {
            return self.change_key(lock, manager, checkpoint, base).await;
        }
        let (packing, compression) = self.next_packing(id, current.as_ref()).await?;
        let key = id.packed(packing);
        let file = self.objects.show(&key);
        let mut content = match rules {
            Rules::Checked => self.packed_checkpoint(checkpoint, compression, &file)?,
            Rules::Unchecked => packed(checkpoint, compression, &file)?,
        };
        lock.verify().await?;
        if current.as_ref().map(|form| &form.entry.revision) != base {
            return Err(Error::Changed { file });
        }
        if let Some(journal) = journal {
            journal.name_checkpoint(&CheckpointDigest::of(&content)).await?;
        }
        let sealing = match packing {
            Packing::Clear(_) => None,
            Packing::Sealed => {
                let provider = checkpoint.latest.as_ref().and_then(|latest| latest.secrets_provider.as_ref());
                Some(self.begin_sealed_checkpoint(id, &content, provider).await?)
            }
        };
        if let Some(sealing) = &sealing {
            content = sealing.content.clone();
        }
        if let Some(form) = &current {
            let before = id.packed(form.packing);
            self.objects.copy(&before, &format!("{before}.bak")).await?;
            // Copying takes its time, and so does whoever cancels the lock.
            lock.verify().await?;
        }
        let written_over = forms.iter().chain(&current).find(|form| form.packing == packing);
        let condition =
            written_over.map_or(Condition::Absent, |form| Condition::Unchanged(form.entry.revision.clone()));
        let Ok(revision) = self.objects.put(&key, content.clone(), &condition).await? else {
            // Whoever has taken the lock over is more to say than that something was written.
            lock.verify().await?;
            return Err(Error::Changed { file });
        };
        // An older form would be taken for the state if its time stamp were changed.
        for form in forms.iter().chain(&current).filter(|form| form.packing != packing) {
            self.objects.delete(&id.packed(form.packing)).await?;
        }
        self.check_written(&key, &content).await?;
        if let Some(sealing) = sealing {
            self.end_sealed(id, sealing).await?;
        }
        if self.options.retain_checkpoints {
            self.objects.copy(&key, &format!("{key}.{}", self.nanoseconds())).await?;
        }
        Ok(revision)
    }

    /// How the next checkpoint is kept: as the options say, or as the one before.
    async fn next_packing(&self, id: &StackId, current: Option<&Form>) -> Result<(Packing, Compression)> {
        let wanted = self.options.compression;
        Ok(match current.map(|form| form.packing) {
            Some(Packing::Clear(kept)) => {
                let compression = wanted.unwrap_or(kept);
                (Packing::Clear(compression), compression)
            }
            None if !self.is_sealed(id).await? => {
                let compression = wanted.unwrap_or_default();
                (Packing::Clear(compression), compression)
            }
            _ => (Packing::Sealed, wanted.unwrap_or_default()),
        })
    }

    /// Reads back what was written: its rules have been checked, so it need only be the same.
    async fn check_written(&self, key: &str, content: &[u8]) -> Result<()> {
        let found = self.objects.get(key).await?;
        if found.is_some_and(|found| found.content == content) {
            return Ok(());
        }
        let file = self.objects.show(key);
        let message = "what the store gives back is not what was written".to_owned();
        Err(IntegrityError {
            when: CheckedWhen::AfterWrite { backup: format!("{file}.bak"), file },
            problems: vec![IntegrityProblem { urn: None, message }],
        }
        .into())
    }

    /// Removes a stack: tags and history go, the checkpoint stays as `.bak`, backups stay unless asked for.
    ///
    /// # Errors
    /// When the lock is lost or the store can't be written.
    pub async fn remove_stack(&self, lock: &StackLock, remove_backups: bool) -> Result<()> {
        let id = lock.stack();
        lock.verify().await?;
        let forms = self.forms(id).await?;
        let sealed = self.is_sealed(id).await?;
        if sealed {
            self.begin_removal(id).await?;
        }
        self.objects.delete(&if sealed { id.sealed_tags() } else { id.tags() }).await?;
        self.move_to_backup(id, &forms).await?;
        let (history, backups) = match sealed {
            true => (id.sealed_history(), id.sealed_backups()),
            false => (id.history(), id.backups()),
        };
        let mut folders = vec![history, id.events()];
        folders.extend(remove_backups.then_some(backups));
        for folder in folders {
            let files = self.objects.list(&folder).await?.files;
            let keys: Vec<String> = files.into_iter().map(|file| format!("{folder}/{}", file.name)).collect();
            self.objects.delete_all(keys).await?;
        }
        match sealed {
            true => self.end_removal(id).await,
            false => Ok(()),
        }
    }

    /// Takes a stack's checkpoint away; it stays as `.bak`.
    pub(super) async fn move_to_backup(&self, id: &StackId, forms: &[Form]) -> Result<()> {
        for form in forms {
            let key = id.packed(form.packing);
            self.objects.copy(&key, &format!("{key}.bak")).await?;
            self.objects.delete(&key).await?;
        }
        Ok(())
    }
}
