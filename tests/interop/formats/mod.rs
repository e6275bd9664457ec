//! The files of a state: each form that Pulumi writes, and each that ours does.

mod compression;
mod large;
mod round_trips;
pub mod samples;
mod scalars;
mod sealed;
mod secrets;
