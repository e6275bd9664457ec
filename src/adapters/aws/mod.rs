//! AWS: Lambda functions behind HTTP APIs, made through the SDKs, recorded as Pulumi's AWS provider records them.
//!
//! [`AwsFactory`] is the cloud before it is connected to, [`Aws`] what it is then. `calls` sends requests and tries again, `managed` is the frame that all resource types share,
//! `resources` holds one small module for each type, and `blueprint` turns components into resources. [`naming`] and
//! [`validation`] hold what AWS calls things and what it refuses.

mod arn;
mod blueprint;
mod calls;
mod clients;
mod cloud;
mod connection;
mod factory;
mod http;
mod import_form;
mod invocation;
mod kms;
mod managed;
pub mod naming;
mod origin;
mod policy_document;
mod preflight;
mod profile;
mod properties;
mod quota;
mod recent_output;
mod resources;
mod settings;
mod state_bucket;
mod tags;
pub mod validation;

pub use cloud::Aws;
pub use connection::{AwsSettings, LocalCredentials, NO_REGION};
pub use factory::AwsFactory;
pub use kms::KmsKey;
pub use state_bucket::{BucketSettings, access as bucket_access};
