//! `config` and its commands, with Pulumi's flags.

use clap::{Args, Subcommand, ValueEnum};

use super::stack::StackReference;

/// `config`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConfigArguments {
    /// What to do; list the values where nothing is said.
    #[command(subcommand)]
    pub command: Option<ConfigCommand>,
    /// How to list them.
    #[command(flatten)]
    pub list: ConfigListArguments,
}

/// What to do with a stack's configuration values.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the values; secret ones read [secret]
    #[command(visible_alias = "list")]
    Ls(ConfigListArguments),
    /// Print one value, decrypted if it is secret
    Get(ConfigGetArguments),
    /// Set a value
    Set(ConfigSetArguments),
    /// Set several values at once
    SetAll(ConfigSetAllArguments),
    /// Remove a value
    #[command(visible_alias = "remove")]
    Rm(ConfigRemoveArguments),
    /// Remove several values at once
    #[command(visible_alias = "remove-all")]
    RmAll(ConfigRemoveAllArguments),
}

/// `config ls`.
#[derive(Clone, Debug, Args)]
pub struct ConfigListArguments {
    /// Show secret values, too
    #[arg(long)]
    pub show_secrets: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `config get`.
#[derive(Clone, Debug, Args)]
pub struct ConfigGetArguments {
    /// The key: `<name>`, or `<namespace>:<name>` for another namespace than the project's
    pub key: String,
    /// The key is a path into a list or map: `outer.inner`, `names[0]`
    #[arg(long)]
    pub path: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `config set`.
#[derive(Clone, Debug, Args)]
pub struct ConfigSetArguments {
    /// The key: `<name>`, or `<namespace>:<name>` for another namespace than the project's
    pub key: String,
    /// The value; without it, it is read from stdin or asked for, which keeps a secret out of the shell's history
    pub value: Option<String>,
    /// The key is a path into a list or map: `outer.inner`, `names[0]`
    #[arg(long)]
    pub path: bool,
    /// Encrypt the value
    #[arg(long, conflicts_with_all = ["plaintext", "kind"])]
    pub secret: bool,
    /// Don't encrypt the value, though it looks like a secret
    #[arg(long, conflicts_with = "kind")]
    pub plaintext: bool,
    /// What the value is; without it text, and inside of lists and maps what it looks like
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<ConfigType>,
    /// Keep the line breaks at the end of a value from stdin
    #[arg(long)]
    pub raw: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigType {
    /// Text
    String,
    /// `true` or `false`
    Bool,
    /// A whole number
    Int,
    /// A number
    Float,
}

/// `config set-all`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("values").required(true).multiple(true))]
pub struct ConfigSetAllArguments {
    /// A value that isn't encrypted; can be given several times
    #[arg(long, value_name = "KEY=VALUE", group = "values")]
    pub plaintext: Vec<String>,
    /// A value that is encrypted; can be given several times
    #[arg(long, value_name = "KEY=VALUE", group = "values")]
    pub secret: Vec<String>,
    /// The keys are paths into lists or maps
    #[arg(long)]
    pub path: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `config rm`.
#[derive(Clone, Debug, Args)]
pub struct ConfigRemoveArguments {
    /// The key: `<name>`, or `<namespace>:<name>` for another namespace than the project's
    pub key: String,
    /// The key is a path into a list or map: `outer.inner`, `names[0]`
    #[arg(long)]
    pub path: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `config rm-all`.
#[derive(Clone, Debug, Args)]
pub struct ConfigRemoveAllArguments {
    /// The keys
    #[arg(required = true)]
    pub keys: Vec<String>,
    /// The keys are paths into lists or maps
    #[arg(long)]
    pub path: bool,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}
