//! Help, versions and wrong arguments.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::cli::program::Program;

#[test]
fn help_texts() {
    let program = Program::with(&[]);
    let mut text = String::new();
    for arguments in [&["--help"][..], &["deploy", "--help"], &["local", "--help"], &["outputs", "-h"]] {
        let run = program.run(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        writeln!(text, "$ semantest-iac {}\n{}", arguments.join(" "), run.stdout).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_is_right() {
    let program = Program::with(&[("semantest-iac.yaml", "project: shop\ncomponents: {}\n")]);
    let mut text = String::new();
    for arguments in [
        &["deploy"][..],
        &["deploy", "--all", "--component", "api"],
        &["deploy", "--all", "--provider", "gcp", "--yes"],
        &["deploy", "--all", "--parallelism", "0"],
        &["deploy", "--all", "--refresh", "some"],
        &["deploy", "--all", "--target", "not-a-urn"],
        &["deploy", "--all", "--lock-timeout", "soon"],
        &["destroy", "--all"],
        &["preview", "--all", "--jsn"],
        &["--quiet", "-v", "version"],
        &["stauts"],
        &["events", "--follow", "--json", "--env", "x"],
        &["-C", "nowhere", "status"],
        &["local", "up", "--port", "0"],
        &["completions", "zsh", "--json"],
        &["deploy", "--all", "--yes"],
        &["deploy", "--all", "--yes", "--provider", "azure", "--env", "x"],
    ] {
        let run = program.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        let is_json = arguments.contains(&"--json");
        assert_eq!(run.stdout.is_empty(), !is_json, "{arguments:?}: {}", run.stdout);
        writeln!(text, "$ semantest-iac {}\n{}", arguments.join(" "), program.plain(&run.stderr)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn no_command_shows_the_help_and_counts_as_wrong_usage() {
    let run = Program::with(&[]).run::<&str>(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("Commands:") && run.stderr.contains("deploy"));
}

#[test]
fn the_version_is_there_at_once() {
    let program = Program::with(&[]);
    let run = program.run(&["--version"]);
    assert_eq!(run.stdout, concat!("semantest-iac ", env!("CARGO_PKG_VERSION"), "\n"));
    // The fastest of many: what the program needs, and not what else the machine does.
    let fastest = (0..20)
        .map(|_| {
            let started = Instant::now();
            program.run(&["--version"]);
            started.elapsed()
        })
        .min()
        .unwrap();
    println!("--version: {fastest:?}");
    assert!(fastest < Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 10 }), "{fastest:?}");
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let program = Program::with(&[]);
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = program.command(arguments).envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stderr).unwrap().contains('\u{1b}')
    };
    assert!(!colored(&["deploy"], &[]));
    assert!(colored(&["deploy", "--color=always"], &[("NO_COLOR", "1")]));
    assert!(colored(&["deploy"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&["deploy"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["deploy", "--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
    let program = Program::with(&[]);
    let mut child = program.command(&["completions", "zsh"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped in part: there is no /dev/full");
        return;
    };
    let output = program.command(&["version"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("can't be written to stdout"));
}
