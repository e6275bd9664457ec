//! A stack as a Pulumi program makes it: resources that exist in the cloud, recorded as pulumi-aws 7 records them, beside much
//! that is none of semantest-iac's business.

use std::io::Write as _;
use std::sync::Arc;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use state::{Crypter as _, Passphrase, PassphraseSecrets, SecretsManager as _};

use crate::end_to_end::support::Project;

const STACK: &str = "aws-test";
const ROOT: &str = "urn:pulumi:aws-test::shop::pulumi:pulumi:Stack::shop-aws-test";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":["logs:*"],"Effect":"Allow","Resource":"*"}]}"#;
const DEFAULT: &str =
    "urn:pulumi:aws-test::shop::pulumi:providers:aws::default_7_30_0::3f0c7b52-2f10-4c6e-9a57-0f6f4f1f9a01";

/// The physical names of the resources that semantest-iac wants as well.
pub struct Names {
    pub function: &'static str,
    pub role: &'static str,
    pub policy: &'static str,
    pub api: &'static str,
}

/// The names that semantest-iac would give its own.
pub const AS_OURS: Names =
    Names { function: "shop-test-web", role: "shop-test-web", policy: "shop-test-web", api: "shop-test-web" };
/// Names that Pulumi makes up.
pub const AUTONAMED: Names =
    Names { function: "fn-0f1e2d3", role: "fn-role-1a2b3c4", policy: "fn-policy-5e6f7a8", api: "http-api-9b0c1d2" };

/// What exists in the cloud.
pub struct Made {
    pub api: String,
    pub integration: String,
    pub route: String,
}

pub fn urn(path: &str) -> String {
    format!("urn:pulumi:{STACK}::shop::{path}")
}

fn code() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.js", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"exports.handler = async () => ({ statusCode: 200, body: 'of Pulumi' });").unwrap();
    zip.finish().unwrap().into_inner()
}

/// Makes the resources, with the cloud's own SDK.
async fn make(project: &Project, names: &Names) -> Made {
    let sdk = project.sdk().await;
    let iam = aws_sdk_iam::Client::new(&sdk);
    iam.create_role().role_name(names.role).assume_role_policy_document(TRUST).send().await.unwrap();
    iam.put_role_policy().role_name(names.role).policy_name(names.policy).policy_document(POLICY).send().await.unwrap();
    iam.create_role().role_name("their-own").assume_role_policy_document(TRUST).send().await.unwrap();
    let lambda = aws_sdk_lambda::Client::new(&sdk);
    let variables = Environment::builder().variables("TOKEN", "hunter2").build();
    lambda
        .create_function()
        .function_name(names.function)
        .role(format!("arn:aws:iam::{}:role/{}", project.account, names.role))
        .runtime(Runtime::Nodejs22x)
        .handler("index.handler")
        .memory_size(512)
        .environment(variables)
        .code(FunctionCode::builder().zip_file(Blob::new(code())).build())
        .send()
        .await
        .unwrap();
    let gateway = aws_sdk_apigatewayv2::Client::new(&sdk);
    let api = gateway.create_api().name(names.api).protocol_type(ProtocolType::Http).send().await.unwrap();
    let api = api.api_id.unwrap();
    let integration = gateway
        .create_integration()
        .api_id(&api)
        .integration_type(IntegrationType::AwsProxy)
        .integration_method("POST")
        .integration_uri(invoke_arn(project, names))
        .payload_format_version("2.0")
        .send()
        .await
        .unwrap();
    let integration = integration.integration_id.unwrap();
    let target = format!("integrations/{integration}");
    let route = gateway.create_route().api_id(&api).route_key("$default").target(target).send().await.unwrap();
    gateway.create_stage().api_id(&api).stage_name("$default").auto_deploy(true).send().await.unwrap();
    Made { api, integration, route: route.route_id.unwrap() }
}

fn arn(project: &Project, names: &Names) -> String {
    format!("arn:aws:lambda:us-east-1:{}:function:{}", project.account, names.function)
}

