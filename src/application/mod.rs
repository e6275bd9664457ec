//! What the program does: commands, queries, event handlers and the deployment saga. Only ports are called; nothing prints.

pub mod adoption;
mod apply;
pub mod audit;
mod begun;
pub mod commands;
mod dispatcher;
pub mod error;
mod execution;
pub mod gate;
mod health;
pub mod importing;
mod intent;
mod interim;
mod measure;
pub mod metrics;
pub mod outputs;
mod ownership;
pub mod planning;
pub mod queries;
mod records;
mod recovery;
mod refresh;
pub mod report;
pub mod request;
mod saga;
pub mod stacks;

pub use commands::{deploy, destroy, preview};
pub use error::{ApplicationError, ErrorKind};
pub use report::{AdoptedResource, DeploymentReport, DeploymentResult, LeftResource, Outputs};
pub use request::{DeployRequest, DestroyRequest, Options, Ports, Refresh, StackTarget};
pub use saga::{Confirmation, Preview};
