//! Resource model, diff, planner and scheduler for infrastructure deployments.
//!
//! The crate knows no cloud, no file format and no terminal. [`Value`], [`Urn`], [`TypeToken`], [`ResourceSpec`] and
//! [`ResourceRecord`] are the vocabulary that adapters and stores share; the planner compares what is wanted with what
//! is recorded, and the scheduler runs the resulting steps within the quotas of the cloud.
#![warn(missing_docs, missing_debug_implementations)]

pub mod cancellation;
pub mod clock;
pub mod planner;
pub mod resource;
pub mod scheduler;
pub mod value;

pub use cancellation::{Cancellation, Urgency};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use planner::diff::{ChangeKind, DiffRules, PropertyChange};
pub use planner::graph::{GraphError, ResourceGraph};
pub use planner::plan::{
    ConflictKey, Counts, Latencies, Operation, Phase, Plan, Reason, Step, StepId, UntouchedReason,
};
pub use planner::{PlanError, PlanOptions, Reconsidered, Selection, plan};
pub use resource::ownership::Ownership;
pub use resource::recorded::{RecordError, RecordMarks, Recorded};
pub use resource::resource::{CustomTimeouts, ResourceOptions, ResourceRecord, ResourceSpec};
pub use resource::resource_type::{CallCost, OperationCost, Quota, ResourceTypeInfo, ResourceTypes};
pub use resource::urn::{InvalidUrn, TypeToken, Urn};
pub use scheduler::lower_bound::{Bound, LowerBound, lower_bound, lower_bound_of};
pub use scheduler::quota::Quotas;
pub use scheduler::{
    CallSlot, Executor, Outcome, Phases, RunOptions, RunReport, Scheduler, StepContext, StepReport, StepResult,
};
pub use value::property_map::PropertyMap;
pub use value::property_path::{InvalidPathPattern, PathPattern, PathSegment, PropertyPath};
pub use value::reference::{Interpolation, OutputReference, ResolveError, Resolved};
pub use value::value::{Archive, ArchiveSource, Asset, AssetSource, ResourceReference, Secret, Value};
