//! The outside things, one folder each. Each implements a trait of [`crate::ports`]; none knows the terminal.

pub mod configuration;
pub mod packaging;
