//! Exclusive use of a stack: Pulumi's lock file, so that `pulumi` and this program exclude each other (SPEC.md section
//! 4.5), and a lease of ours beside it, so that a dead holder's lock is taken over safely.
//!
//! The lease is taken first. Taking it is one conditional write, so of several that start at once exactly one wins. Whether
//! a lease has run out is judged without comparing the clocks of two machines, see [`patience`].

mod acquire;
mod cancel;
mod guard;
pub mod lease;
mod patience;
pub mod process;
mod pulumi;
mod record;

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::watch;

pub use cancel::HeldLock;
pub use guard::{LockWatch, StackLock};
pub use lease::Owner;
pub use process::{ProcessProbe, SystemProcesses};

/// How a lock is to be taken.
#[derive(Clone)]
pub struct LockOptions {
    /// How long a lease runs without a heartbeat; after that others take it over.
    pub lease: Duration,
    /// How long to wait for the lock; `None` gives up at once.
    pub timeout: Option<Duration>,
    /// Tells whether a holder on this machine still lives.
    pub processes: Arc<dyn ProcessProbe>,
    /// Ends the waiting for a lock that somebody else has, once it is true.
    pub give_up: Option<watch::Receiver<bool>>,
}

impl LockOptions {
    /// Until nobody wants the lock any more.
    async fn until_given_up(&self) {
        if let Some(mut give_up) = self.give_up.clone()
            && give_up.wait_for(|is_given_up| *is_given_up).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

impl Default for LockOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), timeout: None, processes: Arc::new(SystemProcesses), give_up: None }
    }
}

impl fmt::Debug for LockOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOptions")
            .field("lease", &self.lease)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The lock file.
    pub url: String,
    /// Until when it holds, unless it is renewed before; `None` for locks of Pulumi's, which hold for ever.
    pub lease_until: Option<DateTime<Utc>>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (pid {})", self.user, self.host, self.pid)
    }
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Somebody else holds the stack's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// All holders that are known.
    pub holders: Vec<Holder>,
}

impl fmt::Display for Locked {
    /// As Pulumi says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.holders.len();
        write!(f, "the stack is currently locked by {count} lock(s). ")?;
        // A lock that is renewed is taken over by itself once its process is dead.
        f.write_str(match self.holders.iter().all(|holder| holder.lease_until.is_some()) {
            true => "Wait for the other process(es) to end.",
            false => "Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.",
        })?;
        for holder in &self.holders {
            write!(f, "\n  {}: created by {holder} at {}", holder.url, seconds(holder.since))?;
        }
        Ok(())
    }
}

impl std::error::Error for Locked {}

impl Locked {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let mut hint = "let this command wait for it with `--lock-timeout`".to_owned();
        for holder in &self.holders {
            match holder.lease_until {
                Some(until) => {
                    let _ = write!(
                        hint,
                        "; the lock of {holder} holds until {} and is renewed while that runs, else taken over from then on",
                        seconds(until)
                    );
                }
                None => {
                    let _ = write!(hint, "; the lock of {holder} is Pulumi's, which stays when its process dies");
                }
            }
        }
        hint.push_str(
            ". Only where nothing is under way any more, remove it with `semantest-iac cancel` (or `pulumi cancel`)",
        );
        hint
    }
}

/// The lock that this process held is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockLost {
    /// The lock file isn't there any more.
    #[error("the lock of stack '{stack}' was cancelled by somebody else: {file} is gone; nothing more was written")]
    Cancelled {
        /// The stack.
        stack: String,
        /// The lock file.
        file: String,
    },
    /// Another process has taken the lease over.
    #[error("the lock of stack '{stack}' was taken over by {by}; nothing more was written")]
    TakenOver {
        /// The stack.
        stack: String,
        /// Who has it now.
        by: String,
    },
    /// The lease ran out, because the store didn't answer or this process stood still.
    #[error("the lock of stack '{stack}' has run out: it could not be renewed in time; nothing more was written")]
    RanOut {
        /// The stack.
        stack: String,
    },
    /// The lock was given back before.
    #[error("the lock of stack '{stack}' was released")]
    Released {
        /// The stack.
        stack: String,
    },
}

impl LockLost {
    /// What to do about it.
    pub fn hint(&self) -> String {
        "what was done so far is in the journal: run the command again to go on from there".to_owned()
    }
}

/// A lock of a dead holder was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// Who held it.
    pub from: Holder,
    /// Why it could be taken over.
    pub reason: TakeoverReason,
}

/// Why a lock could be taken over.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverReason {
    /// The process doesn't run any more; it ran on this machine.
    ProcessGone,
    /// The lease ran out at that time, by the store's clock.
    LeaseRanOut(DateTime<Utc>),
}

impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "took over the lock of {}, held since {}: ", self.from, seconds(self.from.since))?;
        match self.reason {
            TakeoverReason::ProcessGone => f.write_str("that process is not running any more"),
            TakeoverReason::LeaseRanOut(at) => write!(f, "its lease ran out at {}", seconds(at)),
        }
    }
}
