//! Which project, environment, stack and store a command is about.

pub mod config_values;
pub mod project;
pub mod pulumi_files;
pub mod rules;
pub mod selection;
pub mod stores;
