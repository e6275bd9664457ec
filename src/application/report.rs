//! What a command that deploys reports when it is over: the document of `--json` and the basis of the summary.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::deployment::{CallCounts, ChangeCounts, ErrorDetail};

/// Version of the document's form.
pub const SCHEMA_VERSION: u32 = 1;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentResult {
    /// Everything that was wanted is done.
    Succeeded,
    /// It failed, and nothing was changed.
    Failed,
    /// It failed, and what had been changed was brought back.
    RolledBack,
    /// It was stopped from outside.
    Interrupted,
    /// It failed with changes done: the next deployment goes on from there.
    NeedsAttention,
}

/// Outputs by component and name.
pub type Outputs = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

/// The result of `deploy`, `destroy` and `preview`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentReport {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// `deploy`, `destroy` or `preview`.
    pub command: String,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// How it ended.
    pub result: DeploymentResult,
    /// The deployment's id; absent where none was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// What was done; for a preview, what would be.
    pub changes: ChangeCounts,
    /// The calls to the cloud.
    pub calls: CallCounts,
    /// How long it took, in milliseconds; what a person took to answer a question is left out.
    pub duration_ms: u64,
    /// How much of that the work on the resources took, in milliseconds: what `lowerBoundMs` is a bound of. Absent where nothing
    /// was worked on, or not to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_ms: Option<u64>,
    /// The shortest time that quotas and dependencies allow for the work on the resources, in milliseconds: of what was done,
    /// with the times that its steps took; for a preview, as estimated.
    pub lower_bound_ms: u64,
    /// What the components show.
    pub outputs: Outputs,
    /// What was taken over from another program that had recorded it in the stack; for a preview, what would be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopted: Vec<AdoptedResource>,
    /// What went wrong.
    pub errors: Vec<ErrorDetail>,
    /// What a `destroy` has to leave in the stack, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftResource>,
}

/// A resource of another program's that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdoptedResource {
    /// Its name from now on.
    pub urn: String,
    /// The name that it had.
    pub from: String,
    /// Its id in the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Inputs that stay in the cloud as they are, since they aren't managed here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<String>,
}

/// A resource that isn't deleted though everything is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftResource {
    /// The resource.
    pub urn: String,
    /// Why it stays.
    pub reason: String,
}
