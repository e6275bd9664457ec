//! Amazon Web Services: what it calls things, what it refuses, and how it is spoken to.

pub mod naming;
pub mod validation;
