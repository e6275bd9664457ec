//! Who hears of a deployment's events.

use std::collections::BTreeMap;

use crate::domain::event::DomainEvent;

/// A projection of the event stream: progress, JSON stream, audit log, metrics and the like.
///
/// Called in the order of the stream, one event at a time, without the journal's lock. The deployment goes on when all have
/// returned, so one that writes to what may stand still (a terminal, a pipe, a network) only queues the event, and
/// writes on a thread or task of its own. It must not fail.
pub trait EventHandler: Send + Sync {
    /// Takes one event.
    fn handle(&self, event: &DomainEvent);
}

/// An event that is to be told, but isn't part of a deployment's stream: something goes on that takes time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A component's build began.
    Building {
        /// The component.
        component: String,
        /// The command.
        command: String,
    },
    /// A component's package is made.
    Packaging {
        /// The component.
        component: String,
    },
    /// A line that a component's build printed.
    BuildOutput {
        /// The component.
        component: String,
        /// The line.
        line: String,
    },
    /// A component is packaged.
    Packaged {
        /// The component.
        component: String,
        /// Bytes of the zip file.
        bytes: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// What the default rules left out of a component's package; told where the package is new.
    LeftOut {
        /// The component.
        component: String,
        /// Secrets, by their paths.
        secrets: Vec<String>,
        /// How much else, by the rule's pattern.
        others: BTreeMap<String, usize>,
    },
    /// The stack's lock is held by somebody else, and we wait.
    WaitingForLock {
        /// Who holds it, from where, since when.
        holder: String,
    },
    /// The lock of a dead process was taken over.
    LockTakenOver {
        /// Whose it was, and why it counts as dead.
        report: String,
    },
    /// Something that the user should know, but that isn't an error.
    Warning {
        /// What.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

/// Who hears of notices. As with events, whoever writes them somewhere doesn't wait for it.
pub trait NoticeHandler: Send + Sync {
    /// Takes one notice.
    fn notice(&self, notice: Notice);
}
