//! stderr: messages, and below them the region that the live display draws again and again.
//!
//! While nobody waits for it ([`Messages::detach`]), drawings that it has no time for are left out.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::background::{Background, Pen, write_in_pieces};
use crate::application::redaction::Redactor;

/// The name of the thread that writes.
const THREAD: &str = "messages";

/// stderr: messages, and below them the region of the live display.
pub struct Messages {
    redactor: Arc<Redactor>,
    screen: Background<Region>,
}

/// Something new on the screen.
pub enum Change {
    /// Whole lines above the region.
    Message(String),
    /// The region's new lines, on a screen of so many columns.
    Drawing {
        /// The lines.
        text: String,
        /// The columns.
        columns: usize,
    },
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
        let region = Region { writer, rows: 0, text: String::new() };
        Self { redactor, screen: Background::new(region) }
    }

    /// Writes a message above the region; it ends with a line break or gets one.
    pub fn write(&self, text: &str) {
        self.screen.put(self.message(text));
    }

    /// As [`Self::write`], for those who can't wait even when everybody else does.
    pub fn write_without_waiting(&self, text: &str) {
        self.screen.put_without_waiting(self.message(text));
    }

    fn message(&self, text: &str) -> Change {
        let mut text = self.redactor.text(text).into_owned();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Change::Message(text)
    }

    /// Draws the region anew. Each line must fit into the screen's width, which is `columns` now, and all of them into its
    /// height.
    pub fn draw(&self, lines: &[String], columns: usize) {
        let text = lines.iter().map(|line| format!("{}\n", self.redactor.text(line))).collect();
        self.screen.put(Change::Drawing { text, columns });
    }

    /// Removes the region.
    pub fn clear(&self, columns: usize) {
        self.draw(&[], columns);
    }

    /// Writes a question, without a line break after it.
    pub fn ask(&self, question: &str) {
        self.screen.put(Change::Question(self.redactor.text(question).into_owned()));
    }

    /// From now on an interrupt ends the waiting for whoever reads.
    pub fn start_thread(&self) {
        self.screen.start_thread(THREAD);
    }

    /// From now on nobody waits for whoever reads, until [`Self::attach`]; and then only while something is read within `patience`.
    pub fn detach(&self, patience: Duration) {
        self.screen.detach(THREAD, patience);
    }

    /// Waits until all is written; from now on everybody waits again for what they write.
    pub fn attach(&self) {
        self.screen.attach();
    }

    /// As [`Background::interrupt`].
    pub fn interrupt(&self, at_once: bool) {
        self.screen.interrupt(at_once);
    }
}

impl Pen for Region {
    type Change = Change;

    fn queue(waiting: &mut Vec<Change>, change: Change) {
        // Nobody misses a drawing that another one is about to replace.
        if matches!(change, Change::Drawing { .. }) {
            waiting.retain(|change| !matches!(change, Change::Drawing { .. }));
        }
        waiting.push(change);
    }

    fn write(&mut self, changes: Vec<Change>, moved: &dyn Fn()) {
        let text: String = changes.into_iter().map(|change| self.apply(change)).collect();
        // Nobody can be told when stderr is gone; the work goes on.
        let _: io::Result<()> = write_in_pieces(&mut self.writer, text.as_bytes(), moved);
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
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::background::testing::Stuck;
    use super::super::output::testing::Captured;
    use super::*;

    #[test]
    fn nobody_waits_for_a_terminal_that_is_not_read() {
        let (let_go, stuck) = mpsc::channel();
        let shown = Captured::default();
        let messages = Messages::new(Arc::default(), Box::new(Stuck(stuck, shown.clone())));
        messages.detach(Duration::from_secs(60));
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
