//! The model of what semantest-iac deploys: value objects that can't hold an invalid value, the
//! aggregates made of them, and the deployment with its events. Pure: no I/O, no clock, no async,
//! and nothing that is true on one cloud only (those rules live in that cloud's adapter).

pub mod code;
pub mod component;
pub mod deployment;
pub mod event;
pub mod gateway;
pub mod invalid;
pub mod names;
pub mod provider;
pub mod quantity;
pub mod violation;
