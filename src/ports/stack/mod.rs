//! What is kept of stacks, and for whom.

pub mod administration;
pub mod configuration;
pub mod locks;
pub mod store;
