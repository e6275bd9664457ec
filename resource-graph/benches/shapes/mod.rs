//! Graphs of the shapes that deployments have, for benchmarks, with the quotas of AWS.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use resource_graph::resource::resource_type::never_equivalent;
use resource_graph::{
    CallCost, OperationCost, OutputReference, PropertyMap, Quota, Quotas, Resolved, ResourceOptions, ResourceRecord,
    ResourceSpec, ResourceTypeInfo, ResourceTypes, TypeToken, Urn, Value,
};

/// The CPU time of this thread so far, where the system tells (proc(5), `schedstat`): other processes don't disturb it.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// Does some work and tells how long it took: CPU time where the system tells it, else wall time.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (cpu, wall) = (cpu_time(), Instant::now());
    let result = work();
    let took = cpu_time().zip(cpu).map_or_else(|| wall.elapsed(), |(after, before)| after - before);
    (result, took)
}

const CONTROL: &str = "lambda:control";
const GATEWAY: &str = "apigateway:management";
const LOG_GROUPS: &str = "logs:create-log-group";
const IAM: &str = "iam:write";

/// 100 ms a call.
fn cost(calls: &'static [CallCost]) -> OperationCost {
    OperationCost::new(calls, calls.iter().map(|cost| u64::from(cost.calls) * 100).sum())
}

const IAM_CALL: &[CallCost] = &[CallCost { quota: IAM, calls: 1 }];
const CONTROL_CALL: &[CallCost] = &[CallCost { quota: CONTROL, calls: 1 }];
const GATEWAY_CALL: &[CallCost] = &[CallCost { quota: GATEWAY, calls: 1 }];
/// Create, publish, tag; and reads until the function is active.
const FUNCTION_CALLS: &[CallCost] =
    &[CallCost { quota: CONTROL, calls: 3 }, CallCost { quota: "lambda:get-function", calls: 2 }];
const LOGS_CALL: &[CallCost] = &[CallCost { quota: LOG_GROUPS, calls: 1 }];

/// Types whose operations are one call of 100 ms, but for functions.
pub struct Types(HashMap<&'static str, ResourceTypeInfo>);

impl Types {
    pub fn new() -> Self {
        let info = |token, calls, conflict_input| ResourceTypeInfo {
            token,
            replace_on: &["name"],
            stable_outputs: &["id", "arn"],
            delete_before_replace: false,
            conflict_input,
            conflict_scope: "apigatewayv2:api",
            id_within: &[],
            create: cost(calls),
            update: cost(calls),
            delete: cost(calls),
            read: cost(calls),
            equivalent: never_equivalent,
        };
        let api = Some("apiId");
        let all = [
            info("aws:iam/role:Role", IAM_CALL, None),
            info("aws:iam/rolePolicy:RolePolicy", IAM_CALL, None),
            info("aws:cloudwatch/logGroup:LogGroup", LOGS_CALL, None),
            info("aws:lambda/function:Function", FUNCTION_CALLS, None),
            info("aws:lambda/alias:Alias", CONTROL_CALL, None),
            info("aws:lambda/permission:Permission", CONTROL_CALL, None),
            info("aws:apigatewayv2/api:Api", GATEWAY_CALL, None),
            info("aws:apigatewayv2/integration:Integration", GATEWAY_CALL, api),
            info("aws:apigatewayv2/route:Route", GATEWAY_CALL, api),
            info("aws:apigatewayv2/stage:Stage", GATEWAY_CALL, api),
        ];
        Self(all.into_iter().map(|info| (info.token, info)).collect())
    }
}

impl ResourceTypes for Types {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.0.get(token.as_str())
    }
}

/// The published quotas (AWS's pages on the quotas of Lambda, API Gateway and CloudWatch Logs); where no burst is, that of one second. IAM publishes none: unlimited until it throttles.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn quotas() -> Quotas {
    [(CONTROL, Quota::per_second(15.0)), (GATEWAY, Quota::new(10.0, 40.0)), (LOG_GROUPS, Quota::per_second(10.0))]
        .into_iter()
        .collect()
}

pub fn urn(token: &str, name: &str) -> Urn {
    Urn::new("aws-production", "semantest", None, &TypeToken::new(token), name)
}

fn spec(token: &str, name: &str, inputs: Vec<(&str, Value)>) -> ResourceSpec {
    ResourceSpec::new(urn(token, name), inputs.into_iter().collect())
}

fn output(token: &str, name: &str, output: &str) -> Value {
    OutputReference::new(urn(token, name), output).into()
}

