//! A component: what a project is made of and what a user deploys by name; and the project.

use std::fmt;
use std::str::FromStr;

use super::environment::Environment;
use super::function::ServerlessFunction;
use super::gateway::ApiGateway;
use super::health::HealthCheck;
use super::invalid::InvalidValue;
use super::logs::LogRetention;
use super::names::{ComponentName, ProjectName};

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComponentKind {
    /// An HTTP server behind a gateway.
    RestApi,
}

impl ComponentKind {
    /// Every kind there is.
    pub const ALL: [Self; 1] = [Self::RestApi];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RestApi => "rest-api",
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for ComponentKind {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            InvalidValue::new("component kind", text, "there is no kind of that name")
                .with_hint("the kinds are: rest-api")
        })
    }
}

/// A component with everything that it is made of in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    kind: ComponentKind,
    function: ServerlessFunction,
    gateway: ApiGateway,
    health: Option<HealthCheck>,
    log_retention: LogRetention,
}

impl Component {
    /// A server or handler behind an HTTP gateway.
    ///
    /// # Errors
    /// When the health check asks for a path that the gateway doesn't take, or takes only with a
    /// token, which a health check hasn't got.
    pub fn rest_api(
        function: ServerlessFunction,
        gateway: ApiGateway,
        health: Option<HealthCheck>,
        log_retention: LogRetention,
    ) -> Result<Self, InvalidValue> {
        if let Some(health) = &health {
            let path = health.path.path();
            let refuse = |reason: &str| {
                InvalidValue::contradiction("health check", format!("the health check asks for {path}, {reason}"))
            };
            match gateway.route_for_get(path) {
                None => {
                    return Err(refuse("which no route of the gateway takes")
                        .with_hint(format!("add a route {{ path: {path} }}, or remove the health check")));
                }
                Some(route) if !gateway.authentication_of(route).is_none() => {
                    return Err(refuse("where the gateway asks for a token, and a health check has none")
                        .with_hint(format!("add a route {{ path: {path}, auth: none }}")));
                }
                Some(_) => {}
            }
        }
        Ok(Self { kind: ComponentKind::RestApi, function, gateway, health, log_retention })
    }

    /// The component's name.
    pub fn name(&self) -> &ComponentName {
        &self.function.component
    }

    /// What it is.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The code that it runs.
    pub fn function(&self) -> &ServerlessFunction {
        &self.function
    }

    /// The environment variables of the code, to take secrets and configuration values in.
    pub fn environment_mut(&mut self) -> &mut Environment {
        &mut self.function.environment
    }

    /// The front door to it.
    pub fn gateway(&self) -> &ApiGateway {
        &self.gateway
    }

    /// How it is asked whether it works.
    pub fn health(&self) -> Option<&HealthCheck> {
        self.health.as_ref()
    }

    /// How long its logs are kept.
    pub fn log_retention(&self) -> LogRetention {
        self.log_retention
    }
}

/// A project as it is in one environment: its name and its components, each name once, in the
/// order of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    name: ProjectName,
    components: Vec<Component>,
}

impl Project {
    /// A project of these components.
    ///
    /// # Errors
    /// When two components have the same name.
    pub fn new(name: ProjectName, components: Vec<Component>) -> Result<Self, InvalidValue> {
        let mut components = components;
        components.sort_by(|a, b| a.name().cmp(b.name()));
        if let Some(pair) = components.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
            return Err(InvalidValue::contradiction(
                "list of components",
                format!("two components are called {}", pair[0].name()),
            ));
        }
        Ok(Self { name, components })
    }

    /// The project's name.
    pub fn name(&self) -> &ProjectName {
        &self.name
    }

    /// Its components in the order of their names.
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::authentication::{Audience, Authentication, Issuer, JwtAuthentication};
    use super::super::environment::Environment;
    use super::super::function::{SourceFolder, Start};
    use super::super::quantity::Timeout;
    use super::super::route::Route;
    use super::super::runtime::Runtime;
    use super::*;

    fn function() -> ServerlessFunction {
        ServerlessFunction {
            component: "rest-api".parse().unwrap(),
            source: SourceFolder::new(Path::new("/project"), "rest-api").unwrap(),
            build: None,
            start: Start::Server("node server.js".parse().unwrap()),
            runtime: Runtime::node_js(22),
            memory: "512MB".parse().unwrap(),
            timeout: Timeout::from_seconds(30).unwrap(),
            environment: Environment::default(),
        }
    }

    fn gateway(key: &str, authentication: Option<Authentication>, catch_all: bool) -> ApiGateway {
        let jwt = JwtAuthentication::new(
            Issuer::new("https://id.example.com/").unwrap(),
            vec![Audience::new("semantest").unwrap()],
        )
        .unwrap();
        let routes = vec![Route { key: key.parse().unwrap(), authentication }];
        ApiGateway::new(routes, catch_all, Authentication::Jwt(jwt), None, None).unwrap()
    }

    fn with_health(gateway: ApiGateway) -> Result<Component, InvalidValue> {
        let health =
            HealthCheck { path: "/health?deep=1".parse().unwrap(), timeout: Timeout::from_seconds(20).unwrap() };
        Component::rest_api(function(), gateway, Some(health), LogRetention::Days(14))
    }

    #[test]
    fn a_health_check_must_get_through_the_gateway() {
        assert!(with_health(gateway("ANY /health", Some(Authentication::None), true)).is_ok());
        assert!(with_health(ApiGateway::default()).is_ok());
        let refused = with_health(gateway("ANY /other", Some(Authentication::None), true));
        assert!(refused.unwrap_err().hint().unwrap().contains("auth: none"));
        let unrouted = with_health(gateway("ANY /other", Some(Authentication::None), false));
        assert!(unrouted.unwrap_err().reason().contains("no route"));
    }

    #[test]
    fn a_project_has_each_component_once() {
        let component = with_health(ApiGateway::default()).unwrap();
        let name: ProjectName = "semantest".parse().unwrap();
        assert!(Project::new(name.clone(), vec![component.clone(), component.clone()]).is_err());
        assert_eq!(Project::new(name, vec![component]).unwrap().components().len(), 1);
    }
}
