//! Time as the scheduler sees it: real, or virtual for simulations and tests, where waiting takes no time and every run
//! goes the same way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A wait that ends at a point in time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock that never goes back.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time since some fixed point before the clock was first used.
    fn now(&self) -> Duration;

    /// Waits until the clock shows `time`; ready at once when that is past.
    fn sleep_until(&self, time: Duration) -> Sleep;
}

/// The machine's clock, with tokio's timer. Needs a tokio runtime with time enabled for its sleeps.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep_until(self.start + time))
    }
}

/// A simulation came to a stop: nothing is left that could go on, and no sleep will end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulation waits for something that will never happen")]
pub struct Stalled;

/// A clock that jumps to the next event as soon as nothing else can go on. Simulations run on it through
/// [`VirtualClock::run`]; they must not wait for anything outside of it, such as a socket or another thread.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Mutex<Timers>>);

#[derive(Debug, Default)]
struct Timers {
    now: Duration,
    /// Number of sleeps so far: sleeps that end at the same time do so in the order in which they began.
    count: u64,
    waiting: BinaryHeap<Reverse<Timer>>,
}

#[derive(Debug)]
struct Timer {
    time: Duration,
    number: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.number) == (other.time, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl VirtualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a simulation to its end.
    ///
    /// # Errors
    /// [`Stalled`] when it waits for something other than this clock.
    pub fn run<F: Future>(&self, simulation: F) -> Result<F::Output, Stalled> {
        let mut simulation = pin!(simulation);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        loop {
            while flag.0.swap(false, Ordering::Acquire) {
                if let Poll::Ready(output) = simulation.as_mut().poll(&mut context) {
                    return Ok(output);
                }
            }
            // One sleep at a time: who wakes first also acts first.
            let timer = {
                let mut timers = self.timers();
                let Some(Reverse(timer)) = timers.waiting.pop() else { return Err(Stalled) };
                timers.now = timers.now.max(timer.time);
                timer
            };
            timer.waker.wake();
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.timers().now
    }

    fn sleep_until(&self, time: Duration) -> Sleep {
        Box::pin(VirtualSleep { clock: self.clone(), time, registered: None })
    }
}

struct VirtualSleep {
    clock: VirtualClock,
    time: Duration,
    /// The number under which it waits, and whom it wakes.
    registered: Option<(u64, Waker)>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut timers = clock.timers();
        if timers.now >= self.time {
            return Poll::Ready(());
        }
        let number = match &self.registered {
            Some((_, waker)) if waker.will_wake(context.waker()) => return Poll::Pending,
            Some((number, _)) => *number,
            None => {
                timers.count += 1;
                timers.count
            }
        };
        let waker = context.waker().clone();
        self.registered = Some((number, waker.clone()));
        timers.waiting.push(Reverse(Timer { time: self.time, number, waker }));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    #[test]
    fn virtual_sleeps_end_in_the_order_of_their_times() {
        let clock = VirtualClock::new();
        let order = clock
            .run(async {
                let sleeps: FuturesUnordered<_> = [30_u64, 10, 20, 10]
                    .into_iter()
                    .enumerate()
                    .map(|(index, time)| {
                        let clock = clock.clone();
                        async move {
                            clock.sleep_until(Duration::from_secs(time)).await;
                            (clock.now().as_secs(), index)
                        }
                    })
                    .collect();
                sleeps.collect::<Vec<_>>().await
            })
            .unwrap();
        assert_eq!(order, [(10, 1), (10, 3), (20, 2), (30, 0)]);
    }

    #[test]
    fn a_simulation_that_waits_for_nothing_is_reported() {
        assert_eq!(VirtualClock::new().run(std::future::pending::<()>()), Err(Stalled));
    }
}
