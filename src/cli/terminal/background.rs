//! A sink that may stand still. What nobody reads (Ctrl-S, a stopped pager, a full pipe) takes nothing more, and whoever writes to
//! it stands still as well. A deployment must not, and Ctrl-C must be heard: where that matters, a thread of its own writes.
//!
//! What isn't written yet stays in memory, however much it is: the events of one deployment are finite.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a sink may take nothing at the end of a command that was told to stop at once.
const HURRIED: Duration = Duration::from_secs(1);

/// At most so many bytes are handed to a sink at a time, so that one that is read slowly isn't taken for one that isn't read.
const PIECE: usize = 8 * 1024;

/// What writes changes to a sink.
pub trait Pen: Send + 'static {
    /// Something to write.
    type Change: Send + 'static;

    /// Adds a change to those that wait to be written.
    fn queue(waiting: &mut Vec<Self::Change>, change: Self::Change) {
        waiting.push(change);
    }

    /// Writes changes; `moved` is to be called whenever the sink has taken something.
    fn write(&mut self, changes: Vec<Self::Change>, moved: &dyn Fn());
}

/// Writes all of it piece by piece, and flushes.
///
/// # Errors
/// Those of the writer.
pub fn write_in_pieces(writer: &mut dyn io::Write, bytes: &[u8], moved: &dyn Fn()) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        writer.write_all(piece)?;
        moved();
    }
    writer.flush()
}

/// A sink, written to by whoever has something to write or by a thread of its own.
pub struct Background<P: Pen>(Arc<Shared<P>>);

struct Shared<P: Pen> {
    state: Mutex<State<P::Change>>,
    changed: Condvar,
    pen: Mutex<P>,
    /// How often the sink has taken something.
    moves: AtomicU64,
}

struct State<C> {
    waiting: Vec<C>,
    /// Whether the thread writes, or else everybody by themselves.
    threaded: bool,
    /// Whether the thread is at it.
    busy: bool,
    /// Whether who writes something waits until it is written.
    attached: bool,
    /// How many wait for that now.
    waiters: usize,
    /// How long the sink may take nothing while somebody waits; `None`: however long it takes.
    patience: Option<Duration>,
    /// Why nobody waits any more.
    given_up: Option<io::ErrorKind>,
}

impl<P: Pen> Background<P> {
    /// Everybody writes by themselves at first.
    pub fn new(pen: P) -> Self {
        let state = State {
            waiting: Vec::new(),
            threaded: false,
            busy: false,
            attached: true,
            waiters: 0,
            patience: None,
            given_up: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            pen: Mutex::new(pen),
            moves: AtomicU64::new(0),
        }))
    }

    /// Writes something. Waits until it is written, unless the sink is detached.
    pub fn put(&self, change: P::Change) {
        if let Some(state) = self.queue(change)
            && state.attached
        {
            self.0.wait(state);
        }
    }

    /// Writes something, and doesn't wait where there is a thread that writes.
    pub fn put_without_waiting(&self, change: P::Change) {
        drop(self.queue(change));
    }

    /// Queues a change for the thread; `None` where there is none, and it was written.
    fn queue(&self, change: P::Change) -> Option<MutexGuard<'_, State<P::Change>>> {
        let mut state = self.0.state();
        if !state.threaded {
            drop(state);
            lock(&self.0.pen).write(vec![change], &|| {});
            return None;
        }
        P::queue(&mut state.waiting, change);
        self.0.changed.notify_all();
        Some(state)
    }

    /// From now on a thread writes, so that an interrupt can end the waiting.
    pub fn start_thread(&self, name: &str) {
        if std::mem::replace(&mut self.0.state().threaded, true) {
            return;
        }
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || shared.write_changes());
        if thread.is_err() {
            // Then everybody goes on writing by themselves.
            self.0.state().threaded = false;
        }
    }

    /// From now on nobody waits, until [`Self::attach`]; and then only as long as the sink takes something within `patience`.
    pub fn detach(&self, name: &str, patience: Duration) {
        self.start_thread(name);
        let mut state = self.0.state();
        state.attached = false;
        state.patience = Some(patience);
    }

    /// Waits until all is written. From now on everybody waits again for what they write.
    pub fn attach(&self) {
        let mut state = self.0.state();
        state.attached = true;
        self.0.wait(state);
    }

    /// Somebody wants the command to end: whoever waits now waits no longer. With `at_once`, nobody will wait for long.
    pub fn interrupt(&self, at_once: bool) {
        let mut state = self.0.state();
        if state.waiters > 0 {
            state.given_up = Some(io::ErrorKind::Interrupted);
            self.0.changed.notify_all();
        } else if at_once {
            state.patience = Some(HURRIED);
        }
    }

    /// Why not everything was written, if so: nobody read it in time, or an interrupt came before.
    pub fn unwritten(&self) -> Option<io::ErrorKind> {
        let state = self.0.state();
        state.given_up.filter(|_| state.is_behind())
    }
}

