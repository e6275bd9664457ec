//! Taking secrets out of everything that is written or shown: the redactor that knows them, and the cloud that feeds it with
//! those that go through its resources.

mod redactor;
mod watched_cloud;

pub use redactor::Redactor;
pub use watched_cloud::WatchedCloud;
