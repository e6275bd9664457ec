//! The domain events on stdout, one a line, as they happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::output::Output;
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// Prints each event as one line of JSON.
pub struct EventStream {
    output: Arc<Output>,
    ended: AtomicBool,
}

impl EventStream {
    /// Prints to this output.
    pub fn new(output: Arc<Output>) -> Self {
        Self { output, ended: AtomicBool::new(false) }
    }

    /// Whether the stream has its final event.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl EventHandler for EventStream {
    fn handle(&self, event: &DomainEvent) {
        self.output.json_line(event);
        if event.event.is_final() {
            self.ended.store(true, Ordering::Release);
        }
    }
}
