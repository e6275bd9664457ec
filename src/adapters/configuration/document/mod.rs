//! YAML with the place of every part, and what is wrong with it, shown at its lines.

pub mod problem;
pub mod source;
pub mod suggest;
pub mod syntax;
pub mod tree;
