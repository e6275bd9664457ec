//! The JSON Schema against the tool: what the tool accepts, the schema accepts, and the slips that
//! an editor should underline are refused by both.

use std::path::Path;

use serde_json::{Map, Value};

use crate::adapters::clouds::CLOUDS;
use crate::adapters::configuration::document::tree::{self, Content, Node, ScalarKind};
use crate::adapters::configuration::*;

/// A node as a reader of YAML's core schema gives it to a validator.
fn value(node: &Node) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Scalar(scalar) => match scalar.kind {
            ScalarKind::Text | ScalarKind::Reference | ScalarKind::Configured => scalar.text.clone().into(),
            ScalarKind::Boolean(truth) => truth.into(),
            ScalarKind::Number => serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into()),
        },
        Content::List(items) => items.iter().map(value).collect(),
        Content::Map(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect::<Map<_, _>>())
        }
    }
}

fn schema_accepts(text: &str) -> bool {
    let source =
        crate::adapters::configuration::document::source::SourceFile::from_bytes(Path::new("x.yaml"), text.into())
            .unwrap();
    let (tree, problems) = tree::parse(&source);
    assert!(problems.is_empty(), "{problems:?}");
    let validator = jsonschema::draft202012::new(&json_schema(&CLOUDS)).unwrap();
    validator.is_valid(&value(&tree.unwrap()))
}

fn tool_accepts(text: &str) -> bool {
    Configuration::from_bytes(Path::new("x.yaml"), text.into(), &CLOUDS).is_ok()
}

const COMPONENT: &str =
    "project: p\ncomponents:\n  api:\n    kind: rest-api\n    source: .\n    start: node server.js\n";

#[test]
fn the_schema_is_one_and_every_default_and_example_fits_it() {
    let schema = json_schema(&CLOUDS);
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    fn visit(value: &Value, visited: &mut usize) {
        let Value::Object(object) = value else {
            if let Value::Array(items) = value {
                items.iter().for_each(|item| visit(item, visited));
            }
            return;
        };
        let is_text = object.get("type").is_some_and(|kind| kind == "string");
        for example in
            object.get("examples").and_then(Value::as_array).into_iter().flatten().chain(object.get("default"))
        {
            if is_text {
                *visited += 1;
                assert!(jsonschema::draft202012::is_valid(value, example), "{example} in {value}");
            }
        }
        object.values().for_each(|value| visit(value, visited));
    }
    let mut visited = 0;
    visit(&schema, &mut visited);
    assert!(visited > 30, "{visited}");
}

#[test]
fn the_example_fits_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/semantest/semantest-iac.yaml");
    assert!(schema_accepts(&std::fs::read_to_string(path).unwrap()));
}

#[test]
fn what_the_tool_accepts_fits_the_schema() {
    for lines in [
        "",
        "    memory: 1.5 GB\n    timeout: 1m 30s\n    logs: { retention: forever }\n",
        "    environment: { PORT: 3000, ON: true, NAME: x, RATE: 1.5 }\n",
        "    environment:\n    gateway:\n    logs:\n",
        "    health: { path: /health?deep=1 }\n",
        "    gateway: { auth: none, catch-all: false, routes: [ { path: '/a/{b}', method: GET, auth: none } ] }\n",
        "    gateway: { auth: { jwt: { issuer: 'http://127.0.0.1:8080', audience: [a, b] } } }\n",
        "    gateway: { cors: { origins: ['*'], methods: ['*'], headers: ['*'], expose-headers: [Date], max-age: 0s, credentials: false } }\n",
        "    gateway: { cors: { origins: ['chrome-extension://abc', 'http://localhost:3000', 'http://[::1]:80'] }, throttle: { rate: 1, burst: 1 } }\n"
            .replace(":80'", ":81'").as_str(),
        "environments:\n  local: { aws: { endpoint: local } }\n  url: { aws: { endpoint: 'http://127.0.0.1:4566', region: us-gov-west-1, profile: p, account: '123456789012' } }\n",
        "environments:\n  empty:\n  changed: { components: { api: { handler: a.b, health: ~, memory: 1GB, environment: { A: ~ }, gateway: { cors: { max-age: 1h, origins: ['*'] }, auth: none } } } }\n",
        "environments: { local: { adopt: { api-role: api-role-1a2b3c4, 'urn:pulumi:a::b::c::d': 'arn:aws:x' } } }\n",
        "state: { url: 'file:///var/state' }\n",
        "    environment: { TOKEN: { from-env: SHOP_TOKEN } }\n",
        "    memory: ${config.memory}\n    timeout: '${config.seconds}s'\n    gateway: { auth: '${config.auth}', catch-all: '${config.all}' }\n",
        "    gateway: { cors: { origins: ['${config.origin}'] }, throttle: { rate: '${config.rate}', burst: 10 } }\n",
        "environments: { e: { components: { api: { memory: '${config.memory}', runtime: '${config.runtime}' } } } }\n",
    ] {
        let text = format!("{COMPONENT}{lines}");
        assert!(tool_accepts(&text), "{:?}", Configuration::from_bytes(Path::new("x.yaml"), text.into(), &CLOUDS).unwrap_err().reported());
        assert!(schema_accepts(&text), "the schema refuses {text}");
    }
}

#[test]
fn slips_are_refused_by_tool_and_schema_alike() {
    for lines in [
        "    memroy: 1GB\n",
        "    memory: 512\n",
        "    memory: 512mb\n",
        "    timeout: 30\n",
        "    runtime: node22\n",
        "    handler: a.b\n",
        "    environment: { A: [1] }\n",
        "    environment: { A-B: x }\n",
        "    health: {}\n",
        "    health: { path: health }\n",
        "    gateway: { auth: non }\n",
        "    gateway: { auth: { jwt: { issuer: 'https://a.example' } } }\n",
        "    gateway: { auth: { jwt: { issuer: 'https://a.example', audience: [] } } }\n",
        "    gateway: { catch-all: 'no' }\n",
        "    gateway: { cors: { origins: [] } }\n",
        "    gateway: { cors: { origins: [semantest.com] } }\n",
        "    gateway: { cors: { origins: ['*'], methods: [get] } }\n",
        "    gateway: { routes: [ { path: /a, method: FETCH } ] }\n",
        "    gateway: { throttle: { rate: 0, burst: 1 } }\n",
        "    gateway: { throttle: { rate: 1 } }\n",
        "    logs: { retention: 14 }\n",
        "environments: { Prod: {} }\n",
        "environments: { e: { aws: { account: 123456789012 } } }\n",
        "environments: { e: { aws: { endpoint: here } } }\n",
        "environments: { e: { components: { api: { memroy: 1GB } } } }\n",
        "environments: { e: { components: { api: { kind: ~ } } } }\n",
        "state: { url: ./state }\n",
        "state: { url: '${config.url}' }\n",
        "    memory: ${config.}\n",
        "    environment: { TOKEN: { from-env: '${config.name}' } }\n",
        "environments: { e: { aws: { region: '${config.region}' } } }\n",
    ] {
        let text = format!("{COMPONENT}{lines}");
        assert!(!tool_accepts(&text), "the tool accepts {text}");
        assert!(!schema_accepts(&text), "the schema accepts {text}");
    }
}
