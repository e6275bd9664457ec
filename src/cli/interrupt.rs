//! Ctrl-C and its kin (DESIGN.md section 6): the first asks for a graceful stop, the second ends the work at once.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::failure::Failure;
use super::output::Output;

/// How urgently the work is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interruption {
    /// Not at all.
    #[default]
    None,
    /// No new steps; what is under way finishes, and everything is recorded.
    Graceful,
    /// At once.
    Immediate,
}

/// Listens to SIGINT, SIGTERM and SIGHUP from now on, as long as the runtime lives.
///
/// # Errors
/// When the system refuses to hand over signals.
pub fn listen(output: &Arc<Output>) -> Result<watch::Receiver<Interruption>, Failure> {
    let (sender, receiver) = watch::channel(Interruption::None);
    let on = |kind| signal(kind).map_err(|error| Failure::system("listening to signals failed", &error));
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut hang_up = on(SignalKind::hangup())?;
    let output = Arc::clone(output);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            let next = match *sender.borrow() {
                Interruption::None => Interruption::Graceful,
                _ => Interruption::Immediate,
            };
            let palette = output.message_palette();
            output.message(&match next {
                Interruption::Immediate => palette.warning("Stopping at once"),
                _ => format!("{}: what is under way finishes; again to stop at once", palette.warning("Stopping")),
            });
            // Nobody listens when the work is over already.
            let _ = sender.send(next);
        }
    });
    Ok(receiver)
}

/// Waits until the work is to end at least this urgently; for ever when it never is.
pub async fn reached(receiver: &mut watch::Receiver<Interruption>, urgency: Interruption) {
    if receiver.wait_for(|now| *now >= urgency).await.is_err() {
        // The listener is gone, so that nothing can interrupt any more.
        std::future::pending::<()>().await;
    }
}
