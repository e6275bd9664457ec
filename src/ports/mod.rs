//! The traits that the application needs; each adapter implements one.

pub mod events;
pub mod operation;
pub mod resource_provider;
pub mod source_code;

pub use events::{EventHandler, Notice, NoticeHandler};
pub use operation::{CallGate, CallKind, CallPermit, OperationContext, ResourceTags};
pub use resource_provider::{Found, ProviderError, ProviderErrorKind, ResourceProvider, ResourceState};
pub use source_code::{ArtifactStore, PackagedCode};
