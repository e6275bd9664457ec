//! Aggregates, value objects and domain events. Pure: no I/O, no async, no cloud's names.

pub mod deployment;
pub mod event;
