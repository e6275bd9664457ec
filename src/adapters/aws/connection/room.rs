//! The memory that packages may take on their way: all uploads of a connection share it.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Megabytes of packages that may be in memory at once: two of the largest that Lambda takes along with a call.
const MEGABYTES: u32 = 100;

/// Room for packages in memory.
pub(in crate::adapters::aws) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MEGABYTES as usize)))
    }
}

impl Room {
    /// Waits until there is room for so many bytes; the place is free again when it is dropped. What is larger than the room gets all of it.
    pub(in crate::adapters::aws) async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, AcquireError> {
        let megabytes = u32::try_from(bytes.div_ceil(1_000_000)).unwrap_or(MEGABYTES).clamp(1, MEGABYTES);
        self.0.clone().acquire_many_owned(megabytes).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn packages_wait_for_room_and_the_largest_of_all_gets_in() {
        let room = Room::default();
        let places = [room.take(40_000_000).await.unwrap(), room.take(40_000_000).await.unwrap()];
        let third = tokio::time::timeout(Duration::from_millis(20), room.take(40_000_000)).await;
        assert!(third.is_err(), "three don't fit");
        let small = room.take(1).await.unwrap();
        drop((places, small));
        assert_eq!(room.take(u64::MAX).await.unwrap().num_permits(), 100);
    }
}
