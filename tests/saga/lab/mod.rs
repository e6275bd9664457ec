//! What the tests of the saga run in: a simulated cloud, a state in memory, and the faults of both.

pub mod cloud;
pub mod faults;
pub mod kinds;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub mod lab;
pub mod program;
pub mod store;
