//! Looking after stacks: what people ask of a store and its stacks beside deploying. Only ports are called; nothing prints.

mod encryption;
mod list;
mod resources;

pub use encryption::{EncryptionChange, accept_older_state, convert};
pub use list::{StackListEntry, Workplace, list};
pub use resources::{ResourceEntry, resources};