/// The resources of one REST API: role → policy → function → alias → permission, log group, api → integration → route,
/// stage.
pub fn rest_api(name: &str) -> Vec<ResourceSpec> {
    let (role, group, function) =
        ("aws:iam/role:Role", "aws:cloudwatch/logGroup:LogGroup", "aws:lambda/function:Function");
    let (alias, api) = ("aws:lambda/alias:Alias", "aws:apigatewayv2/api:Api");
    let integration = "aws:apigatewayv2/integration:Integration";
    let policy = "aws:iam/rolePolicy:RolePolicy";
    let tags = || {
        Value::Map(
            [("semantest:component", name), ("semantest:project", "semantest"), ("semantest:stack", "aws")].into(),
        )
    };
    let api_id = || ("apiId", output(api, name, "id"));
    let mut resources = vec![
        spec(role, name, vec![("name", name.into()), ("assumeRolePolicy", POLICY.into()), ("tags", tags())]),
        spec(group, name, vec![("name", name.into()), ("retentionInDays", 30.0.into()), ("tags", tags())]),
        spec(policy, name, vec![("role", output(role, name, "id")), ("policy", POLICY.into())]),
        spec(
            function,
            name,
            vec![
                ("name", name.into()),
                ("role", output(role, name, "arn")),
                ("memorySize", 512.0.into()),
                ("timeout", 30.0.into()),
                ("runtime", "nodejs22.x".into()),
                ("handler", "index.handler".into()),
                ("environment", environment()),
                ("tags", tags()),
            ],
        ),
        spec(
            alias,
            name,
            vec![
                ("name", "live".into()),
                ("functionName", output(function, name, "name")),
                ("functionVersion", output(function, name, "version")),
            ],
        ),
        spec(api, name, vec![("name", name.into()), ("protocolType", "HTTP".into()), ("tags", tags())]),
        spec(
            "aws:lambda/permission:Permission",
            name,
            vec![
                ("function", output(function, name, "name")),
                ("qualifier", output(alias, name, "name")),
                ("sourceArn", output(api, name, "executionArn")),
                ("action", "lambda:InvokeFunction".into()),
            ],
        ),
        spec(
            integration,
            name,
            vec![
                api_id(),
                ("integrationUri", output(alias, name, "invokeArn")),
                ("integrationType", "AWS_PROXY".into()),
            ],
        ),
        spec(
            "aws:apigatewayv2/route:Route",
            name,
            vec![api_id(), ("target", output(integration, name, "id")), ("routeKey", "$default".into())],
        ),
        spec("aws:apigatewayv2/stage:Stage", name, vec![api_id(), ("autoDeploy", true.into()), ("tags", tags())]),
    ];
    let depends_on = vec![urn(policy, name), urn(group, name)];
    resources[3].options = ResourceOptions { depends_on, ..ResourceOptions::default() };
    resources
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn environment() -> Value {
    let variables: PropertyMap = [("API_VERSION", "v1"), ("NODE_ENV", "production")].into();
    Value::Map([("variables", variables)].into())
}

pub fn rest_apis(count: usize) -> Vec<ResourceSpec> {
    (0..count).flat_map(|index| rest_api(&format!("api-{index}"))).collect()
}

/// REST APIs of several routes each, of which every other one shares its role with the one before.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn large_apis(count: usize, routes: usize) -> Vec<ResourceSpec> {
    let mut resources = Vec::new();
    for index in 0..count {
        let name = format!("api-{index}");
        let mut api = rest_api(&name);
        if index % 2 == 1 {
            let shared = format!("api-{}", index - 1);
            api[3].inputs.insert("role", output("aws:iam/role:Role", &shared, "arn"));
        }
        for route in 0..routes {
            let inputs = vec![
                ("apiId", output("aws:apigatewayv2/api:Api", &name, "id")),
                ("target", output("aws:apigatewayv2/integration:Integration", &name, "id")),
                ("routeKey", format!("GET /{route}").into()),
            ];
            api.push(spec("aws:apigatewayv2/route:Route", &format!("{name}-{route}"), inputs));
        }
        resources.extend(api);
    }
    resources
}

/// The record that making `spec` leaves.
pub fn record(spec: &ResourceSpec) -> ResourceRecord {
    let name = spec.urn.name();
    let output = |output: &str| format!("{name}-{output}");
    let mut record = ResourceRecord::new(spec.urn.clone(), true);
    record.id = Some(output("id"));
    let resolved = spec.inputs.resolve(&mut |reference| Resolved::Known(output(&reference.path[0]).into()));
    record.inputs = resolved.unwrap_or_default();
    record.outputs = record.inputs.clone();
    for name in ["arn", "name", "version", "invokeArn", "executionArn"] {
        record.outputs.insert(name, output(name));
    }
    record.dependencies = spec.dependencies();
    record
}

/// Log groups that need nothing.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn wide(count: usize) -> Vec<ResourceSpec> {
    (0..count).map(|index| spec("aws:cloudwatch/logGroup:LogGroup", &format!("g{index}"), vec![])).collect()
}

/// Roles each of which needs the one before.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn deep(count: usize) -> Vec<ResourceSpec> {
    let token = "aws:iam/role:Role";
    (0..count)
        .map(|index| match index {
            0 => spec(token, "r0", vec![]),
            _ => spec(token, &format!("r{index}"), vec![("x", output(token, &format!("r{}", index - 1), "id"))]),
        })
        .collect()
}

/// One API of many routes, beside as many functions' log groups.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn one_api(count: usize) -> Vec<ResourceSpec> {
    let api = "aws:apigatewayv2/api:Api";
    let mut resources = vec![spec(api, "api", vec![])];
    resources.extend(wide(count / 2));
    resources.extend((0..count / 2).map(|index| {
        let inputs = vec![("apiId", output(api, "api", "id")), ("routeKey", format!("GET /{index}").into())];
        spec("aws:apigatewayv2/route:Route", &format!("route-{index}"), inputs)
    }));
    resources
}

/// Layers of functions, each of which needs two of the layer before.
#[allow(dead_code, reason = "not every benchmark uses every shape")]
pub fn layers(count: usize, width: usize) -> Vec<ResourceSpec> {
    let token = "aws:lambda/function:Function";
    (0..count)
        .map(|index| {
            let mut inputs = Vec::new();
            if index >= width {
                let above = index - width;
                let beside = (above + 1) % width + (above / width) * width;
                inputs.push(("x", output(token, &format!("f{above}"), "arn")));
                inputs.push(("y", output(token, &format!("f{beside}"), "arn")));
            }
            spec(token, &format!("f{index}"), inputs)
        })
        .collect()
}
