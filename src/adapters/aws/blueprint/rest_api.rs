//! The resources of a REST API: a function behind an HTTP API, or at an address of its own.
//!
//! The order in which they can be made matters for speed: the API with its stage and authorizer doesn't wait for the function.

use std::time::Duration;

use resource_graph::{Interpolation, PropertyMap, Value};
use sha2::{Digest, Sha256};

use super::Kind;
use super::code::{Code, Parts, log_group};
use super::names::Names;
use super::scope::{Handle, Scope};
use super::{cors, function_url};
use crate::adapters::aws::preflight;
use crate::adapters::aws::validation::function::AnswerLimit;
use crate::adapters::aws::validation::{self, Circumstances};
use crate::domain::code::logs::LogRetention;
use crate::domain::component::{FrontDoor, RestApi};
use crate::domain::gateway::ApiGateway;
use crate::domain::gateway::authentication::{Authentication, JwtAuthentication};
use crate::domain::gateway::route::RouteKey;
use crate::domain::names::ComponentName;
use crate::domain::violation::Violation;
use crate::ports::{PackagedCode, ProviderError};

/// The limits of an HTTP API.
const HTTP_API_QUOTAS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html";
/// The longest that an HTTP API waits ("Maximum integration timeout"): the function's own timeout ends a request earlier.
const LONGEST_INTEGRATION: Duration = Duration::from_secs(30);
/// One line of JSON for each request
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>).
const ACCESS_LOG_FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTimeEpoch","ip":"$context.identity.sourceIp","method":"$context.httpMethod","path":"$context.path","route":"$context.routeKey","protocol":"$context.protocol","status":"$context.status","responseLength":"$context.responseLength","latencyMs":"$context.responseLatency","integrationLatencyMs":"$context.integrationLatency","integrationStatus":"$context.integrationStatus","integrationError":"$context.integrationErrorMessage","authorizerError":"$context.authorizer.error","userAgent":"$context.identity.userAgent"}"#;

impl RestApi {
    fn code(&self) -> Code<'_> {
        let limit = self.gateway().map(|_| AnswerLimit {
            seconds: LONGEST_INTEGRATION.as_secs(),
            code: "aws/integration-timeout",
            reason: "an HTTP API answers 504 after 30s",
            hint: "use at most 30s, and do longer work after the answer or somewhere else; or use `url: function`",
            source: HTTP_API_QUOTAS,
        });
        Code {
            function: self.function(),
            log_retention: self.log_retention(),
            added: vec![(preflight::VARIABLE, preflight::variable(self))],
            limit,
        }
    }
}

impl Kind for RestApi {
    fn check(&self, name: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
        let mut violations = match self.door() {
            FrontDoor::Gateway(gateway) => {
                let mut violations = validation::names::check_gateway(name, circumstances);
                violations.extend(validation::gateway::check(self, gateway, circumstances));
                violations
            }
            FrontDoor::FunctionUrl { cors } => cors.as_ref().map(validation::function_url::check).unwrap_or_default(),
        };
        violations.extend(self.code().check(name, circumstances));
        violations
    }

    fn add(&self, scope: &mut Scope<'_>, package: Option<&PackagedCode>) -> Result<(), ProviderError> {
        let mut names = Names::of(scope.request, scope.component)?;
        let parts = self.code().add(scope, &mut names, package)?;
        match self.door() {
            FrontDoor::Gateway(gateway) => add_gateway(scope, self, gateway, &parts, &names),
            FrontDoor::FunctionUrl { cors } => function_url::add(scope, &parts, &names, cors.as_ref()),
        }
        parts.show(scope);
        Ok(())
    }
}

/// Adds the gateway and its way to the function.
fn add_gateway(scope: &mut Scope<'_>, component: &RestApi, gateway: &ApiGateway, parts: &Parts, names: &Names) {
    let api = http_api(scope, &names.api, gateway);
    stage(scope, &api, &names.access_logs, gateway, component.log_retention());
    let integration = scope.add(
        "aws:apigatewayv2/integration:Integration",
        "integration",
        [
            ("apiId", api.output("id")),
            ("integrationType", "AWS_PROXY".into()),
            ("integrationMethod", "POST".into()),
            ("integrationUri", parts.alias.output("invokeArn")),
            ("payloadFormatVersion", "2.0".into()),
            ("timeoutMilliseconds", (LONGEST_INTEGRATION.as_millis() as f64).into()),
        ],
    );
    scope.add(
        "aws:lambda/permission:Permission",
        "permission",
        [
            ("action", "lambda:InvokeFunction".into()),
            ("function", parts.function.output("name")),
            ("principal", "apigateway.amazonaws.com".into()),
            ("qualifier", parts.alias.output("name")),
            ("sourceArn", Interpolation::new([api.output("executionArn"), "/*/*".into()]).into()),
            ("statementId", names.statement.as_str().into()),
        ],
    );
    routes(scope, &api, &integration, component, gateway);

    scope.show("url", api.output("apiEndpoint"));
    scope.show("apiId", api.output("id"));
}

