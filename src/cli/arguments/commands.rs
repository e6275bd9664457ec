//! The arguments of each command.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use super::{AdoptionOptions, CloudOptions, ComponentSelection, DeploymentOptions, StackSelection};

/// `deploy`.
#[derive(Clone, Debug, Args)]
pub struct DeployArguments {
    /// Which components.
    #[command(flatten)]
    pub components: ComponentSelection,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudOptions,
    /// How it is carried out.
    #[command(flatten)]
    pub deployment: DeploymentOptions,
    /// What is taken over.
    #[command(flatten)]
    pub adoption: AdoptionOptions,
    /// Don't ask before changing something
    #[arg(short, long)]
    pub yes: bool,
    /// A word for the history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Write the deployment's metrics to this file, as OpenMetrics text
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Exit with 3 instead of 0 when something was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `preview`.
#[derive(Clone, Debug, Args)]
pub struct PreviewArguments {
    /// Which components.
    #[command(flatten)]
    pub components: ComponentSelection,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudOptions,
    /// How it is carried out.
    #[command(flatten)]
    pub deployment: DeploymentOptions,
    /// What is taken over.
    #[command(flatten)]
    pub adoption: AdoptionOptions,
    /// Also show the critical path, the binding quota and the shortest possible time
    #[arg(long)]
    pub explain: bool,
    /// Exit with 3 instead of 0 when there is something to change
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `destroy`.
#[derive(Clone, Debug, Args)]
pub struct DestroyArguments {
    /// Which components.
    #[command(flatten)]
    pub components: ComponentSelection,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudOptions,
    /// How it is carried out.
    #[command(flatten)]
    pub deployment: DeploymentOptions,
    /// Don't ask before deleting something
    #[arg(short, long)]
    pub yes: bool,
    /// A word for the history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Write the deployment's metrics to this file, as OpenMetrics text
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
}

/// `outputs`.
#[derive(Clone, Debug, Args)]
pub struct OutputsArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// Only this component's
    #[arg(long, value_name = "NAME")]
    pub component: Option<String>,
    /// Only the output of this name, such as `url`; with --component, its bare value is printed
    #[arg(value_name = "OUTPUT")]
    pub output: Option<String>,
}

/// `history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// Show this many at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "20")]
    pub limit: NonZeroUsize,
}

/// `events`.
#[derive(Clone, Debug, Args)]
pub struct EventsArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// The deployment [default: the latest]
    #[arg(long, value_name = "ID")]
    pub deployment: Option<String>,
    /// Go on until the deployment is over, showing events as they are recorded
    #[arg(short, long)]
    pub follow: bool,
}

/// `graph`.
#[derive(Clone, Debug, Args)]
pub struct GraphArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// Only this component; can be given several times
    #[arg(long = "component", value_name = "NAME", action = clap::ArgAction::Append)]
    pub components: Vec<String>,
    /// The language of the drawing
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    pub format: GraphFormat,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// A language for drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown
    Mermaid,
    /// A drawing for browsers
    Svg,
}

/// `validate`.
#[derive(Clone, Debug, Args)]
pub struct ValidateArguments {
    /// Only this environment [default: all]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// Exit with 2 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
}

/// `init`.
#[derive(Clone, Debug, Default, Args)]
pub struct InitArguments {
    /// The project's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The component's name [default: the source folder's]
    #[arg(long, value_name = "NAME")]
    pub component: Option<String>,
    /// The folder of the server
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub source: Option<PathBuf>,
    /// The command that starts the server [default: what package.json says]
    #[arg(long, value_name = "COMMAND")]
    pub start: Option<String>,
    /// The runtime, such as nodejs22 [default: what package.json or the installed Node.js says]
    #[arg(long, value_name = "RUNTIME")]
    pub runtime: Option<String>,
    /// The path that a health check asks for; empty for none [default: /health where the source names it]
    #[arg(long, value_name = "PATH")]
    pub health: Option<String>,
    /// The region of the environment `production` [default: AWS_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Take defaults instead of asking
    #[arg(short, long)]
    pub yes: bool,
    /// Overwrite a semantest-iac.yaml that is there
    #[arg(long)]
    pub force: bool,
}

/// `local`.
#[derive(Clone, Debug, Args)]
pub struct LocalArguments {
    /// What to do with it.
    #[command(subcommand)]
    pub command: LocalCommand,
    /// Which local cloud
    #[arg(long, value_name = "NAME", default_value = "ministack", value_parser = ["ministack", "localstack"], global = true)]
    pub emulator: String,
}

/// What to do with the embedded local cloud.
#[derive(Clone, Debug, Subcommand)]
pub enum LocalCommand {
    /// Start it, or use the one that runs; the first time, it is installed
    Up(LocalUpArguments),
    /// Stop it; what it holds is kept for the next start
    Down,
    /// Show whether it runs, and where
    Status,
    /// Delete everything in it
    Reset,
}

/// `local up`.
#[derive(Clone, Debug, Default, Args)]
pub struct LocalUpArguments {
    /// The port on 127.0.0.1 [default: the one it had before, else the local cloud's own]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Check requests against IAM policies and signatures
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enforce_iam: Option<bool>,
}

/// `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: Shell,
}
