//! Logs on stderr: warnings by default, more with `-v`, filtered by module with SEMANTEST_LOG_LEVEL.

use std::sync::Arc;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::failure::render_warning;
use crate::cli::terminal::output::{LogWriter, Output};

/// Our own crates, whose messages `-v` and `-vv` show; the libraries' come with `-vvv`.
const OWN: [&str; 4] = ["semantest_iac", "resource_graph", "state", "localstack"];

/// Begins to write logs. `filter` is what SEMANTEST_LOG_LEVEL says: a level, or `module=level` pairs with commas.
pub fn start(output: &Arc<Output>, verbosity: u8, filter: Option<&str>) {
    let targets = match filter.map(str::parse::<Targets>) {
        None => by_verbosity(verbosity),
        Some(Ok(targets)) => targets,
        Some(Err(error)) => {
            let message = format!("SEMANTEST_LOG_LEVEL can't be understood: {error}");
            let hint = "write a level (error, warn, info, debug, trace), or module=level pairs with commas";
            output.message(&render_warning(&message, Some(hint), output.message_palette()));
            by_verbosity(verbosity)
        }
    };
    let writer = LogWriter(Arc::clone(output.messages()));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(output.message_palette().is_enabled())
        .with_target(verbosity > 1)
        .with_writer(move || writer.clone());
    // Fails only when another subscriber is there already, as in tests that run the command line twice.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}

fn by_verbosity(verbosity: u8) -> Targets {
    let level = match verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let others = if verbosity >= 3 { LevelFilter::DEBUG } else { LevelFilter::ERROR };
    OWN.into_iter().fold(Targets::new().with_default(others), |targets, name| targets.with_target(name, level))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn more_is_told_of_our_own_modules_first() {
        assert!(by_verbosity(0).would_enable("semantest_iac::cli", &Level::WARN));
        assert!(!by_verbosity(0).would_enable("semantest_iac::cli", &Level::INFO));
        assert!(by_verbosity(2).would_enable("state", &Level::DEBUG));
        assert!(!by_verbosity(2).would_enable("hyper", &Level::DEBUG));
        assert!(by_verbosity(3).would_enable("hyper", &Level::DEBUG));
    }
}
