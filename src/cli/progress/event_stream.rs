//! The domain events on stdout, one a line, as they happen. While a deployment runs the output queues them, so that nobody waits
//! for whoever reads them.

use std::sync::Arc;

use crate::cli::terminal::output::Output;
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// Prints each event as one line of JSON.
pub struct EventStream(pub Arc<Output>);

impl EventHandler for EventStream {
    fn handle(&self, event: &DomainEvent) {
        self.0.event(event);
    }
}
