//! From the process's start to its exit code: parses the arguments, sets up output and logs, runs the command, and
//! tells failures of every kind in the form that was asked for.

use std::ffi::OsString;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use super::arguments::config::ConfigCommand;
use super::arguments::stack::StackCommand;
use super::arguments::{self, Arguments, ColorChoice, Command, JsonForm};
use super::commands;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::process::environment::Process;
use super::process::logs;
use super::process::session::{CommandResult, Session, output_options};
use super::terminal::output::Output;
use super::views::document::{CommandFacts, print_failure};
use crate::adapters::clouds::CLOUDS;
use crate::adapters::configuration::Clouds;
use crate::application::redaction::Redactor;

/// The program, as the operating system starts it.
pub fn main() -> std::process::ExitCode {
    main_with(&CLOUDS)
}

/// The program with another table of clouds.
pub fn main_with(clouds: &'static Clouds) -> std::process::ExitCode {
    run(clouds, Process::current(), Box::new(std::io::stdout()), Box::new(std::io::stderr())).into()
}

/// The program, in whatever process and with whatever sinks.
pub fn run(
    clouds: &'static Clouds,
    process: Process,
    stdout: Box<dyn Write + Send>,
    stderr: Box<dyn Write + Send>,
) -> ExitCode {
    let started = Instant::now();
    let raw = RawOptions::of(&process.arguments);
    let parsed = arguments::command()
        .try_get_matches_from(&process.arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let (color, json, quiet) = match &parsed {
        Ok(arguments) => (arguments.global.color, arguments.global.json, arguments.global.quiet),
        Err(_) => (raw.color, raw.json, false),
    };
    let redactor = Arc::new(Redactor::default());
    learn_credentials(&redactor, &process, clouds);
    let options = output_options(&process, color, json, quiet);
    let output = Arc::new(Output::new(options, redactor, stdout, stderr));
    let code = match parsed {
        Ok(arguments) => execute(clouds, process, arguments, &output, started),
        Err(error) => tell_usage(&error, &output, &raw, &process),
    };
    output.attach();
    match output.failure() {
        Some(error) if code == ExitCode::Done => {
            let failure = Failure::system("the result can't be written to stdout", &error);
            let failure = match error.kind() {
                std::io::ErrorKind::Interrupted => failure.with_exit(ExitCode::Interrupted),
                _ => failure,
            };
            output.message(&failure.render(output.message_palette(), 100));
            failure.exit
        }
        _ => code,
    }
}

/// Credentials in the environment. Those of an emulator are any short word, which protects nothing and stands everywhere.
fn learn_credentials(redactor: &Redactor, process: &Process, clouds: &Clouds) {
    const SHORTEST: usize = 16;
    for name in clouds.iter().flat_map(|cloud| cloud.secret_variables()) {
        if let Some(secret) = process.text(name).filter(|secret| secret.len() >= SHORTEST) {
            redactor.add_secret(secret);
        }
    }
}

fn execute(
    clouds: &'static Clouds,
    process: Process,
    arguments: Arguments,
    output: &Arc<Output>,
    started: Instant,
) -> ExitCode {
    let Arguments { global, command } = arguments;
    logs::start(output, global.verbose, process.text("SEMANTEST_LOG_LEVEL"));
    let user = process.user_name();
    let mut session = Session::new(process, global, Arc::clone(output), clouds, command.name(), started);
    let panics = PanicMessages::install(output);
    // State that a panic may have left half changed isn't looked at again: the process ends.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        enter_folder(&mut session)?;
        dispatch(&session, command)
    }));
    drop(panics);
    let failure = match result {
        Ok(Ok(code)) => return code,
        Ok(Err(failure)) => failure,
        // The message was written when it happened.
        Err(_) => {
            let failure = Failure::new(ExitCode::Failed, "internal", "the program has a fault; see stderr");
            print_failure(output, &session.facts(), &failure, &user);
            return failure.exit;
        }
    };
    output.message(&failure.render(output.message_palette(), session.message_width()));
    print_failure(output, &session.facts(), &failure, &user);
    failure.exit
}

