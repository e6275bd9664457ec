//! Each rule of AWS at its edges: what is just accepted, and what is just refused.

use std::path::Path;

use chrono::NaiveDate;

use crate::adapters::aws::naming::NamedResource;
use crate::adapters::aws::validation::{check_name, logs};
use crate::adapters::clouds::CLOUDS;
use crate::adapters::configuration::Configuration;

use super::*;

/// What the rules say of a component with these lines, as `code at field`.
fn said(lines: &str) -> Vec<String> {
    said_in(lines, false)
}

fn said_in(lines: &str, local_cloud: bool) -> Vec<String> {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let start = if lines.contains("handler:") { "" } else { "    start: node server.js\n" };
    let file = format!(
        "project: semantest\ncomponents:\n  api:\n    kind: rest-api\n    source: .\n{start}{lines}environments: {{ production: {{}} }}\n"
    );
    let path = Path::new("/project/semantest-iac.yaml");
    let configuration = match Configuration::from_bytes(path, file.into(), &CLOUDS) {
        Ok(configuration) => configuration,
        Err(errors) => panic!("{:?}", errors.reported()),
    };
    let component = configuration.components_for("production").unwrap().remove(0);
    let environment = "production".parse().unwrap();
    let circumstances = Circumstances {
        project: configuration.project_name(),
        environment: &environment,
        local_cloud,
        added_variables: &[("ADDED".to_owned(), "x".repeat(10))],
        today: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
    };
    check(&component, &circumstances)
        .iter()
        .inspect(|violation| {
            assert!(violation.source_url.starts_with("https://docs.aws.amazon.com/"), "{violation:?}");
            assert!(violation.hint.is_some(), "{violation:?}");
        })
        .map(|violation| format!("{} at {}", violation.code, violation.field))
        .collect()
}

#[test]
fn an_ordinary_component_breaks_no_rule() {
    assert_eq!(said("memory: 512MB"), [""; 0]);
}

#[test]
fn memory_lies_between_128_and_10240_megabytes() {
    for good in ["128MB", "129MB", "10GB"] {
        assert_eq!(said(&format!("memory: {good}")), [""; 0], "{good}");
    }
    for bad in ["127MB", "1MB", "10241MB", "20GB"] {
        assert_eq!(said(&format!("memory: {bad}")), ["aws/memory-range at memory"], "{bad}");
    }
}

#[test]
fn timeouts_are_whole_seconds_up_to_the_gateways_limit() {
    for good in ["1s", "30s", "0.5m"] {
        assert_eq!(said(&format!("timeout: {good}")), [""; 0], "{good}");
    }
    for (bad, code) in [
        ("500ms", "aws/timeout-range"),
        ("1.5s", "aws/timeout-range"),
        ("31s", "aws/integration-timeout"),
        ("15m", "aws/integration-timeout"),
        ("901s", "aws/timeout-range"),
    ] {
        assert_eq!(said(&format!("timeout: {bad}")), [format!("{code} at timeout")], "{bad}");
    }
}

#[test]
fn handlers_are_short() {
    let handler = |length: usize| format!("handler: {}.handler", "x".repeat(length - ".handler".len()));
    assert_eq!(said(&handler(128)), [""; 0]);
    assert_eq!(said(&handler(129)), ["aws/handler at handler"]);
}

#[test]
fn runtimes_are_those_of_lambda() {
    assert_eq!(said("runtime: nodejs22"), [""; 0]);
    assert_eq!(said("runtime: nodejs20"), ["aws/deprecated-runtime at runtime"]);
    assert_eq!(said("runtime: nodejs16"), ["aws/unsupported-runtime at runtime"]);
}

