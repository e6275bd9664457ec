//! The commands: deploy, destroy, preview.

use std::sync::Arc;

use futures::future::join_all;
use resource_graph::{Ownership, ResourceSpec, Urn};

use super::adoption;
use super::error::{ApplicationError, ErrorKind};
use super::plan::outputs;
use super::plan::planning::{self, Wanted};
use super::queries;
use super::report::{DeploymentReport, DeploymentResult, SCHEMA_VERSION};
use super::request::{DeployRequest, DestroyRequest, Options, Ports};
use super::saga::saga::{Confirmation, Preview, Saga, counts_of};
use crate::domain;
use crate::domain::deployment::{DeploymentCommand, ErrorDetail};
use crate::ports::{
    Blueprint, BlueprintRequest, CallKind, CloudIdentity, ComponentDeployment, Notice, RecordedResource, StackSnapshot,
};

/// Brings the chosen components to what the configuration wants.
///
/// # Errors
/// When nothing was begun: wrong input, no credentials, locked. What fails later is in the report.
pub async fn deploy(
    ports: &Ports,
    request: &DeployRequest,
    confirmation: &dyn Confirmation,
) -> Result<DeploymentReport, ApplicationError> {
    let started_ms = ports.clock.now_ms();
    let (wanted, identity, snapshot) = want(ports, request).await?;
    let components = &request.components;
    Saga { ports, options: &request.options, components, wanted, identity, confirmation, started_ms }
        .run(snapshot)
        .await
}

/// Deletes what the chosen components have in the stack.
///
/// # Errors
/// As [`deploy`].
pub async fn destroy(
    ports: &Ports,
    request: &DestroyRequest,
    confirmation: &dyn Confirmation,
) -> Result<DeploymentReport, ApplicationError> {
    let started_ms = ports.clock.now_ms();
    let (identity, snapshot) = tokio::join!(ports.cloud.identity(), ports.store.read());
    // The one call that isn't made through a gate.
    ports.calls.count(CallKind::Read);
    let (identity, snapshot) = (identity?, snapshot?);
    refuse_other_account(ports, &request.options, &identity, &snapshot)?;
    refuse_unknown_components(ports, &request.options, &[], &snapshot)?;
    // Nothing is taken over to be deleted.
    let wanted = Wanted { command: DeploymentCommand::Destroy, specs: Vec::new(), outputs: Vec::new(), identity: None };
    Saga { ports, options: &request.options, components: &[], wanted, identity, confirmation, started_ms }
        .run(snapshot)
        .await
}

