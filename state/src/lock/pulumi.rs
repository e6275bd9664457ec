//! Pulumi's lock files: one for each holder in a folder of the stack; who finds another's gives way (SPEC.md section
//! 4.5).

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;

use super::Holder;
use super::lease::Owner;
use crate::error::{Error, Result};
use crate::store::{Condition, Objects, StackId};

/// The content of a lock file. We write exactly these four members, or Pulumi fails on it; it reads files that lack some.
#[derive(Deserialize)]
#[serde(default)]
struct LockFile {
    pid: u32,
    username: String,
    hostname: String,
    timestamp: DateTime<Utc>,
}

impl Default for LockFile {
    fn default() -> Self {
        // Go's zero time, as Pulumi shows it.
        let never = DateTime::from_timestamp(-62_135_596_800, 0).unwrap_or_default();
        Self { pid: 0, username: String::new(), hostname: String::new(), timestamp: never }
    }
}

pub(super) fn key(id: &StackId, name: &str) -> String {
    format!("{}/{name}", id.locks())
}

/// Names of all lock files.
pub(super) async fn names(objects: &Objects, id: &StackId) -> Result<Vec<String>> {
    Ok(objects.list(&id.locks()).await?.files.into_iter().map(|file| file.name).collect())
}

/// Who holds the locks of these names. A lock whose file can't be understood counts all the same.
pub(super) async fn holders(objects: &Objects, id: &StackId, names: &[String]) -> Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for name in names {
        let key = key(id, name);
        // Given back in the meantime.
        let Some(object) = objects.get(&key).await? else { continue };
        let file = serde_json::from_slice(&object.content).unwrap_or_else(|_| LockFile {
            pid: 0,
            username: "unknown".to_owned(),
            hostname: "unknown".to_owned(),
            timestamp: object.modified,
        });
        holders.push(Holder {
            user: file.username,
            host: file.hostname,
            pid: file.pid,
            since: file.timestamp,
            url: objects.show_url(&key),
            lease_until: None,
        });
    }
    Ok(holders)
}

/// Writes our lock file.
pub(super) async fn write(
    objects: &Objects,
    id: &StackId,
    name: &str,
    owner: &Owner,
    now: DateTime<Utc>,
) -> Result<()> {
    // Go's encoder gives a time with up to nanoseconds.
    let content = serde_json::json!({
        "pid": owner.pid,
        "username": owner.user,
        "hostname": owner.host,
        "timestamp": now.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    });
    let key = key(id, name);
    let content = Bytes::from(content.to_string());
    match objects.put(&key, content, &Condition::Absent).await? {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::write(objects.show(&key), "the lock file is already there")),
    }
}