fn enter_folder(session: &mut Session) -> Result<(), Failure> {
    let Some(folder) = &session.global.cwd else { return Ok(()) };
    let entered = session.process.resolve(folder);
    if !entered.is_dir() {
        let what = if entered.exists() { "isn't a folder" } else { "isn't there" };
        return Err(Failure::usage(format!("{} {what}", folder.display())).with_hint("name an existing folder with -C"));
    }
    session.process.folder = Some(entered);
    Ok(())
}

fn dispatch(session: &Session, command: Command) -> CommandResult {
    match command {
        Command::Local(arguments) => commands::local(session, &arguments),
        Command::Completions(arguments) => commands::completions(session, &arguments),
        Command::Version => commands::version(session),
        Command::Init(arguments) => commands::init(session, &arguments),
        Command::Validate(arguments) => commands::validate(session, &arguments),
        Command::Deploy(arguments) => commands::deploy(session, &arguments),
        Command::Destroy(arguments) => commands::destroy(session, &arguments),
        Command::Preview(arguments) => commands::preview(session, &arguments),
        Command::Export(arguments) => commands::export(session, &arguments),
        Command::Import(arguments) => commands::import(session, &arguments),
        Command::Status(arguments) => commands::status(session, &arguments),
        Command::Outputs(arguments) => commands::outputs(session, &arguments),
        Command::History(arguments) => commands::history(session, &arguments),
        Command::Events(arguments) => commands::events(session, &arguments),
        Command::Graph(arguments) => commands::graph(session, &arguments),
        Command::Stack(arguments) => {
            commands::stack(session, &arguments.command.unwrap_or(StackCommand::Ls(arguments.list)))
        }
        Command::State(arguments) => commands::state(session, &arguments.command),
        Command::Cancel(arguments) => commands::cancel(session, &arguments),
        Command::Config(arguments) => {
            commands::config(session, &arguments.command.unwrap_or(ConfigCommand::Ls(arguments.list)))
        }
    }
}

/// Tells what is wrong with the arguments, or shows the help that was asked for.
fn tell_usage(error: &clap::Error, output: &Output, raw: &RawOptions, process: &Process) -> ExitCode {
    let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let palette = if wanted { output.result_palette() } else { output.message_palette() };
    let rendered = error.render();
    let text = if palette.is_enabled() { rendered.ansi().to_string() } else { rendered.to_string() };
    if wanted {
        output.result(&text);
        return ExitCode::Done;
    }
    output.message(&text);
    let meant = arguments::in_our_words(error);
    if let Some(meant) = &meant {
        output.message(&format!("  tip: {meant}"));
    }
    let failure = usage_failure(error);
    let failure = match meant {
        Some(meant) => failure.with_hint(meant),
        None => failure,
    };
    let facts = CommandFacts { command: raw.command.clone().unwrap_or_default(), ..CommandFacts::default() };
    print_failure(output, &facts, &failure, &process.user_name());
    failure.exit
}

/// What clap says, without its decoration: the message, and its tips and usage as the hint.
fn usage_failure(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("no command is given").with_hint("`semantest-iac --help` lists the commands");
    }
    let text = error.render().to_string();
    let text = text.trim().strip_prefix("error: ").unwrap_or(&text);
    let (message, hint) = text.split_once("\n\n").unwrap_or((text, ""));
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = Failure::usage(one_line(message));
    match one_line(hint) {
        hint if hint.is_empty() => failure,
        hint => failure.with_hint(hint),
    }
}

/// What can be made out of arguments that are wrong somewhere: in which form, and about which command, to say so.
struct RawOptions {
    json: Option<JsonForm>,
    color: ColorChoice,
    command: Option<String>,
}

impl RawOptions {
    fn of(arguments: &[OsString]) -> Self {
        let mut options = Self { json: None, color: ColorChoice::Auto, command: None };
        let known: Vec<String> =
            arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let mut words = arguments.iter().skip(1).map(|argument| argument.to_string_lossy());
        while let Some(word) = words.next() {
            match &*word {
                "--" => break,
                "--json" | "--json=document" => options.json = Some(JsonForm::Document),
                "--json=events" => options.json = Some(JsonForm::Events),
                // An unknown form: the one document is what most are prepared for.
                other if other.starts_with("--json=") => options.json = Some(JsonForm::Document),
                "--color" => options.color = color_of(words.next().as_deref().unwrap_or_default()),
                other if other.starts_with("--color=") => options.color = color_of(&other["--color=".len()..]),
                other if options.command.is_none() && known.iter().any(|name| name == other) => {
                    options.command = Some(other.to_owned());
                }
                _ => {}
            }
        }
        options
    }
}

