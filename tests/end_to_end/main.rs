//! The whole program from outside: the real binary against MiniStack, with a proxy between them that counts calls, and plain
//! HTTP requests to what was deployed.

#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod authentication;
mod bad_input;
mod concurrency;
mod interruption;
mod lifecycle;
mod locks;
mod names;
mod obstacles;
mod ownership;
mod pulumi_made;
mod remote_state;
#[path = "../aws/schema.rs"]
mod schema;
mod sealed;
mod secrets;
mod support;
mod takeover;

/// The name under which files that other tests share know it.
use support as project;
