//! What every command is given: the process's environment, the global options, the output, and the means to run
//! asynchronous work. Built once, before the command.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use state::SecretsAccess;

use super::environment::Process;
use crate::adapters::configuration::Clouds;
use crate::cli::arguments::{ColorChoice, GlobalOptions, JsonForm};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::{Output, OutputOptions};
use crate::cli::views::document::CommandFacts;
use crate::domain::deployment::CallCounts;

/// How long work in the background may take to end after the command is over.
const SHUTDOWN: Duration = Duration::from_millis(100);

/// How a command ends.
pub type CommandResult = Result<ExitCode, Failure>;

/// What every command is given.
pub struct Session {
    /// The process's environment; the working folder is the one of `--cwd`.
    pub process: Process,
    /// The options of all commands.
    pub global: GlobalOptions,
    /// Where everything is written to.
    pub output: Arc<Output>,
    /// The clouds that there are.
    pub clouds: &'static Clouds,
    started: Instant,
    facts: Mutex<CommandFacts>,
    /// How managers of secrets get their keys, for stacks outside of and in the embedded local cloud.
    secrets: Mutex<BTreeMap<bool, SecretsAccess>>,
}

impl Session {
    /// A session for a command.
    pub fn new(
        process: Process,
        global: GlobalOptions,
        output: Arc<Output>,
        clouds: &'static Clouds,
        command: &str,
        started: Instant,
    ) -> Self {
        let facts = CommandFacts { command: command.to_owned(), ..CommandFacts::default() };
        Self { process, global, output, clouds, started, facts: Mutex::new(facts), secrets: Mutex::default() }
    }

    /// The facts for the document of a failure, as far as they are known.
    pub fn facts(&self) -> CommandFacts {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        CommandFacts { duration_ms, ..facts }
    }

    /// Settles which project and stack the command is about. From now on their names are no secrets.
    pub fn set_stack(&self, project: &str, stack: &str) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.project = project.to_owned();
        facts.stack = stack.to_owned();
        self.output.redactor().add_public(project);
        self.output.redactor().add_public(stack);
    }

    /// Notes how many calls were made to the cloud.
    pub fn set_calls(&self, calls: CallCounts) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).calls = calls;
    }

    /// How managers of secrets get their keys; made once for a command.
    pub fn secrets_access(&self, embedded: bool, make: impl FnOnce() -> SecretsAccess) -> SecretsAccess {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(embedded).or_insert_with(make).clone()
    }

    /// The working folder.
    ///
    /// # Errors
    /// When it has been deleted or can't be read.
    pub fn folder(&self) -> Result<&Path, Failure> {
        self.process.folder.as_deref().ok_or_else(|| {
            Failure::new(ExitCode::Usage, "working-folder", "the working folder is gone or can't be read")
                .with_hint("change to a folder that is there, or name one with -C")
        })
    }

    /// What the local cloud's crate has to know of this machine.
    pub fn host(&self) -> localstack::Host {
        localstack::Host::new(self.process.variables.clone())
    }

    /// The user's folder for caches.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn cache_folder(&self) -> Result<PathBuf, Failure> {
        self.host().cache_folder().ok_or_else(|| no_home("SEMANTEST_CACHE"))
    }

    /// The user's folder for data.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn data_folder(&self) -> Result<PathBuf, Failure> {
        self.host().data_folder().ok_or_else(|| no_home("SEMANTEST_DATA"))
    }

    /// How wide text on stderr may be, in columns.
    pub fn message_width(&self) -> usize {
        const NARROWEST: usize = 40;
        const WIDEST: usize = 120;
        if !self.process.stderr_is_terminal {
            return 100;
        }
        usize::from(console::Term::stderr().size().1).clamp(NARROWEST, WIDEST)
    }

    /// Whether somebody can be asked.
    pub fn is_interactive(&self) -> bool {
        self.process.stdin_is_terminal && self.process.stderr_is_terminal && self.process.variable("CI").is_none()
    }

    /// Runs asynchronous work to its end. The runtime is only built for commands that need one.
    ///
    /// # Errors
    /// Those of the work, and when the system gives no threads.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        // Fails only when a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Failure::system("starting the asynchronous runtime failed", &error))?;
        let result = runtime.block_on(work);
        runtime.shutdown_timeout(SHUTDOWN);
        result
    }
}

fn no_home(variable: &str) -> Failure {
    Failure::new(ExitCode::Usage, "home-folder", "there is no home folder: HOME isn't set")
        .with_hint(format!("set HOME, or name a folder with {variable}"))
}

/// What `--color`, NO_COLOR and the terminals say about colour.
pub fn output_options(process: &Process, color: ColorChoice, json: Option<JsonForm>, quiet: bool) -> OutputOptions {
    let allowed = |is_terminal: bool| match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        // https://no-color.org and https://bixense.com/clicolors
        ColorChoice::Auto if process.variable("NO_COLOR").is_some() => false,
        ColorChoice::Auto if process.text("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => is_terminal && process.text("TERM") != Some("dumb"),
    };
    OutputOptions {
        json,
        quiet,
        stdout_color: allowed(process.stdout_is_terminal),
        stderr_color: allowed(process.stderr_is_terminal),
        stdout_is_terminal: process.stdout_is_terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colored(color: ColorChoice, terminal: bool, variables: &[(&str, &str)]) -> bool {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let process = Process { variables, stderr_is_terminal: terminal, ..Process::default() };
        output_options(&process, color, None, false).stderr_color
    }

    #[test]
    fn colour_follows_option_environment_and_terminal_in_that_order() {
        assert!(colored(ColorChoice::Auto, true, &[]));
        assert!(!colored(ColorChoice::Auto, false, &[]));
        assert!(!colored(ColorChoice::Auto, true, &[("NO_COLOR", "1")]));
        assert!(colored(ColorChoice::Auto, true, &[("NO_COLOR", "")]));
        assert!(colored(ColorChoice::Always, false, &[("NO_COLOR", "1")]));
        assert!(!colored(ColorChoice::Never, true, &[("CLICOLOR_FORCE", "1")]));
        assert!(colored(ColorChoice::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored(ColorChoice::Auto, true, &[("TERM", "dumb")]));
    }
}
