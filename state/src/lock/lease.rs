//! The lease: who holds a stack, until when, with a number that only ever grows (the fencing token).
//!
//! The file stays when the lease is given back, so that the number goes on.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::process::ProcessProbe;
use super::{Holder, LockOptions, TakeoverReason};

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
    fn is_gone(&self, observer: &Owner, processes: &dyn ProcessProbe) -> bool {
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
}

impl Lease {
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Held {
    /// Why the lease may be taken over, if it may.
    ///
    /// `written` is when the store says that the lease was last written.
    pub fn dead(
        &self,
        observer: &Owner,
        options: &LockOptions,
        now: DateTime<Utc>,
        written: DateTime<Utc>,
    ) -> Option<TakeoverReason> {
        let processes = &*options.processes;
        if self.owner.is_gone(observer, processes) {
            Some(TakeoverReason::ProcessGone)
        } else if self.expires < now {
            Some(TakeoverReason::LeaseRanOut(self.expires))
        } else if self.expires > now + options.lease && written + options.lease < now {
            // The holder's clock is ahead of ours: its lease would run for too long. A living one would have written it
            // meanwhile, by the store's clock.
            Some(TakeoverReason::LeaseRanOut(written + options.lease))
        } else {
            None
        }
    }

    pub fn holder(&self, url: String) -> Holder {
        let Owner { user, host, pid, .. } = self.owner.clone();
        Holder { user, host, pid, since: self.since, url }
    }
}
