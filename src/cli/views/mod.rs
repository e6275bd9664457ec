//! What results look like: plan, summary, explanation, metrics, drawings, and the JSON documents.

pub mod document;
pub mod explanation;
pub mod graph;
pub mod metrics;
pub mod plan;
pub mod summary;
