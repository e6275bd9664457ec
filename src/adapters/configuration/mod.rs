//! The configuration file `semantest-iac.yaml`: found, read with the place of every value, held
//! against the table of its shape, merged with what an environment changes, and turned into the
//! domain's aggregates. Everything that is wrong is told at once, each with its line.

mod clouds;
mod components;
mod decode;
mod document;
mod form;
mod kinds;
mod load;
mod readiness;
mod references;
mod settings;
mod sources;
#[cfg(test)]
mod tests;

pub use clouds::{AnyCloud, Clouds};
pub use document::problem::{ConfigurationErrors, Problem, ReportedProblem};
pub use form::reference::markdown as reference_page;
pub use form::schema::json_schema;
pub use load::{Configuration, Draft, FILE_NAME};
pub use settings::{EnvironmentSettings, LeaseSpan, StateEncryption, StateLocation};

use crate::ports::shape;
