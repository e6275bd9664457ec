//! State that Pulumi reads and writes, shown with the real Pulumi CLI: what one of the two wrote, the other goes on with
//! (docs/reference/pulumi-interop.md tells what was tried).
//!
//! The first run builds the CLI, which takes minutes (`localstack::PulumiCli`).

#![allow(clippy::print_stdout, reason = "a test that is skipped says why, and a test that builds the CLI says so")]

mod beside_others;
mod commands;
mod compression;
mod histories;
mod large;
mod locks;
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "../end_to_end/support.rs"]
mod project;
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "../end_to_end/pulumi_made.rs"]
mod pulumi_made;
mod round_trips;
mod samples;
mod sealed;
mod secrets;
mod shared_backend;
#[allow(dead_code, reason = "what all files here share, each using a part of it")]
mod shop;
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "../stacks/support.rs"]
mod stacks;
mod stash;
#[allow(dead_code, reason = "what all files here share, each using a part of it")]
mod support;
mod takeover;
