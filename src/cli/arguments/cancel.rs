//! `cancel`.

use clap::Args;

use super::stack::StackReference;

/// `cancel`.
#[derive(Clone, Debug, Args)]
pub struct CancelArguments {
    /// The stack [default: that of the environment]
    #[arg(value_name = "STACK", conflicts_with = "stack")]
    pub name: Option<String>,
    /// Which stack.
    #[command(flatten)]
    pub stack: StackReference,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
}

impl CancelArguments {
    /// Which stack, wherever it was named.
    pub fn reference(&self) -> StackReference {
        let mut reference = self.stack.clone();
        reference.stack.stack = self.name.clone().or(reference.stack.stack);
        reference
    }
}
