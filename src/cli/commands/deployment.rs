//! `deploy`, `destroy` and `preview`: from arguments to a request, and from the report to output and exit code.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use resource_graph::{Cancellation, Urgency};

use crate::adapters::configuration::Configuration;
use crate::application::adoption::Mapping;
use crate::application::projections::metrics::Metrics;
use crate::application::{
    self, ApplicationError, DeployRequest, DeploymentReport, DestroyRequest, ErrorKind, Options, Refresh, StackTarget,
};
use crate::cli::arguments::{
    AdoptionOptions, CloudOptions, ComponentSelection, DeployArguments, DeploymentOptions, DestroyArguments, JsonForm,
    PreviewArguments, RefreshMode, StackSelection,
};
use crate::cli::compose::config_values;
use crate::cli::compose::ports::{self, Handlers};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, render_detail, render_warning};
use crate::cli::process::interrupts;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::process::source_facts;
use crate::cli::progress::{EventStream, Progress, plural};
use crate::cli::terminal::confirmation::{TerminalConfirmation, require_confirmation};
use crate::cli::views::document::closing_event;
use crate::cli::views::explanation::explain;
use crate::cli::views::metrics;
use crate::cli::views::plan::PlanView;
use crate::cli::views::summary::{OperationTable, outputs_text, summary_line};
use crate::cli::workspace::project::SelectedStack;
use crate::cli::workspace::rules::check_rules;
use crate::domain::component::Component;
use crate::domain::deployment::{DeploymentCommand, DeploymentEvent};
use crate::domain::event::DomainEvent;
use crate::ports::{EventHandler, Notice};

/// How long an application that was told to stop at once may take to do so.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The code of an error that says of one resource that its operation was cut off.
const OUTCOME_UNKNOWN: &str = "outcome-unknown";

/// Brings the cloud to what the configuration wants.
pub fn deploy(session: &Session, arguments: &DeployArguments) -> CommandResult {
    require_confirmation(session, arguments.yes, DeploymentCommand::Deploy)?;
    session.block_on(async {
        let mut run = Run::start(session, &arguments.stack, &arguments.cloud).await?;
        let components = run.components(&arguments.components).await?;
        let message = arguments.message.clone();
        let mut options = run.options(&arguments.components, &arguments.deployment, message).await?;
        run.adopt(&mut options, &arguments.adoption)?;
        let confirmation = TerminalConfirmation::new(session, &run.progress, run.cancellation.clone(), arguments.yes);
        let request = DeployRequest { options, components };
        let report = run.guard(application::deploy(&run.connection.ports, &request, &confirmation)).await?;
        run.write_metrics(arguments.metrics.as_deref(), &report);
        Ok(run.conclude(&report, arguments.detailed_exitcode))
    })
}

/// Deletes what was deployed.
pub fn destroy(session: &Session, arguments: &DestroyArguments) -> CommandResult {
    require_confirmation(session, arguments.yes, DeploymentCommand::Destroy)?;
    session.block_on(async {
        let run = Run::start(session, &arguments.stack, &arguments.cloud).await?;
        let message = arguments.message.clone();
        let options = run.options(&arguments.components, &arguments.deployment, message).await?;
        let confirmation = TerminalConfirmation::new(session, &run.progress, run.cancellation.clone(), arguments.yes);
        let configured = run.configuration.component_names().into_iter().map(str::to_owned).collect();
        let request = DestroyRequest { options, configured };
        let report = run.guard(application::destroy(&run.connection.ports, &request, &confirmation)).await?;
        run.write_metrics(arguments.metrics.as_deref(), &report);
        Ok(run.conclude(&report, false))
    })
}

/// Shows what a deployment would do.
pub fn preview(session: &Session, arguments: &PreviewArguments) -> CommandResult {
    session.block_on(async {
        let mut run = Run::start(session, &arguments.stack, &arguments.cloud).await?;
        let components = run.components(&arguments.components).await?;
        let mut options = run.options(&arguments.components, &arguments.deployment, None).await?;
        run.adopt(&mut options, &arguments.adoption)?;
        let request = DeployRequest { options, components };
        let as_text = session.output.json().is_none();
        let show = |preview: &application::Preview<'_>| {
            run.progress.finish();
            let palette = session.output.result_palette();
            let view = PlanView {
                command: preview.command,
                stack: preview.stack,
                plan: preview.plan,
                adoptions: preview.adoptions,
                drifts: preview.drifts,
                verbose: session.global.verbose > 0,
            };
            let mut text = view.render(palette);
            if arguments.explain {
                text.push_str(&explain(preview.plan, preview.lower_bound, palette));
            }
            if as_text {
                session.output.result(&text);
            } else {
                session.output.note(&text);
            }
        };
        let report = run.guard(application::preview(&run.connection.ports, &request, &show)).await?;
        match session.output.json() {
            Some(JsonForm::Document) => session.output.document(&report),
            Some(JsonForm::Events) => session.output.json_line(&closing_event(&report, &session.process.user_name())),
            None => {}
        }
        let changed = arguments.detailed_exitcode && !report.changes.is_empty();
        Ok(if changed { ExitCode::Changes } else { ExitCode::Done })
    })
}

