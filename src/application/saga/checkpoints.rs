//! Checkpoints while a deployment runs, so that other programs that read the state see what has been made so far.

use std::pin::pin;
use std::time::Duration;

use crate::ports::{MonotonicClock, StoreError};

/// When the first one is written. Each pause is twice the one before: the state grows steadily, so that all of them together
/// are hardly larger than the last one.
const FIRST: Duration = Duration::from_secs(30);

/// Waits for `work`, and meanwhile writes checkpoints with `write`. One that was begun is written to its end.
pub async fn with_checkpoints<T>(
    clock: &dyn MonotonicClock,
    work: impl Future<Output = T>,
    write: impl AsyncFn() -> Result<(), StoreError>,
) -> T {
    let mut work = pin!(work);
    let mut pause = FIRST;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = clock.sleep_until(clock.now() + pause) => {}
        }
        let mut writing = pin!(write());
        let (done, written) = tokio::select! {
            biased;
            done = &mut work => (Some(done), writing.await),
            written = &mut writing => (None, written),
        };
        // The journal has it all; where the store has failed for good, the next step says so.
        if let Err(error) = written {
            tracing::warn!(%error, "a checkpoint could not be written while the deployment runs");
        }
        if let Some(done) = done {
            return done;
        }
        pause *= 2;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use resource_graph::VirtualClock;

    use super::*;

    /// When checkpoints were complete, in seconds, while work took so long. Each takes five seconds.
    fn written_during(seconds: u64) -> Vec<u64> {
        let clock = VirtualClock::new();
        let written = RefCell::new(Vec::new());
        let write = async || {
            clock.sleep_until(clock.now() + Duration::from_secs(5)).await;
            written.borrow_mut().push(clock.now().as_secs());
            Ok(())
        };
        let work = clock.sleep_until(Duration::from_secs(seconds));
        clock.run(with_checkpoints(&clock, work, write)).expect("it ends");
        written.into_inner()
    }

    #[test]
    fn a_long_deployment_writes_checkpoints_now_and_then_each_to_its_end() {
        assert!(written_during(29).is_empty());
        assert_eq!(written_during(36), [35]);
        // The third is under way when the work ends.
        assert_eq!(written_during(222), [35, 100, 225]);
    }
}
