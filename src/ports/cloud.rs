//! The port of a cloud: its resource types, quotas, identity, rules, and the blueprint that turns components into resources.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{PropertyMap, Quota, Recorded, ResourceSpec, ResourceTypes, TypeToken, Urn, Value};

use super::{PackagedCode, ProviderError, ResourceProvider};
use crate::domain;

/// Who we are to the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudIdentity {
    /// The account (AWS) or subscription (Azure).
    pub account: String,
    /// The principal, such as an ARN.
    pub principal: String,
    /// The region that resources go to.
    pub region: String,
}

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

/// One cloud.
#[async_trait]
pub trait Cloud: ResourceTypes {
    /// The provider's name.
    fn provider(&self) -> domain::provider::Provider;

    /// Quota classes by name.
    fn quotas(&self) -> BTreeMap<&'static str, Quota>;

    /// Who we are: one call, which also shows that credentials and endpoint work.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Denied`](super::ProviderErrorKind::Denied) or
    /// [`Unavailable`](super::ProviderErrorKind::Unavailable).
    async fn identity(&self) -> Result<CloudIdentity, ProviderError>;

    /// The implementation of a resource type; `None` when it isn't ours.
    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>>;

    /// The types that this cloud has implementations of.
    fn type_tokens(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Turns components into resources. Pure: no calls.
    ///
    /// # Errors
    /// When a component can't be turned into resources; rules are checked before, each at its place in the configuration.
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError>;

    /// The provider resource's name (`default_7_48_0`) and inputs, as Pulumi writes them (SPEC.md section 1.7).
    fn provider_resource(&self, identity: &CloudIdentity) -> (String, PropertyMap);

    /// What a component's code printed lately, for the report of a failed health check; `None` where the cloud keeps none.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    async fn recent_output(&self, _outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }

    /// Headers that a health check of a deployed component must send to get through; mostly none.
    fn health_headers(&self, _identity: &CloudIdentity) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The account that a recorded resource was made in, where its outputs tell.
    fn account_of(&self, _record: &dyn Recorded) -> Option<String> {
        None
    }

    /// Whether a recorded resource lies in another region than the one that this reaches, where its record tells.
    fn is_elsewhere(&self, _record: &dyn Recorded) -> bool {
        false
    }
}
