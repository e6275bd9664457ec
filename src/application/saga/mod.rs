//! The deployment saga: from the request to the end, through the lock, the plan, the health of what was made, and removal.

mod checkpoints;
mod context;
mod excerpt;
mod health;
mod run;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
mod saga;
mod stopwatch;

pub use context::Context;
pub use saga::Saga;
pub use stopwatch::Stopwatch;
