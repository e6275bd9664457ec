//! The audit log: who did what to which resource, when, and how it ended. A projection of a deployment's events that holds no
//! values of properties, so it can be kept and handed on where the events themselves can't.

use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::deployment::{DeploymentEvent, ResourceOperation, is_bookkeeping};
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When, as RFC 3339 in UTC.
    pub time: String,
    /// Who.
    pub user: String,
    /// The deployment.
    pub deployment_id: String,
    /// Joins everything that one request set off.
    pub correlation_id: String,
    /// What: `deploy`, `destroy`, an operation such as `create`, `drift`, `recover`, `take-over-lock`, `health-check`, `end`.
    pub action: String,
    /// How it ended: `requested`, `succeeded`, `failed`, `unknown`, `interrupted`, `found`.
    pub outcome: String,
    /// The resource or component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What more there is to say: never the value of a property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The audit log of one deployment, as far as its events go.
#[derive(Debug, Default)]
pub struct AuditLog {
    entries: Mutex<Vec<AuditEntry>>,
    /// Whose lock was taken over for it; becomes an entry behind the request's.
    takeover: Option<String>,
}

impl AuditLog {
    /// The log of a deployment that may have begun by taking a dead one's lock over.
    pub fn beginning_with(takeover: Option<String>) -> Self {
        Self { takeover, ..Self::default() }
    }

    /// The log of events that are read again.
    pub fn of(events: &[DomainEvent]) -> Self {
        let log = Self::default();
        events.iter().for_each(|event| log.handle(event));
        log
    }

    /// The entries as JSON, one a line.
    pub fn lines(&self) -> String {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // Strings alone always become JSON.
        entries.iter().filter_map(|entry| Some(serde_json::to_string(entry).ok()? + "\n")).collect()
    }
}

impl EventHandler for AuditLog {
    fn handle(&self, event: &DomainEvent) {
        let Some(told) = told(&event.event) else { return };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry(event, told));
        if let (DeploymentEvent::DeploymentRequested { stack, .. }, Some(takeover)) = (&event.event, &self.takeover) {
            let told = ("take-over-lock", "succeeded", Some(stack.clone()), Some(takeover.clone()));
            entries.push(entry(event, told));
        }
    }
}

type Told = (&'static str, &'static str, Option<String>, Option<String>);

fn entry(event: &DomainEvent, (action, outcome, subject, detail): Told) -> AuditEntry {
    AuditEntry {
        time: event.metadata.timestamp.clone(),
        user: event.metadata.user_id.clone(),
        deployment_id: event.aggregate_id.clone(),
        correlation_id: event.metadata.correlation_id.clone(),
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        subject,
        detail,
    }
}

fn told(event: &DeploymentEvent) -> Option<Told> {
    use DeploymentEvent as E;
    Some(match event {
        E::DeploymentRequested { command, project, stack, components, program_version, source, .. } => {
            let source = source.iter().map(|(name, value)| format!(", {name}={value}")).collect::<String>();
            let detail = format!("{} of {project} by version {program_version}{source}", components.join(", "));
            (command.as_str(), "requested", Some(stack.clone()), Some(detail))
        }
        E::DeploymentRecovered { interrupted_deployment, settled, .. } => {
            let settled: Vec<String> = settled.iter().map(|(urn, outcome)| format!("{urn} {outcome:?}")).collect();
            ("recover", "succeeded", Some(interrupted_deployment.clone()), Some(settled.join(", ")))
        }
        E::ResourceAdopted { urn, from, .. } => ("adopt", "succeeded", Some(urn.to_string()), Some(from.to_string())),
        E::ResourceDrifted { urn, properties, resource } => {
            let detail = if resource.is_none() { "gone".to_owned() } else { properties.join(", ") };
            ("drift", "found", Some(urn.to_string()), Some(detail))
        }
        E::ResourceOperationSucceeded { operation, urn, adopted, .. }
            if *operation != ResourceOperation::Same && !is_bookkeeping(urn) =>
        {
            let detail = adopted.then(|| "taken over from an earlier try".to_owned());
            (operation.as_str(), "succeeded", Some(urn.to_string()), detail)
        }
        E::ResourceOperationFailed { operation, urn, error, outcome_unknown, .. } => {
            let outcome = if *outcome_unknown { "unknown" } else { "failed" };
            (operation.as_str(), outcome, Some(urn.to_string()), Some(format!("{}: {}", error.code, error.message)))
        }
        E::HealthCheckPassed { component, .. } => ("health-check", "succeeded", Some(component.clone()), None),
        E::HealthCheckFailed { component, error, .. } => {
            ("health-check", "failed", Some(component.clone()), Some(error.code.clone()))
        }
        E::DeploymentCompleted { .. } => ("end", "succeeded", None, None),
        E::DeploymentFailed { errors, .. } => {
            let codes: Vec<&str> = errors.iter().map(|error| error.code.as_str()).collect();
            ("end", "failed", None, Some(codes.join(", ")))
        }
        E::DeploymentInterrupted { unknown, .. } => ("end", "interrupted", None, Some(unknown.join(", "))),
        _ => return None,
    })
}