impl<C> State<C> {
    fn is_behind(&self) -> bool {
        self.threaded && (self.busy || !self.waiting.is_empty())
    }
}

impl<P: Pen> Shared<P> {
    fn state(&self) -> MutexGuard<'_, State<P::Change>> {
        lock(&self.state)
    }

    fn wait(&self, mut state: MutexGuard<'_, State<P::Change>>) {
        let (mut seen, mut since) = (self.moves.load(Ordering::Relaxed), Instant::now());
        state.waiters += 1;
        while state.is_behind() && state.given_up.is_none() {
            let moves = self.moves.load(Ordering::Relaxed);
            if moves != seen {
                (seen, since) = (moves, Instant::now());
            }
            let left = state.patience.map(|patience| patience.saturating_sub(since.elapsed()));
            state = match left {
                Some(Duration::ZERO) => {
                    state.given_up = Some(io::ErrorKind::TimedOut);
                    state
                }
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.waiters -= 1;
    }

    /// Writes what is queued, until the process ends.
    fn write_changes(&self) {
        let mut state = self.state();
        loop {
            if state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let changes = std::mem::take(&mut state.waiting);
            state.busy = true;
            drop(state);
            lock(&self.pen).write(changes, &|| {
                self.moves.fetch_add(1, Ordering::Relaxed);
            });
            state = self.state();
            state.busy = false;
            self.changed.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub mod testing {
    //! A sink that nobody reads.

    use std::io::{self, Write};
    use std::sync::mpsc;

    use super::super::output::testing::Captured;

    /// Takes nothing until it is let: once for each message, and everything once the other side is gone.
    pub struct Stuck(pub mpsc::Receiver<()>, pub Captured);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::output::testing::Captured;
    use super::testing::Stuck;
    use super::*;

    struct Plain(Stuck);

    impl Pen for Plain {
        type Change = String;

        fn write(&mut self, changes: Vec<String>, moved: &dyn Fn()) {
            let _ = write_in_pieces(&mut self.0, changes.concat().as_bytes(), moved);
        }
    }

    fn stuck() -> (mpsc::Sender<()>, Captured, Background<Plain>) {
        let (let_go, is_let) = mpsc::channel();
        let shown = Captured::default();
        let sink = Background::new(Plain(Stuck(is_let, shown.clone())));
        (let_go, shown, sink)
    }

    #[test]
    fn what_is_read_in_the_end_is_written_in_full_and_in_order() {
        let (let_go, shown, sink) = stuck();
        sink.detach("test", Duration::from_secs(60));
        let texts: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
        texts.iter().for_each(|text| sink.put(text.clone()));
        assert_eq!(shown.text(), "");
        drop(let_go);
        sink.attach();
        assert_eq!(shown.text(), texts.concat());
        assert_eq!(sink.unwritten(), None);
    }

    #[test]
    fn a_sink_that_nobody_reads_is_waited_for_so_long_and_no_longer() {
        let (_let_go, shown, sink) = stuck();
        sink.detach("test", Duration::from_millis(50));
        sink.put("lost".to_owned());
        sink.attach();
        assert_eq!(sink.unwritten(), Some(io::ErrorKind::TimedOut));
        // Not even what comes after it is waited for.
        sink.put("lost, too".to_owned());
        assert_eq!(shown.text(), "");
    }

    #[test]
    fn patience_counts_from_what_was_read_last() {
        let (let_go, shown, sink) = stuck();
        sink.detach("test", Duration::from_millis(400));
        let text = "x".repeat(PIECE * 10);
        sink.put(text.clone());
        let reader = std::thread::spawn(move || {
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(100));
                let _ = let_go.send(());
            }
            let_go
        });
        sink.attach();
        assert_eq!((sink.unwritten(), shown.text().len()), (None, text.len()));
        drop(reader.join());
    }

    #[test]
    fn an_interrupt_ends_the_waiting() {
        let (_let_go, _, sink) = stuck();
        let sink = Arc::new(sink);
        sink.start_thread("test");
        let interrupter = std::thread::spawn({
            let sink = Arc::clone(&sink);
            move || {
                while sink.0.state().waiters == 0 {
                    std::thread::yield_now();
                }
                sink.interrupt(false);
            }
        });
        sink.put("text".to_owned());
        assert_eq!(sink.unwritten(), Some(io::ErrorKind::Interrupted));
        interrupter.join().unwrap();
    }
}
