//! What the program does: commands, queries, event handlers and the deployment saga. Only ports are called; nothing prints.

pub mod error;
pub mod report;

pub use error::{ApplicationError, ErrorKind};
pub use report::{DeploymentReport, DeploymentResult, Outputs};
