//! The commands: each turns its arguments into a call of the application, and the answer into output.

mod completions;
mod local;
mod version;

pub use completions::completions;
pub use local::{LocalCloud, ensure_local_cloud, local};
pub use version::{VersionDocument, version};
