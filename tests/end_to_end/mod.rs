//! The whole program from outside: the real binary against MiniStack, with a proxy between them that counts calls, and plain
//! HTTP requests to what was deployed.

#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod authentication;
mod bad_input;
mod concurrency;
mod functions;
mod interruption;
mod lifecycle;
mod locks;
mod names;
mod obstacles;
mod ownership;
pub mod pulumi_made;
mod remote_state;
mod sealed;
mod secrets;
pub mod support;
mod takeover;
mod timing;
mod treatment;
mod unread;
