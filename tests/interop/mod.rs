//! State that Pulumi reads and writes, shown with the real Pulumi CLI: what one of the two wrote, the other goes on with
//! (docs/reference/pulumi-interop.md tells what was tried).
//!
//! The first run builds the CLI, which takes minutes (`localstack::PulumiCli`).

#![allow(clippy::print_stdout, reason = "a test that is skipped says why, and a test that builds the CLI says so")]

mod beside_others;
mod commands;
mod formats;
mod histories;
mod locks;
mod shared_backend;
mod shop;
mod stash;
mod support;
mod takeover;
