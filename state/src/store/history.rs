//! The history of a stack: one entry for each finished operation, with a copy of the checkpoint of that moment
//! (SPEC.md section 4.7).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Condition, StackId, StackStore};
use crate::codec::Compression;
use crate::codec::compression::unpack;
use crate::codec::read::Origin;
use crate::deployment::Checkpoint;
use crate::error::{Error, Result};
use crate::lock::StackLock;

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
        let (folder, backups) = (id.history(), id.backups());
        let current = self.current_form(id).await?;
        let compression = current.unwrap_or(self.options.compression.unwrap_or_default());
        let suffix = compression.suffix();
        let mut number = self.nanoseconds();
        loop {
            let key = format!("{folder}/{}-{number}.history.json{suffix}", id.stack());
            let content = serde_json::to_vec(update)
                .map_err(std::io::Error::from)
                .and_then(|content| compression.pack(content))
                .map_err(|error| Error::write(self.objects.show(&key), error))?;
            if self.objects.put(&key, content, &Condition::Absent).await?.is_ok() {
                break;
            }
            // Two entries at the same nanosecond.
            number += 1;
        }
        if current.is_some() {
            let checkpoint = id.checkpoint(compression);
            let copy = format!("{folder}/{}-{number}.checkpoint.json{suffix}", id.stack());
            self.objects.copy(&checkpoint, &copy).await?;
            let backup = format!("{backups}/{}.{number}.json{suffix}", id.stack());
            self.objects.copy(&checkpoint, &backup).await?;
        }
        Ok(HistoryEntry { number, update: update.clone() })
    }

    async fn current_form(&self, id: &StackId) -> Result<Option<Compression>> {
        let files = self.objects.list(&id.folder("stacks")).await?.files;
        let forms = [Compression::None, Compression::Gzip, Compression::Zstd].into_iter().filter_map(|compression| {
            let name = format!("{}.json{}", id.stack(), compression.suffix());
            files.iter().find(|file| file.name == name).map(|file| (file.modified, compression))
        });
        Ok(forms.max_by_key(|(modified, _)| *modified).map(|(_, compression)| compression))
    }

    /// The newest entries of a stack's history, newest first.
    ///
    /// # Errors
    /// When the store can't be read or an entry isn't one.
    pub async fn history(&self, id: &StackId, limit: usize) -> Result<Vec<HistoryEntry>> {
        self.check_layout().await?;
        let folder = id.history();
        let files = self.objects.list(&folder).await?.files;
        let mut names: Vec<(i64, String)> =
            files.into_iter().filter_map(|file| Some((number_of(&file.name, ".history.json")?, file.name))).collect();
        names.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let mut entries = Vec::new();
        for (number, name) in names.into_iter().take(limit) {
            let key = format!("{folder}/{name}");
            let Some(object) = self.objects.get(&key).await? else { continue };
            let file = self.objects.show(&key);
            let content = unpack(object.content, &file)?;
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
}

/// The number in `<stack>-<number><ending>[.gz|.zst]`.
fn number_of(name: &str, ending: &str) -> Option<i64> {
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    plain.strip_suffix(ending)?.rsplit_once('-')?.1.parse().ok()
}
