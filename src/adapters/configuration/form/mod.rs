//! What the file may hold: the table of its shape, the check and the merge by it, the JSON Schema and the reference page made of
//! it, and reading by it.

pub mod check;
pub mod fields;
pub mod merge;
pub mod reference;
pub mod schema;
#[cfg(test)]
mod schema_tests;
pub mod view;
