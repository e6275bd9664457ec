//! A REST API: an HTTP server or handler behind a gateway, or at an address of its function's own.

use super::{Component, ComponentSpec};
use crate::domain::code::function::ServerlessFunction;
use crate::domain::code::health::HealthCheck;
use crate::domain::code::logs::LogRetention;
use crate::domain::gateway::ApiGateway;
use crate::domain::gateway::cors::CorsPolicy;
use crate::domain::invalid::InvalidValue;
use crate::domain::names::ComponentName;

/// What requests come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrontDoor {
    /// A gateway with routes, tokens and throttling.
    Gateway(ApiGateway),
    /// An address of the function's own: every request reaches it.
    FunctionUrl {
        /// Which other origins' pages may call.
        cors: Option<CorsPolicy>,
    },
}

impl From<ApiGateway> for FrontDoor {
    fn from(gateway: ApiGateway) -> Self {
        Self::Gateway(gateway)
    }
}

/// An HTTP server or handler with a front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestApi {
    pub(super) function: ServerlessFunction,
    door: FrontDoor,
    pub(super) health: Option<HealthCheck>,
    log_retention: LogRetention,
}

impl RestApi {
    /// A server or handler behind a front door.
    ///
    /// # Errors
    /// When the health check asks for a path that the gateway doesn't take, or takes only with a
    /// token, which a health check hasn't got.
    pub fn new(
        function: ServerlessFunction,
        door: impl Into<FrontDoor>,
        health: Option<HealthCheck>,
        log_retention: LogRetention,
    ) -> Result<Self, InvalidValue> {
        let door = door.into();
        if let (Some(health), FrontDoor::Gateway(gateway)) = (&health, &door) {
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
        Ok(Self { function, door, health, log_retention })
    }

    /// The code that it runs.
    pub fn function(&self) -> &ServerlessFunction {
        &self.function
    }

    /// The front door to it.
    pub fn door(&self) -> &FrontDoor {
        &self.door
    }

    /// The gateway, where there is one.
    pub fn gateway(&self) -> Option<&ApiGateway> {
        match &self.door {
            FrontDoor::Gateway(gateway) => Some(gateway),
            FrontDoor::FunctionUrl { .. } => None,
        }
    }

    /// Which other origins' pages may call.
    pub fn cors(&self) -> Option<&CorsPolicy> {
        match &self.door {
            FrontDoor::Gateway(gateway) => gateway.cors(),
            FrontDoor::FunctionUrl { cors } => cors.as_ref(),
        }
    }

    /// How it is asked whether it works.
    pub fn health(&self) -> Option<&HealthCheck> {
        self.health.as_ref()
    }

    /// How long its logs are kept.
    pub fn log_retention(&self) -> LogRetention {
        self.log_retention
    }

    /// As the component of that name.
    pub fn named(self, name: ComponentName) -> Component {
        Component::new(name, ComponentSpec::RestApi(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::testing::server;
    use crate::domain::gateway::authentication::{Audience, Authentication, Issuer, JwtAuthentication};
    use crate::domain::gateway::route::Route;
    use crate::domain::quantity::Timeout;

    fn gateway(key: &str, authentication: Option<Authentication>, catch_all: bool) -> ApiGateway {
        let jwt = JwtAuthentication::new(
            Issuer::new("https://id.example.com/").unwrap(),
            vec![Audience::new("semantest").unwrap()],
        )
        .unwrap();
        let routes = vec![Route { key: key.parse().unwrap(), authentication }];
        ApiGateway::new(routes, catch_all, Authentication::Jwt(jwt), None, None).unwrap()
    }

    fn with_health(gateway: ApiGateway) -> Result<RestApi, InvalidValue> {
        let health =
            HealthCheck { path: "/health?deep=1".parse().unwrap(), timeout: Timeout::from_seconds(20).unwrap() };
        RestApi::new(server(), gateway, Some(health), LogRetention::Days(14))
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
}
