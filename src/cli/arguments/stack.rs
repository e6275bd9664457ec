//! `stack` and its commands. Where Pulumi has such a command, its flags are Pulumi's.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{LockWait, StackSelection};

/// `stack`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StackArguments {
    /// What to do; list the stacks where nothing is said.
    #[command(subcommand)]
    pub command: Option<StackCommand>,
    /// How to list them.
    #[command(flatten)]
    pub list: StackListArguments,
}

/// What to do with stacks.
#[derive(Clone, Debug, Subcommand)]
pub enum StackCommand {
    /// List the stacks
    #[command(visible_alias = "list")]
    Ls(StackListArguments),
    /// Make an empty stack, and Pulumi's files for it
    Init(StackInitArguments),
    /// Choose the stack that commands are about when none is named
    Select(StackSelectArguments),
    /// Remove a stack that holds no resources any more
    #[command(visible_aliases = ["remove", "delete"])]
    Rm(StackRemoveArguments),
    /// Give a stack another name
    Rename(StackRenameArguments),
    /// Print a stack's state in Pulumi's export form
    Export(StackExportArguments),
    /// Put an exported state in the place of a stack's own
    Import(StackImportArguments),
    /// Show what was done to a stack, the latest first
    History(StackHistoryArguments),
    /// Show what a stack shows, in Pulumi's form
    Output(StackOutputArguments),
    /// Draw the resources of a stack and what depends on what, for Graphviz
    Graph(StackGraphArguments),
    /// Look at and change a stack's tags
    Tag(StackTagArguments),
    /// Check everything that is kept of a stack, and say all that is wrong with it
    Verify(StackVerifyArguments),
    /// Take a stack to another store, with its history, backups and tags
    Migrate(StackMigrateArguments),
    /// Seal every file of a stack, so that only who has its key can read or change it
    Encrypt(StackEncryptArguments),
    /// Give a sealed stack Pulumi's form, in which only secret values are encrypted
    Decrypt(StackDecryptArguments),
    /// Encrypt a stack's secrets by another manager, or under another passphrase
    ChangeSecretsProvider(StackSecretsArguments),
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

/// `stack change-secrets-provider`.
#[derive(Clone, Debug, Args)]
pub struct StackSecretsArguments {
    /// The new manager: `passphrase`, `awskms://<key>?region=<region>` or `azurekeyvault://<vault>.vault.azure.net/keys/<key>`
    #[arg(value_name = "PROVIDER")]
    pub new_provider: String,
    /// The file that holds the new passphrase [default: asked for where only the passphrase changes]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub new_passphrase_file: Option<PathBuf>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `stack init`.
#[derive(Clone, Debug, Args)]
pub struct StackInitArguments {
    /// Its name [default: that of the environment]
    #[arg(value_name = "STACK", conflicts_with = "stack")]
    pub name: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Who encrypts its secrets: `passphrase`, or the URL of a cloud's key [default: what `Pulumi.<stack>.yaml` names, or
    /// `state.secrets-provider`]
    #[arg(long, value_name = "PROVIDER")]
    pub secrets_provider: Option<String>,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack select`.
#[derive(Clone, Debug, Args)]
pub struct StackSelectArguments {
    /// The stack [default: that of the environment]
    #[arg(value_name = "STACK", conflicts_with = "stack")]
    pub name: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Choose none
    #[arg(long, conflicts_with_all = ["name", "stack"])]
    pub none: bool,
}

/// `stack rm`.
#[derive(Clone, Debug, Args)]
pub struct StackRemoveArguments {
    /// The stack [default: that of the environment]
    #[arg(value_name = "STACK", conflicts_with = "stack")]
    pub name: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Also when resources are left in it: they stay in the cloud, and nothing knows of them any more
    #[arg(short, long)]
    pub force: bool,
    /// Also remove the copies of its states
    #[arg(long)]
    pub remove_backups: bool,
    /// Keep its Pulumi.<stack>.yaml
    #[arg(long)]
    pub preserve_config: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack rename`.
#[derive(Clone, Debug, Args)]
pub struct StackRenameArguments {
    /// The new name; with another project: organization/<project>/<stack>
    #[arg(value_name = "NEW")]
    pub new: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Also when the configuration derives the old name from an environment
    #[arg(short, long)]
    pub force: bool,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack import`.
#[derive(Clone, Debug, Args)]
pub struct StackImportArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Read this file instead of stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Import it whatever is wrong with it
    #[arg(short, long)]
    pub force: bool,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack history`.
#[derive(Clone, Debug, Args)]
pub struct StackHistoryArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// So many on a page
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    pub page_size: NonZeroUsize,
    /// This page
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub page: NonZeroUsize,
    /// Secret values of the configuration in the clear
    #[arg(long)]
    pub show_secrets: bool,
    /// Dates instead of ages
    #[arg(long)]
    pub full_dates: bool,
}

/// `stack output`.
#[derive(Clone, Debug, Args)]
pub struct StackOutputArguments {
    /// Only this output
    #[arg(value_name = "OUTPUT")]
    pub name: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Secret values in the clear
    #[arg(long)]
    pub show_secrets: bool,
    /// As assignments for a shell
    #[arg(long)]
    pub shell: bool,
}

/// `stack graph`.
#[derive(Clone, Debug, Args)]
pub struct StackGraphArguments {
    /// The file to write
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Leave out lines to parents
    #[arg(long)]
    pub ignore_parent_edges: bool,
    /// Leave out lines of dependencies
    #[arg(long)]
    pub ignore_dependency_edges: bool,
    /// The colour of dependencies
    #[arg(long, value_name = "COLOR", default_value = "#246C60")]
    pub dependency_edge_color: String,
    /// The colour of lines to parents
    #[arg(long, value_name = "COLOR", default_value = "#AA6639")]
    pub parent_edge_color: String,
    /// Names instead of URNs
    #[arg(long)]
    pub short_node_name: bool,
    /// A piece of DOT to put in at the top
    #[arg(long, value_name = "DOT", default_value = "", hide_default_value = true)]
    pub dot_fragment: String,
}

/// `stack tag`.
#[derive(Clone, Debug, Args)]
pub struct StackTagArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: StackTagCommand,
}

/// What to do with a stack's tags.
#[derive(Clone, Debug, Subcommand)]
pub enum StackTagCommand {
    /// List the tags
    #[command(visible_alias = "list")]
    Ls(StackTagListArguments),
    /// Print the value of a tag
    Get(StackTagNameArguments),
    /// Set a tag
    Set(StackTagSetArguments),
    /// Remove a tag
    #[command(visible_aliases = ["remove", "delete"])]
    Rm(StackTagNameArguments),
}

/// `stack tag ls`.
#[derive(Clone, Debug, Args)]
pub struct StackTagListArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
}

/// `stack tag get` and `stack tag rm`.
#[derive(Clone, Debug, Args)]
pub struct StackTagNameArguments {
    /// The tag
    #[arg(value_name = "TAG")]
    pub name: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack tag set`.
#[derive(Clone, Debug, Args)]
pub struct StackTagSetArguments {
    /// The tag
    #[arg(value_name = "TAG")]
    pub name: String,
    /// Its value
    #[arg(value_name = "VALUE")]
    pub value: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack migrate`.
#[derive(Clone, Debug, Args)]
pub struct StackMigrateArguments {
    /// The store to take it to, as Pulumi's backend URL
    #[arg(value_name = "URL")]
    pub url: String,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Remove it from where it was, once it has arrived
    #[arg(long)]
    pub remove: bool,
    /// How the lock is taken.
    #[command(flatten)]
    pub lock: LockWait,
}

/// `stack verify`.
#[derive(Clone, Debug, Args)]
pub struct StackVerifyArguments {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Also check that every secret can be decrypted; none is shown
    #[arg(long)]
    pub secrets: bool,
}
