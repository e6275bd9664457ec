//! Ctrl-C and its kin (DESIGN.md section 6): the first asks for a graceful stop, the second ends the work at once, and the third
//! the process.
//!
//! They are heard on a thread of their own, so that nothing that stands still keeps them from being heard: no work, and no
//! reader of stdout or stderr that doesn't read.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use resource_graph::{Cancellation, Urgency};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::Output;

/// When a process that was told to stop at once ends, whatever it is at: longer than everything takes that gives up by itself.
const LEAVE_AFTER: Duration = Duration::from_secs(15);

/// Listens to SIGINT, SIGTERM and SIGHUP from now on, as long as the process lives.
///
/// # Errors
/// When the system refuses to hand over signals.
pub fn listen(output: &Arc<Output>) -> Result<Cancellation, Failure> {
    output.start_threads();
    let cancellation = Cancellation::new();
    let (output, requested) = (Arc::clone(output), cancellation.clone());
    let (listening, is_listening) = mpsc::channel();
    let thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(hear(&output, &requested, &listening)),
            Err(error) => drop(listening.send(Err(error))),
        }
    };
    let spawned = std::thread::Builder::new().name("interrupts".to_owned()).spawn(thread);
    let heard = spawned.and_then(|_| is_listening.recv().unwrap_or_else(|error| Err(std::io::Error::other(error))));
    heard.map_err(|error| Failure::system("listening to signals failed", &error))?;
    Ok(cancellation)
}

/// Hands signals on; `listening` is told when that begins, or why it can't.
#[expect(clippy::exit, reason = "it ends what nothing else ends: something stands still for good")]
async fn hear(output: &Output, cancellation: &Cancellation, listening: &mpsc::Sender<std::io::Result<()>>) {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)] = signals else {
        for refused in signals.into_iter().filter_map(Result::err) {
            let _ = listening.send(Err(refused));
        }
        return;
    };
    let _ = listening.send(Ok(()));
    loop {
        let is_last = cancellation.urgency() == Urgency::Immediate;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            () = tokio::time::sleep(LEAVE_AFTER), if is_last => {}
        }
        if is_last {
            // What was under way is settled by the next command, as after a crash.
            std::process::exit(ExitCode::Interrupted.number().into());
        }
        cancellation.request();
        let at_once = cancellation.urgency() == Urgency::Immediate;
        let palette = output.message_palette();
        output.messages().write_without_waiting(&match at_once {
            true => palette.warning("Stopping at once"),
            false => format!("{}: what is under way finishes; again to stop at once", palette.warning("Stopping")),
        });
        output.interrupt(at_once);
    }
}
