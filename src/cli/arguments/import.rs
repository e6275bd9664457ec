//! The arguments of `import`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use resource_graph::Urn;

use super::options::{parse_time, parse_urn};
use super::{CloudOptions, StackSelection};

/// `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArguments {
    /// The resource's type, such as aws:iam/role:Role
    #[arg(value_name = "TYPE", required_unless_present = "file", requires = "id")]
    pub type_token: Option<String>,
    /// Its name in the stack
    #[arg(value_name = "NAME", requires = "id")]
    pub name: Option<String>,
    /// Its id in the form that `pulumi import` takes, such as a role's name or <function>/<alias>
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Import what Pulumi's file for `pulumi import --file` lists
    #[arg(short, long, value_name = "FILE", conflicts_with = "type_token", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// The component of the configuration that it belongs to
    #[arg(long, value_name = "NAME", conflicts_with = "parent")]
    pub component: Option<String>,
    /// What it belongs to [default: the stack]
    #[arg(long, value_name = "URN", value_parser = parse_urn, conflicts_with = "file")]
    pub parent: Option<Urn>,
    /// The provider resource in the stack that it is managed by [default: the default one]
    #[arg(long = "provider-urn", value_name = "URN", value_parser = parse_urn, conflicts_with = "file")]
    pub provider_urn: Option<Urn>,
    /// Protect it from being deleted, as `pulumi import` does
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    pub protect: bool,
    /// Don't ask before recording it
    #[arg(short, long)]
    pub yes: bool,
    /// A word for the history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Wait this long for a lock that somebody else holds, such as 90s or 10m [default: don't wait]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub lock_timeout: Option<Duration>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudOptions,
}

/// `export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Write the file by which `pulumi import --file` makes a stack of the same resources, from the cloud; - for stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub import_file: PathBuf,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackSelection,
}
