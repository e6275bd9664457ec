//! One case for each resource type, with what must be there before it. The laws and the fault tests run the same cases.

use resource_graph::{PropertyMap, Value};
use semantest_iac::ports::ResourceState;

use crate::aws::laws::Case;
use crate::aws::support::{Account, PROJECT, REGION, map, tags, texts, with};

pub const ROLE: &str = "aws:iam/role:Role";
pub const FUNCTION: &str = "aws:lambda/function:Function";
pub const ALIAS: &str = "aws:lambda/alias:Alias";
const API: &str = "aws:apigatewayv2/api:Api";
const AUTHORIZER: &str = "aws:apigatewayv2/authorizer:Authorizer";
const INTEGRATION: &str = "aws:apigatewayv2/integration:Integration";
const BUCKET: &str = "aws:s3/bucket:Bucket";

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
const OTHER_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"edgelambda.amazonaws.com"}}]}"#;

/// The tags that a blueprint gives, and one of the user's.
fn more_tags(token: &'static str) -> (&'static str, Value) {
    let mut all = tags(PROJECT, token, "one");
    all.insert("team", "a");
    ("tags", all.into())
}

fn policy(group: &str) -> Value {
    let resource = format!("arn:aws:logs:us-east-1:1:log-group:{group}:*");
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Action":["logs:PutLogEvents"],"Effect":"Allow","Resource":"{resource}"}}]}}"#).into()
}

/// A role to run functions under.
pub async fn runner(account: &Account, name: &str) -> ResourceState {
    let inputs =
        [("name", Value::from(name)), ("assumeRolePolicy", TRUST.into()), ("tags", tags(PROJECT, ROLE, name).into())];
    account.create(ROLE, name, &inputs.into()).await
}

pub fn function_inputs(account: &Account, role: &ResourceState, name: &str) -> PropertyMap {
    let variables = map([("TOKEN", Value::secret("hunter2")), ("MODE", "test".into())]);
    [
        ("name", Value::from(name)),
        ("role", role.outputs.get("arn").cloned().unwrap()),
        ("code", account.package("one")),
        ("handler", "index.handler".into()),
        ("runtime", "nodejs22.x".into()),
        ("memorySize", 256.0.into()),
        ("timeout", 10.0.into()),
        ("publish", true.into()),
        ("environment", map([("variables", variables)])),
    ]
    .into()
}

/// Functions of ours, with one version each.
async fn functions(account: &Account, names: [&str; 2]) -> [ResourceState; 2] {
    let role = runner(account, "runner").await;
    let make = async |name| {
        let inputs = with(&function_inputs(account, &role, name), [("tags", tags(PROJECT, FUNCTION, name).into())]);
        account.create(FUNCTION, name, &inputs).await
    };
    [make(names[0]).await, make(names[1]).await]
}

/// An API of ours.
async fn gateway(account: &Account) -> String {
    let inputs =
        [("name", Value::from("api")), ("protocolType", "HTTP".into()), ("tags", tags(PROJECT, API, "api").into())];
    account.create(API, "api", &inputs.into()).await.id
}

fn integration_inputs(api: &str, alias: &str) -> PropertyMap {
    [
        ("apiId", Value::from(api)),
        ("integrationType", "AWS_PROXY".into()),
        ("integrationMethod", "POST".into()),
        ("integrationUri", integration_uri(alias)),
        ("payloadFormatVersion", "2.0".into()),
        ("timeoutMilliseconds", 20_000.0.into()),
    ]
    .into()
}

fn integration_uri(alias: &str) -> Value {
    let function = format!("arn:aws:lambda:us-east-1:1:function:api:{alias}");
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations").into()
}

fn authorizer_inputs(api: &str) -> PropertyMap {
    [
        ("apiId", Value::from(api)),
        ("name", "jwt".into()),
        ("authorizerType", "JWT".into()),
        ("identitySources", texts(["$request.header.Authorization"])),
        (
            "jwtConfiguration",
            map([("issuer", "https://id.example.com/".into()), ("audiences", texts(["shop", "admin"]))]),
        ),
    ]
    .into()
}

pub async fn role(_: &Account) -> Case {
    Case {
        token: ROLE,
        inputs: [("name", "one"), ("assumeRolePolicy", TRUST)].into(),
        updates: vec![
            vec![("description", "runs the shop".into())],
            vec![("maxSessionDuration", 7200.0.into())],
            vec![("assumeRolePolicy", OTHER_TRUST.into())],
            vec![more_tags(ROLE)],
            vec![("tags", tags(PROJECT, ROLE, "one").into())],
        ],
        replacements: vec![("name", "two".into()), ("path", "/shop/".into())],
        tagged: true,
        ..Case::default()
    }
}