#[test]
fn variables_of_lambda_itself_are_reserved() {
    for reserved in ["AWS_REGION", "_HANDLER", "LAMBDA_TASK_ROOT", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID"] {
        let expected = format!("aws/reserved-variable at environment.{reserved}");
        assert_eq!(said(&format!("environment: {{ {reserved}: x }}")), [expected]);
    }
    // Settings that Lambda documents for its users, in spite of their prefix.
    for free in ["AWS_LAMBDA_EXEC_WRAPPER", "TZ", "NODE_OPTIONS", "PATH", "AWS_NODEJS_CONNECTION_REUSE_ENABLED"] {
        assert_eq!(said(&format!("environment: {{ {free}: x }}")), [""; 0], "{free}");
    }
    assert_eq!(said("environment: { ADDED: x }"), ["aws/reserved-variable at environment.ADDED"]);
    for bad in ["_X", "X"] {
        let expected = format!("aws/variable-name at environment.{bad}");
        assert_eq!(said(&format!("environment: {{ {bad}: x }}")), [expected]);
    }
}

#[test]
fn a_servers_port_is_not_the_users_choice() {
    assert_eq!(said("environment: { PORT: 3000 }"), ["aws/port-variable at environment.PORT"]);
    assert_eq!(said("handler: a.b\nenvironment: { PORT: 3000 }"), [""; 0]);
}

#[test]
fn the_environment_takes_4_kilobytes_with_what_is_added() {
    // {"ADDED":"xxxxxxxxxx","BIG":"…"} has 31 bytes around the value.
    let environment = |length: usize| format!("environment: {{ BIG: {} }}", "x".repeat(length));
    assert_eq!(said(&environment(4096 - 31)), [""; 0]);
    assert_eq!(said(&environment(4096 - 30)), ["aws/environment-size at environment"]);
    let wide = format!("environment: {{ BIG: \"{}\" }}", "é".repeat(2048));
    assert_eq!(said(&wide), ["aws/environment-size at environment"]);
}

#[test]
fn issuers_are_public_and_https() {
    let auth = |issuer: &str| format!("gateway: {{ auth: {{ jwt: {{ issuer: \"{issuer}\", audience: [a] }} }} }}");
    let refused = ["aws/issuer-https at gateway.auth.jwt.issuer"];
    assert_eq!(said(&auth("https://id.example.com/")), [""; 0]);
    assert_eq!(said(&auth("http://id.example.com/")), refused);
    assert_eq!(said(&auth("http://127.0.0.1:8080")), refused);
    assert_eq!(said(&auth("https://localhost")), refused);
    assert_eq!(said_in(&auth("http://127.0.0.1:8080"), true), [""; 0]);
    assert_eq!(said_in(&auth("http://localhost:8080/realm"), true), [""; 0]);
    assert_eq!(said_in(&auth("http://id.example.com/"), true), refused);
    let of_route = "gateway: { routes: [ { path: /a }, { path: /b, auth: { jwt: { issuer: \"http://a.example\", audience: [a] } } } ] }";
    assert_eq!(said(of_route), ["aws/issuer-https at gateway.routes[1].auth.jwt.issuer"]);
}

#[test]
fn an_authorizer_has_at_most_50_audiences() {
    let auth = |count: usize| {
        let audiences: Vec<String> = (0..count).map(|index| format!("a{index}")).collect();
        format!(
            "gateway: {{ auth: {{ jwt: {{ issuer: \"https://a.example\", audience: [{}] }} }} }}",
            audiences.join(", ")
        )
    };
    assert_eq!(said(&auth(50)), [""; 0]);
    assert_eq!(said(&auth(51)), ["aws/audience-count at gateway.auth.jwt.audience"]);
}

#[test]
fn routes_are_few_short_and_named_well() {
    let routes = |count: usize| {
        let routes: Vec<String> = (0..count).map(|index| format!("{{ path: /r{index} }}")).collect();
        format!("gateway: {{ routes: [{}] }}", routes.join(", "))
    };
    // The catch-all route counts too.
    assert_eq!(said(&routes(299)), [""; 0]);
    assert_eq!(said(&routes(300)), ["aws/route-count at gateway.routes"]);
    let path = |path: &str| format!("gateway: {{ routes: [ {{ path: \"{path}\" }} ] }}");
    let refused = ["aws/route-key at gateway.routes[0].path"];
    assert_eq!(said(&path(&format!("/{}", "x".repeat(123)))), [""; 0]);
    assert_eq!(said(&path(&format!("/{}", "x".repeat(124)))), refused);
    assert_eq!(said(&path("/users/{id}/{rest+}")), [""; 0]);
    assert_eq!(said(&path("/users/{1st}")), refused);
}

