//! The composition root: builds the adapters that a command needs, out of configuration, arguments and environment.

use std::sync::Arc;

use crate::adapters::clock::MachineClock;
use crate::adapters::configuration::Configuration;
use crate::adapters::health::HttpHealthChecker;
use crate::adapters::latencies::LatencyFile;
use crate::adapters::source_code::SourceCode;
use crate::application::Ports;
use crate::application::gate::CallCounter;
use crate::ports::{Cloud, EventHandler, NoticeHandler, StackStore};

use super::arguments::CloudOptions;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::project::SelectedStack;
use super::session::Session;

/// Who hears of what goes on.
pub struct Handlers {
    /// Who hears of the deployment's events.
    pub events: Vec<Arc<dyn EventHandler>>,
    /// Who hears of what takes time.
    pub notices: Arc<dyn NoticeHandler>,
}

/// What a command that deploys is connected to.
pub struct Connection {
    /// The outside world.
    pub ports: Ports,
}

/// Connects to the cloud and the state.
///
/// # Errors
/// When a setting makes no sense, or the embedded local cloud can't be started.
pub async fn connect(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    selected: &SelectedStack,
    options: &CloudOptions,
    handlers: Handlers,
) -> Result<Connection, Failure> {
    let cache = session.cache_folder()?;
    let code = Arc::new(SourceCode::new(cache.join("packages"), session.process.variables.clone()));
    let cloud = open_cloud(session, configuration, environment, options, Arc::clone(&code)).await?;
    let store = open_store(session, configuration, selected)?;
    let health = HttpHealthChecker::new()
        .map_err(|error| Failure::new(ExitCode::Failed, "tls", format!("TLS can't be set up: {error}")))?;
    let ports = Ports {
        cloud,
        store,
        packager: code,
        health: Arc::new(health),
        clock: Arc::new(MachineClock),
        latencies: Arc::new(LatencyFile::new(cache.join("latencies.json"))),
        notices: handlers.notices,
        calls: Arc::new(CallCounter::default()),
        handlers: handlers.events,
    };
    Ok(Connection { ports })
}

async fn open_cloud(
    _session: &Session,
    _configuration: &Configuration,
    _environment: &str,
    _options: &CloudOptions,
    _code: Arc<SourceCode>,
) -> Result<Arc<dyn Cloud>, Failure> {
    Err(Failure::new(ExitCode::Failed, "unsupported", "this build has no cloud"))
}

/// Opens the state of a stack; nothing is read yet.
///
/// # Errors
/// When the location isn't supported.
pub fn open_store(
    _session: &Session,
    _configuration: &Configuration,
    _selected: &SelectedStack,
) -> Result<Arc<dyn StackStore>, Failure> {
    Err(Failure::new(ExitCode::Failed, "unsupported", "this build has no state"))
}
