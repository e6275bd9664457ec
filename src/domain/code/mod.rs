//! Code that a component runs: where it lies and how it is started, its variables, its logs, and how it is asked whether it
//! works.

pub mod config_text;
pub mod environment;
pub mod function;
pub mod health;
pub mod logs;
pub mod runtime;
