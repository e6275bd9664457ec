//! The AWS adapter against emulators of AWS: every resource type runs the same laws, and every call fails once in every way.

#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

mod blueprint;
mod cases;
mod connect;
mod drift;
mod faults;
mod laws;
mod localstack_server;
mod propagation;
mod recent_output;
pub mod schema;
mod support;
mod unseen;
mod uploads;
mod versions;
