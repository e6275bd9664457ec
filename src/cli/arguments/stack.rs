//! `stack` and its commands. Where Pulumi has such a command, its flags are Pulumi's.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::StackSelection;

/// `stack`.
#[derive(Clone, Debug, Args)]
pub struct StackArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: StackCommand,
}

/// What to do with stacks.
#[derive(Clone, Debug, Subcommand)]
pub enum StackCommand {
    /// List the stacks
    #[command(visible_alias = "list")]
    Ls(StackListArguments),
    /// Print a stack's state in Pulumi's export form
    Export(StackExportArguments),
    /// Seal every file of a stack, so that only who has its key can read or change it
    Encrypt(StackEncryptArguments),
    /// Give a sealed stack Pulumi's form, in which only secret values are encrypted
    Decrypt(StackDecryptArguments),
}

/// Which store, where the configuration doesn't say.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Stack")]
pub struct StoreSelection {
    /// The store, as Pulumi's backend URL [default: the configuration's; without one, PULUMI_BACKEND_URL]
    #[arg(long, value_name = "URL")]
    pub state_url: Option<String>,
}

/// Which stack of which store.
#[derive(Clone, Debug, Default, Args)]
pub struct StackReference {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// Of which store.
    #[command(flatten)]
    pub store: StoreSelection,
}

/// `stack ls`.
#[derive(Clone, Debug, Args)]
pub struct StackListArguments {
    /// Those of all projects
    #[arg(short, long, conflicts_with = "project")]
    pub all: bool,
    /// Those of this project [default: the configuration's]
    #[arg(short, long, value_name = "NAME")]
    pub project: Option<String>,
    /// Of which store.
    #[command(flatten)]
    pub store: StoreSelection,
}

/// `stack export`.
#[derive(Clone, Debug, Args)]
pub struct StackExportArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Secret values in the clear
    #[arg(long)]
    pub show_secrets: bool,
    /// The state as it was after this deployment; `stack history` shows the numbers
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<usize>,
}

/// `stack encrypt`.
#[derive(Clone, Debug, Args)]
pub struct StackEncryptArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Take the files of a sealed stack as they are for the newest: after an older state was put back on purpose, its key
    /// was changed elsewhere, or it was removed elsewhere
    #[arg(long)]
    pub accept_older_state: bool,
}

/// `stack decrypt`.
#[derive(Clone, Debug, Args)]
pub struct StackDecryptArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}
