//! Ctrl-C and its kin (DESIGN.md section 6): the first asks for a graceful stop, the second ends the work at once.

use std::sync::Arc;

use resource_graph::{Cancellation, Urgency};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::failure::Failure;
use crate::cli::terminal::output::Output;

/// Listens to SIGINT, SIGTERM and SIGHUP from now on, as long as the runtime lives.
///
/// # Errors
/// When the system refuses to hand over signals.
pub fn listen(output: &Arc<Output>) -> Result<Cancellation, Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::system("listening to signals failed", &error));
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut hang_up = on(SignalKind::hangup())?;
    let cancellation = Cancellation::new();
    let (output, requested) = (Arc::clone(output), cancellation.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            requested.request();
            let palette = output.message_palette();
            output.message(&match requested.urgency() {
                Urgency::Immediate => palette.warning("Stopping at once"),
                _ => format!("{}: what is under way finishes; again to stop at once", palette.warning("Stopping")),
            });
        }
    });
    Ok(cancellation)
}