pub async fn role_policy(account: &Account) -> Case {
    runner(account, "runner").await;
    runner(account, "other").await;
    Case {
        token: "aws:iam/rolePolicy:RolePolicy",
        inputs: [("name", "logs".into()), ("role", "runner".into()), ("policy", policy("a"))].into(),
        updates: vec![vec![("policy", policy("b"))]],
        replacements: vec![("name", "two".into()), ("role", "other".into())],
        ..Case::default()
    }
}

pub async fn log_group(_: &Account) -> Case {
    const TOKEN: &str = "aws:cloudwatch/logGroup:LogGroup";
    Case {
        token: TOKEN,
        inputs: [("name", Value::from("/aws/lambda/one")), ("retentionInDays", 14.0.into())].into(),
        updates: vec![
            vec![("retentionInDays", 30.0.into())],
            vec![("retentionInDays", Value::Null)],
            vec![more_tags(TOKEN)],
        ],
        replacements: vec![("name", "/aws/lambda/two".into()), ("logGroupClass", "INFREQUENT_ACCESS".into())],
        tagged: true,
        ..Case::default()
    }
}

pub async fn function(account: &Account) -> Case {
    let role = runner(account, "runner").await;
    let other = runner(account, "other").await;
    Case {
        token: FUNCTION,
        inputs: function_inputs(account, &role, "one"),
        updates: vec![
            vec![("code", account.package("two"))],
            vec![("memorySize", 512.0.into())],
            vec![("timeout", 20.0.into()), ("code", account.package("three"))],
            vec![("environment", map([("variables", map([("TOKEN", Value::secret("hunter3"))]))]))],
            vec![("environment", Value::Null)],
            vec![("description", "the shop's".into())],
            vec![("handler", "index.other".into()), ("runtime", "nodejs20.x".into())],
            vec![("role", other.outputs.get("arn").cloned().unwrap())],
            vec![("reservedConcurrentExecutions", 5.0.into())],
            vec![("reservedConcurrentExecutions", Value::Null)],
            vec![("ephemeralStorage", map([("size", 1024.0.into())]))],
            vec![("tracingConfig", map([("mode", "Active".into())]))],
            vec![("architectures", texts(["arm64"]))],
            vec![more_tags(FUNCTION)],
        ],
        replacements: vec![("name", "two".into())],
        volatile: &["lastModified"],
        tagged: true,
        // Only zip packages are supported.
        untried: &["packageType"],
    }
}

pub async fn alias(account: &Account) -> Case {
    let [one, _] = functions(account, ["api", "other"]).await;
    let provider = account.provider(FUNCTION);
    let changed = with(&one.inputs, [("memorySize", 512.0.into())]);
    let two = provider.update(&account.context(FUNCTION, "api"), &one, &changed).await.unwrap();
    assert_eq!((one.outputs.string("version"), two.outputs.string("version")), (Some("1"), Some("2")));
    Case {
        token: ALIAS,
        inputs: [("name", "live"), ("functionName", "api"), ("functionVersion", "1")].into(),
        updates: vec![
            vec![("functionVersion", "2".into())],
            vec![("routingConfig", map([("additionalVersionWeights", map([("1", 0.25.into())]))]))],
            vec![("routingConfig", Value::Null)],
            vec![("description", "what the API calls".into())],
            // The other function has but one version.
            vec![("functionVersion", "1".into())],
        ],
        replacements: vec![("name", "canary".into()), ("functionName", "other".into())],
        ..Case::default()
    }
}

pub async fn permission(account: &Account) -> Case {
    functions(account, ["api", "other"]).await;
    for function in ["api", "other"] {
        let inputs = [("name", "live"), ("functionName", function), ("functionVersion", "1")];
        account.create(ALIAS, function, &inputs.into()).await;
    }
    Case {
        token: "aws:lambda/permission:Permission",
        inputs: [
            ("action", "lambda:InvokeFunction"),
            ("function", "api"),
            ("principal", "apigateway.amazonaws.com"),
            ("qualifier", "live"),
            ("sourceArn", "arn:aws:execute-api:us-east-1:123456789012:abc/*/*"),
            ("statementId", "api-gateway"),
        ]
        .into(),
        replacements: vec![
            ("action", "lambda:GetFunction".into()),
            ("function", "other".into()),
            ("principal", "s3.amazonaws.com".into()),
            ("sourceAccount", "123456789012".into()),
            ("sourceArn", "arn:aws:s3:::bucket".into()),
            ("statementId", "two".into()),
            ("principalOrgId", "o-1234567890".into()),
            ("eventSourceToken", "token".into()),
            ("functionUrlAuthType", "NONE".into()),
            ("invokedViaFunctionUrl", true.into()),
            ("qualifier", Value::Null),
        ],
        ..Case::default()
    }
}