fn invoke_arn(project: &Project, names: &Names) -> String {
    let function = arn(project, names);
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
}

/// A resource as pulumi-aws 7 records it.
fn of_aws(token: &str, name: &str, id: &str, inputs: Value, outputs: Value, needs: &[(&str, &str)]) -> Value {
    let mut all = inputs.clone();
    let mut given = inputs;
    given["__defaults"] = json!([]);
    all.as_object_mut().unwrap().extend(outputs.as_object().unwrap().clone());
    all["id"] = json!(id);
    let meta =
        json!({ "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0": { "create": 600_000_000_000_u64 }, "schema_version": "1" });
    all["__meta"] = json!(meta.to_string());
    all["__pulumi_raw_state_delta"] = json!({ "obj": { "ps": {} } });
    let dependencies: Vec<&str> = needs.iter().map(|(_, urn)| *urn).collect();
    let by_input: serde_json::Map<String, Value> = given
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !name.starts_with("__"))
        .map(|input| {
            let urns: Vec<&str> = needs.iter().filter(|(name, _)| name == input).map(|(_, urn)| *urn).collect();
            (input.clone(), json!(urns))
        })
        .collect();
    json!({
        "urn": urn(&format!("{token}::{name}")), "custom": true, "id": id, "type": token, "inputs": given, "outputs": all,
        "parent": ROOT, "dependencies": dependencies, "provider": DEFAULT, "propertyDependencies": by_input,
        "created": "2026-01-02T03:04:05.678901234Z", "modified": "2026-01-02T03:04:05.678901234Z",
        "sourcePosition": "project:///index.ts#10,13",
    })
}

