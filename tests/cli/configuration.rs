//! What is wrong with a configuration: told by `validate` and `deploy` alike, all at once, each at its line.

use serde_json::Value;

use crate::cli::program::Program;
use crate::end_to_end::support::Run;

const SERVER: (&str, &str) = ("api/server.js", "require('http').createServer().listen(process.env.PORT)");

fn program(yaml: &str) -> Program {
    Program::with(&[("semantest-iac.yaml", yaml), SERVER])
}

fn run(program: &Program, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    Run::of(program.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

/// Line, code and severity of each problem that `validate` finds.
fn problems(run: &Run) -> Vec<(u64, String, String)> {
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    let document = run.document();
    let problems = document["problems"].as_array().unwrap().iter();
    problems
        .map(|problem| (problem["line"].as_u64().unwrap_or(0), text(problem, "code"), text(problem, "severity")))
        .collect()
}

fn told(problems: &[(u64, &str, &str)]) -> Vec<(u64, String, String)> {
    problems.iter().map(|(line, code, severity)| (*line, (*code).to_owned(), (*severity).to_owned())).collect()
}

const DEPLOY: &[&str] = &["deploy", "--all", "--yes", "--json", "--env", "test"];

#[test]
fn errors_of_form_of_the_clouds_rules_and_of_the_machine_come_together_in_the_order_of_the_file() {
    let program = program(
        "project: shop
components:
  api:
    kind: rest-api
    source: ./api
    start: node server.js
    timeout: 31s
  web:
    kind: rest-api
    source: ./web
    start: node server.js
    memry: 1GB
  site:
    kind: rest-api
    source: ./site
    start: node server.js
environments:
  test: { aws: { region: us-east-1 } }
",
    );
    let expected = told(&[
        (7, "aws/integration-timeout", "error"),
        (12, "config/unknown-key", "error"),
        (15, "config/source-folder", "error"),
    ]);
    let validated = run(&program, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(2), expected.clone()));
    let deployed = run(&program, DEPLOY, &[]).failed(2);
    for (line, ..) in expected {
        assert!(deployed.contains(&format!("semantest-iac.yaml:{line}:")), "{line}: {deployed}");
    }
}

#[test]
fn source_folders_that_cannot_be_packaged_are_found_before_anything_is_called() {
    let program = program(
        "project: shop
components:
  gone: { kind: rest-api, source: ./gone, start: node server.js }
  empty: { kind: rest-api, source: ./empty, start: node server.js }
  file: { kind: rest-api, source: ./api/server.js, start: node server.js }
  built: { kind: rest-api, source: ./empty, build: make, start: node server.js }
environments:
  test: { aws: { region: us-east-1, endpoint: \"http://127.0.0.1:9\" } }
",
    );
    std::fs::create_dir(program.path("empty")).unwrap();
    let expected = told(&[3, 4, 5].map(|line| (line, "config/source-folder", "error")));
    let validated = run(&program, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(2), expected));
    let deployed = run(&program, DEPLOY, &[]).failed(2);
    assert!(deployed.contains("semantest-iac.yaml:3:35") && deployed.contains("is a file, not a folder"), "{deployed}");
}

#[test]
fn state_in_a_store_that_there_is_not_is_refused_at_its_line() {
    let program = program(
        "project: shop
state: { url: \"gs://bucket/prefix\" }
components:
  api: { kind: rest-api, source: ./api, start: node server.js }
environments:
  test: { aws: { region: us-east-1 } }
",
    );
    let validated = run(&program, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(2), told(&[(2, "config/invalid-value", "error")])));
    let deployed = run(&program, DEPLOY, &[]).failed(2);
    assert!(deployed.contains("semantest-iac.yaml:2:15") && deployed.contains("pulumi stack export"), "{deployed}");
}

#[test]
fn an_environment_or_region_that_is_missing_is_warned_of() {
    let head = "project: shop\ncomponents:\n  api: { kind: rest-api, source: ./api, start: node server.js }\n";
    let without = program(head);
    let validated = run(&without, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(0), told(&[(1, "config/no-environment", "warning")])));

    let program = program(&format!("{head}environments:\n  test: {{ aws: {{ account: \"123456789012\" }} }}\n"));
    let validated = run(&program, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(0), told(&[(5, "config/no-region", "warning")])));
    for elsewhere in [("AWS_REGION", "eu-west-1"), ("AWS_PROFILE", "shop")] {
        assert_eq!(problems(&run(&program, &["validate", "--json"], &[elsewhere])), told(&[]));
    }
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let deployed = run(&program, DEPLOY, &keys).failed(2);
    assert!(deployed.contains("semantest-iac.yaml:5:11") && deployed.contains("no region"), "{deployed}");
}

#[test]
fn a_secret_whose_variable_is_not_set_is_told_at_its_line() {
    let program = program(
        "project: shop
components:
  api:
    kind: rest-api
    source: ./api
    start: node server.js
    environment:
      API_VERSION: v1
      DB_PASSWORD: { from-env: SHOP_PASSWORD }
environments:
  test: { aws: { region: us-east-1, endpoint: \"http://127.0.0.1:9\" } }
",
    );
    let validated = run(&program, &["validate", "--json"], &[]);
    assert_eq!((validated.code, problems(&validated)), (Some(0), told(&[(9, "config/missing-variable", "warning")])));
    assert_eq!(problems(&run(&program, &["validate", "--json"], &[("SHOP_PASSWORD", "hunter-22")])), told(&[]));
    let deployed = run(&program, DEPLOY, &[]).failed(2);
    assert!(deployed.contains("semantest-iac.yaml:9:20") && deployed.contains("SHOP_PASSWORD isn't set"), "{deployed}");
    // What only looks needs no secrets.
    assert_eq!(run(&program, &["status", "--json"], &[]).code, Some(0));
    assert_eq!(run(&program, &["graph"], &[]).code, Some(0));
}

#[test]
fn a_file_that_is_not_there_has_no_errors() {
    let program = program("");
    let run = run(&program, &["deploy", "--all", "--yes", "--config", "/nonexistent.yaml"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("there is no such file") && !run.stderr.contains("has an error"), "{}", run.stderr);
}

#[test]
fn a_line_that_fills_screens_is_not_drawn() {
    let program = program(&format!("project: shop\ncomponents: {{ api: {{ {} }} }}\n", "x: 1, ".repeat(3000)));
    let run = run(&program, &["validate"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("(line 2, column"), "{}", &run.stderr[..500]);
    assert!(run.stderr.lines().all(|line| line.len() < 500), "a line of it was drawn");
}
