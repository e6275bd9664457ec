//! The whole program from outside: the real binary against MiniStack, with a proxy between them that counts calls, and plain
//! HTTP requests to what was deployed.

#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod deployments;
mod refusals;
pub mod state;
pub mod support;
