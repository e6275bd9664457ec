//! What a command wants: the chosen components, packaged and turned into resources, by the account that it is for.

use std::sync::Arc;

use futures::future::join_all;
use resource_graph::{Ownership, ResourceSpec, Urn};

use super::treatment::treat;
use crate::application::adoption;
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::{DeployRequest, Options, Ports};
use crate::application::steps::default_provider::DefaultProvider;
use crate::domain::component::{Component, group_urns};
use crate::domain::deployment::{DeploymentCommand, ErrorDetail};
use crate::ports::{
    Blueprint, BlueprintRequest, CallKind, CloudIdentity, ComponentDeployment, OutputDeclaration, RecordedResource,
    StackSnapshot,
};

/// What a command wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The command.
    pub command: DeploymentCommand,
    /// The resources, the root first; empty to destroy.
    pub specs: Vec<Arc<ResourceSpec>>,
    /// What the components show.
    pub outputs: Vec<OutputDeclaration>,
    /// As whom.
    pub identity: Option<CloudIdentity>,
    /// The provider, whose id is the stack's identity, as of the state that was read first.
    pub provider: DefaultProvider,
}

impl Wanted {
    /// The resources, marked with this identity: the stack may have been made, or made anew, since the state was read first.
    pub fn specs_of(&self, ports: &Ports, identity: &str) -> Vec<Arc<ResourceSpec>> {
        if identity == self.provider.id {
            return self.specs.clone();
        }
        let marked = self.specs.iter().map(|spec| {
            let mut spec = ResourceSpec::clone(spec);
            ports.cloud.mark(&mut spec.inputs, identity);
            Arc::new(spec)
        });
        marked.collect()
    }
}

/// Packages, asks who we are and reads the state at the same time, and turns the components into resources.
pub async fn want(
    ports: &Ports,
    request: &DeployRequest,
) -> Result<(Wanted, CloudIdentity, StackSnapshot), ApplicationError> {
    let options = &request.options;
    let chosen: Vec<&Component> = request
        .components
        .iter()
        .filter(|component| {
            options.components.is_empty() || options.components.iter().any(|name| name == component.name().as_str())
        })
        .collect();
    let packages = join_all(chosen.iter().map(async |component| match component.code() {
        Some(code) => ports.packager.package(component.name(), code, ports.notices.as_ref()).await.map(Some),
        None => Ok(None),
    }));
    // Where one of them fails, nobody waits for the others: a build may take minutes, and ends when it is given up.
    let (packages, identity, snapshot) = tokio::try_join!(
        async { Ok::<_, ApplicationError>(packages.await) },
        async {
            // The one call that isn't made through a gate.
            ports.calls.count(CallKind::Read);
            Ok(ports.cloud.identity().await?)
        },
        async { Ok(ports.store.read().await?) },
    )?;
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
    refuse_other_account(ports, options, &identity, &snapshot)?;
    refuse_unknown_components(options, request.components.iter().map(|it| it.name().as_str()), &snapshot)?;
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
    treat(&options.target, &request.components, &mut blueprint.resources)?;
    let provider = DefaultProvider::of(ports, &options.target, &identity, snapshot.resources.iter());
    Ok((wanted(ports, options, blueprint, &identity, provider), identity, snapshot))
}

fn wanted(
    ports: &Ports,
    options: &Options,
    blueprint: Blueprint,
    identity: &CloudIdentity,
    provider: DefaultProvider,
) -> Wanted {
    let target = &options.target;
    let root = ResourceSpec::component(Urn::root(&target.stack, &target.project));
    let root_urn = root.urn.clone();
    let mut specs = vec![Arc::new(root)];
    for mut spec in blueprint.resources {
        // Everything at the top belongs to the root, as in states of Pulumi's own.
        if spec.options.parent.is_none() {
            spec.options.parent = Some(root_urn.clone());
        }
        ports.cloud.mark(&mut spec.inputs, &provider.id);
        specs.push(Arc::new(spec));
    }
    let identity = Some(identity.clone());
    Wanted { command: DeploymentCommand::Deploy, specs, outputs: blueprint.outputs, identity, provider }
}

/// With the credentials of another account everything that is recorded would seem to be gone.
pub fn refuse_other_account(
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

pub fn refuse_unknown_components<'a>(
    options: &Options,
    configured: impl Iterator<Item = &'a str> + Clone,
    snapshot: &StackSnapshot,
) -> Result<(), ApplicationError> {
    let target = &options.target;
    let known = |name: &String| {
        let groups: Vec<Urn> = group_urns(&target.project, &target.stack, name).collect();
        configured.clone().any(|configured| configured == name)
            || snapshot.resources.iter().any(|resource| groups.contains(resource.urn()))
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
