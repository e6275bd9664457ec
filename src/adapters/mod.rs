//! The outside things, one folder each. Each implements a trait of [`crate::ports`]; none knows the terminal.

pub mod aws;
pub mod causes;
pub mod clock;
pub mod clouds;
pub mod configuration;
pub mod health;
pub mod keys;
pub mod latencies;
pub mod packaging;
pub mod source_code;
pub mod state_store;
