//! The laws, by what they are about.

pub mod checkpoints;
pub mod history;
pub mod journal;
pub mod layout;
pub mod network;
pub mod sealing;
pub mod transfer;

use state::{StackLock, StackStore};

use crate::support::{FakeProcesses, id, lock_options, owner};

/// Takes the stack's lock.
pub async fn lock(store: &StackStore) -> StackLock {
    store.lock(&id(), &owner("here", 1), &lock_options(&FakeProcesses::default())).await.unwrap()
}
