//! The command line as Markdown, out of the same definitions that the help texts come from.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::cli::arguments;
use crate::cli::exit_code::ExitCode;

const VARIABLES: [(&str, &str); 14] = [
    ("SEMANTEST_ENVIRONMENT", "the environment where `--env` isn't given"),
    ("SEMANTEST_LOG_LEVEL", "a level (`error` to `trace`), or `module=level` pairs with commas; wins over `-v`"),
    (
        "SEMANTEST_CACHE",
        "the folder for what can be made again; by default the user's cache folder (XDG, `~/Library/Caches`)",
    ),
    ("SEMANTEST_DATA", "the folder for the local cloud's data and passphrase; by default the user's data folder"),
    ("PULUMI_CONFIG_PASSPHRASE", "the passphrase of the state's secrets"),
    ("PULUMI_CONFIG_PASSPHRASE_FILE", "a file that holds the passphrase"),
    (
        "PULUMI_CLOUD_SECRET_OVERRIDE",
        "the URL of the cloud's key to use in place of the recorded one, in this run alone",
    ),
    ("AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, …", "as everywhere: the AWS SDK's default chain"),
    ("AWS_ENDPOINT_URL", "the URL of an AWS-compatible server, where the environment names none"),
    ("NO_COLOR", "no colour, whatever it is set to"),
    ("CLICOLOR_FORCE", "colour even where the output isn't a terminal"),
    ("CI", "no questions and no live display"),
    ("TERM", "`dumb`: no colour and no live display"),
    ("RUST_BACKTRACE", "`1` adds a backtrace to the message of a fault"),
];

/// The reference of the command line.
pub fn command_line() -> String {
    let mut command = arguments::command();
    command.build();
    let mut text =
        String::from("<!-- Generated: UPDATE_REFERENCE=1 cargo test --lib references -->\n# Command line\n\n");
    let _ = writeln!(text, "{}\n", about(&command));
    text.push_str("Results go to stdout, everything else to stderr.\n\n## Commands\n\n");
    for child in visible(&command) {
        let _ = writeln!(text, "- [`{0}`](#{0}): {1}", child.get_name(), about(child));
    }
    text.push_str("\n## Global options\n\n");
    write_options(&mut text, command.get_arguments().filter(|argument| argument.is_global_set()));
    for child in visible(&command) {
        write_command(&mut text, child, child.get_name(), 2);
    }
    write_exit_codes(&mut text);
    text.push_str("\n## Environment variables\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in VARIABLES {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    write_documents(&mut text);
    text
}

fn write_command(text: &mut String, command: &Command, path: &str, depth: usize) {
    let _ = writeln!(text, "\n{} {path}\n\n{}\n", "#".repeat(depth), about(command));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = writeln!(text, "```\n{usage}\n```\n");
    let mut arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !argument.is_hide_set() && argument.get_id() != "help")
        .peekable();
    if arguments.peek().is_some() {
        write_options(text, arguments);
    }
    for child in visible(command) {
        write_command(text, child, &format!("{path} {}", child.get_name()), depth + 1);
    }
}

fn write_options<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    text.push_str("| option | meaning |\n|---|---|\n");
    for argument in arguments {
        let meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let mut extra = String::new();
        let values: Vec<_> = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).collect();
        if !values.is_empty() && argument.get_action().takes_values() {
            let values: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
            let _ = write!(extra, " One of {}.", values.join(", "));
        }
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() && argument.get_action().takes_values() {
            let _ = write!(extra, " Default: `{}`.", defaults.join(","));
        }
        let stop = if extra.is_empty() || meaning.ends_with('.') { "" } else { "." };
        let line = format!("| {} | {meaning}{stop}{extra} |", spelling(argument));
        text.push_str(&line);
        text.push('\n');
    }
}

fn spelling(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let value = argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
    let optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
    let value = match (takes_value, optional) {
        (false, _) => String::new(),
        (true, false) if argument.is_positional() => return format!("`<{value}>`"),
        (true, false) => format!(" <{value}>"),
        (true, true) => format!("[=<{value}>]"),
    };
    let mut names = Vec::new();
    if let Some(short) = argument.get_short() {
        names.push(format!("-{short}"));
    }
    if let Some(long) = argument.get_long() {
        names.push(format!("--{long}"));
    }
    format!("`{}{value}`", names.join("`, `"))
}

fn write_exit_codes(text: &mut String) {
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for code in ExitCode::ALL {
        let _ = writeln!(text, "| {} | {} |", code.number(), code.meaning());
    }
}

fn write_documents(text: &mut String) {
    text.push_str(
        "\n## JSON\n\nWith `--json`, stdout of every command holds exactly one document; but `--help` and \
         `--version` print their text all the same, and `completions` refuses it. When a command fails, whatever the reason, it is a \
         [deployment report](deployment-report.schema.json) with `errors`; `project` and `stack` are empty where they \
         weren't settled yet. With `--json=events`, `deploy` and `destroy` print the [domain events](events.md) instead, \
         one a line, as they happen; the last one is `DeploymentCompleted`, `DeploymentFailed` or `DeploymentInterrupted`. \
         The schemas:\n\n",
    );
    for (name, schema) in super::schemas() {
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap_or_default();
        let title = schema["title"].as_str().unwrap_or_default();
        let _ = writeln!(text, "- [{name}]({name}.schema.json): {title}");
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help")
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    if about.is_empty() || about.ends_with('.') { about } else { format!("{about}.") }
}
