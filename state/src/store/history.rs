//! The history of a stack: one entry for each finished operation, with a copy of the checkpoint of that moment
//! (SPEC.md section 4.7).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Condition, StackId, StackStore};
use crate::codec::compression::unpack;
use crate::codec::read::Origin;
use crate::error::{Error, Result};
use crate::lock::StackLock;
use crate::model::deployment::Checkpoint;
use crate::seal::{Packing, SEALED};

/// A finished operation, as Pulumi records it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateInfo {
    /// `update`, `preview`, `refresh`, `rename`, `destroy`, `import` or `resource-import`.
    pub kind: String,
    /// Seconds since 1970.
    pub start_time: i64,
    /// What the user said about it.
    pub message: String,
    /// Facts about the run: `git.head`, `exec.kind`, …
    #[serde(deserialize_with = "null_as_default")]
    pub environment: BTreeMap<String, String>,
    /// The stack's configuration: texts, or `{"secure": ciphertext}`.
    #[serde(deserialize_with = "null_as_default")]
    pub config: BTreeMap<String, serde_json::Value>,
    /// Always 0 in a DIY store.
    pub version: i64,
    /// `succeeded`, `failed` or `in-progress`.
    pub result: String,
    /// Seconds since 1970.
    pub end_time: i64,
    /// How many resources each kind of step was for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub resource_changes: BTreeMap<String, u64>,
    /// Members that aren't known.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

fn null_as_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An entry of a stack's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Nanoseconds since 1970 when it was recorded; names the entry.
    pub number: i64,
    /// The operation.
    pub update: UpdateInfo,
}

impl HistoryEntry {
    /// When it was recorded.
    pub fn recorded(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.number)
    }
}

impl StackStore {
    /// Records a finished operation beside the checkpoint as it is now, and keeps that as a backup too. On local stores
    /// both copies are links, which take no space.
    ///
    /// # Errors
    /// When the lock is lost or the store can't be written.
    pub async fn record_history(&self, lock: &StackLock, update: &UpdateInfo) -> Result<HistoryEntry> {
        let id = lock.stack();
        lock.verify().await?;
        let current = self.forms(id).await?.pop().map(|form| form.packing);
        let sealed = self.is_sealed(id).await?;
        let packing = match current {
            Some(packing) => packing,
            None if sealed => Packing::Sealed,
            None => Packing::Clear(self.options.compression.unwrap_or_default()),
        };
        let ending = packing.ending();
        let (folder, backups) = match packing {
            Packing::Clear(_) => (id.history(), id.backups()),
            Packing::Sealed => (id.sealed_history(), id.sealed_backups()),
        };
        let compression = match packing {
            Packing::Clear(compression) => compression,
            Packing::Sealed => self.options.compression.unwrap_or_default(),
        };
        let anchor = match packing {
            Packing::Clear(_) => None,
            Packing::Sealed => Some(self.anchor(id).await?),
        };
        let kept = match &anchor {
            Some(anchor) => self.checkpoint_mark(id, anchor).await?,
            None => None,
        };
        let mut number = self.nanoseconds();
        loop {
            let key = format!("{folder}/{}-{number}.history{ending}", id.stack());
            let mut content = serde_json::to_vec(update)
                .map_err(std::io::Error::from)
                .and_then(|content| compression.pack(content))
                .map_err(|error| Error::write(self.objects.show(&key), error))?;
            if let Some(anchor) = &anchor {
                content = anchor.seal_history(id, number, kept.clone(), &content)?;
            }
            if self.objects.put(&key, content, &Condition::Absent).await?.is_ok() {
                break;
            }
            // Two entries at the same nanosecond.
            number += 1;
        }
        if current.is_some() {
            let checkpoint = id.packed(packing);
            let copy = format!("{folder}/{}-{number}.checkpoint{ending}", id.stack());
            self.objects.copy(&checkpoint, &copy).await?;
            if self.options.backups {
                let backup = format!("{backups}/{}.{number}{ending}", id.stack());
                self.objects.copy(&checkpoint, &backup).await?;
            }
        }
        Ok(HistoryEntry { number, update: update.clone() })
    }

    /// The newest entries of a stack's history, newest first.
    ///
    /// # Errors
    /// When the store can't be read or an entry isn't one.
    pub async fn history(&self, id: &StackId, limit: usize) -> Result<Vec<HistoryEntry>> {
        self.check_layout().await?;
        let is_sealed = self.is_sealed(id).await?;
        let folder = if is_sealed { id.sealed_history() } else { id.history() };
        let files = self.objects.list(&folder).await?.files;
        let anchor = match is_sealed {
            true if !files.is_empty() => Some(self.anchor(id).await?),
            _ => None,
        };
        let ending = if anchor.is_some() { ".history.sealed" } else { ".history.json" };
        let mut names: Vec<(i64, String)> =
            files.into_iter().filter_map(|file| Some((number_of(&file.name, ending)?, file.name))).collect();
        names.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let mut entries = Vec::new();
        for (number, name) in names.into_iter().take(limit) {
            let key = format!("{folder}/{name}");
            let Some(object) = self.objects.get(&key).await? else { continue };
            let file = self.objects.show(&key);
            let content = match &anchor {
                Some(anchor) => anchor.open_history(id, number, object.content, &file)?.content,
                None => object.content,
            };
            let content = unpack(content, &file)?;
            let update = serde_json::from_slice(&content).map_err(|error| Error::json(&file, content.len(), &error))?;
            entries.push(HistoryEntry { number, update });
        }
        Ok(entries)
    }

    /// The checkpoint that was kept with an entry of the history; nothing when there is none.
    ///
    /// # Errors
    /// When it can't be read or isn't a state.
    pub async fn history_checkpoint(&self, id: &StackId, number: i64) -> Result<Option<Checkpoint>> {
        if self.is_sealed(id).await? {
            return self.sealed_history_checkpoint(id, number).await;
        }
        let folder = id.history();
        for file in self.objects.list(&folder).await?.files {
            if number_of(&file.name, ".checkpoint.json") == Some(number) {
                let key = format!("{folder}/{}", file.name);
                let Some(object) = self.objects.get(&key).await? else { continue };
                let file = self.objects.show(&key);
                return Checkpoint::read(object.content, Origin { file: &file, stack: id.stack() }).map(Some);
            }
        }
        Ok(None)
    }

    async fn sealed_history_checkpoint(&self, id: &StackId, number: i64) -> Result<Option<Checkpoint>> {
        let before = format!("{}/{}-{number}", id.sealed_history(), id.stack());
        let (entry, copy) = (format!("{before}.history{SEALED}"), format!("{before}.checkpoint{SEALED}"));
        let (Some(object), Some(kept)) = (self.objects.get(&entry).await?, self.objects.get(&copy).await?) else {
            return Ok(None);
        };
        let anchor = self.anchor(id).await?;
        let entry = anchor.open_history(id, number, object.content, &self.objects.show(&entry))?;
        let file = self.objects.show(&copy);
        let content = anchor.open_kept_checkpoint(id, &entry, kept.content, &file)?;
        Checkpoint::read(content, Origin { file: &file, stack: id.stack() }).map(Some)
    }
}

/// The number in `<stack>-<number><ending>[.gz|.zst]`.
fn number_of(name: &str, ending: &str) -> Option<i64> {
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    plain.strip_suffix(ending)?.rsplit_once('-')?.1.parse().ok()
}
