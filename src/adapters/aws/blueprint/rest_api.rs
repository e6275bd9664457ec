//! The resources of a REST API: a function behind an HTTP API.
//!
//! The order in which they can be made matters for speed: the role comes first, for IAM takes seconds to spread it; the
//! API with its stage and authorizer doesn't wait for the function; nothing waits for the function but what names it.

use resource_graph::{Interpolation, PropertyMap, Value};
use sha2::{Digest, Sha256};

use super::super::preflight;
use super::names::{self, Names};
use super::scope::{Handle, Scope};
use crate::domain::authentication::{Authentication, JwtAuthentication};
use crate::domain::component::Component;
use crate::domain::cors::CorsPolicy;
use crate::domain::gateway::ApiGateway;
use crate::domain::logs::LogRetention;
use crate::domain::route::RouteKey;
use crate::domain::runtime::{Language, Runtime};
use crate::ports::{Blueprint, BlueprintRequest, ComponentDeployment, ProviderError};

/// The alias that the API calls. Releases move it from version to version.
const ALIAS: &str = "live";
/// A zip file up to this many bytes is sent along with the call
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>: 50 MB zipped, direct upload). Lambda counts the
/// whole request, in base64 and with the environment variables, so the last 2.4 MB to 50 MiB aren't relied on.
const LARGEST_DIRECT_UPLOAD: u64 = 50_000_000;
/// The longest that an HTTP API waits, in milliseconds: the function's own timeout ends a request earlier
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const LONGEST_INTEGRATION: f64 = 30_000.0;
/// Who may assume the execution role.
const TRUST_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
/// One line of JSON for each request
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>).
const ACCESS_LOG_FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTimeEpoch","ip":"$context.identity.sourceIp","method":"$context.httpMethod","path":"$context.path","route":"$context.routeKey","protocol":"$context.protocol","status":"$context.status","responseLength":"$context.responseLength","latencyMs":"$context.responseLatency","integrationLatencyMs":"$context.integrationLatency","integrationStatus":"$context.integrationStatus","integrationError":"$context.integrationErrorMessage","authorizerError":"$context.authorizer.error","userAgent":"$context.identity.userAgent"}"#;

/// Adds the resources of a component and what it shows.
pub(super) fn add(
    blueprint: &mut Blueprint,
    request: &BlueprintRequest,
    deployment: &ComponentDeployment,
    region: &str,
) -> Result<(), ProviderError> {
    let component = &deployment.component;
    let mut names = Names::of(request, component.name())?;
    let mut scope = Scope::begin(blueprint, request, component.name().as_str(), region);
    if let Some(function) = scope.kept_name("aws:lambda/function:Function", "function") {
        names.follow_function(function);
    }

    let role = scope.add_tagged(
        "aws:iam/role:Role",
        "role",
        [("name", Value::from(names.role.as_str())), ("assumeRolePolicy", TRUST_POLICY.into())],
    );
    let logs = log_group(&mut scope, "logs", &names.function_logs, component);
    let policy = scope.add(
        "aws:iam/rolePolicy:RolePolicy",
        "policy",
        [("name", names.role_policy.into()), ("role", role.output("name")), ("policy", log_policy(&logs))],
    );
    let function = function(&mut scope, request, deployment, &names.function, &role, region);
    // Lambda would make the log group itself, without retention, once it is called.
    scope.depends(&function, &[&logs]);
    let alias = scope.add(
        "aws:lambda/alias:Alias",
        "live",
        [
            ("name", ALIAS.into()),
            ("functionName", function.output("name")),
            ("functionVersion", function.output("version")),
        ],
    );
    // Requests come through the alias alone. So the policy needs to be there before it, but not before the function, which
    // takes longer.
    scope.depends(&alias, &[&policy]);

    let api = api(&mut scope, &names.api, component.gateway());
    stage(&mut scope, &api, &names.access_logs, component);
    let integration = scope.add(
        "aws:apigatewayv2/integration:Integration",
        "integration",
        [
            ("apiId", api.output("id")),
            ("integrationType", "AWS_PROXY".into()),
            ("integrationMethod", "POST".into()),
            ("integrationUri", alias.output("invokeArn")),
            ("payloadFormatVersion", "2.0".into()),
            ("timeoutMilliseconds", LONGEST_INTEGRATION.into()),
        ],
    );
    scope.add(
        "aws:lambda/permission:Permission",
        "permission",
        [
            ("action", "lambda:InvokeFunction".into()),
            ("function", function.output("name")),
            ("principal", "apigateway.amazonaws.com".into()),
            ("qualifier", alias.output("name")),
            ("sourceArn", Interpolation::new([api.output("executionArn"), "/*/*".into()]).into()),
            ("statementId", names.statement.into()),
        ],
    );
    routes(&mut scope, &api, &integration, component);

    scope.show("url", api.output("apiEndpoint"));
    scope.show("functionName", function.output("name"));
    scope.show("functionArn", function.output("arn"));
    scope.show("aliasArn", alias.output("arn"));
    scope.show("apiId", api.output("id"));
    scope.show("logGroup", logs.output("name"));
    Ok(())
}

