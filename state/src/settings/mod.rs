//! A stack's settings as Pulumi keeps them beside the program: `Pulumi.<stack>.yaml` and `Pulumi.yaml` (SPEC.md section 5).
//!
//! Files that people write are edited in place: comments, order and layout stay byte for byte what they are outside the
//! lines of what is changed.

mod config_value;
mod document;
mod edit;
mod error;
mod file;
mod key;
mod project;
mod property_path;
mod render;
mod scalar;
mod stack_settings;
#[cfg(test)]
mod tests;

pub use config_value::ConfigValue;
pub use error::SettingsError;
pub use key::ConfigKey;
pub use project::ProjectSettings;
pub use property_path::{PathStep, PropertyPath};
pub use stack_settings::{ConfiguredSecrets, StackSettings};
