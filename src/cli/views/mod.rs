//! What results look like: plan, summary, explanation, metrics, and the JSON documents.

pub mod document;
pub mod explanation;
pub mod metrics;
pub mod plan;
pub mod summary;