fn log_group(scope: &mut Scope<'_>, role: &str, name: &str, component: &Component) -> Handle {
    let mut inputs = PropertyMap::from([("name", name)]);
    if let LogRetention::Days(days) = component.log_retention() {
        inputs.insert("retentionInDays", days);
    }
    scope.add_tagged("aws:cloudwatch/logGroup:LogGroup", role, inputs)
}

/// The execution role writes the function's own log and may do nothing else.
fn log_policy(logs: &Handle) -> Value {
    let before = r#"{"Version":"2012-10-17","Statement":[{"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":""#;
    Interpolation::new([before.into(), logs.output("arn"), r#":*"}]}"#.into()]).into()
}

/// Lambda's name for a runtime.
fn runtime(runtime: Runtime) -> String {
    match runtime.language() {
        Language::NodeJs => format!("nodejs{}.x", runtime.major()),
    }
}

fn function(
    scope: &mut Scope<'_>,
    request: &BlueprintRequest,
    deployment: &ComponentDeployment,
    name: &str,
    role: &Handle,
    region: &str,
) -> Handle {
    let (wanted, package) = (deployment.component.function(), &deployment.package);
    let variables = wanted.environment.iter().map(|(name, value)| {
        let text = value.expose();
        (name.as_str().to_owned(), if value.is_secret() { Value::secret(text) } else { text.into() })
    });
    let mut variables: PropertyMap = variables.collect();
    if let Some(paths) = preflight::variable(&deployment.component) {
        variables.insert(preflight::VARIABLE, paths);
    }
    for (name, value) in package.environment.iter() {
        variables.insert(name, value.clone());
    }
    let seconds = wanted.timeout.duration().as_millis().div_ceil(1000);
    let mut inputs = PropertyMap::from([
        ("name", Value::from(name)),
        ("role", role.output("arn")),
        ("runtime", runtime(wanted.runtime).into()),
        ("handler", package.handler.as_str().into()),
        ("memorySize", wanted.memory.megabytes().into()),
        ("timeout", u32::try_from(seconds).unwrap_or(u32::MAX).into()),
        ("publish", true.into()),
    ]);
    if !variables.is_empty() {
        inputs.insert("environment", PropertyMap::from([("variables", variables)]));
    }
    if package.zipped_size > LARGEST_DIRECT_UPLOAD {
        let account = request.identity.as_ref().map_or("", |identity| identity.account.as_str());
        let object = package_object(scope, deployment, &names::bucket(name, account, region));
        inputs.insert("s3Bucket", object.output("bucket"));
        inputs.insert("s3Key", object.output("key"));
    } else {
        inputs.insert("code", Value::Archive(Box::new(package.archive.clone())));
    }
    scope.add_tagged("aws:lambda/function:Function", "function", inputs)
}

/// A package that is too large for the call: a bucket for the component, an object for each digest.
fn package_object(scope: &mut Scope<'_>, deployment: &ComponentDeployment, bucket: &str) -> Handle {
    let bucket = scope.add_tagged(
        "aws:s3/bucket:Bucket",
        "packages",
        [("bucket", Value::from(bucket)), ("forceDestroy", true.into())],
    );
    let archive = &deployment.package.archive;
    let digest = archive.hash.as_deref().unwrap_or_default();
    scope.add_tagged(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "package",
        [
            ("bucket", bucket.output("bucket")),
            ("key", format!("{digest}.zip").into()),
            ("source", Value::Archive(Box::new(archive.clone()))),
            ("contentType", "application/zip".into()),
        ],
    )
}

fn api(scope: &mut Scope<'_>, name: &str, gateway: &ApiGateway) -> Handle {
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

fn stage(scope: &mut Scope<'_>, api: &Handle, log_name: &str, component: &Component) {
    let logs = log_group(scope, "access-logs", log_name, component);
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

fn routes(scope: &mut Scope<'_>, api: &Handle, integration: &Handle, component: &Component) {
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
