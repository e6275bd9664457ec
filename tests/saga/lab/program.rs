//! What is wanted of the simulated cloud: resources by component, and a builder for the shape of a REST server.

use std::collections::{BTreeMap, BTreeSet};

use resource_graph::{
    Interpolation, OutputReference, PropertyMap, ResourceOptions, ResourceSpec, TypeToken, Urn, Value,
};
use semantest_iac::ports::{Blueprint, OutputDeclaration};

use super::kinds;

pub const STACK: &str = "sim-test";
pub const PROJECT: &str = "shop";
pub const GROUP: &str = "semantest:index:RestApi";

/// A wanted resource.
#[derive(Clone, Debug)]
pub struct Want {
    pub token: &'static str,
    pub name: String,
    pub inputs: PropertyMap,
    pub options: ResourceOptions,
}

/// All that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub components: BTreeMap<String, Vec<Want>>,
    pub outputs: Vec<OutputDeclaration>,
    /// Components with a health check.
    pub checked: BTreeSet<String>,
}

pub fn component_urn(component: &str) -> Urn {
    Urn::new(STACK, PROJECT, None, &TypeToken::new(GROUP), component)
}

pub fn urn(token: &str, name: &str) -> Urn {
    Urn::new(STACK, PROJECT, Some(GROUP), &TypeToken::new(token), name)
}

/// An output of another resource.
pub fn output(token: &str, name: &str, property: &str) -> Value {
    OutputReference::new(urn(token, name), property).into()
}

impl Program {
    /// Adds a component.
    pub fn with(mut self, component: &str, wants: Vec<Want>) -> Self {
        let has_api = wants.iter().any(|want| want.token == kinds::API && want.name == component);
        self.components.insert(component.to_owned(), wants);
        if has_api {
            let value = output(kinds::API, component, "endpoint");
            self.outputs.push(OutputDeclaration { component: component.into(), name: "url".into(), value });
        }
        self
    }

    /// Lets a component be asked for its health.
    pub fn checked(mut self, component: &str) -> Self {
        self.checked.insert(component.to_owned());
        self
    }

    /// Without a component.
    pub fn without(mut self, component: &str) -> Self {
        self.components.remove(component);
        self.outputs.retain(|output| output.component != component);
        self
    }

    /// The number of resources that are something in the cloud.
    pub fn size(&self) -> usize {
        self.components.values().map(Vec::len).sum()
    }

    pub fn blueprint(&self, names: &[&str]) -> Blueprint {
        let mut blueprint = Blueprint::default();
        for (component, wants) in self.components.iter().filter(|(name, _)| names.contains(&name.as_str())) {
            let group = component_urn(component);
            blueprint.resources.push(ResourceSpec::component(group.clone()));
            for want in wants {
                let mut spec = ResourceSpec::new(urn(want.token, &want.name), want.inputs.clone());
                spec.options = ResourceOptions { parent: Some(group.clone()), ..want.options.clone() };
                blueprint.resources.push(spec);
            }
        }
        let shown = self.outputs.iter().filter(|output| names.contains(&output.component.as_str()));
        blueprint.outputs = shown.cloned().collect();
        blueprint
    }
}

/// The shape of a REST server.
#[derive(Clone, Debug)]
pub struct RestApi {
    pub name: &'static str,
    pub role: &'static str,
    pub policy: &'static str,
    pub memory: u32,
    pub code: &'static str,
    pub secret: Option<&'static str>,
    pub architecture: &'static str,
    pub protocol: &'static str,
    pub integration: &'static str,
    pub routes: &'static [&'static str],
    pub throttle: u32,
    pub logs_kept: u32,
}

pub const REST: RestApi = RestApi {
    name: "rest",
    role: "rest-role",
    policy: "logs",
    memory: 128,
    code: "c1",
    secret: None,
    architecture: "arm64",
    protocol: "http",
    integration: "proxy",
    routes: &["GET /", "$default"],
    throttle: 10,
    logs_kept: 14,
};

/// A change of every kind at once, replacements of all sorts among them.
pub const CHANGED: RestApi = RestApi {
    memory: 512,
    code: "c3",
    role: "third-role",
    architecture: "x86",
    protocol: "websocket",
    integration: "mock",
    routes: &["PUT /", "$default"],
    ..REST
};

impl RestApi {
    pub fn program(&self) -> Program {
        Program::default().with(self.name, self.wants())
    }

    pub fn wants(&self) -> Vec<Want> {
        let name = self.name;
        let want = |token: &'static str, name: &str, inputs: PropertyMap| Want {
            token,
            name: name.to_owned(),
            inputs,
            options: ResourceOptions::default(),
        };
        let text = |parts: Vec<Value>| Value::from(Interpolation::new(parts));
        let mut function = PropertyMap::from([
            ("name", Value::from(format!("{name}-function"))),
            ("role", output(kinds::ROLE, name, "arn")),
            ("memory", self.memory.into()),
            ("code", self.code.into()),
            ("architecture", self.architecture.into()),
        ]);
        if let Some(secret) = self.secret {
            function.insert("environment", PropertyMap::from([("KEY", Value::secret(secret))]));
        }
        let mut wants = vec![
            want(kinds::ROLE, name, [("name", Value::from(self.role)), ("description", "runs it".into())].into()),
            want(
                kinds::POLICY,
                name,
                [("role", output(kinds::ROLE, name, "name")), ("name", "p".into()), ("policy", self.policy.into())]
                    .into(),
            ),
            want(
                kinds::LOGS,
                name,
                [("name", Value::from(format!("{name}-logs"))), ("days", self.logs_kept.into())].into(),
            ),
            want(kinds::FUNCTION, name, function),
            want(
                kinds::ALIAS,
                name,
                [
                    ("functionName", output(kinds::FUNCTION, name, "name")),
                    ("name", "live".into()),
                    ("functionVersion", output(kinds::FUNCTION, name, "version")),
                ]
                .into(),
            ),
            want(kinds::API, name, [("name", name), ("protocol", self.protocol)].into()),
            want(
                kinds::PERMISSION,
                name,
                [
                    ("functionName", output(kinds::FUNCTION, name, "name")),
                    ("statementId", "invoke".into()),
                    ("source", text(vec![output(kinds::API, name, "arn"), "/*".into()])),
                ]
                .into(),
            ),
            want(
                kinds::INTEGRATION,
                name,
                [
                    ("apiId", output(kinds::API, name, "id")),
                    ("uri", output(kinds::ALIAS, name, "arn")),
                    ("kind", self.integration.into()),
                ]
                .into(),
            ),
        ];
        let mut stage = want(
            kinds::STAGE,
            name,
            [
                ("apiId", output(kinds::API, name, "id")),
                ("name", "$default".into()),
                ("throttle", self.throttle.into()),
            ]
            .into(),
        );
        for key in self.routes {
            let route = format!("{name} {key}");
            stage.options.depends_on.push(urn(kinds::ROUTE, &route));
            let target = text(vec!["integrations/".into(), output(kinds::INTEGRATION, name, "id")]);
            wants.push(want(
                kinds::ROUTE,
                &route,
                [("apiId", output(kinds::API, name, "id")), ("key", (*key).into()), ("target", target)].into(),
            ));
        }
        wants.push(stage);
        wants
    }
}
