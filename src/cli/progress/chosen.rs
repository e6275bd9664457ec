//! The progress display that suits where stderr goes.

use std::sync::Arc;

use super::live::LiveProgress;
use super::plain::PlainProgress;
use crate::cli::session::Session;
use crate::ports::{EventHandler, NoticeHandler};

/// A progress display: live on a terminal, lines elsewhere.
pub enum Progress {
    /// A live tree.
    Live(Arc<LiveProgress>),
    /// Lines.
    Plain(Arc<PlainProgress>),
}

impl Progress {
    /// Begins to show progress.
    pub fn start(session: &Session) -> Self {
        let verbose = session.global.verbose > 0;
        let output = Arc::clone(&session.output);
        if session.process.can_draw() && !output.is_quiet() {
            Self::Live(Arc::new(LiveProgress::start(output, verbose, LiveProgress::terminal_window)))
        } else {
            Self::Plain(Arc::new(PlainProgress::new(output, verbose)))
        }
    }

    /// What hears of events.
    pub fn events(&self) -> Arc<dyn EventHandler> {
        match self {
            Self::Live(live) => Arc::clone(live) as _,
            Self::Plain(plain) => Arc::clone(plain) as _,
        }
    }

    /// What hears of notices.
    pub fn notices(&self) -> Arc<dyn NoticeHandler> {
        match self {
            Self::Live(live) => Arc::clone(live) as _,
            Self::Plain(plain) => Arc::clone(plain) as _,
        }
    }

    /// Makes room for a question.
    pub fn pause(&self) {
        if let Self::Live(live) = self {
            live.pause();
        }
    }

    /// Goes on after a question.
    pub fn resume(&self) {
        if let Self::Live(live) = self {
            live.resume();
        }
    }

    /// Ends the display.
    pub fn finish(&self) {
        if let Self::Live(live) = self {
            live.finish();
        }
    }
}
