//! The events of a deployment. Each variant is one event type; its fields are the payload.

use std::collections::BTreeMap;
use std::sync::Arc;

use resource_graph::Urn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A resource as the state will hold it: the state's own JSON form, with each secret value encrypted. Opaque here.
#[derive(Clone, Debug)]
pub struct ResourceImage(pub Arc<RawValue>);

impl Serialize for ResourceImage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ResourceImage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

impl PartialEq for ResourceImage {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl JsonSchema for ResourceImage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceImage".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "The resource as the state will hold it (Pulumi's ResourceV3), with each secret value encrypted."
        })
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentCommand {
    /// Bring the stack to what the configuration wants.
    Deploy,
    /// Delete what the stack holds.
    Destroy,
}

impl DeploymentCommand {
    /// What Pulumi's history calls it (SPEC.md section 4.7).
    pub fn history_kind(self) -> &'static str {
        match self {
            Self::Deploy => "update",
            Self::Destroy => "destroy",
        }
    }

    /// The command's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
        }
    }
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceOperation {
    /// Nothing.
    Same,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// The new one of a replacement is made.
    CreateReplacement,
    /// The old one of a replacement is deleted.
    DeleteReplaced,
    /// It is deleted.
    Delete,
    /// It is read.
    Read,
    /// It is taken out of the state, and left in the cloud.
    Forget,
}

impl ResourceOperation {
    /// The name as in events and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Create => "create",
            Self::Update => "update",
            Self::CreateReplacement => "create-replacement",
            Self::DeleteReplaced => "delete-replaced",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Forget => "forget",
        }
    }

    /// Whether a resource comes into being.
    pub fn creates(self) -> bool {
        matches!(self, Self::Create | Self::CreateReplacement)
    }

    /// Whether a resource ceases to be.
    pub fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteReplaced)
    }
}

/// Whether a resource is there for the state's sake alone: the root, a provider, a component that holds others together.
pub fn is_bookkeeping(urn: &Urn) -> bool {
    let token = urn.type_token();
    token.is_stack() || token.is_provider() || token.as_str().starts_with(COMPONENT_TYPES)
}

/// How the types of components begin.
const COMPONENT_TYPES: &str = "semantest:";

/// The intent of one step. It is durable before the first call that changes something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Number of the step within the plan.
    pub step: u32,
    /// What is to happen.
    pub operation: ResourceOperation,
    /// To which resource.
    #[schemars(with = "String")]
    pub urn: Urn,
    /// Only the state knows the resource (the root, a component): it doesn't count as a change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub state_only: bool,
    /// The id of the resource that is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub parent: Option<Urn>,
    /// What it takes to find the resource again if the call that makes it is cut off: the identifying inputs, in which
    /// `{"$output": {"urn", "path"}}` stands for an output of another resource and `{"$join": […]}` for a joined text.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub identity: serde_json::Value,
    /// What it depends on beside its parent and what its identity refers to: so that it is recorded in full if the call that
    /// makes it is cut off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub dependencies: Vec<Urn>,
    /// The names of the inputs that are secret, which the cloud would show in the clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_inputs: Vec<String>,
    /// The names of the inputs that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How many resources each operation concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeCounts {
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Deleted.
    pub delete: usize,
    /// Left as they are.
    pub same: usize,
}

impl ChangeCounts {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.create + self.update + self.replace + self.delete == 0
    }

    /// The number of changes.
    pub fn changed(&self) -> usize {
        self.create + self.update + self.replace + self.delete
    }

    /// Counts one finished or planned operation. The deletion of a replaced resource belongs to its replacement.
    pub fn count(&mut self, operation: ResourceOperation) {
        match operation {
            ResourceOperation::Same | ResourceOperation::Read => self.same += 1,
            ResourceOperation::Create => self.create += 1,
            ResourceOperation::Update => self.update += 1,
            ResourceOperation::CreateReplacement => self.replace += 1,
            ResourceOperation::Delete | ResourceOperation::Forget => self.delete += 1,
            ResourceOperation::DeleteReplaced => {}
        }
    }
}

/// How many calls went to the cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallCounts {
    /// Calls that only read.
    pub read: u64,
    /// Calls that change something.
    pub write: u64,
}

/// What went wrong: for people and for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// The resource, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urn: Option<String>,
    /// A stable code.
    pub code: String,
    /// What failed, and what the cloud answered.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What became of an operation that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettledOutcome {
    /// It took effect: the resource is recorded.
    Done,
    /// It had no effect.
    Undone,
    /// The resource is there, but not as wanted: the next deployment changes it.
    Partial,
    /// The cloud couldn't be asked: later commands look again.
    Unknown,
}

