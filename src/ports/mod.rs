//! The traits that the application needs; each adapter implements one.

pub mod clock;
pub mod cloud;
pub mod events;
pub mod health;
pub mod latencies;
pub mod operation;
pub mod packager;
pub mod resource_provider;
pub mod shape;
pub mod source_code;
pub mod stack;

pub use clock::{MonotonicClock, WallClock};
pub use cloud::{
    Account, Blueprint, BlueprintRequest, Blueprints, BrokenRules, Catalogue, Cloud, CloudFactory, CloudIdentity,
    CloudSettings, ComponentDeployment, ConnectError, ConnectRequest, ConnectionChoice, Diagnostics, Invoked,
    MissingSetting, OutputDeclaration, PhysicalNames, RulesRequest, Variables,
};
pub use events::{EventHandler, Notice, NoticeHandler};
pub use health::{HealthChecker, HealthProbe, HealthReport};
pub use operation::{CallGate, CallKind, CallPermit, LONGEST_CALL, OperationContext, ResourceTags};
pub use packager::Packager;
pub use resource_provider::{
    AdoptionFacts, Found, ImportedId, Maker, ProviderError, ProviderErrorKind, ResourceProvider, ResourceState, Whose,
};
pub use source_code::{ArtifactStore, Entry, PackagedCode};
pub use stack::administration::{
    BrokenReference, ConvertedFiles, EditChange, EditPlan, ExportedState, GraphNode, HistoryRecord, MigratedStack,
    MovePlan, MoveRequest, NewStackSecrets, RecordedSetting, Reference, RemoveRequest, StackAddress,
    StackAdministration, StackEncryption, StackEntry, StackExportRequest, StackImportRequest, StackMigration,
    StateEdit, StateProblem, Targets,
};
pub use stack::configuration::{ConfigChange, ConfigEntry, ConfigKind, ConfigPlace, SecretsChange, StackConfiguration};
pub use stack::locks::{HeldLock, StackLocks};
pub use stack::store::{
    CheckpointChange, HistoryEntry, InterruptedDeployment, LockRequest, LockedStack, PendingOperation,
    RecordedResource, StackSnapshot, StackStore, StoreError, StoreErrorKind,
};
