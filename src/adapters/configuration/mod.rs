//! The configuration file `semantest-iac.yaml`: found, read with the place of every value, held
//! against the table of its shape, merged with what an environment changes, and turned into the
//! domain's aggregates. Everything that is wrong is told at once, each with its line.

mod check;
mod clouds;
mod decode;
mod fields;
mod kinds;
mod load;
mod merge;
mod problem;
mod readiness;
mod reference;
mod references;
mod schema;
mod settings;
mod source;
mod sources;
mod suggest;
mod syntax;
mod tree;
mod view;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

pub use clouds::{AnyCloud, Clouds};
pub use load::{Configuration, Draft, FILE_NAME};
pub use problem::{ConfigurationErrors, Problem, ReportedProblem};
pub use reference::markdown as reference_page;
pub use schema::json_schema;
pub use settings::{EnvironmentSettings, LeaseSpan, StateEncryption, StateLocation};

use crate::ports::shape;
