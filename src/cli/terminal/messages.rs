//! stderr: messages, and below them the region that the live display draws again and again.
//!
//! A terminal that nobody reads (Ctrl-S, a stopped pager, a dead connection) takes nothing more, and whoever writes to it
//! stands still. A deployment must not: while it runs, a thread of its own writes, and drawings that it has no time for are
//! left out.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::application::redaction::Redactor;

/// stderr: messages, and below them the region of the live display.
pub struct Messages {
    redactor: Arc<Redactor>,
    screen: Arc<Screen>,
}

struct Screen {
    queue: Mutex<Queue>,
    changed: Condvar,
    region: Mutex<Region>,
}

/// What is still to be written by the thread.
#[derive(Default)]
struct Queue {
    changes: Vec<Change>,
    /// Whether the thread writes, or else everybody by themselves.
    detached: bool,
    /// Whether the thread is at it.
    busy: bool,
}

/// Something new on the screen.
enum Change {
    /// Whole lines above the region.
    Message(String),
    /// The region's new lines, on a screen of so many columns.
    Drawing { text: String, columns: usize },
    /// A text in the region's place, which is gone.
    Question(String),
}

struct Region {
    writer: Box<dyn Write + Send>,
    /// How many lines of the screen the drawing takes.
    rows: usize,
    text: String,
}

impl Messages {
    /// Writes to this sink.
    pub fn new(redactor: Arc<Redactor>, writer: Box<dyn Write + Send>) -> Self {
        let region = Mutex::new(Region { writer, rows: 0, text: String::new() });
        Self { redactor, screen: Arc::new(Screen { queue: Mutex::default(), changed: Condvar::new(), region }) }
    }

    /// Writes a message above the region; it ends with a line break or gets one.
    pub fn write(&self, text: &str) {
        let mut text = self.redactor.text(text).into_owned();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.screen.change(Change::Message(text));
    }

    /// Draws the region anew. Each line must fit into the screen's width, which is `columns` now, and all of them into its
    /// height.
    pub fn draw(&self, lines: &[String], columns: usize) {
        let text = lines.iter().map(|line| format!("{}\n", self.redactor.text(line))).collect();
        self.screen.change(Change::Drawing { text, columns });
    }

    /// Removes the region.
    pub fn clear(&self, columns: usize) {
        self.draw(&[], columns);
    }

    /// Writes a question, without a line break after it.
    pub fn ask(&self, question: &str) {
        self.screen.change(Change::Question(self.redactor.text(question).into_owned()));
    }

    /// From now on nobody waits for the terminal, until [`Self::attach`].
    pub fn detach(&self) {
        if std::mem::replace(&mut self.screen.queue().detached, true) {
            return;
        }
        let screen = Arc::clone(&self.screen);
        let thread = std::thread::Builder::new().name("messages".to_owned()).spawn(move || screen.write_changes());
        if thread.is_err() {
            // Then everybody writes by themselves, as before.
            self.screen.queue().detached = false;
        }
    }

    /// Waits until all is written; from now on everybody writes by themselves again.
    pub fn attach(&self) {
        let mut queue = self.screen.queue();
        while queue.detached && (queue.busy || !queue.changes.is_empty()) {
            queue = self.screen.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.detached = false;
        self.screen.changed.notify_all();
    }
}

impl Screen {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn region(&self) -> MutexGuard<'_, Region> {
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: Change) {
        let mut queue = self.queue();
        if !queue.detached {
            drop(queue);
            let mut region = self.region();
            let bytes = region.apply(change);
            return region.send(&bytes);
        }
        // Nobody misses a drawing that another one is about to replace.
        if matches!(change, Change::Drawing { .. }) {
            queue.changes.retain(|change| !matches!(change, Change::Drawing { .. }));
        }
        queue.changes.push(change);
        self.changed.notify_all();
    }

    /// Writes what is queued until everybody writes by themselves again.
    fn write_changes(&self) {
        let mut queue = self.queue();
        while queue.detached {
            if queue.changes.is_empty() {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let changes = std::mem::take(&mut queue.changes);
            queue.busy = true;
            drop(queue);
            let mut region = self.region();
            let bytes: String = changes.into_iter().map(|change| region.apply(change)).collect();
            region.send(&bytes);
            drop(region);
            queue = self.queue();
            queue.busy = false;
            self.changed.notify_all();
        }
    }
}

impl Region {
    /// What to send for a change.
    fn apply(&mut self, change: Change) -> String {
        match change {
            Change::Message(text) => format!("{}{text}{}", self.erasure(), self.text),
            Change::Drawing { text, columns } => {
                self.rows = self.rows_at(columns);
                let bytes = format!("{}{text}", self.erasure());
                self.rows = text.lines().count();
                self.text = text;
                bytes
            }
            Change::Question(text) => {
                let bytes = format!("{}{text}", self.erasure());
                self.rows = 0;
                self.text.clear();
                bytes
            }
        }
    }

    /// A terminal that was made narrower has wrapped what stood there.
    fn rows_at(&self, columns: usize) -> usize {
        let columns = columns.max(1);
        self.text.lines().map(|line| console::measure_text_width(line).div_ceil(columns).max(1)).sum()
    }

    fn erasure(&self) -> String {
        // Up to the first line of the region, then everything from there on away.
        if self.rows == 0 { String::new() } else { format!("\r\u{1b}[{}A\u{1b}[J", self.rows) }
    }

    fn send(&mut self, text: &str) {
        // Nobody can be told when stderr is gone; the work goes on.
        let _ = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::super::output::testing::Captured;
    use super::*;

    /// A terminal that takes nothing until it is let.
    struct Stuck(mpsc::Receiver<()>, Captured);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Lets everything pass once the other side is gone.
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_terminal_that_is_not_read() {
        let (let_go, stuck) = mpsc::channel();
        let shown = Captured::default();
        let messages = Messages::new(Arc::default(), Box::new(Stuck(stuck, shown.clone())));
        messages.detach();
        // Without the thread the first of these would never come back.
        messages.write("one");
        for frame in 0..1000 {
            messages.draw(&[format!("frame {frame}")], 80);
        }
        messages.write("two");
        messages.clear(80);
        assert_eq!(shown.text(), "");
        drop(let_go);
        messages.attach();
        let text = shown.text();
        assert!(text.starts_with("one\n") && text.contains("two\n"), "{text}");
        assert!(text.matches("frame").count() < 10, "frames that nobody saw were written: {text}");
        messages.write("three");
        assert!(shown.text().ends_with("three\n"));
    }
}
