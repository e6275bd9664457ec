//! `state` and its commands. Where Pulumi has such a command, its flags are Pulumi's.

use clap::{Args, Subcommand};

use super::stack::StackReference;

/// `state`.
#[derive(Clone, Debug, Args)]
pub struct StateArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: StateCommand,
}

/// What to do with the resources of a state.
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// List the resources
    #[command(visible_alias = "list")]
    Ls(StateListArguments),
}

/// `state ls`.
#[derive(Clone, Debug, Args)]
pub struct StateListArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Only names, one a line, as other commands take them
    #[arg(long)]
    pub urns: bool,
}