pub async fn function_url(account: &Account) -> Case {
    functions(account, ["api", "other"]).await;
    for function in ["api", "other"] {
        let inputs = [("name", "live"), ("functionName", function), ("functionVersion", "1")];
        account.create(ALIAS, function, &inputs.into()).await;
    }
    let cors = |origin, age: f64| {
        map([("allowOrigins", texts([origin])), ("allowMethods", texts(["GET", "POST"])), ("maxAge", age.into())])
    };
    Case {
        token: "aws:lambda/functionUrl:FunctionUrl",
        inputs: [("functionName", "api"), ("qualifier", "live"), ("authorizationType", "AWS_IAM")].into(),
        updates: vec![
            vec![("authorizationType", "NONE".into())],
            vec![("cors", cors("https://semantest.com", 600.0))],
            vec![("cors", cors("*", 0.0))],
            vec![("invokeMode", "RESPONSE_STREAM".into()), ("cors", Value::Null)],
            vec![("invokeMode", Value::Null)],
        ],
        replacements: vec![("functionName", "other".into()), ("qualifier", Value::Null)],
        ..Case::default()
    }
}

pub async fn api(_: &Account) -> Case {
    let cors = |origins, more: (&'static str, Value)| map([("allowOrigins", origins), more, ("maxAge", 3600.0.into())]);
    Case {
        token: API,
        inputs: [("name", "one"), ("protocolType", "HTTP")].into(),
        updates: vec![
            vec![(
                "corsConfiguration",
                cors(texts(["https://semantest.com"]), ("allowMethods", texts(["GET", "POST"]))),
            )],
            vec![("corsConfiguration", cors(texts(["*"]), ("allowHeaders", texts(["authorization"]))))],
            vec![(
                "corsConfiguration",
                map([
                    ("allowCredentials", true.into()),
                    ("allowHeaders", texts(["authorization"])),
                    ("allowMethods", texts(["GET"])),
                    ("allowOrigins", texts(["https://semantest.com"])),
                    ("exposeHeaders", texts(["etag"])),
                    ("maxAge", 600.0.into()),
                ]),
            )],
            vec![("corsConfiguration", map([("allowOrigins", texts(["https://semantest.com"]))]))],
            vec![("corsConfiguration", Value::Null)],
            vec![("name", "two".into())],
            vec![("description", "the shop's".into()), ("version", "2".into())],
            vec![("disableExecuteApiEndpoint", true.into())],
            vec![more_tags(API)],
        ],
        replacements: vec![("protocolType", "WEBSOCKET".into())],
        tagged: true,
        ..Case::default()
    }
}

pub async fn integration(account: &Account) -> Case {
    let api = gateway(account).await;
    Case {
        token: INTEGRATION,
        inputs: integration_inputs(&api, "live"),
        updates: vec![
            vec![("timeoutMilliseconds", 30_000.0.into())],
            vec![("integrationUri", integration_uri("canary"))],
            vec![("payloadFormatVersion", "1.0".into())],
            vec![("description", "to the function".into())],
            vec![("requestParameters", map([("append:header.via", "shop".into())]))],
        ],
        replacements: vec![("integrationType", "HTTP_PROXY".into())],
        untried: &["integrationSubtype"],
        ..Case::default()
    }
}

pub async fn route(account: &Account) -> Case {
    let api = gateway(account).await;
    let target = async |alias| {
        format!("integrations/{}", account.create(INTEGRATION, alias, &integration_inputs(&api, alias)).await.id)
    };
    let authorizer = account.create(AUTHORIZER, "one", &authorizer_inputs(&api)).await.id;
    Case {
        token: "aws:apigatewayv2/route:Route",
        inputs: [("apiId", api.as_str()), ("routeKey", "$default"), ("target", &target("live").await)].into(),
        updates: vec![
            vec![("target", target("canary").await.into())],
            vec![
                ("authorizationType", "JWT".into()),
                ("authorizerId", authorizer.into()),
                ("authorizationScopes", texts(["read", "write"])),
            ],
            vec![
                ("authorizationType", Value::Null),
                ("authorizerId", Value::Null),
                ("authorizationScopes", Value::Null),
            ],
            vec![("operationName", "everything".into())],
            vec![("routeKey", "GET /health".into())],
        ],
        ..Case::default()
    }
}

pub async fn authorizer(account: &Account) -> Case {
    let api = gateway(account).await;
    let jwt = map([("issuer", "https://other.example.com/".into()), ("audiences", texts(["shop"]))]);
    Case {
        token: AUTHORIZER,
        inputs: authorizer_inputs(&api),
        updates: vec![
            vec![("jwtConfiguration", jwt)],
            vec![("identitySources", texts(["$request.querystring.token"]))],
            vec![("name", "jwt-2".into())],
        ],
        ..Case::default()
    }
}

pub async fn stage(account: &Account) -> Case {
    const TOKEN: &str = "aws:apigatewayv2/stage:Stage";
    let api = gateway(account).await;
    let log = |name: &str| {
        let arn = format!("arn:aws:logs:us-east-1:1:log-group:{name}");
        map([("destinationArn", arn.into()), ("format", "$context.requestId".into())])
    };
    let limits = |rate: f64| map([("throttlingRateLimit", rate.into()), ("throttlingBurstLimit", 200.0.into())]);
    let routes = |settings: [(&str, Value); 2]| {
        let one = |(key, settings): (&str, Value)| {
            let Value::Map(mut settings) = settings else { unreachable!() };
            settings.insert("routeKey", key);
            Value::Map(settings)
        };
        Value::List(settings.map(one).into())
    };
    Case {
        token: TOKEN,
        inputs: [
            ("apiId", api.into()),
            ("name", "$default".into()),
            ("autoDeploy", true.into()),
            ("accessLogSettings", log("a")),
            ("tags", tags(PROJECT, TOKEN, "one").into()),
        ]
        .into(),
        updates: vec![
            vec![("defaultRouteSettings", limits(100.5))],
            vec![("defaultRouteSettings", limits(50.0))],
            vec![("defaultRouteSettings", map([("throttlingRateLimit", 50.0.into())]))],
            vec![("defaultRouteSettings", Value::Null)],
            vec![("routeSettings", routes([("GET /a", limits(5.0)), ("GET /b", limits(6.0))]))],
            vec![(
                "routeSettings",
                routes([("GET /a", map([("throttlingRateLimit", 5.0.into())])), ("GET /c", limits(7.0))]),
            )],
            vec![("routeSettings", Value::Null)],
            vec![("accessLogSettings", log("b"))],
            vec![("accessLogSettings", Value::Null)],
            vec![("stageVariables", map([("mode", "a".into())]))],
            vec![("description", "live".into())],
            vec![("autoDeploy", Value::Null)],
            vec![more_tags(TOKEN)],
        ],
        replacements: vec![("name", "test".into())],
        volatile: &["deploymentId"],
        // It carries tags, but its API says whose it is.
        ..Case::default()
    }
}

pub async fn bucket(account: &Account) -> Case {
    Case {
        token: BUCKET,
        inputs: [("bucket", Value::from(format!("one-{}", account.number))), ("forceDestroy", true.into())].into(),
        updates: vec![vec![more_tags(BUCKET)], vec![("forceDestroy", Value::Null)]],
        replacements: vec![("bucket", format!("two-{}", account.number).into())],
        tagged: true,
        ..Case::default()
    }
}

pub async fn bucket_object(account: &Account) -> Case {
    const TOKEN: &str = "aws:s3/bucketObjectv2:BucketObjectv2";
    let names = ["a", "b"].map(|name| format!("{name}-{}", account.number));
    for name in &names {
        let inputs = [
            ("bucket", Value::from(name.as_str())),
            ("region", REGION.into()),
            ("tags", tags(PROJECT, BUCKET, name).into()),
        ];
        account.create(BUCKET, name, &inputs.into()).await;
    }
    Case {
        token: TOKEN,
        inputs: [
            ("bucket", Value::from(names[0].as_str())),
            ("key", "one.zip".into()),
            ("source", account.package("one")),
            ("contentType", "application/zip".into()),
        ]
        .into(),
        updates: vec![
            vec![("source", account.package("two"))],
            vec![("cacheControl", "no-store".into())],
            vec![more_tags(TOKEN)],
        ],
        replacements: vec![("key", "two.zip".into()), ("bucket", names[1].as_str().into())],
        volatile: &["etag"],
        tagged: true,
        ..Case::default()
    }
}

/// Makes a test of each case, in an account of its own.
macro_rules! for_each_case {
    ($run:path) => {
        $crate::aws::cases::for_each_case!($run, $crate::aws::support::Account::new);
    };
    ($run:path, $account:path) => {
        $crate::aws::cases::for_each_case!($run, $account, alias api authorizer bucket bucket_object function function_url integration log_group permission role role_policy route stage);
    };
    ($run:path, $account:path, $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let account = $account().await;
                let case = $crate::aws::cases::$case(&account).await;
                $run(&account, &case).await;
            }
        )+
    };
}
pub(crate) use for_each_case;
