//! A running local cloud: as its owner's, or in the background.

pub(crate) mod daemon;
pub(crate) mod process;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub(crate) mod server;
