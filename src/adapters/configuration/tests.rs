//! The configuration as a whole: the example of the documentation, what environments change, and
//! how problems look. Units have their tests beside them.

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::domain::authentication::Authentication;
use crate::domain::function::Start;
use crate::domain::logs::LogRetention;
use crate::domain::runtime::Runtime;

use super::*;

/// The shape that the documentation shows.
const EXAMPLE: &str = r##"
project: semantest
state: { url: "file://./.semantest" }            # default
components:
  rest-api:
    kind: rest-api
    source: ./rest-api
    build: npm ci --omit=dev
    start: node server.js
    # handler: dist/lambda.handler
    runtime: nodejs22
    memory: 512MB
    timeout: 30s
    environment: { API_VERSION: v1 }
    health: { path: /health, timeout: 20s }
    gateway:
      cors: { origins: ["https://semantest.com"], methods: [GET, POST], headers: [authorization, content-type], max-age: 1h }
      auth: { jwt: { issuer: "https://id.example.com/", audience: [semantest] } }
      routes: [ { path: /health, auth: none } ]
      throttle: { rate: 100, burst: 200 }
environments:
  local:      { aws: { endpoint: local } }
  staging:    { aws: { region: us-east-1, profile: staging } }
  production: { aws: { region: eu-west-1, account: "123456789012" }, components: { rest-api: { memory: 1GB } } }
"##;

fn load(text: &str) -> Result<Configuration, ConfigurationErrors> {
    Configuration::from_bytes(Path::new("/project/semantest-iac.yaml"), text.into())
}

fn drawn(errors: &ConfigurationErrors) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false)
        .render_report(&mut text, errors)
        .unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documented_example_means_what_it_says() {
    let configuration = load(EXAMPLE).unwrap();
    assert_eq!(configuration.project_name().as_str(), "semantest");
    assert_eq!(configuration.state(), &StateLocation::Folder("/project/.semantest".into()));
    assert_eq!(configuration.component_names(), ["rest-api"]);

    let components = configuration.components_for("staging").unwrap();
    let [component] = components.as_slice() else { panic!("expected one component") };
    let function = component.function();
    assert_eq!(function.source.path(), Path::new("/project/rest-api"));
    assert_eq!(function.build.as_ref().unwrap().as_str(), "npm ci --omit=dev");
    assert!(matches!(&function.start, Start::Server(command) if command.as_str() == "node server.js"));
    assert_eq!(function.runtime, Runtime::node_js(22));
    assert_eq!(function.memory.megabytes(), 512);
    assert_eq!(function.timeout.whole_seconds(), Some(30));
    assert_eq!(function.environment.get("API_VERSION").unwrap().expose(), "v1");
    assert_eq!(component.health().unwrap().timeout.whole_seconds(), Some(20));
    assert_eq!(component.log_retention(), LogRetention::Days(14));

    let gateway = component.gateway();
    let routes: Vec<_> = gateway
        .routes()
        .iter()
        .map(|route| (route.key.to_string(), gateway.authentication_of(route).is_none()))
        .collect();
    assert_eq!(routes, [("ANY /health".into(), true), ("$default".into(), false)]);
    assert!(matches!(gateway.authentication(), Authentication::Jwt(jwt) if jwt.issuer().is_https()));
    let cors = gateway.cors().unwrap().rules();
    assert_eq!(cors.methods.to_strings(), ["GET", "POST"]);
    assert_eq!(cors.headers.to_strings(), ["authorization", "content-type"]);
    assert_eq!(cors.max_age.unwrap().duration().as_secs(), 3600);
    assert_eq!(gateway.throttle().unwrap().burst(), 200);

    let production = configuration.aws_settings("production").unwrap();
    assert_eq!(production.account.unwrap().as_str(), "123456789012");
    assert_eq!(production.region.unwrap().as_str(), "eu-west-1");
    assert_eq!(configuration.aws_settings("local").unwrap().endpoint, Some(Endpoint::Local));
    assert_eq!(configuration.aws_settings("staging").unwrap().profile.unwrap().as_str(), "staging");
    let memory = configuration.components_for("production").unwrap()[0].function().memory;
    assert_eq!(memory.megabytes(), 1024);
}

#[test]
fn the_example_project_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/semantest");
    let path = Configuration::find(&folder.join("rest-api")).unwrap();
    assert_eq!(path, folder.join(FILE_NAME));
    let configuration = Configuration::load(&path).unwrap();
    let names: Vec<_> = configuration.environments().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["local", "staging", "production"]);
    for environment in names {
        assert_eq!(configuration.components_for(environment).unwrap().len(), 1);
    }
}

#[test]
fn several_problems_are_told_at_once() {
    let file = EXAMPLE
        .replace("memory: 512MB", "memroy: 512MB")
        .replace("timeout: 30s\n", "timeout: 30\n")
        .replace("nodejs22", "node22")
        .replace("account: \"123456789012\"", "account: 123456789012")
        .replace("components: { rest-api: { memory: 1GB } }", "components: { rest-ap: { memory: 1GB } }");
    insta::assert_snapshot!(drawn(&load(&file).unwrap_err()));
}
