//! What all resources of a component have in common: URN, parent, region and tags, given in one place.

use resource_graph::{OutputReference, PropertyMap, ResourceSpec, TypeToken, Urn, Value};

use super::super::resources;
use crate::adapters::aws::frame::tags;
use crate::domain::component::Component;
use crate::domain::names::ComponentName;
use crate::ports::{Blueprint, BlueprintRequest, OutputDeclaration};

/// Collects the resources of one component.
pub(super) struct Scope<'a> {
    blueprint: &'a mut Blueprint,
    pub(super) request: &'a BlueprintRequest,
    pub(super) component: &'a ComponentName,
    pub(super) region: &'a str,
    group: Urn,
}

/// A resource of a component, to be referred to.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) urn: Urn,
}

impl Handle {
    /// One of its outputs.
    pub(super) fn output(&self, name: &str) -> Value {
        OutputReference::new(self.urn.clone(), name).into()
    }
}

impl<'a> Scope<'a> {
    /// Begins with the group resource.
    pub(super) fn begin(
        blueprint: &'a mut Blueprint,
        request: &'a BlueprintRequest,
        component: &'a Component,
        region: &'a str,
    ) -> Self {
        let group = component.group_urn(&request.project, &request.stack);
        let component = component.name();
        let mut spec = ResourceSpec::component(group.clone());
        spec.options.parent = Some(Urn::root(&request.stack, &request.project));
        blueprint.resources.push(spec);
        Self { blueprint, request, component, region, group }
    }

    /// A resource without tags.
    pub(super) fn add(&mut self, token: &str, role: &str, inputs: impl Into<PropertyMap>) -> Handle {
        self.add_spec(token, role, inputs.into(), false)
    }

    /// A resource that carries tags.
    pub(super) fn add_tagged(&mut self, token: &str, role: &str, inputs: impl Into<PropertyMap>) -> Handle {
        self.add_spec(token, role, inputs.into(), true)
    }

    /// The physical name that a resource of the component has already.
    pub(super) fn kept_name(&self, token: &str, role: &str) -> Option<&'a str> {
        self.request.names.get(&self.urn(token, role))
    }

    fn urn(&self, token: &str, role: &str) -> Urn {
        let BlueprintRequest { project, stack, .. } = self.request;
        let name = format!("{}-{role}", self.component);
        Urn::new(stack, project, Some(self.group.qualified_type()), &TypeToken::new(token), &name)
    }

    fn add_spec(&mut self, token: &str, role: &str, mut inputs: PropertyMap, tagged: bool) -> Handle {
        let BlueprintRequest { project, stack, .. } = self.request;
        let urn = self.urn(token, role);
        if let (Some(input), Some(name)) = (resources::name_input(token), self.request.names.get(&urn)) {
            inputs.insert(input, name);
        }
        // IAM knows no regions.
        if !token.starts_with("aws:iam/") {
            inputs.insert("region", self.region);
        }
        if tagged {
            let tags = tags::fixed(project, stack, self.component.as_str(), &urn);
            inputs.insert("tags", tags.into_iter().collect::<PropertyMap>());
        }
        // What can't be left out is better left out than given as null.
        inputs.retain(|_, value| !value.is_null());
        let mut spec = ResourceSpec::new(urn.clone(), inputs);
        spec.options.parent = Some(self.group.clone());
        self.blueprint.resources.push(spec);
        Handle { urn }
    }

    /// Says that a resource must be done after others to which its inputs don't refer.
    pub(super) fn depends(&mut self, on: &Handle, others: &[&Handle]) {
        if let Some(spec) = self.blueprint.resources.iter_mut().rfind(|spec| spec.urn == on.urn) {
            spec.options.depends_on.extend(others.iter().map(|other| other.urn.clone()));
        }
    }

    /// Something that the component shows to its user.
    pub(super) fn show(&mut self, name: &str, value: Value) {
        let component = self.component.to_string();
        self.blueprint.outputs.push(OutputDeclaration { component, name: name.to_owned(), value });
    }
}