#[test]
fn each_kind_of_token_needs_an_authorizer() {
    let routes = |count: usize| {
        let routes: Vec<String> = (0..count)
            .map(|i| {
                format!("{{ path: /r{i}, auth: {{ jwt: {{ issuer: \"https://i{i}.example\", audience: [a] }} }} }}")
            })
            .collect();
        format!("gateway: {{ routes: [{}] }}", routes.join(", "))
    };
    assert_eq!(said(&routes(10)), [""; 0]);
    assert_eq!(said(&routes(11)), ["aws/authorizer-count at gateway.routes"]);
}

#[test]
fn cors_answers_are_remembered_for_a_day_at_most() {
    let cors = |age: &str| format!("gateway: {{ cors: {{ origins: [\"*\"], max-age: {age} }} }}");
    for good in ["0s", "1d", "86400s"] {
        assert_eq!(said(&cors(good)), [""; 0], "{good}");
    }
    for bad in ["86401s", "500ms", "2d"] {
        assert_eq!(said(&cors(bad)), ["aws/cors-max-age at gateway.cors.max-age"], "{bad}");
    }
}

#[test]
fn origins_are_of_http_or_https_or_the_servers_own_business() {
    let cors = |origins: &str| said(&format!("gateway: {{ cors: {{ origins: [{origins}] }} }}"));
    assert_eq!(cors("\"https://semantest.com\", \"http://localhost:3000\""), [""; 0]);
    assert_eq!(cors("\"*\""), [""; 0]);
    let refused = ["aws/cors-origin at gateway.cors.origins"];
    assert_eq!(cors("\"https://semantest.com\", \"chrome-extension://abcdef\""), refused);
    assert_eq!(cors("\"capacitor://localhost\""), refused);
    assert_eq!(said("gateway: { cors: server }"), [""; 0]);
    // A handler that has said that it answers browsers gets its preflights, too.
    let auth = "auth: { jwt: { issuer: \"https://id.example\", audience: [a] } }";
    assert_eq!(said(&format!("handler: a.b\ngateway: {{ cors: server, {auth} }}")), [""; 0]);
    // A function's own address has no such rule (https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html).
    assert_eq!(said("url: function\ngateway: { cors: { origins: [\"chrome-extension://abcdef\"] } }"), [""; 0]);
    assert_eq!(said("url: function\ngateway: { cors: server }"), [""; 0]);
}

#[test]
fn preflights_need_a_shim_or_routes_of_their_own() {
    let gateway = |routes: &str| {
        format!(
            "gateway: {{ cors: {{ origins: [\"*\"] }}, auth: {{ jwt: {{ issuer: \"https://id.example\", audience: [a] }} }}, {routes} }}"
        )
    };
    let handler = |routes: &str| said(&format!("handler: a.b\n{}", gateway(routes)));
    let refused = ["aws/preflight at gateway.cors"];
    assert_eq!(said(&gateway("routes: []")), [""; 0]);
    assert_eq!(handler("routes: []"), refused);
    assert_eq!(handler("catch-all: false, routes: [ { path: /a } ]"), refused);
    assert_eq!(handler("catch-all: false, routes: [ { path: /a, method: GET } ]"), [""; 0]);
    assert_eq!(handler("catch-all: false, routes: [ { path: /a, auth: none } ]"), [""; 0]);
    let own =
        "routes: [ { path: /, method: OPTIONS, auth: none }, { path: \"/{rest+}\", method: OPTIONS, auth: none } ]";
    assert_eq!(handler(own), [""; 0]);
}