/// Whether the deployment's stream has begun: before that nothing was changed, and nothing is to be finished.
#[derive(Default)]
struct HasBegun(AtomicBool);

impl EventHandler for HasBegun {
    fn handle(&self, event: &DomainEvent) {
        if matches!(event.event, DeploymentEvent::DeploymentRequested { .. }) {
            self.0.store(true, Ordering::Release);
        }
    }
}

/// A command that deploys, from its connection to its end.
struct Run<'a> {
    session: &'a Session,
    configuration: Configuration,
    selected: SelectedStack,
    environment: String,
    connection: ports::Connection,
    progress: Progress,
    cancellation: Cancellation,
    table: Arc<OperationTable>,
    begun: Arc<HasBegun>,
    metrics: Arc<Metrics>,
}

impl<'a> Run<'a> {
    async fn start(session: &'a Session, stack: &StackSelection, cloud: &CloudOptions) -> Result<Self, Failure> {
        let cancellation = interrupts::listen(&session.output)?;
        let configuration = session.configuration()?;
        let selected = session.select_stack(&configuration, stack)?;
        let Some(environment) = selected.environment.as_ref().map(ToString::to_string) else {
            return Err(Failure::usage(format!("no environment goes with the stack {}", selected.name))
                .with_hint("name the environment with --env"));
        };
        let progress = Progress::start(session);
        let (table, begun) = (Arc::new(OperationTable::default()), Arc::new(HasBegun::default()));
        let metrics = Arc::new(Metrics::default());
        let mut handlers: Vec<Arc<dyn EventHandler>> =
            vec![progress.events(), Arc::clone(&table) as _, Arc::clone(&begun) as _, Arc::clone(&metrics) as _];
        if session.output.json() == Some(JsonForm::Events) {
            handlers.push(Arc::new(EventStream(Arc::clone(&session.output))));
        }
        let handlers = Handlers { events: handlers, notices: progress.notices() };
        let connecting = ports::connect(session, &configuration, &environment, &selected, cloud, handlers);
        let connection = tokio::select! {
            connection = connecting => connection?,
            () = cancellation.requested(Urgency::Graceful) => return Err(stopped_early()),
        };
        Ok(Self {
            session,
            configuration,
            selected,
            environment,
            connection,
            progress,
            cancellation,
            table,
            begun,
            metrics,
        })
    }

    /// All components in the environment, after the chosen ones are known to exist and to keep the cloud's rules.
    async fn components(&mut self, selection: &ComponentSelection) -> Result<Vec<Component>, Failure> {
        config_values::take(self.session, &mut self.configuration, &self.selected).await?;
        let chosen = if selection.all {
            self.configuration.components_for(&self.environment)?
        } else {
            self.configuration.select(&self.environment, &selection.components)?
        };
        let notices = self.progress.notices();
        check_rules(self.session, &self.configuration, &self.environment, &self.selected, &chosen, notices.as_ref())?;
        Ok(self.configuration.components_for(&self.environment)?)
    }

    async fn options(
        &self,
        components: &ComponentSelection,
        deployment: &DeploymentOptions,
        message: Option<String>,
    ) -> Result<Options, Failure> {
        let known = source_facts::collect(&self.session.process, self.configuration.folder()).await;
        Ok(Options {
            target: StackTarget {
                project: self.configuration.project_name().to_string(),
                environment: self.environment.clone(),
                stack: self.selected.name.to_string(),
            },
            components: components.components.clone(),
            targets: deployment.targets.clone(),
            adopt: Vec::new(),
            replace_adopted: false,
            reclaim: false,
            refresh: match deployment.refresh {
                RefreshMode::Changed => Refresh::Changed,
                RefreshMode::All => Refresh::All,
                RefreshMode::None => Refresh::None,
            },
            parallelism: deployment.parallelism.map(std::num::NonZeroUsize::get),
            lock_timeout: deployment.lock_timeout.unwrap_or_default(),
            user: self.session.process.user_name(),
            message: message.or(known.title).unwrap_or_default(),
            source: known.facts,
            correlation_id: self.session.process.text("SEMANTEST_CORRELATION_ID").map(str::to_owned),
            cancellation: self.cancellation.clone(),
        })
    }

