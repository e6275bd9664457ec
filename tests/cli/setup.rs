//! What works without a cloud: `init`, `validate`, `graph`, `completions`, and the queries of a stack that isn't there.

use std::process::Command;

use crate::cli::program::Program;

const SERVER: &[(&str, &str)] = &[
    ("rest-api/package.json", r#"{"name":"rest-api","scripts":{"start":"node server.js"},"engines":{"node":">=24"}}"#),
    ("rest-api/server.js", "// answers /health"),
];

#[test]
fn a_new_project_is_valid_and_can_be_drawn() {
    let program = Program::with(SERVER);
    let run = program.run(&["init"]);
    assert_eq!(
        (run.code, program.plain(&run.stdout).as_str()),
        (Some(0), "[folder]/semantest-iac.yaml\n"),
        "{}",
        run.stderr
    );
    let text = std::fs::read_to_string(program.path("semantest-iac.yaml")).unwrap();
    assert!(text.contains("start: node server.js") && text.contains("runtime: nodejs24"), "{text}");
    let run = program.run(&["validate"]);
    assert_eq!((run.code, program.plain(&run.stdout).as_str()), (Some(0), "[folder]/semantest-iac.yaml: valid\n"));
    let run = program.run(&["graph", "--env", "production", "--format", "mermaid"]);
    assert!(run.code == Some(0) && run.stdout.starts_with("flowchart LR\n"), "{}", run.stderr);
    assert!(run.stdout.contains("rest-api-function<br/>aws:lambda/function:Function"));
    let run = program.run(&["graph", "--env", "local", "--format", "svg", "--output", "graph.svg"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(program.path("graph.svg")).unwrap().starts_with("<svg"));
    let run = program.run(&["graph", "--env", "local", "--component", "rest-api"]);
    assert!(run.stdout.starts_with("digraph"));
    // A second one is refused, and nothing is lost.
    let run = program.run(&["init"]);
    assert!(run.code == Some(2) && run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(program.path("semantest-iac.yaml")).unwrap(), text);
}

#[test]
fn problems_are_told_with_their_places() {
    let yaml = "project: shop\ncomponents:\n  api:\n    kind: rest-api\n    source: .\n    start: node server.js\n    \
                memory: 64MB\n    timeout: 20m\n    enviroment: { A_B: c }\nenvironments:\n  test: { aws: { region: mars } }\n";
    let program = Program::with(&[("semantest-iac.yaml", yaml)]);
    let run = program.run(&["validate"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("unknown_key", program.plain(&run.stderr));
    std::fs::write(program.path("semantest-iac.yaml"), yaml.replace("enviroment", "environment")).unwrap();
    let run = program.run(&["validate"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("broken_rules", program.plain(&run.stderr));
    // From a folder below, the file is found above.
    std::fs::create_dir(program.path("below")).unwrap();
    let run = program.run(&["-C", "below", "validate", "--env", "test"]);
    assert!(run.code == Some(2) && run.stdout.ends_with("semantest-iac.yaml: 3 errors\n"), "{}", run.stdout);
    let run = program.run(&["deploy", "--all", "--yes", "--json"]);
    assert!(run.failed(2).contains("semantest-iac.yaml:7:"), "{}", run.stdout);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let program = Program::with(&[]);
    for arguments in [&["validate"][..], &["status"], &["deploy", "--all", "--yes"]] {
        let run = program.run(arguments);
        assert!(run.code == Some(2) && run.stderr.contains("semantest-iac init"), "{arguments:?}: {}", run.stderr);
    }
    let run = program.run(&["init"]);
    assert!(run.code == Some(2) && run.stderr.contains("--source"), "{}", run.stderr);
}

#[test]
fn a_stack_that_was_never_deployed_is_empty() {
    let yaml = "project: shop\ncomponents:\n  api: { kind: rest-api, source: ., start: node server.js }\n\
                environments:\n  test: { aws: { region: us-east-1 } }\n";
    let program = Program::with(&[("semantest-iac.yaml", yaml)]);
    let run = program.run(&["status"]);
    assert!(run.code == Some(0) && run.stdout.contains("It has never been deployed"), "{}{}", run.stdout, run.stderr);
    assert_eq!(program.run(&["outputs", "--json"]).stdout, "{}\n");
    let run = program.run(&["history"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    let run = program.run(&["outputs", "--component", "api", "url"]);
    assert!(run.code == Some(2) && run.stderr.contains("nothing is deployed there"), "{}", run.stderr);
    let run = program.run(&["events", "--deployment", "x"]);
    assert!(run.code == Some(2) && run.stderr.contains("history"), "{}", run.stderr);
    // Looking leaves nothing behind.
    assert!(!program.path(".semantest").exists());
}

#[test]
fn who_follows_a_stack_that_was_never_deployed_is_told_to_wait() {
    let program = Program::with(&[(
        "semantest-iac.yaml",
        "project: shop\ncomponents: {}\nenvironments: { local: { aws: { endpoint: local } } }\n",
    )]);
    let mut command = program.command(&["events", "--follow"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, "Waiting for a deployment to aws-local\n");
}

#[test]
fn completions_are_scripts_that_their_shells_take() {
    let program = Program::with(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = program.run(&["completions", shell]);
        assert!(run.code == Some(0) && run.stdout.contains("lock-timeout"), "{shell}");
        let file = program.path(shell);
        std::fs::write(&file, run.stdout).unwrap();
        let checked = ["bash", "zsh", "fish"].contains(&shell);
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) if checked => assert!(output.status.success(), "{shell}: {output:?}"),
            _ => println!("skipped: no check of {shell}'s script, since it isn't installed here"),
        }
    }
}
