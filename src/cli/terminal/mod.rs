//! What is said and asked on a terminal: output, messages, colours, tables, prompts, consent.

pub mod ages;
pub mod background;
pub mod confirmation;
pub mod consent;
pub mod messages;
pub mod output;
pub mod palette;
pub mod prompts;
pub mod tables;
