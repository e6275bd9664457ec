//! What the program does: commands, queries, event handlers and the deployment saga. Only ports are called; nothing prints.

pub mod adoption;
pub mod commands;
pub mod error;
pub mod importing;
pub mod journal;
pub mod plan;
pub mod projections;
pub mod queries;
pub mod redaction;
pub mod report;
pub mod request;
mod saga;
pub mod stacks;
pub mod steps;

pub use commands::{deploy, destroy, preview};
pub use error::{ApplicationError, ErrorKind};
pub use plan::preview::{Confirmation, Preview};
pub use report::{AdoptedResource, DeploymentReport, DeploymentResult, LeftResource, Outputs};
pub use request::{DeployRequest, DestroyRequest, Options, Ports, Refresh, StackTarget};
