//! The command line: arguments, output, progress, exit codes. The only place that knows a terminal or the environment.

pub mod arguments;
pub mod commands;
pub mod compose;
pub mod exit_code;
pub mod failure;
pub mod process;
pub mod progress;
pub mod reference;
pub mod run;
pub mod terminal;
pub mod views;
pub mod workspace;

pub use run::{main, main_with};
