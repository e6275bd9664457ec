//! Components on their way into resources.

use std::collections::HashMap;

use resource_graph::{ResourceSpec, Urn, Value};

use super::account::CloudIdentity;
use crate::domain;
use crate::ports::{PackagedCode, ProviderError};

/// A component with its packaged code.
#[derive(Clone, Debug)]
pub struct ComponentDeployment {
    /// What is wanted.
    pub component: domain::component::Component,
    /// Its code; `None` where it has none.
    pub package: Option<PackagedCode>,
}

/// What a blueprint is made for.
#[derive(Clone, Debug)]
pub struct BlueprintRequest {
    /// The project's name.
    pub project: String,
    /// The environment's name, part of physical names.
    pub environment: String,
    /// The stack's name, part of URNs.
    pub stack: String,
    /// Who we are; `None` where only names are wanted (validation without credentials).
    pub identity: Option<CloudIdentity>,
    /// The components to deploy.
    pub components: Vec<ComponentDeployment>,
    /// The names of what is there already.
    pub names: PhysicalNames,
}

/// The physical names that resources have, by URN. They stay, whatever name one that is made today would get.
#[derive(Clone, Debug, Default)]
pub struct PhysicalNames(HashMap<Urn, String>);

impl PhysicalNames {
    /// The name that a resource has.
    pub fn get(&self, urn: &Urn) -> Option<&str> {
        self.0.get(urn).map(String::as_str)
    }

    /// Says which name a resource has.
    pub fn insert(&mut self, urn: Urn, name: String) {
        self.0.insert(urn, name);
    }

    /// Adds the names of others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which output of which resource a component shows to its user.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDeclaration {
    /// The component.
    pub component: String,
    /// The output's name, such as `url`.
    pub name: String,
    /// The value: usually a reference to an output.
    pub value: Value,
}

/// The resources that components become on a cloud.
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    /// All resources, dependencies first, the components' own group resources included; the root stack and the provider
    /// resource not.
    pub resources: Vec<ResourceSpec>,
    /// What the components show.
    pub outputs: Vec<OutputDeclaration>,
}

/// How components become resources of a cloud.
pub trait Blueprints: Send + Sync {
    /// Turns components into resources. Pure: no calls.
    ///
    /// # Errors
    /// When a component can't be turned into resources; rules are checked before, each at its place in the configuration.
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError>;
}
