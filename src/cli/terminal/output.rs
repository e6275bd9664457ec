//! The two sinks: results on stdout, messages and progress on stderr. Both redact; nothing else writes.
//!
//! stderr has a region at its end that the live display draws again and again; a message goes above it. A reader of
//! stdout that went away (`| head`) is no error; a full disk is one, and so is a reader that is there and doesn't read.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::background::{Background, Pen, write_in_pieces};
use super::messages::Messages;
use super::palette::Palette;
use crate::application::redaction::Redactor;
use crate::cli::arguments::JsonForm;
use crate::domain::event::DomainEvent;

/// The name of the thread that writes to stdout.
const THREAD: &str = "results";

/// How long a reader that takes nothing is waited for at the end of a deployment. Whoever works for each event takes some time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is told, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct OutputOptions {
    /// What goes to stdout instead of text for people.
    pub json: Option<JsonForm>,
    /// No progress.
    pub quiet: bool,
    /// Colour on stdout.
    pub stdout_color: bool,
    /// Colour on stderr.
    pub stderr_color: bool,
    /// Whether stdout is read by a person, who likes JSON indented.
    pub stdout_is_terminal: bool,
}

/// Where everything is written to.
pub struct Output {
    options: OutputOptions,
    redactor: Arc<Redactor>,
    results: Background<Results>,
    failure: Arc<Mutex<Option<io::Error>>>,
    messages: Arc<Messages>,
    stream_ended: AtomicBool,
}

struct Results {
    writer: Box<dyn Write + Send>,
    /// Why nothing more can be written. Kept apart, so that it can be asked for while the writer stands still.
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Pen for Results {
    type Change = Vec<u8>;

    fn write(&mut self, changes: Vec<Vec<u8>>, moved: &dyn Fn()) {
        for bytes in changes {
            if lock(&self.failure).is_some() {
                return;
            }
            // Flushed at once: events are read as they happen.
            if let Err(error) = write_in_pieces(&mut self.writer, &bytes, moved) {
                *lock(&self.failure) = Some(error);
            }
        }
    }
}

impl Output {
    /// Writes to these two.
    pub fn new(
        options: OutputOptions,
        redactor: Arc<Redactor>,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        let messages = Messages::new(Arc::clone(&redactor), stderr);
        let failure = Arc::default();
        Self {
            options,
            redactor,
            results: Background::new(Results { writer: stdout, failure: Arc::clone(&failure) }),
            failure,
            messages: Arc::new(messages),
            stream_ended: AtomicBool::new(false),
        }
    }

    /// What goes to stdout instead of text for people.
    pub fn json(&self) -> Option<JsonForm> {
        self.options.json
    }

    /// Whether progress is unwanted.
    pub fn is_quiet(&self) -> bool {
        self.options.quiet
    }

    /// Colours for stdout.
    pub fn result_palette(&self) -> Palette {
        Palette::new(self.options.stdout_color)
    }

    /// Colours for stderr.
    pub fn message_palette(&self) -> Palette {
        Palette::new(self.options.stderr_color)
    }

    /// What takes secrets out.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// The messages' sink, for logs and progress.
    pub fn messages(&self) -> &Arc<Messages> {
        &self.messages
    }

    /// Writes a result for people to stdout.
    pub fn result(&self, text: &str) {
        self.write(&self.redactor.text(text));
    }

    /// Writes a file's content to stdout as it is, secrets included: only for what was asked for in the clear, and for
    /// states, which hold their secrets encrypted and would be spoiled by any change.
    pub fn verbatim(&self, content: &[u8]) {
        self.write_bytes(content);
    }

    /// As [`Self::document`], secrets included: only for what was asked for in the clear.
    pub fn document_in_clear(&self, document: &impl serde::Serialize) {
        match self.text_of(document) {
            Ok(text) => self.write(&format!("{text}\n")),
            Err(error) => self.fail(error.into()),
        }
    }

    fn text_of(&self, document: &impl serde::Serialize) -> serde_json::Result<String> {
        match self.options.stdout_is_terminal {
            true => serde_json::to_string_pretty(document),
            false => serde_json::to_string(document),
        }
    }

    /// Writes one JSON document to stdout: on one line for machines, indented for a person.
    pub fn document(&self, document: &impl serde::Serialize) {
        match self.text_of(document) {
            Ok(text) => self.write(&format!("{}\n", self.redactor.json(&text))),
            Err(error) => self.fail(error.into()),
        }
    }

    /// Writes one JSON value on one line to stdout, whoever reads it.
    pub fn json_line(&self, value: &impl serde::Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.write(&format!("{}\n", self.redactor.json(&text))),
            Err(error) => self.fail(error.into()),
        }
    }

    /// Writes one domain event as a line to stdout, and remembers whether it ends a stream.
    pub fn event(&self, event: &DomainEvent) {
        self.json_line(event);
        if event.event.is_final() {
            self.stream_ended.store(true, Ordering::Release);
        }
    }

    /// Whether a final event was written.
    pub fn stream_has_ended(&self) -> bool {
        self.stream_ended.load(Ordering::Acquire)
    }

