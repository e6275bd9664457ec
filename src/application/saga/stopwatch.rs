//! How long a command takes, by the monotonic clock: the time of day may be set anew meanwhile. What a person takes to answer a
//! question isn't the command's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::application::request::Ports;
use crate::ports::MonotonicClock;
use crate::ports::clock::milliseconds;

/// A command's time, from when it began.
pub struct Stopwatch {
    clock: Arc<dyn MonotonicClock>,
    began: Duration,
    /// Milliseconds since 1970, UTC.
    began_ms: i64,
    left_out: Mutex<Duration>,
}

impl Stopwatch {
    /// Begins now.
    pub fn start(ports: &Ports) -> Self {
        let clock = Arc::clone(&ports.monotonic);
        let (began, began_ms) = (clock.now(), ports.clock.now_ms());
        Self { clock, began, began_ms, left_out: Mutex::default() }
    }

    /// When it began: milliseconds since 1970, UTC.
    pub fn began_ms(&self) -> i64 {
        self.began_ms
    }

    /// Milliseconds so far.
    pub fn elapsed_ms(&self) -> u64 {
        let left_out = *self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        milliseconds(self.clock.now().saturating_sub(self.began).saturating_sub(left_out))
    }

    /// Waits for an answer, whose time doesn't count.
    pub async fn leave_out<T>(&self, answer: impl Future<Output = T>) -> T {
        let asked = self.clock.now();
        let answer = answer.await;
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) += self.clock.now().saturating_sub(asked);
        answer
    }
}
