//! `import`: resources that only the cloud knows are recorded in a stack.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use resource_graph::{Cancellation, Urgency};

use super::deployment::stopped_early;
use crate::adapters::configuration::Configuration;
use crate::application::importing::bulk_file::BulkFile;
use crate::application::importing::{self, ImportConfirmation, ImportItem, ImportRequest, ImportedResource, Reference};
use crate::application::{ApplicationError, ErrorKind, Options, Refresh, StackTarget};
use crate::cli::arguments::ImportArguments;
use crate::cli::compose::ports::{self, Handlers};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::process::{interrupts, source_facts};
use crate::cli::progress::{Progress, plural};
use crate::cli::terminal::palette::Palette;
use crate::cli::terminal::prompts::Prompt;
use crate::cli::workspace::config_values;

/// Reads resources from the cloud and records them.
pub fn import(session: &Session, arguments: &ImportArguments) -> CommandResult {
    if !arguments.yes && !session.is_interactive() {
        let message = "import asks before it records anything, and there is no terminal to ask on";
        return Err(Failure::new(ExitCode::Usage, "confirmation", message)
            .with_hint("--yes goes ahead without asking; nothing is changed in the cloud"));
    }
    let items = items(session, arguments)?;
    session.block_on(async {
        let cancellation = interrupts::listen(&session.output)?;
        let mut configuration = session.configuration()?;
        let selected = session.select_stack(&configuration, &arguments.stack)?;
        let Some(environment) = selected.environment.as_ref().map(ToString::to_string) else {
            return Err(Failure::usage(format!("no environment goes with the stack {}", selected.name))
                .with_hint("name the environment with --env"));
        };
        let mut component = None;
        if let Some(name) = &arguments.component {
            config_values::take_for_looking(&mut configuration, &environment, selected.name.as_str())?;
            component = configuration.select(&environment, std::slice::from_ref(name))?.pop();
        }
        let progress = Progress::start(session);
        let handlers = Handlers { events: Vec::new(), notices: progress.notices() };
        let connecting = ports::connect(session, &configuration, &environment, &selected, &arguments.cloud, handlers);
        let connection = connecting.await?;
        let target = StackTarget {
            project: configuration.project_name().to_string(),
            environment,
            stack: selected.name.to_string(),
        };
        let options = options(session, arguments, &configuration, target, &cancellation).await;
        let request = ImportRequest { options, items, component, protect: arguments.protect };
        let asks = Asks { session, progress: &progress, cancellation: cancellation.clone(), yes: arguments.yes };
        let report = tokio::select! {
            report = importing::import(&connection.ports, &request, &asks) => report,
            () = cancellation.requested(Urgency::Immediate) => return Err(stopped_early()),
        };
        progress.finish();
        let report = report?;
        if session.output.json().is_some() {
            session.output.document(&report);
        } else {
            let imported = plural(report.imported.len(), "resource");
            session.output.result(&format!("Imported {imported} into {}\n", report.stack));
        }
        Ok(ExitCode::Done)
    })
}

fn items(session: &Session, arguments: &ImportArguments) -> Result<Vec<ImportItem>, Failure> {
    if let Some(file) = &arguments.file {
        let path = session.process.resolve(file);
        let text = std::fs::read(&path)
            .map_err(|error| Failure::usage(format!("{} can't be read: {error}", path.display())))?;
        return Ok(BulkFile::parse(&text)?.items()?);
    }
    // Clap lets none be missing.
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(vec![ImportItem {
        type_token: text(&arguments.type_token),
        name: text(&arguments.name),
        id: arguments.id.clone(),
        parent: arguments.parent.clone().map(Reference::Recorded),
        provider: arguments.provider_urn.clone().map(Reference::Recorded),
        properties: None,
    }])
}

async fn options(
    session: &Session,
    arguments: &ImportArguments,
    configuration: &Configuration,
    target: StackTarget,
    cancellation: &Cancellation,
) -> Options {
    let known = source_facts::collect(&session.process, configuration.folder()).await;
    Options {
        target,
        components: Vec::new(),
        targets: Vec::new(),
        adopt: Vec::new(),
        replace_adopted: false,
        reclaim: false,
        refresh: Refresh::None,
        parallelism: None,
        lock_timeout: arguments.lock_timeout.unwrap_or_default(),
        user: session.process.user_name(),
        message: arguments.message.clone().or(known.title).unwrap_or_default(),
        source: known.facts,
        correlation_id: None,
        cancellation: cancellation.clone(),
    }
}

/// Asks on the terminal, unless `--yes` was given.
struct Asks<'a> {
    session: &'a Session,
    progress: &'a Progress,
    cancellation: Cancellation,
    yes: bool,
}

#[async_trait]
impl ImportConfirmation for Asks<'_> {
    async fn confirm(&self, stack: &str, resources: &[ImportedResource]) -> Result<bool, ApplicationError> {
        let text = shown(resources, self.session.output.message_palette());
        if self.yes {
            self.session.output.note(&text);
            return Ok(true);
        }
        self.progress.pause();
        self.session.output.message(&text);
        let (output, question) = (Arc::clone(&self.session.output), format!("Record this in {stack}?"));
        // The thread is left to itself when the question is interrupted: nothing can wake it from reading.
        let answer = tokio::task::spawn_blocking(move || Prompt::new(&output).confirm(&question));
        let answer = tokio::select! {
            answer = answer => answer,
            () = self.cancellation.requested(Urgency::Graceful) => {
                return Err(ApplicationError::new(ErrorKind::Interrupted, "interrupted", "stopped before anything was recorded"));
            }
        };
        self.progress.resume();
        let failed = |message: String| ApplicationError::new(ErrorKind::Failed, "internal", message);
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        answer.map_err(|failure| ApplicationError { kind: ErrorKind::Interrupted, details: failure.details })
    }
}

/// What would be recorded, a resource a line.
fn shown(resources: &[ImportedResource], palette: Palette) -> String {
    let mut text = String::new();
    for resource in resources {
        let id = resource.id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
        let _ = writeln!(text, "  {} import {}{id}", palette.good("="), resource.urn);
        if !resource.inputs.is_empty() {
            let _ = writeln!(text, "      {}", palette.faint(format!("inputs: {}", resource.inputs.join(", "))));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_recorded_is_shown_without_values() {
        let resource = |id: Option<&str>, inputs: &[&str]| ImportedResource {
            urn: "urn:pulumi:dev::shop::a:b:C::x".into(),
            id: id.map(str::to_owned),
            inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
            protect: true,
        };
        let text = shown(&[resource(None, &[]), resource(Some("1"), &["name", "path"])], Palette::new(false));
        assert_eq!(
            text,
            "  = import urn:pulumi:dev::shop::a:b:C::x\n  = import urn:pulumi:dev::shop::a:b:C::x (1)\n      inputs: name, path\n"
        );
    }
}
