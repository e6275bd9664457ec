//! The command line from outside: the real binary with an environment of the test's own, its texts, documents, exit
//! codes, and how it behaves on a terminal.

#![allow(clippy::print_stdout, reason = "a test that is skipped, and one that measures, say so")]

mod configuration;
mod contract;
mod credentials;
mod program;
mod setup;
mod terminal;
mod usage;