fn http_api(scope: &mut Scope<'_>, name: &str, gateway: &ApiGateway) -> Handle {
    let mut inputs = PropertyMap::from([("name", name), ("protocolType", "HTTP")]);
    if let Some(policy) = gateway.cors() {
        inputs.insert("corsConfiguration", cors::inputs(policy));
    }
    scope.add_tagged("aws:apigatewayv2/api:Api", "api", inputs)
}

fn stage(scope: &mut Scope<'_>, api: &Handle, log_name: &str, gateway: &ApiGateway, retention: LogRetention) {
    let logs = log_group(scope, "access-logs", log_name, retention);
    let mut inputs = PropertyMap::from([
        ("apiId", api.output("id")),
        ("name", "$default".into()),
        // Changes of routes and integrations go live by themselves, without a CreateDeployment, of which AWS takes one in 5 s.
        ("autoDeploy", true.into()),
        (
            "accessLogSettings",
            PropertyMap::from([("destinationArn", logs.output("arn")), ("format", ACCESS_LOG_FORMAT.into())]).into(),
        ),
    ]);
    if let Some(throttle) = gateway.throttle() {
        let limits = [("throttlingRateLimit", throttle.rate()), ("throttlingBurstLimit", throttle.burst())];
        inputs.insert("defaultRouteSettings", PropertyMap::from(limits));
    }
    scope.add_tagged("aws:apigatewayv2/stage:Stage", "stage", inputs);
}

fn routes(scope: &mut Scope<'_>, api: &Handle, integration: &Handle, component: &RestApi, gateway: &ApiGateway) {
    let authorizers: Vec<(&JwtAuthentication, Handle)> =
        gateway.token_authentications().into_iter().map(|jwt| (jwt, authorizer(scope, api, gateway, jwt))).collect();
    let preflights = preflight::added_routes(component);
    for (key, authentication) in gateway
        .routes()
        .iter()
        .map(|route| (&route.key, gateway.authentication_of(route)))
        .chain(preflights.iter().map(|key| (key, &Authentication::None)))
    {
        let mut inputs = PropertyMap::from([
            ("apiId", api.output("id")),
            ("routeKey", key.to_string().into()),
            ("target", Interpolation::new(["integrations/".into(), integration.output("id")]).into()),
        ]);
        if let Authentication::Jwt(jwt) = authentication
            && let Some((_, authorizer)) = authorizers.iter().find(|(known, _)| *known == jwt)
        {
            inputs.insert("authorizationType", "JWT");
            inputs.insert("authorizerId", authorizer.output("id"));
        }
        // `route-default`, `route-GET-/users/{id}`: one name for one key, whatever its parts.
        let role = match key {
            RouteKey::Default => "route-default".to_owned(),
            key => format!("route-{}", key.to_string().replacen(' ', "-", 1)),
        };
        scope.add("aws:apigatewayv2/route:Route", &role, inputs);
    }
}

/// The authorizer of the gateway itself is called `jwt`; those that routes have of their own, by what they ask for.
fn authorizer(scope: &mut Scope<'_>, api: &Handle, gateway: &ApiGateway, jwt: &JwtAuthentication) -> Handle {
    let audiences: Vec<&str> = jwt.audience().iter().map(|audience| audience.as_str()).collect();
    let own = matches!(gateway.authentication(), Authentication::Jwt(of_gateway) if of_gateway == jwt);
    let (role, name) = if own {
        ("authorizer".to_owned(), "jwt".to_owned())
    } else {
        let hash = Sha256::digest(format!("{}\n{}", jwt.issuer().as_str(), audiences.join("\n")));
        let hash = &hex::encode(hash)[..8];
        (format!("authorizer-{hash}"), format!("jwt-{hash}"))
    };
    let configuration =
        PropertyMap::from([("issuer", Value::from(jwt.issuer().as_str())), ("audiences", audiences.into())]);
    scope.add(
        "aws:apigatewayv2/authorizer:Authorizer",
        &role,
        [
            ("apiId", api.output("id")),
            ("name", name.into()),
            ("authorizerType", "JWT".into()),
            ("identitySources", vec!["$request.header.Authorization"].into()),
            ("jwtConfiguration", configuration.into()),
        ],
    )
}