    /// Adds what is taken over: by the configuration, where the command line doesn't say otherwise.
    fn adopt(&self, options: &mut Options, adoption: &AdoptionOptions) -> Result<(), Failure> {
        let declared = &self.configuration.environment(&self.environment)?.adopt;
        let is_overridden = |ours: &String| adoption.adopt.iter().any(|(other, _)| other == ours);
        let pairs = declared.iter().filter(|(ours, _)| !is_overridden(ours)).chain(&adoption.adopt);
        options.adopt = pairs.map(|(ours, theirs)| Mapping { ours: ours.clone(), theirs: theirs.clone() }).collect();
        options.replace_adopted = adoption.replace_adopted;
        options.reclaim = adoption.reclaim;
        Ok(())
    }

    /// Runs the work, which ends as soon as that is safe when it is interrupted: a lock is given back first.
    async fn guard(
        &self,
        work: impl Future<Output = Result<DeploymentReport, ApplicationError>>,
    ) -> Result<DeploymentReport, Failure> {
        let result = tokio::select! {
            result = work => result.map_err(|error| match error.kind {
                ErrorKind::Interrupted if !self.begun.0.load(Ordering::Acquire) => stopped_early(),
                _ => Failure::from(error),
            }),
            () = self.must_leave() => Err(self.left()),
        };
        self.progress.finish();
        if result.is_err() {
            self.session.set_calls(self.connection.ports.calls.counts());
            let table = self.table.render(self.session.output.message_palette());
            if !table.is_empty() {
                self.session.output.message(&table);
            }
        }
        result
    }

    /// Done when the work is to be left where it is: it was to stop at once, and didn't hear that.
    async fn must_leave(&self) {
        self.cancellation.requested(Urgency::Immediate).await;
        if self.begun.0.load(Ordering::Acquire) {
            // The application drops what runs and writes the journal; that takes no time unless the disk hangs.
            tokio::time::sleep(STOP_WITHIN).await;
        }
    }

    fn left(&self) -> Failure {
        if !self.begun.0.load(Ordering::Acquire) {
            return stopped_early();
        }
        Failure::new(
            ExitCode::Interrupted,
            "interrupted",
            "stopped at once; what was under way is settled by the next command",
        )
        .with_hint(format!("`semantest-iac status --stack {}` shows what is recorded", self.selected.name))
    }

    /// Writes the metrics that were asked for. What was deployed stays deployed when that fails.
    fn write_metrics(&self, path: Option<&Path>, report: &DeploymentReport) {
        let Some(path) = path else { return };
        if let Err(error) = metrics::write(path, report, &self.metrics.counted()) {
            let message = format!("the metrics can't be written to {}: {error}", path.display());
            self.progress.notices().notice(Notice::Warning { message, hint: None });
        }
    }

    /// Tells how it went.
    fn conclude(&self, report: &DeploymentReport, detailed: bool) -> ExitCode {
        self.progress.finish();
        let output = &self.session.output;
        let palette = output.message_palette();
        let code = ExitCode::from(report.result);
        if matches!(code, ExitCode::Interrupted | ExitCode::NeedsAttention) {
            let table = self.table.render(palette);
            if !table.is_empty() {
                output.message(&table);
            }
        }
        let (unknown, errors): (Vec<_>, Vec<_>) =
            report.errors.iter().partition(|error| error.code == OUTCOME_UNKNOWN && code == ExitCode::Interrupted);
        for error in errors {
            output.message(&render_detail(error, palette));
        }
        // The table has named each of them.
        if !unknown.is_empty() {
            let what = plural(unknown.len(), "operation");
            let message = format!("{what} cut off; whether they took effect isn't known");
            output.message(&render_warning(&message, Some("the next command on this stack looks it up"), palette));
        }
        let summary = summary_line(report, palette);
        if code == ExitCode::Done {
            output.note(&summary)
        } else {
            output.message(&summary)
        }
        match output.json() {
            Some(JsonForm::Document) => output.document(report),
            // A deployment without changes has no stream of its own.
            Some(JsonForm::Events) if output.stream_has_ended() => {}
            Some(JsonForm::Events) => output.event(&closing_event(report, &self.session.process.user_name())),
            None if report.command == "deploy" => {
                output.result(&outputs_text(&report.outputs, output.result_palette()))
            }
            None => {}
        }
        if detailed && code == ExitCode::Done && !report.changes.is_empty() { ExitCode::Changes } else { code }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.progress.finish();
    }
}

pub(super) fn stopped_early() -> Failure {
    Failure::new(ExitCode::Interrupted, "interrupted", "stopped before anything was changed")
}