/// A fact about a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "eventType", content = "payload", rename_all_fields = "camelCase")]
pub enum DeploymentEvent {
    /// Somebody asked for a deployment, and the stack is locked for it.
    DeploymentRequested {
        /// What was asked for.
        command: DeploymentCommand,
        /// The project.
        project: String,
        /// The stack.
        stack: String,
        /// The environment.
        environment: String,
        /// The cloud.
        provider: String,
        /// The components that were chosen.
        components: Vec<String>,
        /// Version of the program.
        program_version: String,
        /// Facts about the source: commit, branch, author (Pulumi's update environment).
        source: BTreeMap<String, String>,
        /// A word from whoever asked.
        message: String,
    },
    /// An earlier deployment of this stack died; what it left open was settled by asking the cloud.
    DeploymentRecovered {
        /// The deployment that died.
        interrupted_deployment: String,
        /// When its last event was recorded.
        last_event_at: String,
        /// How many of its operations were done.
        finished: usize,
        /// What became of those that were under way, by URN.
        settled: BTreeMap<String, SettledOutcome>,
    },
    /// The plan stands: every intent, before the first call that changes something.
    DeploymentPlanned {
        /// All steps but those that change nothing.
        steps: Vec<PlannedStep>,
        /// How many resources each operation concerns.
        changes: ChangeCounts,
        /// The shortest time that quotas and dependencies allow, in milliseconds.
        lower_bound_ms: u64,
        /// The components that are to be asked for their health before anything is removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        health_checks: Vec<String>,
        /// The stack's identity, which what it makes is tagged with: what was made is known for this stack's own even where
        /// another program has taken everything out of the state since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stack_identity: Option<String>,
    },
    /// The deployment's saga began. Its stream is the deployment's own.
    SagaStarted {
        /// The saga: the deployment's id.
        saga_id: String,
        /// Its name: `Deployment`.
        saga_name: String,
        /// Joins everything that one request set off.
        correlation_id: String,
        /// What it is about: `command`, `project`, `stack`, `environment`.
        initial_context: BTreeMap<String, String>,
    },
    /// All steps of the saga are done.
    SagaCompleted {
        /// The saga.
        saga_id: String,
    },
    /// The saga ended before all its steps were done.
    SagaFailed {
        /// The saga.
        saga_id: String,
        /// What went wrong.
        error: String,
    },
    /// A step of the deployment's saga began.
    StepStarted {
        /// The saga: the deployment's id.
        saga_id: String,
        /// `apply`, `health-check` or `clean-up`.
        step: String,
        /// The try, from 1.
        attempt: u32,
    },
    /// A step of the saga is done.
    StepCompleted {
        /// The saga.
        saga_id: String,
        /// The step.
        step: String,
    },
    /// A step of the saga failed.
    StepFailed {
        /// The saga.
        saga_id: String,
        /// The step.
        step: String,
        /// The try, from 1.
        attempt: u32,
        /// What went wrong.
        error: String,
    },
    /// A resource that another program recorded in this stack was taken over: it is ours from now on, under our name. Nothing
    /// was done to it in the cloud.
    ResourceAdopted {
        /// Its name from now on.
        #[schemars(with = "String")]
        urn: Urn,
        /// The name that the other program gave it.
        #[schemars(with = "String")]
        from: Urn,
        /// The resource as the state will hold it.
        resource: ResourceImage,
    },
    /// A resource was found otherwise than the state recorded it.
    ResourceDrifted {
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
        /// Names of the inputs that differ; empty when the resource is gone.
        properties: Vec<String>,
        /// The resource as it is; absent when it is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource: Option<ResourceImage>,
    },
    /// A resource was recorded without an operation on it: the root of the stack, the provider, a component that has to be
    /// asked for its health again.
    ResourceRecorded {
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
        /// The resource as the state will hold it.
        resource: ResourceImage,
    },
    /// An operation on a resource began.
    ResourceOperationStarted {
        /// Number of the step within the plan.
        step: u32,
        /// What happens.
        operation: ResourceOperation,
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
    },
    /// An operation on a resource is done.
    ResourceOperationSucceeded {
        /// Number of the step within the plan.
        step: u32,
        /// What happened.
        operation: ResourceOperation,
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// How much of it was spent waiting for the cloud's quotas, in milliseconds.
        #[serde(default, skip_serializing_if = "is_zero")]
        waited_ms: u64,
        /// Something of an earlier, cut-off try was found and taken over.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        adopted: bool,
        /// What was made is an old copy that waited to be deleted: what is wanted has become what it was.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        taken_back: bool,
        /// The id of what was deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// When what was deleted had been made: copies may have the same id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<String>,
        /// The resource as the state will hold it; absent when it was deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource: Option<ResourceImage>,
    },
    /// An operation on a resource failed.
    ResourceOperationFailed {
        /// Number of the step within the plan.
        step: u32,
        /// What was tried.
        operation: ResourceOperation,
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// What went wrong.
        error: ErrorDetail,
        /// Whether it isn't known if the operation took effect.
        outcome_unknown: bool,
    },
    /// An operation wasn't tried, since something before it failed or the deployment was stopped.
    ResourceOperationSkipped {
        /// Number of the step within the plan.
        step: u32,
        /// What was planned.
        operation: ResourceOperation,
        /// The resource.
        #[schemars(with = "String")]
        urn: Urn,
        /// The resource whose failure is the cause; absent when the deployment was stopped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        because: Option<Urn>,
    },
    /// A component answers as it should.
    HealthCheckPassed {
        /// The component.
        component: String,
        /// What was asked.
        url: String,
        /// How many tries it took.
        attempts: u32,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A component doesn't answer as it should.
    HealthCheckFailed {
        /// The component.
        component: String,
        /// What was asked.
        url: String,
        /// How many tries were made.
        attempts: u32,
        /// The last answer, and the server's last output where it is known.
        error: ErrorDetail,
    },
    /// Everything that was wanted is done.
    DeploymentCompleted {
        /// What was done.
        changes: ChangeCounts,
        /// The calls that it took.
        calls: CallCounts,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// How much of that the work on the resources took, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        applied_ms: Option<u64>,
        /// The shortest time that quotas and dependencies allow for that work, with the times that its steps took, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lower_bound_ms: Option<u64>,
        /// What the components show, by component and name; secret values are left out.
        outputs: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    },
    /// Something failed; what was done is recorded.
    DeploymentFailed {
        /// What was done.
        changes: ChangeCounts,
        /// The calls that it took.
        calls: CallCounts,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// What went wrong.
        errors: Vec<ErrorDetail>,
    },
    /// The deployment was stopped from outside; what was done is recorded.
    DeploymentInterrupted {
        /// What was done.
        changes: ChangeCounts,
        /// The calls that it took.
        calls: CallCounts,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Resources whose operation was cut off: the next command settles them.
        unknown: Vec<String>,
    },
}

impl DeploymentEvent {
    /// The event's type, PascalCase and in the past tense.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::DeploymentRequested { .. } => "DeploymentRequested",
            Self::DeploymentRecovered { .. } => "DeploymentRecovered",
            Self::DeploymentPlanned { .. } => "DeploymentPlanned",
            Self::SagaStarted { .. } => "SagaStarted",
            Self::SagaCompleted { .. } => "SagaCompleted",
            Self::SagaFailed { .. } => "SagaFailed",
            Self::StepStarted { .. } => "StepStarted",
            Self::StepCompleted { .. } => "StepCompleted",
            Self::StepFailed { .. } => "StepFailed",
            Self::ResourceAdopted { .. } => "ResourceAdopted",
            Self::ResourceDrifted { .. } => "ResourceDrifted",
            Self::ResourceRecorded { .. } => "ResourceRecorded",
            Self::ResourceOperationStarted { .. } => "ResourceOperationStarted",
            Self::ResourceOperationSucceeded { .. } => "ResourceOperationSucceeded",
            Self::ResourceOperationFailed { .. } => "ResourceOperationFailed",
            Self::ResourceOperationSkipped { .. } => "ResourceOperationSkipped",
            Self::HealthCheckPassed { .. } => "HealthCheckPassed",
            Self::HealthCheckFailed { .. } => "HealthCheckFailed",
            Self::DeploymentCompleted { .. } => "DeploymentCompleted",
            Self::DeploymentFailed { .. } => "DeploymentFailed",
            Self::DeploymentInterrupted { .. } => "DeploymentInterrupted",
        }
    }

    /// Whether the deployment ends with this event.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::DeploymentCompleted { .. } | Self::DeploymentFailed { .. } | Self::DeploymentInterrupted { .. }
        )
    }
}
