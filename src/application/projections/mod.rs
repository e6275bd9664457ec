//! What is read off the deployment's events: the audit log, metrics, and how long operations took.

pub mod audit;
pub(super) mod latencies;
pub mod metrics;