#[test]
fn what_preflights_add_counts() {
    let gateway = |routes: &str| {
        format!(
            "gateway: {{ cors: {{ origins: [\"*\"] }}, auth: {{ jwt: {{ issuer: \"https://id.example\", audience: [a] }} }}, {routes} }}"
        )
    };
    // The catch-all route, and two that let its preflights through.
    let routes = |count: usize| {
        let routes: Vec<String> = (0..count).map(|index| format!("{{ path: /r{index}, method: GET }}")).collect();
        gateway(&format!("routes: [{}]", routes.join(", ")))
    };
    assert_eq!(said(&routes(297)), [""; 0]);
    assert_eq!(said(&routes(298)), ["aws/route-count at gateway.routes"]);
    // {"ADDED":"xxxxxxxxxx","BIG":"…","SEMANTEST_PREFLIGHT_ROUTES":"gateway / /{proxy+}"} has 82 bytes around the value.
    let environment =
        |length: usize| said(&format!("environment: {{ BIG: {} }}\n{}", "x".repeat(length), gateway("routes: []")));
    assert_eq!(environment(4096 - 82), [""; 0]);
    assert_eq!(environment(4096 - 81), ["aws/environment-size at environment"]);
    assert_eq!(
        said("environment: { SEMANTEST_PREFLIGHT_ROUTES: x }"),
        ["aws/reserved-variable at environment.SEMANTEST_PREFLIGHT_ROUTES"]
    );
}

#[test]
fn throttles_stay_within_the_accounts_quota() {
    assert_eq!(said("gateway: { throttle: { rate: 10000, burst: 5000 } }"), [""; 0]);
    assert_eq!(
        said("gateway: { throttle: { rate: 10001, burst: 5001 } }"),
        ["aws/throttle-quota at gateway.throttle.rate", "aws/throttle-quota at gateway.throttle.burst"]
    );
}

#[test]
fn logs_are_kept_for_days_that_cloudwatch_knows() {
    for good in ["1d", "14d", "3653d", "forever"] {
        assert_eq!(said(&format!("logs: {{ retention: {good} }}")), [""; 0], "{good}");
    }
    for bad in ["2d", "15d", "3654d"] {
        assert_eq!(said(&format!("logs: {{ retention: {bad} }}")), ["aws/log-retention at logs.retention"], "{bad}");
    }
    let hint = |days| logs::check(crate::domain::code::logs::LogRetention::Days(days)).unwrap().hint.unwrap();
    assert_eq!(hint(15), "use 14d or 30d");
    assert_eq!(hint(4000), "use 3653d or forever");
}

#[test]
fn names_have_lengths_and_characters() {
    for resource in NamedResource::ALL {
        let longest = "n".repeat(resource.longest());
        assert!(check_name(resource, &longest).is_none(), "{resource:?}");
        for bad in [format!("{longest}n"), String::new(), "a b".into(), "näme".into()] {
            assert!(check_name(resource, &bad).is_some(), "{resource:?} {bad:?}");
        }
    }
    assert!(check_name(NamedResource::LogGroup, "/aws/lambda/a_b-c.d#e").is_none());
    assert!(check_name(NamedResource::Function, "a.b").is_some());
}

#[test]
fn an_address_of_the_functions_own_has_rules_of_its_own() {
    // It waits as long as the function runs.
    assert_eq!(said("url: function\ntimeout: 15m"), [""; 0]);
    let cors = |more: &str| said(&format!("url: function\ngateway: {{ cors: {{ origins: [\"*\"], {more} }} }}"));
    assert_eq!(cors("methods: [GET, DELETE], max-age: 1d"), [""; 0]);
    assert_eq!(cors("methods: [GET, OPTIONS]"), ["aws/function-url-cors at gateway.cors.methods"]);
    assert_eq!(cors("max-age: 25h"), ["aws/function-url-cors at gateway.cors.max-age"]);
}
