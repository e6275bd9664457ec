//! The configuration as a whole: the example of the documentation, what environments change, and
//! how problems look. Units have their tests beside them.

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

use crate::domain::code::config_text::ConfigText;
use crate::domain::code::function::Start;
use crate::domain::code::logs::LogRetention;
use crate::domain::code::runtime::Runtime;
use crate::domain::component::{Component, ComponentSpec, Probe, RestApi};
use crate::domain::gateway::authentication::Authentication;
use crate::domain::violation::{FieldPath, Severity, Violation};

use super::*;
use crate::adapters::clouds::CLOUDS;

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
    Configuration::from_bytes(Path::new("/project/semantest-iac.yaml"), text.into(), &CLOUDS)
}

fn aws_setting(configuration: &Configuration, environment: &str, key: &str) -> Option<String> {
    let provider = configuration.cloud("aws").unwrap().provider();
    configuration.cloud_settings(environment, &provider).unwrap().text(key).map(str::to_owned)
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

/// A file with one component, whose lines follow, and no environment.
fn component(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("project: p\ncomponents:\n  api:\n    kind: rest-api\n    source: .\n    start: node server.js\n{lines}")
}

/// Messages of a file that is refused.
fn messages(text: &str) -> Vec<String> {
    let errors = load(text).expect_err("the file was accepted");
    errors.reported().iter().map(ToString::to_string).collect()
}

fn api(component: &Component) -> &RestApi {
    match component.spec() {
        ComponentSpec::RestApi(api) => api,
        other => panic!("no REST API: {other:?}"),
    }
}

#[test]
fn the_documented_example_means_what_it_says() {
    let configuration = load(EXAMPLE).unwrap();
    assert_eq!(configuration.project_name().as_str(), "semantest");
    assert_eq!(configuration.state().store_url(None).unwrap().to_string(), "file:///project/.semantest");
    assert!(configuration.state().is_written());
    assert_eq!(configuration.component_names(), ["rest-api"]);

    let components = configuration.components_for("staging").unwrap();
    let [component] = components.as_slice() else { panic!("expected one component") };
    let function = api(component).function();
    assert_eq!(function.source.path(), Path::new("/project/rest-api"));
    assert_eq!(function.build.as_ref().unwrap().as_str(), "npm ci --omit=dev");
    assert!(matches!(&function.start, Start::Server(command) if command.as_str() == "node server.js"));
    assert_eq!(function.runtime, Runtime::node_js(22));
    assert_eq!(function.memory.megabytes(), 512);
    assert_eq!(function.timeout.whole_seconds(), Some(30));
    assert_eq!(function.environment.get("API_VERSION").unwrap().expose(), "v1");
    assert_eq!(api(component).health().unwrap().timeout.whole_seconds(), Some(20));
    assert_eq!(api(component).log_retention(), LogRetention::Days(14));

    let gateway = api(component).gateway().unwrap();
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

    let setting = |environment: &str, key: &str| aws_setting(&configuration, environment, key);
    assert_eq!(setting("production", "account").unwrap(), "123456789012");
    assert_eq!(setting("production", "region").unwrap(), "eu-west-1");
    assert_eq!(setting("production", "profile"), None);
    assert_eq!(setting("local", "endpoint").unwrap(), "local");
    assert_eq!(setting("staging", "profile").unwrap(), "staging");
    let memory = api(&configuration.components_for("production").unwrap()[0]).function().memory;
    assert_eq!(memory.megabytes(), 1024);
}

#[test]
fn the_example_project_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/semantest");
    let path = Configuration::find(&folder.join("rest-api")).unwrap();
    assert_eq!(path, folder.join(FILE_NAME));
    let configuration = Configuration::load(&path, &CLOUDS).unwrap();
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

#[test]
fn broken_yaml_is_shown_at_its_place() {
    let cases = [
        ("a tab", "project: p\ncomponents:\n\tapi: x\n"),
        ("an open quote", "project: \"p\ncomponents: {}\n"),
        ("an open bracket", "project: p\ncomponents: { a: [1, 2\n"),
        ("indentation", "project: p\ncomponents:\n   api:\n     kind: rest-api\n    source: .\n"),
        ("two colons", "project: p: q\n"),
        ("no colon", "project p\ncomponents: {}\n"),
        ("a bare star", "project: p\ncomponents: { api: { gateway: { cors: { origins: [*] } } } }\n"),
        ("an unknown alias", "project: *name\n"),
        ("an alias within itself", "project: p\ncomponents: &a\n  api: *a\n"),
        ("a foreign tag", "project: !secret p\ncomponents: {}\n"),
        ("a key given twice", "project: p\nproject: q\ncomponents: {}\n"),
        ("two documents", "project: p\ncomponents: {}\n---\nproject: q\n"),
        ("a control character", "project: \u{7}p\n"),
    ];
    let text: Vec<String> =
        cases.iter().map(|(name, file)| format!("━━ {name} ━━\n{}", drawn(&load(file).unwrap_err()))).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_file_that_is_no_configuration_says_what_it_is() {
    for (file, said) in [
        ("", "the file is empty"),
        ("# a comment\n", "the file is empty"),
        ("- a\n", "expected a mapping, found a list"),
        ("hello\n", "expected a mapping, found text"),
        ("~\n", "the key \"project\" is missing"),
        ("? [a]\n: b\n", "a key must be text, but this is a list"),
    ] {
        assert!(messages(file).iter().any(|message| message.contains(said)), "{file:?}: {:?}", messages(file));
    }
    let bytes = |bytes: &[u8]| {
        let errors = Configuration::from_bytes(Path::new("x.yaml"), bytes.to_vec(), &CLOUDS).unwrap_err();
        errors.reported()[0].message.clone()
    };
    assert!(bytes(b"project: \xff\n").contains("not UTF-8"));
    assert!(bytes(b"\xff\xfep\0").contains("UTF-16"));
    assert!(bytes(&vec![b' '; 2 * 1024 * 1024]).contains("larger than 1 MiB"));
}

#[test]
fn aliases_and_merge_keys_work_within_bounds() {
    let file = "project: p\ncomponents:\n  a: &a { kind: rest-api, source: ., start: x, memory: 1GB, environment: &e { A: '1', B: '2' } }\n  b: { <<: *a, memory: 2GB, environment: { <<: *e, B: '3' } }\nenvironments: { local: {} }\n";
    let components = load(file).unwrap().components_for("local").unwrap();
    let b = api(&components[1]).function();
    assert_eq!(b.memory.megabytes(), 2048);
    assert_eq!(b.environment.get("A").unwrap().expose(), "1");
    assert_eq!(b.environment.get("B").unwrap().expose(), "3");

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert!(messages(&bomb)[0].contains("more than 20000 values"));
    assert!(messages(&"[".repeat(5000))[0].contains("nested too deeply"));
    assert!(messages("project: p\ncomponents: { a: { <<: text } }\n").iter().any(|m| m.contains("only a mapping")));
    let twice = messages("project: p\ncomponents: { a: &a { memory: 1GB }, b: { <<: *a, <<: *a } }\n");
    assert!(twice.iter().any(|message| message.contains("the key \"<<\" is given twice")), "{twice:?}");
}

#[test]
fn a_file_full_of_mistakes_is_told_of_in_time_and_in_part() {
    let keys: String = (0..9_000).map(|key| format!("key{key}: x\n")).collect();
    let errors = load(&keys).unwrap_err();
    assert_eq!(errors.reported().len(), 9_002);
    let text = drawn(&errors);
    assert!(text.contains("has 9002 errors; the first 50 are shown"));
    assert_eq!(text.matches("unknown-key").count() + text.matches("missing-key").count(), 50);
}

#[test]
fn places_are_right_with_windows_line_ends_and_a_byte_order_mark() {
    let errors = load("\u{feff}project: p\r\ncomponents:\r\n  api: é\r\n").unwrap_err();
    let problem = &errors.reported()[0];
    assert_eq!((problem.line, problem.column), (Some(3), Some(8)));
    assert_eq!(problem.text.as_deref(), Some("é"));
    let first = load("\u{feff}projekt: p\ncomponents: {}\n").unwrap_err();
    assert_eq!((first.reported()[0].line, first.reported()[0].column), (Some(1), Some(1)));
    assert_eq!(first.reported()[0].text.as_deref(), Some("projekt"));
}

#[test]
fn values_of_the_wrong_kind_are_all_told_with_their_remedy() {
    let file = component(
        "memory: [512MB]\ntimeout: 30\nruntime: 22\nhealth: /health\nenvironment: [A]\nlogs: { retention: 14 }\n\
         gateway:\n  catch-all: no\n  auth: non\n  routes: [ { path: health }, { path: '/users/:id', method: get }, {} ]\n  \
         throttle: { rate: '100', burst: 1.5 }\n  cors: { origins: semantest.com, credentials: yes, max-age: 60 }",
    );
    insta::assert_snapshot!(messages(&file).join("\n"));
}

#[test]
fn rules_between_fields_point_at_the_field() {
    let said = |lines: &str| messages(&component(lines)).join("\n");
    insta::assert_snapshot!([
        said("handler: dist/lambda.handler"),
        said("gateway: { cors: { origins: ['*'], credentials: true } }"),
        said("gateway: { cors: { origins: ['*', 'https://a.example'] } }"),
        said("gateway: { routes: [ { path: '/u/{id}' }, { path: '/u/{name}' } ] }"),
        said("gateway: { catch-all: false }"),
        said("health: { path: /health }\ngateway: { auth: { jwt: { issuer: 'https://id.example.com/', audience: [a] } } }"),
        said("health: { path: /health }\ngateway: { catch-all: false, routes: [ { path: /other } ] }"),
    ].join("\n"));
}

#[test]
fn environment_variables_are_taken_as_they_are_written() {
    let file = component(
        "environment: { PORT: 3000, ON: yes, CODE: 007, BIG: 1e3, HEX: 0x1F, T: true, EMPTY: '', Q: \"a\\tb\" }",
    ) + "environments: { local: {} }\n";
    let components = load(&file).unwrap().components_for("local").unwrap();
    let given: Vec<_> = api(&components[0])
        .function()
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .collect();
    assert_eq!(given, ["BIG=1e3", "CODE=007", "EMPTY=", "HEX=0x1F", "ON=yes", "PORT=3000", "Q=a\tb", "T=true"]);
    let refused = messages(&component("environment: { A: ~, B: , C: [1], 'D-E': x }"));
    assert_eq!(refused.len(), 4, "{refused:?}");
}

#[test]
fn numbers_that_are_text_want_quotes() {
    for account in ["123456789012", "012345678901"] {
        let environment = |written: &str| {
            format!("{}environments: {{ e: {{ aws: {{ account: {written} }} }} }}\n", component("memory: 1GB"))
        };
        assert_eq!(messages(&environment(account)).len(), 1);
        assert!(messages(&environment(account))[0].contains(&format!("put it into quotes: \"{account}\"")));
        let configuration = load(&environment(&format!("\"{account}\""))).unwrap();
        assert_eq!(aws_setting(&configuration, "e", "account").unwrap(), account);
    }
}

#[test]
fn environments_merge_deeply_and_can_take_away() {
    let file = component(
        "environment: { A: '1', B: '2' }\nhealth: { path: /health, timeout: 5s }\n\
         gateway: { routes: [ { path: /a } ], cors: { origins: ['https://a.example'], max-age: 1h } }",
    ) + "environments:\n  plain:\n  changed:\n    components:\n      api:\n        handler: dist/lambda.handler\n        environment: { A: ~, C: 3 }\n        health: ~\n        gateway: { routes: [ { path: /b }, { path: /c } ], cors: { origins: ['https://b.example'] } }\n";
    let configuration = load(&file).unwrap();
    let plain = &configuration.components_for("plain").unwrap()[0];
    assert!(plain.health().is_some() && api(plain).function().server_command().is_some());
    let changed = &configuration.components_for("changed").unwrap()[0];
    assert!(changed.health().is_none());
    assert!(matches!(&api(changed).function().start, Start::Handler(handler) if handler.export() == "handler"));
    let names: Vec<_> = api(changed).function().environment.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["B", "C"]);
    let keys: Vec<_> = api(changed).gateway().unwrap().routes().iter().map(|route| route.key.to_string()).collect();
    assert_eq!(keys, ["ANY /b", "ANY /c", "$default"]);
    let cors = api(changed).gateway().unwrap().cors().unwrap().rules();
    assert_eq!(cors.origins.to_strings(), ["https://b.example"]);
    assert_eq!(cors.max_age.unwrap().to_string(), "1h");
}

/// A file whose component takes what it can from the stack's configuration.
fn with_references() -> Configuration {
    let file = component(
        "memory: ${config.memory}\ntimeout: '${config.seconds}s'\nenvironment: { A: '${config.token}', B: { from-env: B } }\n\
         gateway: { catch-all: '${config.all}', routes: [ { path: /a } ], cors: { origins: ['https://${config.host}'] }, throttle: { rate: '${config.rate}', burst: 200 } }",
    ) + "environments:\n  plain:\n  other: { components: { api: { timeout: 9s } } }\n";
    load(&file).unwrap()
}

fn filled(values: &[(&str, &str)], secret: &str) -> (Configuration, Vec<String>) {
    let mut configuration = with_references();
    configuration.take_secrets(&|name| (name == "B").then(|| "taken".to_owned()));
    let wrong = configuration.fill_config("plain", &|name| {
        let (_, text) = values.iter().find(|(known, _)| *known == name)?;
        Some(ConfigText { text: (*text).to_owned(), is_secret: name == secret })
    });
    let told = |errors: ConfigurationErrors| -> Vec<String> {
        errors.reported().iter().map(|it| format!("{}:{} {}", it.line.unwrap(), it.field, it.message)).collect()
    };
    let missing = configuration.missing_config("plain", &[], &[], "Pulumi.aws-plain.yaml");
    let told = wrong.err().into_iter().chain(missing).flat_map(told).collect();
    (configuration, told)
}

const VALUES: [(&str, &str); 6] =
    [("memory", "1GB"), ("seconds", "12"), ("token", "t"), ("all", "false"), ("host", "a.example"), ("rate", "50")];

#[test]
fn configuration_values_stand_wherever_a_single_value_can() {
    let names = with_references().config_names("plain").unwrap();
    assert_eq!(names, ["all", "host", "memory", "rate", "seconds", "token"].map(str::to_owned).into());
    assert!(!with_references().config_names("other").unwrap().contains("seconds"));
    let (configuration, wrong) = filled(&VALUES, "token");
    assert_eq!(wrong, [""; 0]);
    let component = configuration.components_for("plain").unwrap().remove(0);
    assert_eq!(api(&component).function().memory.to_string(), "1GB");
    assert_eq!(api(&component).function().timeout.to_string(), "12s");
    assert_eq!(api(&component).gateway().unwrap().cors().unwrap().rules().origins.to_strings(), ["https://a.example"]);
    assert_eq!(api(&component).gateway().unwrap().routes().len(), 1, "no catch-all");
    let environment = &api(&component).function().environment;
    let value = |name| environment.get(name).map(|value| (value.expose(), value.is_secret()));
    assert_eq!((value("A"), value("B")), (Some(("t", true)), Some(("taken", true))));
    // The other environment is another stack.
    assert!(configuration.components_for("other").is_err());
    assert_eq!(configuration.whole_components("other").unwrap().len(), 0);
}

#[test]
fn values_that_do_not_fit_or_are_secret_or_missing_are_told_at_their_line() {
    let with =
        |name: &str, text: &'static str| VALUES.map(|(known, value)| (known, if known == name { text } else { value }));
    let (configuration, wrong) = filled(&with("memory", "lots"), "");
    assert!(
        wrong.len() == 1
            && wrong[0].starts_with("7:components.api.memory \"lots\" ")
            && wrong[0].ends_with(", in ${config.memory}"),
        "{wrong:?}"
    );
    assert!(configuration.components_for("plain").is_err());
    for (name, text) in [("all", "maybe"), ("rate", "a few"), ("host", "a b")] {
        assert_eq!(filled(&with(name, text), "").1.len(), 1, "{name}: {text}");
    }
    let (_, wrong) = filled(&VALUES, "memory");
    assert!(
        wrong.len() == 1 && wrong[0].contains("a secret configuration value can only be used in `environment`"),
        "{wrong:?}"
    );
    let (configuration, wrong) = filled(&VALUES[1..], "");
    assert_eq!(wrong, ["7:components.api.memory there is no configuration value \"memory\" in Pulumi.aws-plain.yaml"]);
    let told = configuration.components_for("plain").unwrap_err().reported();
    assert_eq!(told[0].field, "components.api.memory");
    assert_eq!(messages(&component("memory: ${config.a b}")).len(), 1);
    assert_eq!(messages(&component("memory: $${config.a}")).len(), 1, "text that is none");
}

#[test]
fn an_environments_mistakes_are_told_at_their_place() {
    let file = component("memory: 1GB\nhealth: { path: /health }")
        + "environments:\n  Prod:\n    aws: { region: EU_1, profil: x, endpoint: 127.0.0.1:4566 }\n    azure: { location: westeurope }\n    components:\n      api: { memory: 12, kind: ~, gateway: { auth: { jwt: { issuer: x } } } }\n      web: {}\n  secure:\n    components: { api: { gateway: { auth: { jwt: { issuer: 'https://a.example', audience: [a] } } } } }\n";
    insta::assert_snapshot!(messages(&file).join("\n"));
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let configuration = load(EXAMPLE).unwrap();
    insta::assert_snapshot!(
        [
            drawn(&configuration.environment("prodution").unwrap_err()),
            drawn(&configuration.select("local", &["rest".into(), "web".into()]).unwrap_err()),
            drawn(&configuration.cloud("gcp").err().unwrap()),
        ]
        .join("\n")
    );
    let selected = configuration.select("local", &["rest-api".into(), "rest-api".into()]).unwrap();
    assert_eq!(selected.len(), 1);
    assert_eq!(configuration.cloud("aws").unwrap().provider().as_str(), "aws");
    assert_eq!(configuration.project_for("local").unwrap().components().len(), 1);
}

#[test]
fn violations_are_shown_where_the_field_was_written() {
    let configuration = load(EXAMPLE).unwrap();
    let violation = |field: FieldPath| Violation {
        code: "aws/example",
        severity: Severity::Error,
        field,
        message: "not so".into(),
        hint: Some("otherwise".into()),
        source_url: "https://docs.aws.amazon.com/",
    };
    let place = |environment: &str, field: FieldPath| {
        let violations = [("rest-api".parse().unwrap(), violation(field))];
        let reported = configuration.violations(environment, &violations, &[]).unwrap().reported().remove(0);
        (reported.line.unwrap(), reported.text.unwrap())
    };
    assert_eq!(place("staging", FieldPath::of(["memory"])), (12, "512MB".into()));
    assert_eq!(place("production", FieldPath::of(["memory"])), (24, "1GB".into()));
    let route = FieldPath::of(["gateway", "routes"]).index(0).key("path");
    assert_eq!(place("staging", route), (19, "/health".into()));
    // A field that was left out is shown at what it would stand in.
    assert_eq!(place("staging", FieldPath::of(["logs", "retention"])), (5, "rest-api".into()));
    let region = configuration.violations("staging", &[], &[violation(FieldPath::of(["aws", "region"]))]).unwrap();
    assert_eq!(region.reported()[0].text.as_deref(), Some("us-east-1"));
    assert_eq!(region.reported()[0].field, "environments.staging.aws.region");
    assert!(configuration.violations("staging", &[], &[]).is_none());
    insta::assert_snapshot!(drawn(&region));
}

#[test]
fn source_folders_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["full", "empty"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("full/server.js"), "").unwrap();
    let of = |name: &str| format!("  {name}: {{ kind: rest-api, source: ./{name}, start: x }}\n");
    let file =
        format!("project: p\ncomponents:\n{}{}{}environments: {{ local: }}\n", of("full"), of("empty"), of("gone"));
    std::fs::write(folder.path().join(FILE_NAME), file).unwrap();
    let configuration = Configuration::load(&folder.path().join(FILE_NAME), &CLOUDS).unwrap();
    let components = configuration.components_for("local").unwrap();
    assert!(configuration.missing_sources("local", &components[..1]).is_none());
    let errors = configuration.missing_sources("local", &components).unwrap().reported();
    let told: Vec<_> = errors.iter().map(|error| (error.line.unwrap(), error.text.clone().unwrap())).collect();
    assert_eq!(told, [(4, "./empty".to_owned()), (5, "./gone".to_owned())]);
    assert!(errors[0].message.contains("is empty") && errors[1].message.contains("there is no folder"));
}

