//! Queries: what a stack holds and shows, and what happened to it. They read, never lock, and call no cloud.

use std::collections::BTreeMap;

use resource_graph::Urn;
use schemars::JsonSchema;
use serde::Serialize;

use super::plan::outputs;
use super::report::{Outputs, SCHEMA_VERSION};
use crate::domain::deployment::{ChangeCounts, DeploymentEvent};
use crate::domain::event::DomainEvent;
use crate::ports::clock::rfc3339;
use crate::ports::{HistoryEntry, RecordedResource, StackSnapshot, StackStore, StoreError};

/// A resource as the state records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// Its name.
    pub urn: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_token: String,
    /// Its id in the cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The component that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// What the next deployment has to see to: `to be deleted`, `to be made again`,
    /// `not complete`, `not known to be healthy`, `protected`; mostly nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A deployment as the history keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSummary {
    /// Its id; absent for operations of other tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// `update`, `destroy`, `refresh`, …
    pub kind: String,
    /// `succeeded`, `failed` or `interrupted`.
    pub result: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// What was done.
    pub changes: ChangeCounts,
    /// A word from whoever asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Facts about the source: commit, branch, author.
    pub environment: BTreeMap<String, String>,
}

/// A deployment that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningDeployment {
    /// Its id.
    pub deployment_id: String,
    /// Who carries it out, from where, since when.
    pub holder: String,
}

/// What a stack holds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StackStatus {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// Where its state is.
    pub location: String,
    /// Whether it has ever been deployed.
    pub exists: bool,
    /// A deployment that died, or left something open, and that the next command settles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// A deployment that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningDeployment>,
    /// The latest deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deployment: Option<DeploymentSummary>,
    /// Number of resources by type.
    pub counts: BTreeMap<String, usize>,
    /// The resources.
    pub resources: Vec<ResourceStatus>,
    /// What the components show.
    pub outputs: Outputs,
}

/// What a stack holds.
///
/// # Errors
/// When its state can't be read.
pub async fn status(store: &dyn StackStore, project: &str, stack: &str) -> Result<StackStatus, StoreError> {
    let snapshot = store.read().await?;
    let history = store.history(1).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut resources = Vec::with_capacity(snapshot.resources.len());
    for resource in &snapshot.resources {
        let status = status_of(resource);
        match counts.get_mut(&status.type_token) {
            Some(count) => *count += 1,
            None => drop(counts.insert(status.type_token.clone(), 1)),
        }
        resources.push(status);
    }
    Ok(StackStatus {
        schema_version: SCHEMA_VERSION,
        project: project.to_owned(),
        stack: stack.to_owned(),
        location: store.location(),
        exists: snapshot.exists,
        interrupted: interrupted_id(&snapshot),
        running: running(&snapshot),
        last_deployment: match history.first() {
            Some(entry) => Some(summary_of(store, entry).await),
            None => None,
        },
        counts,
        resources,
        outputs: outputs::shown(&snapshot.outputs),
    })
}

/// Id of the deployment that died, or left something open, and isn't settled.
pub fn interrupted_id(snapshot: &StackSnapshot) -> Option<String> {
    let interrupted = snapshot.interrupted.as_ref().filter(|interrupted| interrupted.runner.is_none())?;
    Some(interrupted.events.first()?.aggregate_id.clone())
}

/// The deployment that is under way.
pub fn running(snapshot: &StackSnapshot) -> Option<RunningDeployment> {
    let interrupted = snapshot.interrupted.as_ref()?;
    let (holder, first) = (interrupted.runner.clone()?, interrupted.events.first()?);
    Some(RunningDeployment { deployment_id: first.aggregate_id.clone(), holder })
}

fn status_of(resource: &RecordedResource) -> ResourceStatus {
    let marks = resource.marks();
    let note = match () {
        () if marks.pending_deletion => Some("to be deleted"),
        () if marks.pending_replacement => Some("to be made again"),
        () if marks.has_init_errors && marks.custom => Some("not complete"),
        // It answered badly, or nobody came to ask it.
        () if marks.has_init_errors => Some("not known to be healthy"),
        () if marks.protect => Some("protected"),
        () => None,
    };
    let parent = resource.parent().and_then(|parent| Urn::parse(parent).ok());
    let component = if marks.custom { parent } else { Some(resource.urn().clone()) };
    ResourceStatus {
        urn: resource.urn().to_string(),
        type_token: resource.urn().type_name().to_owned(),
        id: resource.id().map(str::to_owned),
        component: component.filter(|urn| !urn.type_token().is_stack()).map(|urn| urn.name().to_owned()),
        note: note.map(str::to_owned),
    }
}

/// What the components of a stack show.
///
/// # Errors
/// When its state can't be read.
pub async fn stack_outputs(store: &dyn StackStore) -> Result<Outputs, StoreError> {
    Ok(outputs::shown(&store.read().await?.outputs))
}

/// The latest deployments, newest first.
///
/// # Errors
/// When they can't be read.
pub async fn history(store: &dyn StackStore, limit: usize) -> Result<Vec<DeploymentSummary>, StoreError> {
    let mut deployments = Vec::new();
    for entry in &store.history(limit).await? {
        deployments.push(summary_of(store, entry).await);
    }
    Ok(deployments)
}

async fn summary_of(store: &dyn StackStore, entry: &HistoryEntry) -> DeploymentSummary {
    let result = match entry.succeeded {
        true => "succeeded",
        false if was_interrupted(store, &entry.deployment_id).await => "interrupted",
        false => "failed",
    };
    DeploymentSummary {
        deployment_id: Some(entry.deployment_id.clone()).filter(|id| !id.is_empty()),
        kind: entry.kind.clone(),
        result: result.to_owned(),
        started: rfc3339(entry.started * 1000),
        ended: rfc3339(entry.ended * 1000),
        changes: entry.changes,
        message: entry.message.clone(),
        environment: entry.environment.clone(),
    }
}

/// Whether a deployment was stopped from outside. The history's form, which is Pulumi's, knows success and failure only;
/// the deployment's events know it, where they are still there.
async fn was_interrupted(store: &dyn StackStore, deployment: &str) -> bool {
    if deployment.is_empty() {
        return false;
    }
    let events = store.events(deployment, 0).await.unwrap_or_default();
    events.iter().any(|event| matches!(event.event, DeploymentEvent::DeploymentInterrupted { .. }))
}

/// The events of one deployment, or of the latest one.
///
/// # Errors
/// When they can't be read.
pub async fn events(store: &dyn StackStore, deployment: Option<&str>) -> Result<Vec<DomainEvent>, StoreError> {
    let deployment = match deployment {
        Some(deployment) => Some(deployment.to_owned()),
        None => store.deployments().await?.pop(),
    };
    match deployment {
        Some(deployment) => store.events(&deployment, 0).await,
        None => Ok(Vec::new()),
    }
}
