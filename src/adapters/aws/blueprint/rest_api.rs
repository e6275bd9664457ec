//! The resources of a REST API: a function behind an HTTP API.
//!
//! The order in which they can be made matters for speed: the API with its stage and authorizer doesn't wait for the function.

use std::time::Duration;

use resource_graph::{Interpolation, PropertyMap, Value};
use sha2::{Digest, Sha256};

use super::Kind;
use super::code::{Code, log_group};
use super::names::Names;
use super::scope::{Handle, Scope};
use crate::adapters::aws::preflight;
use crate::adapters::aws::validation::function::AnswerLimit;
use crate::adapters::aws::validation::{self, Circumstances};
use crate::domain::authentication::{Authentication, JwtAuthentication};
use crate::domain::component::RestApi;
use crate::domain::cors::CorsPolicy;
use crate::domain::gateway::ApiGateway;
use crate::domain::names::ComponentName;
use crate::domain::route::RouteKey;
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
        Code {
            function: self.function(),
            log_retention: self.log_retention(),
            added: vec![(preflight::VARIABLE, preflight::variable(self))],
            limit: Some(AnswerLimit {
                seconds: LONGEST_INTEGRATION.as_secs(),
                code: "aws/integration-timeout",
                reason: "an HTTP API answers 504 after 30s",
                hint: "use at most 30s, and do longer work after the answer or somewhere else",
                source: HTTP_API_QUOTAS,
            }),
        }
    }
}

impl Kind for RestApi {
    fn check(&self, name: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
        let mut violations = validation::names::check_gateway(name, circumstances);
        violations.extend(self.code().check(name, circumstances));
        violations.extend(validation::gateway::check(self, circumstances));
        violations
    }

    fn add(&self, scope: &mut Scope<'_>, package: Option<&PackagedCode>) -> Result<(), ProviderError> {
        let mut names = Names::of(scope.request, scope.component)?;
        let parts = self.code().add(scope, &mut names, package)?;
        let api = http_api(scope, &names.api, self.gateway());
        stage(scope, &api, &names.access_logs, self);
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
        routes(scope, &api, &integration, self);

        scope.show("url", api.output("apiEndpoint"));
        parts.show(scope);
        scope.show("apiId", api.output("id"));
        Ok(())
    }
}

fn http_api(scope: &mut Scope<'_>, name: &str, gateway: &ApiGateway) -> Handle {
    let mut inputs = PropertyMap::from([("name", name), ("protocolType", "HTTP")]);
    if let Some(policy) = gateway.cors() {
        inputs.insert("corsConfiguration", cors(policy));
    }
    scope.add_tagged("aws:apigatewayv2/api:Api", "api", inputs)
}

fn cors(policy: &CorsPolicy) -> PropertyMap {
    let rules = policy.rules();
    let mut cors = PropertyMap::new();
    let lists = [
        ("allowOrigins", rules.origins.to_strings()),
        ("allowMethods", rules.methods.to_strings()),
        ("allowHeaders", rules.headers.to_strings()),
        ("exposeHeaders", rules.expose_headers.to_strings()),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            cors.insert(name, list);
        }
    }
    if let Some(age) = rules.max_age {
        let seconds = u32::try_from(age.duration().as_secs()).unwrap_or(u32::MAX);
        cors.insert("maxAge", seconds);
    }
    if rules.credentials {
        cors.insert("allowCredentials", true);
    }
    cors
}

fn stage(scope: &mut Scope<'_>, api: &Handle, log_name: &str, component: &RestApi) {
    let logs = log_group(scope, "access-logs", log_name, component.log_retention());
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
    if let Some(throttle) = component.gateway().throttle() {
        let limits = [("throttlingRateLimit", throttle.rate()), ("throttlingBurstLimit", throttle.burst())];
        inputs.insert("defaultRouteSettings", PropertyMap::from(limits));
    }
    scope.add_tagged("aws:apigatewayv2/stage:Stage", "stage", inputs);
}

fn routes(scope: &mut Scope<'_>, api: &Handle, integration: &Handle, component: &RestApi) {
    let gateway = component.gateway();
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
