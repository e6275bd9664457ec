//! The progress display that suits where stderr goes.

use std::sync::Arc;

use super::live::LiveProgress;
use super::plain::PlainProgress;
use crate::cli::process::session::Session;
use crate::cli::terminal::output::Output;
use crate::ports::{EventHandler, NoticeHandler};

/// A progress display: live on a terminal, lines elsewhere. While it shows something, nobody waits for stdout or stderr.
pub struct Progress {
    display: Display,
    output: Arc<Output>,
}

enum Display {
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
        output.detach();
        let display = if session.process.can_draw() && !output.is_quiet() {
            let live = LiveProgress::start(Arc::clone(&output), verbose, LiveProgress::terminal_window);
            Display::Live(Arc::new(live))
        } else {
            Display::Plain(Arc::new(PlainProgress::new(Arc::clone(&output), verbose)))
        };
        Self { display, output }
    }

    /// What hears of events.
    pub fn events(&self) -> Arc<dyn EventHandler> {
        match &self.display {
            Display::Live(live) => Arc::clone(live) as _,
            Display::Plain(plain) => Arc::clone(plain) as _,
        }
    }

    /// What hears of notices.
    pub fn notices(&self) -> Arc<dyn NoticeHandler> {
        match &self.display {
            Display::Live(live) => Arc::clone(live) as _,
            Display::Plain(plain) => Arc::clone(plain) as _,
        }
    }

    /// Makes room for a question.
    pub fn pause(&self) {
        if let Display::Live(live) = &self.display {
            live.pause();
        }
    }

    /// Goes on after a question.
    pub fn resume(&self) {
        if let Display::Live(live) = &self.display {
            live.resume();
        }
    }

    /// Ends the display, and waits until all of it is shown, unless nobody reads it.
    pub fn finish(&self) {
        if let Display::Live(live) = &self.display {
            live.finish();
        }
        self.output.attach();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
