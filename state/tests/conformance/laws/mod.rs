//! The laws, by what they are about.

pub mod checkpoints;
pub mod history;
pub mod journal;
pub mod layout;
pub mod network;
pub mod sealing;
pub mod transfer;

use std::time::Duration;

use serde_json::Value;
use state::{LockOptions, StackLock, StackStore};

use crate::conformance::places::Place;
use crate::support::{FakeProcesses, id, lock_options, owner};

/// Takes the stack's lock.
pub async fn lock(store: &StackStore) -> StackLock {
    store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap()
}

/// Who has died on another machine held a lease without any duration: what is left of it is for the store's clock to say.
pub async fn shorten_lease(place: &Place) {
    let folder = ".semantest/leases/shop";
    let key = format!("{folder}/dev.json");
    if place.list(folder).await.is_empty() {
        return;
    }
    let mut lease: Value = serde_json::from_slice(&place.get(&key).await).unwrap();
    if lease["held"].is_object() {
        lease["held"]["expires"] = lease["held"]["heartbeat"].clone();
        place.put(&key, lease.to_string()).await;
    }
}

/// Waits for the lock as long as stores take to tell a new second.
pub fn waiting() -> LockOptions {
    LockOptions { timeout: Some(Duration::from_secs(60)), ..lock_options(&FakeProcesses::default()) }
}
