//! What can be typed: commands, their options and help texts. Nothing is done here, and nothing is looked up.
//!
//! What an option means beyond its own value (which stack, which components) is settled in `composition`.

mod cancel;
mod commands;
pub mod config;
mod elsewhere;
mod import;
#[cfg(test)]
mod mentions;
mod options;
pub mod stack;
pub mod state;

pub use cancel::CancelArguments;
pub use commands::{
    CompletionsArguments, DeployArguments, DestroyArguments, EventsArguments, GraphArguments, GraphFormat,
    HistoryArguments, InitArguments, LocalArguments, LocalCommand, LocalUpArguments, OutputsArguments,
    PreviewArguments, StatusArguments, ValidateArguments,
};
pub use elsewhere::in_our_words;
pub use import::{ExportArguments, ImportArguments};
pub use options::{
    AdoptionOptions, CloudOptions, ColorChoice, ComponentSelection, DeploymentOptions, GlobalOptions, JsonForm,
    LockWait, RefreshMode, StackSelection,
};

use clap::{CommandFactory as _, Parser, Subcommand};

use super::exit_code::ExitCode;

/// Deploys Semantest's Node.js servers to AWS in one command.
///
/// What is deployed stands in semantest-iac.yaml, which is looked for in the working folder and above. Results go to
/// stdout, progress and messages to stderr.
#[derive(Debug, Parser)]
#[command(name = "semantest-iac", version, max_term_width = 110)]
#[command(infer_long_args = false, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// Options of all commands.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented semantest-iac.yaml, from questions or from options
    Init(InitArguments),
    /// Bring the cloud to what the configuration wants
    Deploy(DeployArguments),
    /// Show what a deployment would change, and why
    Preview(PreviewArguments),
    /// Delete what was deployed
    Destroy(DestroyArguments),
    /// Record a resource that only the cloud knows in a stack
    Import(ImportArguments),
    /// Write Pulumi's file for importing the resources of a stack
    Export(ExportArguments),
    /// Show what is deployed, and whether a deployment was cut off
    Status(StatusArguments),
    /// Show what the components offer, such as their URLs
    Outputs(OutputsArguments),
    /// Show the deployments of a stack, the latest first
    History(HistoryArguments),
    /// Show the events of a deployment
    Events(EventsArguments),
    /// Draw the resources and what depends on what
    Graph(GraphArguments),
    /// Look after stacks: list, make, rename, remove, export and import them
    Stack(stack::StackArguments),
    /// Look into a stack's state, and put it right by hand
    State(state::StateArguments),
    /// Remove a stack's locks; a deployment that still runs stops before its next write
    Cancel(CancelArguments),
    /// Show and change a stack's configuration values
    Config(config::ConfigArguments),
    /// Check the configuration, without any call to a cloud
    Validate(ValidateArguments),
    /// Run the embedded local cloud
    Local(LocalArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print the version, and what it was built with
    Version,
}

impl Command {
    /// The command's name, as typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Deploy(_) => "deploy",
            Self::Preview(_) => "preview",
            Self::Destroy(_) => "destroy",
            Self::Status(_) => "status",
            Self::Outputs(_) => "outputs",
            Self::History(_) => "history",
            Self::Events(_) => "events",
            Self::Graph(_) => "graph",
            Self::Stack(_) => "stack",
            Self::State(_) => "state",
            Self::Cancel(_) => "cancel",
            Self::Config(_) => "config",
            Self::Validate(_) => "validate",
            Self::Local(_) => "local",
            Self::Completions(_) => "completions",
            Self::Version => "version",
        }
    }
}

/// The whole command line as clap knows it. Every help text ends with the exit codes.
pub fn command() -> clap::Command {
    with_exit_codes(Arguments::command())
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    command.after_help(ExitCode::help()).mut_subcommands(with_exit_codes)
}
