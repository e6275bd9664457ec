//! Deployments that do their work, and what disturbs them.

mod concurrency;
mod functions;
pub mod interruption;
mod lifecycle;
mod starts;
mod timing;
mod treatment;
mod unread;
