//! One case for each resource type, on MiniStack.

use resource_graph::{PropertyMap, Value};
use semantest_iac::ports::ResourceState;

use crate::laws::{Case, hold};
use crate::support::{Account, PROJECT, map, tags, texts};

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
const OTHER_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"edgelambda.amazonaws.com"}}]}"#;

pub fn policy(group: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Action":["logs:PutLogEvents"],"Effect":"Allow","Resource":"arn:aws:logs:us-east-1:1:log-group:{group}:*"}}]}}"#
    )
}

/// A role to run functions under.
pub async fn role(account: &Account) -> ResourceState {
    const TOKEN: &str = "aws:iam/role:Role";
    let inputs = PropertyMap::from([
        ("name", Value::from("runner")),
        ("assumeRolePolicy", TRUST.into()),
        ("tags", tags(PROJECT, TOKEN, "runner").into()),
    ]);
    account.create(TOKEN, "runner", &inputs).await
}

pub fn function_inputs(account: &Account, role: &ResourceState, name: &str) -> PropertyMap {
    [
        ("name", Value::from(name)),
        ("role", role.outputs.get("arn").cloned().unwrap()),
        ("code", account.package("one")),
        ("handler", "index.handler".into()),
        ("runtime", "nodejs22.x".into()),
        ("memorySize", 256.0.into()),
        ("timeout", 10.0.into()),
        ("publish", true.into()),
        ("region", crate::support::REGION.into()),
        ("environment", map([("variables", map([("TOKEN", Value::secret("hunter2")), ("MODE", "test".into())]))])),
    ]
    .into()
}

/// A function of ours, with one version.
pub async fn function(account: &Account) -> ResourceState {
    const TOKEN: &str = "aws:lambda/function:Function";
    let role = role(account).await;
    let mut inputs = function_inputs(account, &role, "api");
    inputs.insert("tags", tags(PROJECT, TOKEN, "api"));
    account.create(TOKEN, "api", &inputs).await
}

/// An API of ours.
pub async fn api(account: &Account) -> String {
    const TOKEN: &str = "aws:apigatewayv2/api:Api";
    let inputs = PropertyMap::from([
        ("name", Value::from("api")),
        ("protocolType", "HTTP".into()),
        ("tags", tags(PROJECT, TOKEN, "api").into()),
    ]);
    account.create(TOKEN, "api", &inputs).await.id
}

#[tokio::test]
async fn role_keeps_the_laws() {
    let case = Case {
        token: "aws:iam/role:Role",
        inputs: [("name", "one"), ("assumeRolePolicy", TRUST)].into(),
        updates: vec![
            vec![("description", "runs the shop".into())],
            vec![("maxSessionDuration", 7200.0.into())],
            vec![("assumeRolePolicy", OTHER_TRUST.into())],
            vec![(
                "tags",
                tags(PROJECT, "aws:iam/role:Role", "one")
                    .into_iter()
                    .chain([("team".into(), "a".into())])
                    .collect::<PropertyMap>()
                    .into(),
            )],
            vec![("description", "runs everything".into())],
        ],
        replacements: vec![("name", "two".into()), ("path", "/shop/".into())],
        tagged: true,
        ..Case::default()
    };
    hold(&Account::new().await, &case).await;
}

#[tokio::test]
async fn role_policy_keeps_the_laws() {
    let account = Account::new().await;
    role(&account).await;
    let other = PropertyMap::from([("name", "other"), ("assumeRolePolicy", TRUST)]);
    account.create("aws:iam/role:Role", "other", &other).await;
    let case = Case {
        token: "aws:iam/rolePolicy:RolePolicy",
        inputs: [("name", Value::from("logs")), ("role", "runner".into()), ("policy", policy("a").into())].into(),
        updates: vec![vec![("policy", policy("b").into())]],
        replacements: vec![("name", "two".into()), ("role", "other".into())],
        ..Case::default()
    };
    hold(&account, &case).await;
}

#[tokio::test]
async fn log_group_keeps_the_laws() {
    let case = Case {
        token: "aws:cloudwatch/logGroup:LogGroup",
        inputs: [("name", Value::from("/aws/lambda/one")), ("retentionInDays", 14.0.into())].into(),
        updates: vec![
            vec![("retentionInDays", 30.0.into())],
            vec![("retentionInDays", Value::Null)],
            vec![(
                "tags",
                tags(PROJECT, "aws:cloudwatch/logGroup:LogGroup", "one")
                    .into_iter()
                    .chain([("team".into(), "a".into())])
                    .collect::<PropertyMap>()
                    .into(),
            )],
        ],
        replacements: vec![("name", "/aws/lambda/two".into()), ("logGroupClass", "INFREQUENT_ACCESS".into())],
        tagged: true,
        ..Case::default()
    };
    hold(&Account::new().await, &case).await;
}