/// Makes the resources and records them as Pulumi does, in the backend of a project.
pub async fn stack(project: &Project, names: &Names) -> Made {
    let made = make(project, names).await;
    let secrets = PassphraseSecrets::create(Arc::new(|| Ok(Passphrase::new("end to end")))).unwrap();
    let secret = |json: &str| {
        let ciphertext = secrets.encrypt(json).unwrap();
        json!({ "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": ciphertext })
    };
    let account = &project.account;
    let role = urn("aws:iam/role:Role::fn-role");
    let function = urn("aws:lambda/function:Function::fn");
    let api = urn("aws:apigatewayv2/api:Api::http-api");
    let integration = urn("aws:apigatewayv2/integration:Integration::proxy");
    let site = urn("shop:index:Site::site");
    let europe = "urn:pulumi:aws-test::shop::pulumi:providers:aws::europe::11111111-2222-4333-8444-555555555555";
    let role_arn = format!("arn:aws:iam::{account}:role/{}", names.role);
    let random =
        "urn:pulumi:aws-test::shop::pulumi:providers:random::default_4_16_0::99999999-2222-4333-8444-555555555555";
    let builtin = "urn:pulumi:aws-test::shop::pulumi:providers:pulumi::default::88888888-2222-4333-8444-555555555555";
    let provider = |reference: &str, inputs: Value| {
        let (urn, id) = reference.rsplit_once("::").unwrap();
        let token = urn.split("::").nth(2).unwrap();
        let mut given = inputs.clone();
        given["__internal"] = json!({});
        json!({ "urn": urn, "custom": true, "id": id, "type": token, "inputs": given, "outputs": inputs })
    };
    let mut elsewhere = of_aws(
        "aws:lambda/function:Function",
        "fn-europe",
        names.function,
        json!({ "name": names.function, "role": role_arn, "region": "eu-west-1" }),
        json!({ "arn": arn(project, names).replace("us-east-1", "eu-west-1") }),
        &[],
    );
    elsewhere["provider"] = json!(europe);
    let mut environment = json!({ "__defaults": [], "variables": { "__defaults": [] } });
    environment["variables"]["TOKEN"] = secret("\"hunter2\"");
    let mut protected = of_aws(
        "aws:iam/role:Role",
        "fn-role",
        names.role,
        json!({ "name": names.role, "assumeRolePolicy": TRUST, "path": "/", "forceDetachPolicies": false }),
        json!({ "arn": role_arn, "region": null, "maxSessionDuration": 3600, "tagsAll": {} }),
        &[],
    );
    protected["customTimeouts"] = json!({ "create": 300 });
    let resources = [
        json!({ "urn": ROOT, "custom": false, "type": "pulumi:pulumi:Stack", "outputs": { "endpoint": "https://shop.example", "site": { "url": "x" } } }),
        provider(DEFAULT, json!({ "region": "us-east-1", "version": "7.30.0" })),
        provider(europe, json!({ "region": "eu-west-1", "version": "7.30.0" })),
        provider(random, json!({ "version": "4.16.0" })),
        provider(builtin, json!({})),
        json!({ "urn": site, "custom": false, "type": "shop:index:Site", "parent": ROOT, "outputs": { "note": "theirs" } }),
        protected,
        {
            // Of a type that semantest-iac knows, in a component that it doesn't.
            let mut own = of_aws(
                "aws:iam/role:Role",
                "own",
                "their-own",
                json!({ "name": "their-own", "assumeRolePolicy": TRUST }),
                json!({ "arn": format!("arn:aws:iam::{account}:role/their-own") }),
                &[],
            );
            own["urn"] = json!(urn("shop:index:Site$aws:iam/role:Role::own"));
            own["parent"] = json!(site);
            own
        },
        of_aws(
            "aws:iam/rolePolicy:RolePolicy",
            "fn-policy",
            &format!("{}:{}", names.role, names.policy),
            json!({ "name": names.policy, "role": names.role, "policy": POLICY }),
            json!({ "namePrefix": "" }),
            &[("role", &role)],
        ),
        of_aws(
            "aws:lambda/function:Function",
            "fn",
            names.function,
            json!({ "name": names.function, "role": role_arn, "runtime": "nodejs22.x", "handler": "index.handler",
                "memorySize": 512, "environment": environment, "code": {
                    "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7",
                    "assets": { "index.js": { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "hash": "00", "path": "index.js" } },
                    "hash": "b898ebe846ff6543102dd399b89309fad766b5a1620bdb18c08b234b0b9bbd8a" } }),
            json!({ "arn": arn(project, names), "invokeArn": invoke_arn(project, names), "version": "$LATEST", "region": "us-east-1",
                "timeout": 3, "packageType": "Zip", "publish": false, "tagsAll": {} }),
            &[("role", &role)],
        ),
        elsewhere,
        of_aws(
            "aws:apigatewayv2/api:Api",
            "http-api",
            &made.api,
            json!({ "name": names.api, "protocolType": "HTTP" }),
            json!({ "arn": format!("arn:aws:apigateway:us-east-1::/apis/{}", made.api), "region": "us-east-1", "tagsAll": {},
                "apiEndpoint": format!("https://{}.execute-api.us-east-1.amazonaws.com", made.api),
                "executionArn": format!("arn:aws:execute-api:us-east-1:{account}:{}", made.api) }),
            &[],
        ),
        of_aws(
            "aws:apigatewayv2/integration:Integration",
            "proxy",
            &made.integration,
            json!({ "apiId": made.api, "integrationType": "AWS_PROXY", "integrationMethod": "POST",
                "integrationUri": invoke_arn(project, names), "payloadFormatVersion": "2.0" }),
            json!({ "timeoutMilliseconds": 30000, "connectionType": "INTERNET", "region": "us-east-1" }),
            &[("apiId", &api), ("integrationUri", &function)],
        ),
        of_aws(
            "aws:apigatewayv2/route:Route",
            "catch-all",
            &made.route,
            json!({ "apiId": made.api, "routeKey": "$default", "target": format!("integrations/{}", made.integration) }),
            json!({ "authorizationType": "NONE", "region": "us-east-1" }),
            &[("apiId", &api), ("target", &integration)],
        ),
        of_aws(
            "aws:apigatewayv2/stage:Stage",
            "default",
            "$default",
            json!({ "apiId": made.api, "name": "$default", "autoDeploy": true }),
            json!({ "region": "us-east-1", "tagsAll": {} }),
            &[("apiId", &api)],
        ),
        {
            let mut topic = of_aws(
                "aws:sns/topic:Topic",
                "news",
                &format!("arn:aws:sns:us-east-1:{account}:news"),
                json!({ "name": "news" }),
                json!({}),
                &[],
            );
            // It refers to what is taken over.
            topic["dependencies"] = json!([function]);
            topic
        },
        json!({ "urn": urn("pulumi-nodejs:dynamic:Resource::migration"), "custom": true, "id": "7", "type": "pulumi-nodejs:dynamic:Resource",
            "inputs": { "__provider": "exports.handler = …", "at": 1 }, "outputs": { "at": 1 }, "parent": ROOT }),
        json!({ "urn": urn("random:index/randomId:RandomId::suffix"), "custom": true, "id": "q1w2", "type": "random:index/randomId:RandomId",
            "inputs": { "__defaults": [], "byteLength": 4 }, "outputs": { "hex": secret("\"abcd\""), "id": "q1w2" }, "parent": site,
            "provider": random, "additionalSecretOutputs": ["hex"] }),
        json!({ "urn": urn("pulumi:index:Stash::notes"), "custom": true, "id": "notes", "type": "pulumi:index:Stash",
            "inputs": { "input": "theirs" }, "outputs": { "input": "theirs", "output": "theirs" }, "parent": ROOT, "provider": builtin }),
    ];
    let provider = secrets.provider();
    let salt: Value = provider.state.as_ref().unwrap().parse().unwrap();
    let checkpoint = json!({ "version": 3, "checkpoint": { "stack": "organization/shop/aws-test", "latest": {
        "manifest": { "time": "2026-01-02T03:04:06Z", "magic": "", "version": "" },
        "secrets_providers": { "type": provider.kind, "state": salt },
        "resources": resources, "metadata": {},
    } } });
    project.write(".semantest/.pulumi/meta.yaml", "version: 1\n");
    project.write(".semantest/.pulumi/stacks/shop/aws-test.json", &checkpoint.to_string());
    made
}

