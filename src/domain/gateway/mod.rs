//! The front door of a component: routes, who may send requests, other origins' pages, throttling.

pub mod authentication;
pub mod cors;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
mod gateway;
pub mod route;
pub mod throttle;

pub use gateway::ApiGateway;
