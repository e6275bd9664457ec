//! What the process was started with: environment, session, interrupts, logs, facts about the source, private files.

pub mod environment;
pub mod interrupts;
pub mod logs;
pub mod private_file;
pub mod session;
pub mod source_facts;
