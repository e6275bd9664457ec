//! Reaching an account: settings, credentials, clients, HTTP, and where calls come from and go to.

pub(super) mod clients;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub(super) mod connection;
pub(super) mod http;
pub(super) mod origin;
pub(super) mod profile;
pub(super) mod room;
