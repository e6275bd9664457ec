//! The commands: each turns its arguments into a call of the application, and the answer into output.

mod cancel;
mod completions;
mod config;
mod deployment;
mod export;
mod graph;
mod import;
mod init;
mod local;
mod queries;
mod stack;
mod state;
mod validate;
mod version;

pub use cancel::{CancelDocument, cancel};
pub use completions::completions;
pub use config::config;
pub use deployment::{deploy, destroy, preview};
pub use export::export;
pub use graph::{GraphDocument, graph};
pub use import::import;
pub use init::{InitDocument, init};
pub use local::{LocalCloud, local};
pub use queries::{EventsDocument, HistoryDocument, events, history, outputs, status};
pub use stack::{InitialStackDocument, MigrationDocument, VerifiedDocument, stack};
pub use state::{EditDocument, MoveDocument, StateDocument, state};
pub use validate::{ProblemDocument, ValidationDocument, validate};
pub use version::{VersionDocument, version};
