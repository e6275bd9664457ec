//! Resource model, diff, planner and scheduler for infrastructure deployments.
//!
//! The crate knows no cloud, no file format and no terminal. [`Value`], [`Urn`], [`TypeToken`], [`ResourceSpec`] and
//! [`ResourceRecord`] are the vocabulary that adapters and stores share; the planner compares what is wanted with what
//! is recorded, and the scheduler runs the resulting steps within the quotas of the cloud.
#![warn(missing_docs, missing_debug_implementations)]

pub mod cancellation;
pub mod clock;
pub mod diff;
pub mod graph;
pub mod lower_bound;
pub mod ownership;
pub mod plan;
pub mod planner;
pub mod property_map;
pub mod property_path;
pub mod quota;
pub mod recorded;
pub mod reference;
mod remaining_path;
pub mod resource;
pub mod resource_type;
pub mod scheduler;
pub mod urn;
pub mod value;

pub use cancellation::{Cancellation, Urgency};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use diff::{ChangeKind, DiffRules, PropertyChange};
pub use graph::{GraphError, ResourceGraph};
pub use lower_bound::{Bound, LowerBound, lower_bound, lower_bound_of};
pub use ownership::Ownership;
pub use plan::{ConflictKey, Counts, Latencies, Operation, Phase, Plan, Reason, Step, StepId, UntouchedReason};
pub use planner::{PlanError, PlanOptions, Reconsidered, Selection, plan};
pub use property_map::PropertyMap;
pub use property_path::{InvalidPathPattern, PathPattern, PathSegment, PropertyPath};
pub use quota::Quotas;
pub use recorded::{RecordError, RecordMarks, Recorded};
pub use reference::{Interpolation, OutputReference, ResolveError, Resolved};
pub use resource::{CustomTimeouts, ResourceOptions, ResourceRecord, ResourceSpec};
pub use resource_type::{CallCost, OperationCost, Quota, ResourceTypeInfo, ResourceTypes};
pub use scheduler::{
    CallSlot, Executor, Outcome, Phases, RunOptions, RunReport, Scheduler, StepContext, StepReport, StepResult,
};
pub use urn::{InvalidUrn, TypeToken, Urn};
pub use value::{Archive, ArchiveSource, Asset, AssetSource, ResourceReference, Secret, Value};