#[test]
fn the_file_is_found_above_and_its_absence_explained() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(folder.path().join("semantest-iac.yml"), "").unwrap();
    let missing = Configuration::find(&deep).unwrap_err();
    assert!(missing.reported()[0].hint.as_ref().unwrap().starts_with("rename "), "{missing:?}");
    std::fs::write(folder.path().join(FILE_NAME), EXAMPLE).unwrap();
    assert_eq!(Configuration::find(&deep).unwrap(), folder.path().join(FILE_NAME));
    std::fs::write(deep.join(FILE_NAME), EXAMPLE).unwrap();
    assert_eq!(Configuration::find(&deep).unwrap(), deep.join(FILE_NAME));
    let code = |path: &Path| Configuration::load(path, &CLOUDS).unwrap_err().reported()[0].code.clone();
    assert_eq!(code(&deep.join("other.yaml")), "config/not-found");
    assert_eq!(code(&deep), "config/unreadable");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Configuration::from_bytes(Path::new("x.yaml"), bytes, &CLOUDS));
    }

    #[test]
    fn no_text_panics_the_loader_or_the_drawing(text in "([a-z]{1,4}|[ \n\t]|[-:?,&*!|>'\"%@`#\\[\\]{}~<]|\\PC){0,60}") {
        if let Err(errors) = load(&text) {
            prop_assert!(errors.has_errors());
            prop_assert!(!drawn(&errors).is_empty());
            prop_assert_eq!(errors.reported().len(), errors.problems().count());
        }
    }

    /// The example with one piece replaced by another: near enough to valid to get far.
    #[test]
    fn no_slip_in_the_example_panics(at in 0_usize..EXAMPLE.len(), length in 0_usize..30, with in "([a-z]{0,5}|[-:{}\\[\\]\"'*&!~ \n])") {
        let end = (at + length).min(EXAMPLE.len());
        prop_assume!(EXAMPLE.is_char_boundary(at) && EXAMPLE.is_char_boundary(end));
        let text = format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[end..]);
        match load(&text) {
            Ok(configuration) => {
                for environment in configuration.environments() {
                    prop_assert!(configuration.components_for(environment.name.as_str()).is_ok());
                }
            }
            Err(errors) => prop_assert!(!drawn(&errors).is_empty()),
        }
    }
}

