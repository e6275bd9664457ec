//! The commands, each from its request to its report.

mod deploy;
mod destroy;
mod preview;

pub use deploy::deploy;
pub use destroy::destroy;
pub use preview::preview;
