//! Drawings of what depends on what: of what is wanted, in three languages, and of what a state holds.

mod recorded;
mod svg;
mod text;
mod tree;

pub use recorded::{Drawing, recorded};
pub use svg::svg;
pub use text::{dot, mermaid};

#[cfg(test)]
mod tests;
