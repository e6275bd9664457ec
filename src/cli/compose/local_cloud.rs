//! The embedded local cloud: what `endpoint: local` stands for.

use std::sync::Arc;

use localstack::{Daemon, DaemonOptions, Emulator, Installer, Progress};

use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, render_warning};
use crate::cli::process::session::Session;
use crate::cli::terminal::output::Output;

/// Starts the embedded local cloud for a deployment, or uses the one that runs, and gives its URL. What takes time is
/// told on stderr.
///
/// # Errors
/// When it can't be installed or started.
pub async fn ensure(session: &Session) -> Result<String, Failure> {
    let emulator = Emulator::default();
    let status = daemon(session, emulator)?.up(DaemonOptions::default()).await?;
    status.endpoint().map(str::to_owned).ok_or_else(|| {
        Failure::new(ExitCode::Failed, "local-cloud", format!("{} doesn't answer", emulator.name()))
            .with_hint("`semantest-iac local status` says more")
    })
}

/// The embedded cloud of this user.
///
/// # Errors
/// When the user has no folders for it.
pub fn daemon(session: &Session, emulator: Emulator) -> Result<Daemon, Failure> {
    let output = Arc::clone(&session.output);
    let installer =
        Installer::new(session.host(), session.cache_folder()?).with_observer(move |progress| tell(&output, progress));
    Ok(Daemon::new(installer, emulator, &session.data_folder()?))
}

fn tell(output: &Output, progress: &Progress) {
    match progress {
        Progress::Warning(text) => output.message(&render_warning(text, None, output.message_palette())),
        progress => output.note(&format!("Local cloud: {progress}")),
    }
}