/// Shows what [`deploy`] would do, and does nothing.
///
/// # Errors
/// As [`deploy`].
pub async fn preview(
    ports: &Ports,
    request: &DeployRequest,
    show: &(dyn Fn(&Preview<'_>) + Sync),
) -> Result<DeploymentReport, ApplicationError> {
    let started_ms = ports.clock.now_ms();
    let (wanted, _, snapshot) = want(ports, request).await?;
    let warn = |message: String, hint: &str| {
        ports.notices.notice(Notice::Warning { message, hint: Some(hint.to_owned()) });
    };
    if let Some(deployment) = queries::interrupted_id(&snapshot) {
        warn(
            format!("the deployment {deployment} was cut off; what it left open isn't in this preview"),
            "the next deploy settles it first",
        );
    }
    if let Some(running) = queries::running(&snapshot) {
        warn(
            format!("the deployment {} is under way, by {}", running.deployment_id, running.holder),
            "preview again when it is over",
        );
    }
    let latencies = ports.latencies.load();
    let planned = planning::plan(ports, &request.options, &wanted, &snapshot, &latencies).await?;
    let lower_bound = super::saga::saga::lower_bound(ports, &planned.plan);
    show(&Preview {
        command: DeploymentCommand::Deploy,
        stack: &request.options.target.stack,
        plan: &planned.plan,
        adoptions: &planned.adoptions.records,
        drifts: &planned.drifts,
        lower_bound: &lower_bound,
    });
    Ok(DeploymentReport {
        schema_version: SCHEMA_VERSION,
        command: "preview".into(),
        project: request.options.target.project.clone(),
        stack: request.options.target.stack.clone(),
        result: DeploymentResult::Succeeded,
        deployment_id: None,
        changes: counts_of(&planned.plan),
        calls: ports.calls.counts(),
        duration_ms: u64::try_from(ports.clock.now_ms() - started_ms).unwrap_or_default(),
        lower_bound_ms: super::saga::saga::milliseconds(lower_bound.duration),
        outputs: outputs::shown(&snapshot.outputs),
        adopted: planned.adoptions.reported(),
        errors: Vec::new(),
        left: Vec::new(),
    })
}

/// Packages, asks who we are and reads the state at the same time, and turns the components into resources.
async fn want(
    ports: &Ports,
    request: &DeployRequest,
) -> Result<(Wanted, CloudIdentity, StackSnapshot), ApplicationError> {
    let options = &request.options;
    let chosen: Vec<&domain::component::Component> = request
        .components
        .iter()
        .filter(|component| {
            options.components.is_empty() || options.components.iter().any(|name| name == component.name().as_str())
        })
        .collect();
    let packages = join_all(chosen.iter().map(|component| ports.packager.package(component, ports.notices.as_ref())));
    let (packages, identity, snapshot) = tokio::join!(packages, ports.cloud.identity(), ports.store.read());
    let mut details = Vec::new();
    let mut components = Vec::new();
    for (component, package) in chosen.into_iter().zip(packages) {
        match package {
            Ok(package) => components.push(ComponentDeployment { component: component.clone(), package }),
            Err(detail) => details.push(detail),
        }
    }
    if !details.is_empty() {
        return Err(ApplicationError { kind: ErrorKind::Failed, details });
    }
    // The one call that isn't made through a gate.
    ports.calls.count(CallKind::Read);
    let (identity, snapshot) = (identity?, snapshot?);
    refuse_other_account(ports, options, &identity, &snapshot)?;
    refuse_unknown_components(ports, options, &request.components, &snapshot)?;
    let mut request = BlueprintRequest {
        project: options.target.project.clone(),
        environment: options.target.environment.clone(),
        stack: options.target.stack.clone(),
        identity: Some(identity.clone()),
        components,
        names: adoption::kept(ports.cloud.as_ref(), &snapshot.resources),
    };
    let mut blueprint = ports.cloud.blueprint(&request)?;
    if !options.adopt.is_empty() {
        let all_wanted = options.components.is_empty() && options.targets.is_empty();
        let (cloud, specs) = (ports.cloud.as_ref(), &blueprint.resources);
        let names = adoption::mapped(cloud, &options.adopt, specs, &snapshot.resources, all_wanted)?;
        if !names.is_empty() {
            // What is named after something that is taken over follows its name.
            request.names.extend(names);
            blueprint = ports.cloud.blueprint(&request)?;
        }
    }
    Ok((wanted(options, blueprint, &identity), identity, snapshot))
}

fn wanted(options: &Options, blueprint: Blueprint, identity: &CloudIdentity) -> Wanted {
    let target = &options.target;
    let root = ResourceSpec::component(Urn::root(&target.stack, &target.project));
    let root_urn = root.urn.clone();
    let mut specs = vec![Arc::new(root)];
    for mut spec in blueprint.resources {
        // Everything at the top belongs to the root, as in states of Pulumi's own.
        if spec.options.parent.is_none() {
            spec.options.parent = Some(root_urn.clone());
        }
        specs.push(Arc::new(spec));
    }
    let identity = Some(identity.clone());
    Wanted { command: DeploymentCommand::Deploy, specs, outputs: blueprint.outputs, identity }
}

/// With the credentials of another account everything that is recorded would seem to be gone.
fn refuse_other_account(
    ports: &Ports,
    options: &Options,
    identity: &CloudIdentity,
    snapshot: &StackSnapshot,
) -> Result<(), ApplicationError> {
    let ownership = Ownership::of(&snapshot.resources);
    let known = |(index, record): &(usize, &RecordedResource)| {
        ports.cloud.info(&record.urn().type_token()).is_some() && !ownership.is_foreign(*index)
    };
    let mut records = snapshot.resources.iter().enumerate().filter(known);
    let recorded = records.find_map(|(_, record)| ports.cloud.account_of(record.as_ref()));
    let Some(recorded) = recorded.filter(|account| *account != identity.account) else { return Ok(()) };
    let message = format!(
        "the stack {} is in the account {recorded}, but the credentials are those of {} ({})",
        options.target.stack, identity.account, identity.principal
    );
    Err(ApplicationError::new(ErrorKind::Usage, "other-account", message).with_hint(format!(
        "use credentials of {recorded}; for another account use another stack, with an environment of its own or --stack"
    )))
}

fn refuse_unknown_components(
    ports: &Ports,
    options: &Options,
    components: &[domain::component::Component],
    snapshot: &StackSnapshot,
) -> Result<(), ApplicationError> {
    let target = &options.target;
    let known = |name: &String| {
        let urn = ports.cloud.component_urn(&target.project, &target.stack, name);
        components.iter().any(|component| component.name().as_str() == name)
            || snapshot.resources.iter().any(|resource| *resource.urn() == urn)
    };
    let details: Vec<ErrorDetail> = options
        .components
        .iter()
        .filter(|name| !known(name))
        .map(|name| ErrorDetail {
            urn: None,
            code: "unknown-component".into(),
            message: format!("there is no component {name} in the configuration or in the stack {}", target.stack),
            hint: Some("`semantest-iac status` lists what the stack holds".into()),
        })
        .collect();
    if details.is_empty() { Ok(()) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
}
