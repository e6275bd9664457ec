//! The lease: who holds a stack, until when, with a number that only ever grows (the fencing token).
//!
//! The file stays when the lease is given back, so that the number goes on.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Holder;
use super::process::ProcessProbe;
use crate::error::{Error, Result};
use crate::store::{Objects, Revision, StackId};

/// The facts that tell a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The machine's boot, see [`ProcessProbe::boot`].
    pub boot: String,
    /// The process.
    pub pid: u32,
    /// When it was started, see [`ProcessProbe::start_time`].
    pub process_start: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (pid {})", self.user, self.host, self.pid)
    }
}

impl Owner {
    /// This process, run by a user on a machine.
    pub fn this_process(user: impl Into<String>, host: impl Into<String>, processes: &dyn ProcessProbe) -> Self {
        let pid = std::process::id();
        Self {
            user: user.into(),
            host: host.into(),
            boot: processes.boot(),
            pid,
            process_start: processes.start_time(pid).unwrap_or_default(),
        }
    }

    /// Whether a process is known not to run any more, as seen by `observer`. Not known where the machine is another or
    /// its facts are missing.
    pub(super) fn is_gone(&self, observer: &Owner, processes: &dyn ProcessProbe) -> bool {
        // Another boot might be another machine of the same name; its lease has to run out.
        let same_machine = self.host == observer.host && self.boot == observer.boot && !self.boot.is_empty();
        same_machine
            && !self.process_start.is_empty()
            && processes.start_time(self.pid).as_ref() != Some(&self.process_start)
    }
}

pub(super) const FORMAT: u32 = 1;

/// The lease file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lease {
    pub version: u32,
    /// Grows with each holder.
    pub token: u64,
    /// Absent when nobody holds it.
    pub held: Option<Held>,
    /// As [`Held::left_behind`], where whoever took over could not remove them and has given the lease back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Held {
    pub owner: Owner,
    /// The name of the holder's lock file in Pulumi's folder.
    pub lock: String,
    pub since: DateTime<Utc>,
    pub heartbeat: DateTime<Utc>,
    pub expires: DateTime<Utc>,
    /// Lock files of dead holders before, as far as it isn't known that they are removed: nobody else would know that
    /// these are no locks of Pulumi's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

impl Lease {
    /// All lock files of dead holders that may still be there.
    pub fn all_left_behind(&self) -> Vec<String> {
        let held = self.held.iter().flat_map(|held| &held.left_behind);
        self.left_behind.iter().chain(held).cloned().collect()
    }

    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Held {
    /// How long the lease runs without a heartbeat. What a file says beyond all sense counts for no more than an hour.
    pub fn duration(&self) -> TimeDelta {
        (self.expires - self.heartbeat).clamp(TimeDelta::zero(), TimeDelta::hours(1))
    }

    /// When it runs out by the store's clock, by which it was `written`.
    pub fn runs_until(&self, written: DateTime<Utc>) -> DateTime<Utc> {
        written.checked_add_signed(self.duration()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    pub fn holder(&self, url: String, written: DateTime<Utc>) -> Holder {
        let Owner { user, host, pid, .. } = self.owner.clone();
        Holder { user, host, pid, since: self.since, url, lease_until: Some(self.runs_until(written)) }
    }
}

/// The lease, its version, and when it was written by the store's clock.
pub(super) async fn read_lease(objects: &Objects, id: &StackId) -> Result<Option<(Lease, Revision, DateTime<Utc>)>> {
    let key = id.lease();
    let Some(object) = objects.get(&key).await? else { return Ok(None) };
    let file = objects.show(&key);
    let lease: Lease = match serde_json::from_slice(&object.content) {
        Ok(lease) => lease,
        // Nobody writes half a lease and lives: a disk that was full, or a machine that lost its power. Whoever held it has a lock
        // file, which still keeps others away; the number is greater than any that was counted up.
        Err(error) if error.is_eof() => {
            tracing::warn!("{file} is cut off: it is taken for nobody's");
            let token = u64::try_from(object.modified.timestamp_millis()).unwrap_or_default();
            let lease = Lease { version: FORMAT, token, held: None, left_behind: Vec::new() };
            return Ok(Some((lease, object.revision, object.modified)));
        }
        Err(error) => return Err(Error::json(&file, object.content.len(), &error)),
    };
    if lease.version != FORMAT {
        return Err(Error::UnsupportedStore { file, version: lease.version.to_string() });
    }
    Ok(Some((lease, object.revision, object.modified)))
}
