//! Local clouds for tests.

pub(crate) mod account;
mod blobs;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub(crate) mod testing;
