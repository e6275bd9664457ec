//! A component: the header that all kinds have, and what it is.

use super::{ComponentKind, Function, RestApi, Treatment};
use crate::domain::code::environment::Environment;
use crate::domain::code::function::ServerlessFunction;
use crate::domain::code::health::{HealthCheck, Invocation};
use crate::domain::names::ComponentName;
use resource_graph::Urn;

/// A component with everything that it is made of in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    name: ComponentName,
    treatment: Treatment,
    spec: ComponentSpec,
}

/// What a component is, with the aggregate of its kind.
#[allow(clippy::large_enum_variant, reason = "a project has dozens of components, not thousands")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSpec {
    /// A handler without a gateway.
    Function(Function),
    /// An HTTP server behind a gateway.
    RestApi(RestApi),
}

/// How a component is asked whether it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe<'a> {
    /// By an HTTP request to its URL.
    Request(&'a HealthCheck),
    /// By invoking its code.
    Invocation(&'a Invocation),
}

impl Component {
    /// The component of that name.
    pub fn new(name: ComponentName, spec: ComponentSpec) -> Self {
        Self { name, treatment: Treatment::default(), spec }
    }

    /// With its resources to be treated so.
    #[must_use]
    pub fn treated(self, treatment: Treatment) -> Self {
        Self { treatment, ..self }
    }

    /// How its resources are to be treated.
    pub fn treatment(&self) -> &Treatment {
        &self.treatment
    }

    /// The component's name.
    pub fn name(&self) -> &ComponentName {
        &self.name
    }

    /// What it is, with all that goes with it.
    pub fn spec(&self) -> &ComponentSpec {
        &self.spec
    }

    /// What it is.
    pub fn kind(&self) -> ComponentKind {
        match &self.spec {
            ComponentSpec::Function(_) => ComponentKind::Function,
            ComponentSpec::RestApi(_) => ComponentKind::RestApi,
        }
    }

    /// The URN of its group resource: what all its resources belong to.
    pub fn group_urn(&self, project: &str, stack: &str) -> Urn {
        self.kind().group_urn(project, stack, self.name.as_str())
    }

    /// The code that it runs, if it runs any.
    pub fn code(&self) -> Option<&ServerlessFunction> {
        match &self.spec {
            ComponentSpec::Function(plain) => Some(&plain.function),
            ComponentSpec::RestApi(api) => Some(&api.function),
        }
    }

    /// The environment variables of its code, if it runs any.
    pub fn environment(&self) -> Option<&Environment> {
        self.code().map(|code| &code.environment)
    }

    /// The environment variables of its code, to take secrets and configuration values in.
    pub fn environment_mut(&mut self) -> Option<&mut Environment> {
        match &mut self.spec {
            ComponentSpec::Function(plain) => Some(&mut plain.function.environment),
            ComponentSpec::RestApi(api) => Some(&mut api.function.environment),
        }
    }

    /// How it is asked whether it works, if it says so.
    pub fn health(&self) -> Option<Probe<'_>> {
        match &self.spec {
            ComponentSpec::Function(plain) => plain.health.as_ref().map(Probe::Invocation),
            ComponentSpec::RestApi(api) => api.health.as_ref().map(Probe::Request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::testing::rest_api;

    #[test]
    fn each_kind_has_a_name_and_a_group_of_its_own() {
        let component = rest_api("api");
        assert_eq!(
            component.group_urn("shop", "aws-local").as_str(),
            "urn:pulumi:aws-local::shop::semantest:index:RestApi::api"
        );
        let mut seen = std::collections::BTreeSet::new();
        for kind in ComponentKind::all() {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert!(seen.insert(kind.group_urn("p", "s", "c").to_string()), "{kind}");
        }
        assert!(seen.contains(&component.group_urn("p", "s").to_string().replace("::api", "::c")));
    }
}
