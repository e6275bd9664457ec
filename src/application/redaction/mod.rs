//! Taking secrets out of everything that is written or shown: the redactor that knows them, the cloud that feeds it with those
//! that go through its resources, and what comes from outside and becomes part of an event.

mod redactor;
mod watched_cloud;
mod watched_health;

pub use redactor::Redactor;
pub use watched_cloud::WatchedCloud;
pub use watched_health::WatchedHealth;
