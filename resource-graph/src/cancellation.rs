//! Asking a run to stop: first without breaking off what runs, then at once.

use std::sync::Arc;

use tokio::sync::watch;

/// How urgently a run is to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is to go on.
    #[default]
    None,
    /// No new steps; those that run finish.
    Graceful,
    /// Steps that run are dropped where they are.
    Immediate,
}

/// A request to stop, shared by those who ask and those who are asked.
#[derive(Clone, Debug)]
pub struct Cancellation(Arc<watch::Sender<Urgency>>);

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancellation {
    /// Nothing is requested yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Urgency::None)))
    }

    /// Asks to stop; asking again makes it more urgent.
    pub fn request(&self) {
        self.0.send_modify(|urgency| {
            *urgency = if *urgency == Urgency::None { Urgency::Graceful } else { Urgency::Immediate };
        });
    }

    /// How urgently.
    pub fn urgency(&self) -> Urgency {
        *self.0.borrow()
    }

    /// Whether a stop is requested at all.
    pub fn is_requested(&self) -> bool {
        self.urgency() != Urgency::None
    }

    /// Waits until a stop of at least this urgency is requested.
    pub async fn requested(&self, urgency: Urgency) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the channel can't be closed.
        let _ = receiver.wait_for(|now| *now >= urgency).await;
    }
}