/// The resources of a project's checkpoint by URN, each as it is written.
pub fn recorded(project: &Project) -> Vec<(String, Box<RawValue>)> {
    let text = std::fs::read(project.path(".semantest/.pulumi/stacks/shop/aws-test.json")).unwrap();
    #[derive(serde::Deserialize)]
    struct File {
        checkpoint: Checkpoint,
    }
    #[derive(serde::Deserialize)]
    struct Checkpoint {
        latest: Latest,
    }
    #[derive(serde::Deserialize)]
    struct Latest {
        #[serde(default)]
        resources: Vec<Box<RawValue>>,
    }
    let file: File = serde_json::from_slice(&text).unwrap();
    let urn = |resource: &RawValue| {
        let resource: Value = serde_json::from_str(resource.get()).unwrap();
        resource["urn"].as_str().unwrap().to_owned()
    };
    file.checkpoint.latest.resources.into_iter().map(|resource| (urn(&resource), resource)).collect()
}

/// The URNs of what semantest-iac has no business with.
pub fn foreign() -> Vec<String> {
    [
        "pulumi:providers:aws::europe",
        "pulumi:providers:random::default_4_16_0",
        "pulumi:providers:pulumi::default",
        "shop:index:Site::site",
        "shop:index:Site$aws:iam/role:Role::own",
        "aws:lambda/function:Function::fn-europe",
        "pulumi-nodejs:dynamic:Resource::migration",
        "random:index/randomId:RandomId::suffix",
        "pulumi:index:Stash::notes",
    ]
    .map(urn)
    .to_vec()
}
