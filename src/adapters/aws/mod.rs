//! AWS: Lambda functions behind HTTP APIs, made through the SDKs, recorded as Pulumi's AWS provider records them.
//!
//! [`AwsFactory`] is the cloud before it is connected to, [`Aws`] what it is then. `connection` reaches an account, `calls` sends
//! requests and tries again, `frame` is what all resource types share, `resources` holds one small module for each type, by
//! service, and `blueprint` turns components into resources. `diagnostics` looks into what was deployed, `state` is what the
//! state of stacks needs of AWS. [`naming`] and [`validation`] hold what AWS calls things and what it refuses.

mod blueprint;
mod calls;
mod cloud;
mod connection;
mod diagnostics;
mod factory;
mod frame;
pub mod naming;
#[cfg(test)]
mod policy;
mod preflight;
mod quota;
mod resources;
mod settings;
mod state;
pub mod validation;

pub use cloud::Aws;
pub use connection::connection::{AwsSettings, LocalCredentials, NO_REGION};
pub use factory::AwsFactory;
pub use state::bucket::{BucketSettings, access as bucket_access};
pub use state::kms::KmsKey;
