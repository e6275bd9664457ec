//! Taking a stack's lock for a command that isn't a deployment: how long to wait, and telling what goes on meanwhile.

use std::sync::Arc;

use crate::application::stacks::Locking;
use crate::cli::arguments::LockWait;
use crate::cli::process::session::Session;
use crate::cli::progress::notice_line;
use crate::cli::terminal::output::Output;
use crate::ports::{LockRequest, Notice, NoticeHandler};

/// Tells notices on stderr.
pub struct Notices {
    output: Arc<Output>,
}

impl Notices {
    /// Those of this session.
    pub fn of(session: &Session) -> Self {
        Self { output: Arc::clone(&session.output) }
    }

    /// How the lock is taken.
    pub fn locking(&self, wait: &LockWait) -> Locking<'_> {
        let request = LockRequest { timeout: wait.lock_timeout.unwrap_or_default() };
        Locking { request, notices: self }
    }
}

impl NoticeHandler for Notices {
    fn notice(&self, notice: Notice) {
        let Some(line) = notice_line(&notice, self.output.message_palette(), false) else { return };
        match notice {
            Notice::WaitingForLock { .. } => self.output.note(&line),
            _ => self.output.message(&line),
        }
    }
}