/// What is wrong with a component of these lines, or with what an environment changes about it.
fn wrong_with(component: &str, change: &str) -> Vec<(String, String)> {
    let text = format!(
        "project: p\ncomponents:\n  worker: {{ {component}, source: . }}\nenvironments:\n  test: {{ components: {{ worker: {{ {change} }} }} }}\n"
    );
    let errors = Configuration::from_bytes(Path::new("/p/semantest-iac.yaml"), text.into_bytes(), &CLOUDS).unwrap_err();
    errors.reported().into_iter().map(|problem| (problem.message, problem.hint.unwrap_or_default())).collect()
}

#[test]
fn each_kind_has_its_own_keys() {
    let text = "project: p\ncomponents:\n  worker: { kind: function, source: ., handler: index.run, timeout: 5m, health: {} }\nenvironments: { test: {} }\n";
    let configuration = Configuration::from_bytes(Path::new("/p/semantest-iac.yaml"), text.into(), &CLOUDS).unwrap();
    let component = configuration.components_for("test").unwrap().remove(0);
    let Some(Probe::Invocation(invocation)) = component.health() else { panic!("{component:?}") };
    assert_eq!((invocation.event.as_str(), invocation.timeout.to_string().as_str()), ("{}", "20s"));
    for (component, change, message, hint) in [
        ("kind: function, start: node server.js", "", "\"start\"", "rest-api"),
        ("kind: function, handler: index.run", "gateway: { catch-all: false }", "\"gateway\"", "rest-api"),
        ("kind: functoin, handler: index.run", "", "functoin", "function"),
        ("handler: index.run", "", "\"kind\"", ""),
        ("kind: function, handler: index.run, health: { event: '{' }", "", "no JSON", "JSON"),
        ("kind: function, handler: index.run, health: { path: / }", "", "\"path\"", ""),
        ("kind: function, handler: index.run, url: gateway", "", "no other", "rest-api"),
        ("kind: rest-api, start: node s.js, url: lambda", "", "no such address", "function"),
        (
            "kind: rest-api, start: node s.js, url: function, gateway: { catch-all: false }",
            "",
            "catch-all",
            "url: gateway",
        ),
        ("kind: rest-api, start: node s.js, gateway: { auth: none }", "url: function", "\"auth\"", "url: gateway"),
    ] {
        let wrong = wrong_with(component, change);
        assert!(wrong.iter().any(|(said, how)| said.contains(message) && how.contains(hint)), "{component}: {wrong:?}");
    }
}