#[tokio::test]
async fn function_keeps_the_laws() {
    let account = Account::new().await;
    let role = role(&account).await;
    let case = Case {
        token: "aws:lambda/function:Function",
        inputs: function_inputs(&account, &role, "one"),
        updates: vec![
            vec![("code", account.package("two"))],
            vec![("memorySize", 512.0.into())],
            vec![("timeout", 20.0.into()), ("code", account.package("three"))],
            vec![("environment", map([("variables", map([("TOKEN", Value::secret("hunter3"))]))]))],
            vec![("environment", Value::Null)],
            vec![("description", "the shop's".into())],
            vec![("handler", "index.other".into()), ("runtime", "nodejs20.x".into())],
            vec![("reservedConcurrentExecutions", 5.0.into())],
            vec![("reservedConcurrentExecutions", Value::Null)],
            vec![("ephemeralStorage", map([("size", 1024.0.into())]))],
            vec![("tracingConfig", map([("mode", "Active".into())]))],
            vec![("architectures", texts(["arm64"]))],
            vec![(
                "tags",
                tags(PROJECT, "aws:lambda/function:Function", "one")
                    .into_iter()
                    .chain([("team".into(), "a".into())])
                    .collect::<PropertyMap>()
                    .into(),
            )],
        ],
        replacements: vec![("name", "two".into())],
        // Only zip packages are supported.
        untried: &["packageType"],
        volatile: &["lastModified"],
        tagged: true,
        ..Case::default()
    };
    hold(&account, &case).await;
}

#[tokio::test]
async fn alias_keeps_the_laws() {
    let account = Account::new().await;
    let one = function(&account).await;
    let provider = account.provider("aws:lambda/function:Function");
    let context = account.context("aws:lambda/function:Function", "api");
    let two = provider
        .update(&context, &one, &crate::support::with(&one.inputs, [("memorySize", 512.0.into())]))
        .await
        .unwrap();
    assert_eq!((one.outputs.string("version"), two.outputs.string("version")), (Some("1"), Some("2")));
    let other = function_inputs(&account, &role_state(&account).await, "other");
    account.create("aws:lambda/function:Function", "other", &other).await;
    let case = Case {
        token: "aws:lambda/alias:Alias",
        inputs: [("name", "live"), ("functionName", "api"), ("functionVersion", "1")].into(),
        updates: vec![
            vec![("functionVersion", "2".into())],
            vec![("routingConfig", map([("additionalVersionWeights", map([("1", 0.25.into())]))]))],
            vec![("routingConfig", Value::Null)],
            vec![("description", "what the API calls".into())],
        ],
        replacements: vec![("name", "canary".into())],
        ..Case::default()
    };
    let case = Case { replacements: [case.replacements, vec![("functionName", "other".into())]].concat(), ..case };
    // The other function has but one version.
    let case = Case { updates: [case.updates, vec![vec![("functionVersion", "1".into())]]].concat(), ..case };
    hold(&account, &case).await;
}

async fn role_state(account: &Account) -> ResourceState {
    let inputs = PropertyMap::from([("name", "runner"), ("assumeRolePolicy", TRUST)]);
    account.find("aws:iam/role:Role", "runner", &inputs).await.unwrap().state
}

#[tokio::test]
async fn permission_keeps_the_laws() {
    let account = Account::new().await;
    function(&account).await;
    let other = function_inputs(&account, &role_state(&account).await, "other");
    account.create("aws:lambda/function:Function", "other", &other).await;
    for (function, version) in [("api", "1"), ("other", "1")] {
        let inputs = PropertyMap::from([("name", "live"), ("functionName", function), ("functionVersion", version)]);
        account.create("aws:lambda/alias:Alias", function, &inputs).await;
    }
    let case = Case {
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
        updates: vec![],
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
            ("qualifier", Value::Null),
        ],
        ..Case::default()
    };
    hold(&account, &case).await;
}

#[tokio::test]
async fn api_keeps_the_laws() {
    let case = Case {
        token: "aws:apigatewayv2/api:Api",
        inputs: [("name", "one"), ("protocolType", "HTTP")].into(),
        updates: vec![
            vec![(
                "corsConfiguration",
                map([
                    ("allowOrigins", texts(["https://semantest.com"])),
                    ("allowMethods", texts(["GET", "POST"])),
                    ("maxAge", 3600.0.into()),
                ]),
            )],
            vec![(
                "corsConfiguration",
                map([("allowOrigins", texts(["*"])), ("allowHeaders", texts(["authorization"]))]),
            )],
            vec![("corsConfiguration", Value::Null)],
            vec![("name", "two".into())],
            vec![("description", "the shop's".into()), ("version", "2".into())],
            vec![("disableExecuteApiEndpoint", true.into())],
        ],
        replacements: vec![("protocolType", "WEBSOCKET".into())],
        tagged: true,
        ..Case::default()
    };
    hold(&Account::new().await, &case).await;
}

