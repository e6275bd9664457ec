//! The live tree on a terminal: a thread of its own draws it, at most 30 times a second and for the first time after
//! 250 ms, so that what is over at once doesn't flicker. At the end the drawing goes, and lines that stay take its place.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::plain::{event_line, notice_line};
use super::tree::{ProgressTree, WindowSize};
use crate::cli::terminal::output::Output;
use crate::domain::deployment::DeploymentEvent;
use crate::domain::event::DomainEvent;
use crate::ports::{EventHandler, Notice, NoticeHandler};

const FIRST_DRAWING: Duration = Duration::from_millis(250);
const SHORTEST_PAUSE: Duration = Duration::from_millis(34);
/// The wheel turns and the timings count even when nothing happens.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// A live tree on stderr.
pub struct LiveProgress {
    shared: Arc<Shared>,
    drawer: Mutex<Option<JoinHandle<()>>>,
    verbose: bool,
}

struct Shared {
    output: Arc<Output>,
    window: Box<dyn Fn() -> WindowSize + Send + Sync>,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tree: ProgressTree,
    dirty: bool,
    /// Since when a question is asked.
    paused: Option<Duration>,
    drawn: bool,
    over: bool,
}

impl LiveProgress {
    /// Begins to draw; `window` tells the window's size whenever it is asked.
    pub fn start(output: Arc<Output>, verbose: bool, window: impl Fn() -> WindowSize + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            output,
            window: Box::new(window),
            started: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let drawing = Arc::clone(&shared);
        // Without a thread there is no live drawing; everything else is told all the same.
        let drawer = std::thread::Builder::new().name("progress".to_owned()).spawn(move || drawing.run()).ok();
        Self { shared, drawer: Mutex::new(drawer), verbose }
    }

    /// The window on stderr as it is now.
    pub fn terminal_window() -> WindowSize {
        let (rows, columns) = console::Term::stderr().size();
        WindowSize { columns: usize::from(columns), rows: usize::from(rows) }
    }

    /// Takes the drawing away and doesn't draw until [`Self::resume`]: a question is asked.
    pub fn pause(&self) {
        let mut state = self.shared.lock();
        let now = self.shared.started.elapsed();
        state.paused.get_or_insert(now);
        self.shared.erase(&mut state);
    }

    /// Draws again. The time since [`Self::pause`] isn't the deployment's.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        if let Some(since) = state.paused.take() {
            state.tree.leave_out(self.shared.started.elapsed().saturating_sub(since));
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Ends the drawing and leaves what was done as lines. Does nothing the second time.
    pub fn finish(&self) {
        let drawer = self.drawer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut state = self.shared.lock();
        if std::mem::replace(&mut state.over, true) {
            return;
        }
        self.shared.erase(&mut state);
        let lines = state.tree.final_lines(self.shared.output.message_palette());
        if !lines.is_empty() {
            self.shared.output.note(&lines.join("\n"));
        }
        drop(state);
        self.shared.changed.notify_one();
        if let Some(drawer) = drawer {
            // A drawer that panicked has nothing left to say.
            let _ = drawer.join();
        }
    }
}

impl Drop for LiveProgress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl EventHandler for LiveProgress {
    fn handle(&self, event: &DomainEvent) {
        let mut state = self.shared.lock();
        state.tree.apply(&event.event, self.shared.started.elapsed());
        state.dirty = true;
        drop(state);
        // What the tree has no place for stands above it.
        if !belongs_to_tree(&event.event)
            && let Some(line) = event_line(&event.event, self.shared.output.message_palette())
        {
            self.shared.output.note(&line);
        }
        self.shared.changed.notify_one();
    }
}

fn belongs_to_tree(event: &DeploymentEvent) -> bool {
    use DeploymentEvent as E;
    matches!(
        event,
        E::DeploymentRequested { .. }
            | E::ResourceOperationSucceeded { .. }
            | E::ResourceOperationSkipped { .. }
            | E::StepStarted { .. }
    )
}

