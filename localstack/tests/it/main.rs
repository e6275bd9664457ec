//! The local clouds for real: installed once into a cache folder that all test runs share (`SEMANTEST_CACHE`, or the user's), started on free ports.
#![allow(clippy::print_stdout, reason = "how a process tells its parent, and a test why it doesn't run")]

mod azurite;
mod daemon;
mod install;
mod localstack;
mod proxy;
mod server;
mod support;