fn color_of(word: &str) -> ColorChoice {
    match word {
        "always" => ColorChoice::Always,
        "never" => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// While it lives, a panic is told as what it is: a fault of the program, and what to do about it.
struct PanicMessages;

impl PanicMessages {
    fn install(output: &Arc<Output>) -> Self {
        let output = Arc::clone(output);
        std::panic::set_hook(Box::new(move |panic| {
            let what = panic.payload_as_str().unwrap_or("no message");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let backtrace = std::backtrace::Backtrace::capture();
            let mut text = format!(
                "{}: the program has a fault: {what} ({place})\n  What was deployed so far is recorded; the same command goes on from there.\n  \
                 Please report this with the command and the lines above: {}/issues\n",
                output.message_palette().error("fault"),
                env!("CARGO_PKG_REPOSITORY"),
            );
            if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
                text.push_str(&backtrace.to_string());
            }
            output.message(&text);
        }));
        Self
    }
}

impl Drop for PanicMessages {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(std::panic::take_hook());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::output::testing::Captured;
    use super::*;

    fn run_with(arguments: &[&str]) -> (ExitCode, String, String) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let arguments = std::iter::once("semantest-iac").chain(arguments.iter().copied()).map(OsString::from).collect();
        let process = Process { arguments, folder: Some("/".into()), ..Process::default() };
        let code = run(&CLOUDS, process, Box::new(stdout.clone()), Box::new(stderr.clone()));
        (code, stdout.text(), stderr.text())
    }

    #[test]
    fn wrong_arguments_are_told_as_a_document_too() {
        let (code, stdout, stderr) = run_with(&["deploy", "--json", "--frobnicate"]);
        assert_eq!(code, ExitCode::Usage);
        assert!(stderr.contains("--frobnicate"));
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(document["command"], "deploy");
        assert_eq!(document["result"], "failed");
        assert!(document["errors"][0]["message"].as_str().unwrap().contains("--frobnicate"));
    }

    #[test]
    fn words_of_other_tools_lead_to_ours() {
        for (typed, ours) in
            [(&["remove", "--json"][..], "semantest-iac destroy"), (&["deploy", "--stage", "x", "--json"], "--env")]
        {
            let (code, stdout, stderr) = run_with(typed);
            assert_eq!(code, ExitCode::Usage);
            assert!(stderr.contains(ours), "{stderr}");
            let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
            assert!(document["errors"][0]["hint"].as_str().unwrap().contains(ours), "{document}");
        }
    }

    #[test]
    fn a_wrong_stream_of_events_ends_with_a_final_event() {
        let (code, stdout, _) = run_with(&["--json=events", "deploy"]);
        assert_eq!(code, ExitCode::Usage);
        let event = crate::domain::event::DomainEvent::from_json(&stdout).unwrap();
        assert!(event.event.is_final());
    }

    #[test]
    fn what_to_deploy_must_be_said_and_only_once() {
        let (code, _, stderr) = run_with(&["deploy"]);
        assert!(code == ExitCode::Usage && stderr.contains("--all"), "{stderr}");
        let (code, _, stderr) = run_with(&["deploy", "--all", "--component", "a"]);
        assert!(code == ExitCode::Usage && stderr.contains("cannot be used with"), "{stderr}");
    }

    #[test]
    fn a_folder_that_isnt_there_is_named() {
        let (code, _, stderr) = run_with(&["-C", "/nowhere-at-all", "version"]);
        assert!(code == ExitCode::Usage && stderr.contains("/nowhere-at-all isn't there"), "{stderr}");
    }

    #[test]
    fn help_and_version_are_results() {
        let (code, stdout, stderr) = run_with(&["--version"]);
        assert_eq!((code, stderr.as_str()), (ExitCode::Done, ""));
        assert_eq!(stdout, concat!("semantest-iac ", env!("CARGO_PKG_VERSION"), "\n"));
        let (code, stdout, _) = run_with(&["deploy", "--help"]);
        assert!(code == ExitCode::Done && stdout.contains("Exit codes:"));
    }
}
