//! Looking after stacks: what people ask of a store and its stacks beside deploying. Only ports are called; nothing prints.

pub mod config;
mod consent;
mod edit;
mod encryption;
mod list;
mod record;
mod resources;

pub use consent::{Consent, Proposal};
pub use edit::{Locking, edit, move_resources, remove, verify};
pub use encryption::{EncryptionChange, accept_older_state, convert};
pub use list::{StackListEntry, Workplace, list};
pub use record::{ConfigItem, HistoryItem, history};
pub use resources::{ResourceEntry, resources};