impl NoticeHandler for LiveProgress {
    fn notice(&self, notice: Notice) {
        let now = self.shared.started.elapsed();
        let mut state = self.shared.lock();
        match &notice {
            Notice::Building { component, command } => {
                state.tree.begin(component, &format!("building: {command}"), now);
            }
            Notice::Packaging { component } => state.tree.begin(component, "packaging", now),
            Notice::Packaged { component, .. } => state.tree.end(component),
            Notice::WaitingForLock { holder } => {
                state.tree.begin("", &format!("waiting for the stack's lock: {holder}"), now);
            }
            Notice::LockTakenOver { .. } => state.tree.end(""),
            Notice::BuildOutput { .. } | Notice::LeftOut { .. } | Notice::Warning { .. } => {}
        }
        state.dirty = true;
        drop(state);
        let told_by_tree =
            matches!(notice, Notice::Building { .. } | Notice::Packaging { .. } | Notice::WaitingForLock { .. });
        let palette = self.shared.output.message_palette();
        if !told_by_tree && let Some(line) = notice_line(&notice, palette, self.verbose) {
            if matches!(notice, Notice::Warning { .. } | Notice::LockTakenOver { .. }) {
                self.shared.output.message(&line);
            } else {
                self.shared.output.note(&line);
            }
        }
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn erase(&self, state: &mut State) {
        if std::mem::take(&mut state.drawn) {
            self.output.messages().clear((self.window)().columns);
        }
    }

    fn run(&self) {
        let mut state = self.lock();
        let mut next = FIRST_DRAWING;
        while !state.over {
            let now = self.started.elapsed();
            let idle_until = if state.dirty { next } else { next.max(now + LONGEST_PAUSE) };
            if now < idle_until {
                let waited = self.changed.wait_timeout(state, idle_until - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                // A change before its time only shortens the wait of the next round.
                if state.over || self.started.elapsed() < next {
                    continue;
                }
            }
            state.dirty = false;
            if state.paused.is_none() && !state.tree.is_empty() {
                let (now, size) = (self.started.elapsed(), (self.window)());
                let lines = state.tree.lines(Duration::ZERO, now, size, self.output.message_palette());
                self.output.messages().draw(&lines, size.columns);
                state.drawn = true;
            }
            next = self.started.elapsed() + SHORTEST_PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::story;
    use super::*;
    use crate::cli::terminal::output::testing::{captured, plain};

    const SIZE: WindowSize = WindowSize { columns: 80, rows: 24 };

    #[test]
    fn what_is_over_at_once_is_told_once_and_never_drawn() {
        let (output, stdout, stderr) = captured(plain(None));
        let progress = LiveProgress::start(output, false, || SIZE);
        story().iter().for_each(|event| progress.handle(event));
        progress.finish();
        progress.finish();
        let text = stderr.text();
        assert_eq!(text.matches("rest-api-role").count(), 2, "drift and result: {text}");
        assert!(text.contains("memory isn't enough") && text.contains("health rest-api answers"));
        assert!(!text.contains('\u{1b}') && stdout.text().is_empty());
    }

    #[test]
    fn the_drawing_is_gone_at_the_end() {
        let (output, _, stderr) = captured(plain(None));
        let progress = LiveProgress::start(output, false, || SIZE);
        progress.notice(Notice::Packaging { component: "rest-api".to_owned() });
        while !stderr.text().contains("packaging") {
            std::thread::yield_now();
        }
        progress.notice(Notice::Packaged { component: "rest-api".to_owned(), bytes: 1, duration_ms: 1 });
        progress.finish();
        // Replay the terminal: erasures take away all that was drawn, and only the note stays.
        assert_eq!(screen(&stderr.text()), "Packaged rest-api: 1 bytes (0.00 s)\n");
    }

    /// What a terminal shows after this output: lines, and erasures of the last n of them.
    fn screen(text: &str) -> String {
        let mut lines: Vec<String> = vec![];
        for part in text.split_inclusive(['\n', 'J']) {
            match part.strip_prefix("\r\u{1b}[") {
                Some(erasure) => {
                    let count: usize = erasure.split('A').next().and_then(|count| count.parse().ok()).expect("a count");
                    lines.truncate(lines.len() - count);
                }
                None => lines.push(part.to_owned()),
            }
        }
        lines.concat()
    }
}
