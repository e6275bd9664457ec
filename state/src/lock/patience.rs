//! Whether somebody else's lease has run out. Clocks of machines differ, so the time that a holder wrote down is never
//! compared with ours. Two things prove that a lease wasn't renewed for its whole duration: the store's clock, by which it
//! was written and by which something that we write now is written; and our own stopwatch, where the lease stayed the same
//! for so long before our eyes.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::TakeoverReason;
use super::lease::Held;
use crate::error::Result;
use crate::store::{Condition, Objects, Revision};

/// Stores tell times in whole seconds, cut off.
const GRAIN: TimeDelta = TimeDelta::seconds(1);

/// What one who wants a lock has seen of the lease so far.
#[derive(Default)]
pub(super) struct Patience {
    seen: Option<Seen>,
}

/// A lease that was looked at.
struct Seen {
    revision: Revision,
    since: Instant,
    /// How long it must stay as it is from then on to have run out.
    left: TimeDelta,
}

impl Seen {
    fn ran_out(&self) -> bool {
        TimeDelta::from_std(self.since.elapsed()).is_ok_and(|watched| watched > self.left)
    }
}

impl Patience {
    /// Why the lease that is held may be taken over, if it may; `written` is when the store says that it was written last.
    pub async fn judge(
        &mut self,
        objects: &Objects,
        held: &Held,
        revision: &Revision,
        written: DateTime<Utc>,
    ) -> Result<Option<TakeoverReason>> {
        let until = held.runs_until(written);
        let seen = match self.seen.take() {
            Some(seen) if seen.revision == *revision => seen,
            // The store's clock is asked for the first lease alone: whoever waits has watched all others from their start.
            Some(_) => Seen { revision: revision.clone(), since: Instant::now(), left: held.duration() },
            None => {
                let since = Instant::now();
                let left = store_time(objects).await?.map_or(held.duration(), |now| until - now + GRAIN);
                Seen { revision: revision.clone(), since, left }
            }
        };
        let ran_out = seen.ran_out();
        self.seen = Some(seen);
        Ok(ran_out.then_some(TakeoverReason::LeaseRanOut(until)))
    }
}

/// What time it is by the store's clock: the time of something that is written now. Nothing where it doesn't tell.
async fn store_time(objects: &Objects) -> Result<Option<DateTime<Utc>>> {
    let key = format!(".semantest/clock/{}", Uuid::new_v4());
    let _ = objects.put(&key, Bytes::new(), &Condition::Always).await?;
    let now = objects.get(&key).await?.map(|object| object.modified);
    objects.delete(&key).await?;
    Ok(now)
}
