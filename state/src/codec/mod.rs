//! Files to states and back: checkpoints and exports in all versions, compressed or not (SPEC.md sections 1.1, 4.3).

pub mod compression;
pub mod json;
pub mod read;
pub mod value;
pub mod write;

pub use compression::Compression;

/// The version that is written unless a feature needs the next one.
pub const CURRENT_VERSION: u64 = 3;
/// The newest version that is understood.
pub const NEWEST_VERSION: u64 = 4;
