//! The command line: arguments, output, progress, exit codes. The only place that knows a terminal or the environment.

pub mod administration;
pub mod ages;
pub mod arguments;
pub mod commands;
pub mod composition;
pub mod confirmation;
pub mod document;
pub mod exit_code;
pub mod explanation;
pub mod failure;
pub mod interrupt;
pub mod logging;
pub mod messages;
pub mod metrics;
pub mod output;
pub mod palette;
pub mod passphrase;
pub mod preview;
pub mod private_file;
pub mod process;
pub mod progress;
pub mod project;
pub mod prompt;
pub mod redaction;
pub mod reference;
pub mod rules;
pub mod run;
pub mod session;
pub mod source_facts;
pub mod state_access;
pub mod summary;
pub mod table;
pub mod watched_cloud;

pub use run::main;
