//! `state` and its commands. Where Pulumi has such a command, its flags are Pulumi's.

use clap::{Args, Subcommand};
use resource_graph::Urn;

use super::LockWait;
use super::options::parse_urn;
use super::stack::{StackReference, StoreSelection};

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
    /// Show all that the state says of a resource
    #[command(visible_alias = "get")]
    Show(StateShowArguments),
    /// Forget resources, which stay in the cloud
    #[command(visible_aliases = ["remove", "rm"])]
    Delete(StateDeleteArguments),
    /// Give a resource another name
    Rename(StateRenameArguments),
    /// Move resources to another stack of the store
    #[command(visible_alias = "mv")]
    Move(StateMoveArguments),
    /// Protect resources from deletion
    Protect(StateProtectArguments),
    /// Allow that resources are deleted
    Unprotect(StateProtectArguments),
    /// Put a broken state in order, and drop references that lead nowhere
    Repair(StateRepairArguments),
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

/// How an edit is made.
#[derive(Clone, Debug, Args)]
pub struct EditOptions {
    /// Don't ask before changing the state
    #[arg(short, long)]
    pub yes: bool,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `state show`.
#[derive(Clone, Debug, Args)]
pub struct StateShowArguments {
    /// The resource
    #[arg(value_name = "URN", value_parser = parse_urn)]
    pub urn: Urn,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Secret values in the clear
    #[arg(long)]
    pub show_secrets: bool,
}

/// `state delete`.
#[derive(Clone, Debug, Args)]
pub struct StateDeleteArguments {
    /// The resources
    #[arg(value_name = "URN", value_parser = parse_urn, required_unless_present = "all")]
    pub urns: Vec<Urn>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Protected ones, too
    #[arg(long)]
    pub force: bool,
    /// Those that depend on them, too
    #[arg(long)]
    pub target_dependents: bool,
    /// All resources of the stack
    #[arg(long, conflicts_with = "urns")]
    pub all: bool,
    /// How it is made.
    #[command(flatten)]
    pub edit: EditOptions,
}

/// `state rename`.
#[derive(Clone, Debug, Args)]
pub struct StateRenameArguments {
    /// The resource
    #[arg(value_name = "URN", value_parser = parse_urn)]
    pub urn: Urn,
    /// Its new name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// How it is made.
    #[command(flatten)]
    pub edit: EditOptions,
}

/// `state move`.
#[derive(Clone, Debug, Args)]
pub struct StateMoveArguments {
    /// The resources; what belongs to them goes along
    #[arg(value_name = "URN", value_parser = parse_urn, required = true)]
    pub urns: Vec<Urn>,
    /// The stack that they are in [default: that of the environment]
    #[arg(long, value_name = "STACK", required_unless_present = "dest")]
    pub source: Option<String>,
    /// The stack that they go to [default: that of the environment]
    #[arg(long, value_name = "STACK")]
    pub dest: Option<String>,
    /// Also move what they belong to
    #[arg(long)]
    pub include_parents: bool,
    /// Of which store.
    #[command(flatten)]
    pub store: StoreSelection,
    /// How it is made.
    #[command(flatten)]
    pub edit: EditOptions,
}

/// `state protect` and `state unprotect`.
#[derive(Clone, Debug, Args)]
pub struct StateProtectArguments {
    /// The resources
    #[arg(value_name = "URN", value_parser = parse_urn, required_unless_present = "all")]
    pub urns: Vec<Urn>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// All resources of the stack
    #[arg(long, conflicts_with = "urns")]
    pub all: bool,
    /// How it is made.
    #[command(flatten)]
    pub edit: EditOptions,
}

/// `state repair`.
#[derive(Clone, Debug, Args)]
pub struct StateRepairArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// How it is made.
    #[command(flatten)]
    pub edit: EditOptions,
}
