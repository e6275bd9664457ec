//! Health checks of the components that a deployment changed.

use std::collections::HashSet;

use futures::future::join_all;
use resource_graph::{Plan, PropertyMap, Urn, Value};

use super::dispatcher::Dispatcher;
use super::error::ApplicationError;
use super::planning::Wanted;
use super::request::{Options, Ports};
use crate::domain;
use crate::domain::deployment::{DeploymentEvent, ErrorDetail};
use crate::ports::{CloudIdentity, HealthProbe};

/// The name of the output that a component is asked at.
const URL: &str = "url";
/// Most lines of a server's own output that are shown.
const SHOWN_LINES: usize = 20;

/// A component to ask.
pub struct Check {
    component: String,
    probe: HealthProbe,
    outputs: PropertyMap,
}

/// A component that doesn't answer as it should.
pub struct Unhealthy {
    /// What is wrong.
    pub detail: ErrorDetail,
}

/// The checks that are due: of wanted components that say how to be asked, and of which something changes.
pub fn due(
    ports: &Ports,
    options: &Options,
    identity: &CloudIdentity,
    components: &[domain::component::Component],
    wanted: &Wanted,
    plan: &Plan,
    outputs: &PropertyMap,
) -> Vec<Check> {
    let target = &options.target;
    let changed: HashSet<&Urn> = plan
        .steps()
        .iter()
        .filter(|step| !step.free)
        .filter_map(|step| step.spec.as_ref()?.options.parent.as_ref())
        .collect();
    let shows = |name: &str| wanted.outputs.iter().any(|output| output.component == name && output.name == URL);
    let checks = components.iter().filter_map(|component| {
        let name = component.name().to_string();
        let health = component.health()?;
        let group = ports.cloud.component_urn(&target.project, &target.stack, &name);
        let outputs = outputs.map(&name)?;
        let url = outputs.get(URL).and_then(Value::as_str)?;
        (shows(&name) && changed.contains(&group)).then(|| Check {
            probe: HealthProbe {
                url: format!("{}{}", url.trim_end_matches('/'), health.path),
                headers: ports.cloud.health_headers(identity),
                timeout: health.timeout.duration(),
            },
            outputs: outputs.clone(),
            component: name,
        })
    });
    checks.collect()
}

/// Asks all at a time, records each answer and returns those that aren't well.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub async fn run(
    ports: &Ports,
    checks: Vec<Check>,
    dispatcher: &Dispatcher,
) -> Result<Vec<Unhealthy>, ApplicationError> {
    let reports = join_all(checks.iter().map(|check| ports.health.check(&check.probe))).await;
    let mut unhealthy = Vec::new();
    for (check, report) in checks.into_iter().zip(reports) {
        let (component, url, attempts) = (check.component, check.probe.url, report.attempts);
        if report.healthy {
            let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
            dispatcher.dispatch(DeploymentEvent::HealthCheckPassed { component, url, attempts, duration_ms })?;
            continue;
        }
        let mut message = format!(
            "{component} isn't healthy: GET {url} gave no good answer within {} s ({attempts} tries); the last one: {}",
            check.probe.timeout.as_secs(),
            report.last_answer
        );
        // A missing log must not hide the failure itself.
        if let Ok(Some(output)) = ports.cloud.recent_output(&check.outputs).await {
            let lines: Vec<&str> = output.lines().collect();
            let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
            message.push_str(&format!("\nits last output:\n  {shown}"));
        }
        let error = ErrorDetail {
            urn: None,
            code: "unhealthy".into(),
            message,
            hint: Some(
                "mend the server and deploy again, or change the component's health settings; what was deployed is recorded"
                    .into(),
            ),
        };
        dispatcher.dispatch(DeploymentEvent::HealthCheckFailed { component, url, attempts, error: error.clone() })?;
        unhealthy.push(Unhealthy { detail: error });
    }
    Ok(unhealthy)
}