#[tokio::test]
async fn integration_keeps_the_laws() {
    let account = Account::new().await;
    let api = api(&account).await;
    let uri = |alias: &str| {
        Value::from(format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:api:{alias}/invocations"
        ))
    };
    let case = Case {
        token: "aws:apigatewayv2/integration:Integration",
        inputs: [
            ("apiId", Value::from(api)),
            ("integrationType", "AWS_PROXY".into()),
            ("integrationMethod", "POST".into()),
            ("integrationUri", uri("live")),
            ("payloadFormatVersion", "2.0".into()),
            ("timeoutMilliseconds", 20_000.0.into()),
        ]
        .into(),
        updates: vec![
            vec![("timeoutMilliseconds", 30_000.0.into())],
            vec![("integrationUri", uri("canary"))],
            vec![("payloadFormatVersion", "1.0".into())],
            vec![("description", "to the function".into())],
            vec![("requestParameters", map([("append:header.via", "shop".into())]))],
        ],
        replacements: vec![("integrationType", "HTTP_PROXY".into())],
        untried: &["integrationSubtype"],
        ..Case::default()
    };
    hold(&account, &case).await;
}

#[tokio::test]
async fn route_keeps_the_laws() {
    let account = Account::new().await;
    let api = api(&account).await;
    let authorizer = account.create("aws:apigatewayv2/authorizer:Authorizer", "one", &authorizer_inputs(&api)).await.id;
    let (first, second) = (target(&account, &api, "live").await, target(&account, &api, "canary").await);
    let case = Case {
        token: "aws:apigatewayv2/route:Route",
        inputs: [("apiId", api.as_str()), ("routeKey", "$default"), ("target", &first)].into(),
        updates: vec![
            vec![("target", second.into())],
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
        replacements: vec![],
        ..Case::default()
    };
    hold(&account, &case).await;
}

/// An integration of the API, as routes name it.
async fn target(account: &Account, api: &str, alias: &str) -> String {
    let uri = format!("arn:aws:lambda:us-east-1:1:function:api:{alias}");
    let inputs = [
        ("apiId", api),
        ("integrationType", "AWS_PROXY"),
        ("integrationMethod", "POST"),
        ("integrationUri", &uri),
        ("payloadFormatVersion", "2.0"),
    ];
    let made = account.create("aws:apigatewayv2/integration:Integration", alias, &inputs.into()).await;
    format!("integrations/{}", made.id)
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

#[tokio::test]
async fn authorizer_keeps_the_laws() {
    let account = Account::new().await;
    let api = api(&account).await;
    let case = Case {
        token: "aws:apigatewayv2/authorizer:Authorizer",
        inputs: authorizer_inputs(&api),
        updates: vec![
            vec![(
                "jwtConfiguration",
                map([("issuer", "https://other.example.com/".into()), ("audiences", texts(["shop"]))]),
            )],
            vec![("identitySources", texts(["$request.querystring.token"]))],
            vec![("name", "jwt-2".into())],
        ],
        replacements: vec![],
        ..Case::default()
    };
    hold(&account, &case).await;
}

#[tokio::test]
async fn stage_keeps_the_laws() {
    let account = Account::new().await;
    let api = api(&account).await;
    let log = |name: &str| {
        map([
            ("destinationArn", format!("arn:aws:logs:us-east-1:1:log-group:{name}").into()),
            ("format", "$context.requestId".into()),
        ])
    };
    let case = Case {
        token: "aws:apigatewayv2/stage:Stage",
        inputs: [
            ("apiId", Value::from(api)),
            ("name", "$default".into()),
            ("autoDeploy", true.into()),
            ("accessLogSettings", log("a")),
        ]
        .into(),
        updates: vec![
            vec![(
                "defaultRouteSettings",
                map([("throttlingRateLimit", 100.5.into()), ("throttlingBurstLimit", 200.0.into())]),
            )],
            vec![("accessLogSettings", log("b"))],
            vec![("accessLogSettings", Value::Null)],
            vec![("stageVariables", map([("mode", "a".into())]))],
            vec![("description", "live".into())],
            vec![("autoDeploy", Value::Null)],
        ],
        replacements: vec![("name", "test".into())],
        volatile: &["deploymentId"],
        ..Case::default()
    };
    hold(&account, &case).await;
}