    /// Writes a message to stderr; it ends with a line break or gets one.
    pub fn message(&self, text: &str) {
        self.messages.write(text);
    }

    /// Writes a message unless `--quiet` was given.
    pub fn note(&self, text: &str) {
        if !self.options.quiet {
            self.messages.write(text);
        }
    }

    /// From now on an interrupt ends the waiting for whoever reads stdout or stderr.
    pub fn start_threads(&self) {
        self.results.start_thread(THREAD);
        self.messages.start_thread();
    }

    /// From now on nobody waits for whoever reads stdout or stderr, until [`Self::attach`].
    pub fn detach(&self) {
        self.results.detach(THREAD, PATIENCE);
        self.messages.detach(PATIENCE);
    }

    /// Waits until all is written, or nobody reads it; from now on everybody waits again for what they write.
    pub fn attach(&self) {
        self.messages.attach();
        self.results.attach();
    }

    /// Somebody wants the command to end, perhaps `at_once`: whoever waits for a reader waits no longer.
    pub fn interrupt(&self, at_once: bool) {
        self.results.interrupt(at_once);
        self.messages.interrupt(at_once);
    }

    /// Why results couldn't be written, if so. A reader that went away isn't a reason; one that doesn't read is.
    pub fn failure(&self) -> Option<io::Error> {
        if let Some(kind) = self.results.unwritten() {
            return Some(io::Error::new(kind, "nobody reads it"));
        }
        lock(&self.failure).take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    fn write(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&self, bytes: &[u8]) {
        self.results.put(bytes.to_vec());
    }

    fn fail(&self, error: io::Error) {
        lock(&self.failure).get_or_insert(error);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place for log lines: each write of the log's formatter is one whole entry.
#[derive(Clone)]
pub struct LogWriter(pub Arc<Messages>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub mod testing {
    //! Output into memory.

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    pub struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        /// As text.
        pub fn text(&self) -> String {
            String::from_utf8(lock(&self.0).clone()).expect("only text is written")
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Plain options.
    pub fn plain(json: Option<JsonForm>) -> OutputOptions {
        OutputOptions { json, quiet: false, stdout_color: false, stderr_color: false, stdout_is_terminal: false }
    }

    /// An output, its stdout and its stderr.
    pub fn captured(options: OutputOptions) -> (Arc<Output>, Captured, Captured) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let output = Output::new(options, Arc::default(), Box::new(stdout.clone()), Box::new(stderr.clone()));
        (Arc::new(output), stdout, stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{captured, plain};
    use super::*;

    #[test]
    fn every_sink_redacts() {
        let (output, stdout, stderr) = captured(plain(None));
        output.redactor().add_secret("hunter2");
        output.result("result hunter2\n");
        output.document(&serde_json::json!({"a": "x hunter2"}));
        output.json_line(&serde_json::json!(["hunter2"]));
        output.message("message hunter2");
        output.messages().draw(&["drawn hunter2".to_owned()], 80);
        output.messages().ask("really hunter2? ");
        let _ = LogWriter(Arc::clone(output.messages())).write(b"log hunter2\n");
        assert_eq!(stdout.text(), "result [secret]\n{\"a\":\"x [secret]\"}\n[\"[secret]\"]\n");
        assert!(!stderr.text().contains("hunter2") && stderr.text().matches("[secret]").count() >= 4);
    }

    #[test]
    fn messages_go_above_the_drawing() {
        let (output, _, stderr) = captured(plain(None));
        output.messages().draw(&["one".to_owned(), "two".to_owned()], 80);
        output.message("note");
        assert_eq!(stderr.text(), "one\ntwo\n\r\u{1b}[2A\u{1b}[Jnote\none\ntwo\n");
        output.messages().clear(80);
        assert!(stderr.text().ends_with("\r\u{1b}[2A\u{1b}[J"));
    }

    #[test]
    fn a_narrower_window_is_cleared_as_far_as_it_wrapped() {
        let (output, _, stderr) = captured(plain(None));
        output.messages().draw(&["x".repeat(30)], 80);
        output.messages().clear(10);
        assert!(stderr.text().ends_with("\u{1b}[3A\u{1b}[J"));
    }

    #[test]
    fn a_result_that_nobody_reads_is_a_failure_and_a_reader_that_comes_late_gets_all_events() {
        let (let_go, is_let) = std::sync::mpsc::channel();
        let shown = testing::Captured::default();
        let stdout = super::super::background::testing::Stuck(is_let, shown.clone());
        let output = Output::new(plain(None), Arc::default(), Box::new(stdout), Box::new(io::sink()));
        output.detach();
        output.json_line(&1);
        output.interrupt(true);
        output.attach();
        assert_eq!(output.failure().map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
        output.json_line(&2);
        drop(let_go);
        while output.failure().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(shown.text(), "1\n2\n");
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
        for (kind, fails) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
            let output = Output::new(plain(None), Arc::default(), Box::new(Broken(kind)), Box::new(io::sink()));
            output.result("text");
            output.result("more");
            assert_eq!(output.failure().is_some(), fails, "{kind:?}");
        }
    }
}
