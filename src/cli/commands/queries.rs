//! `status`, `outputs`, `history` and `events`: what the state says. They take no lock and call no cloud.

use std::fmt::Write as _;
use std::time::Duration;

use resource_graph::Urn;
use schemars::JsonSchema;
use serde::Serialize;

use crate::application::queries::{self, DeploymentSummary, ResourceStatus, StackStatus};
use crate::application::{DeploymentResult, Outputs};
use crate::cli::arguments::{
    EventsArguments, HistoryArguments, JsonForm, OutputsArguments, StackSelection, StatusArguments,
};
use crate::cli::compose::ports;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::progress::{event_line, plural};
use crate::cli::terminal::palette::Palette;
use crate::cli::views::summary::{outputs_text, plain};
use crate::domain::deployment::{ChangeCounts, is_bookkeeping};
use crate::domain::event::DomainEvent;
use crate::ports::StackStore;

/// How often `events --follow` looks for new events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// `history --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// The deployments, the latest first.
    pub deployments: Vec<DeploymentSummary>,
}

/// `events --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// The deployment; absent when there has been none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// Its events in their order.
    pub events: Vec<DomainEvent>,
}

struct Query {
    project: String,
    stack: String,
    store: std::sync::Arc<dyn StackStore>,
}

impl Query {
    fn open(session: &Session, selection: &StackSelection) -> Result<Self, Failure> {
        let configuration = session.configuration()?;
        let selected = session.select_stack(&configuration, selection)?;
        let store = session.block_on(ports::open_store(session, &configuration, &selected))?;
        Ok(Self { project: configuration.project_name().to_string(), stack: selected.name.to_string(), store })
    }
}

/// Shows what is deployed.
pub fn status(session: &Session, arguments: &StatusArguments) -> CommandResult {
    let query = Query::open(session, &arguments.stack)?;
    let status = session.block_on(async {
        queries::status(query.store.as_ref(), &query.project, &query.stack).await.map_err(store_failure)
    })?;
    if session.output.json().is_some() {
        session.output.document(&status);
    } else {
        let verbose = session.global.verbose > 0;
        session.output.result(&status_text(&status, session.output.result_palette(), verbose));
    }
    Ok(ExitCode::Done)
}

fn status_text(status: &StackStatus, palette: Palette, verbose: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} of {} in {}", palette.strong(&status.stack), status.project, status.location);
    if !status.exists {
        text.push_str("It has never been deployed\n");
        return text;
    }
    if let Some(deployment) = &status.interrupted {
        let _ = writeln!(
            text,
            "{}: deployment {deployment} was cut off; `deploy` or `destroy` goes on from there",
            palette.warning("open")
        );
    }
    if let Some(running) = &status.running {
        let _ = writeln!(
            text,
            "{}: deployment {} is under way, by {}",
            palette.warning("running"),
            running.deployment_id,
            running.holder
        );
    }
    if let Some(last) = &status.last_deployment {
        let _ = writeln!(text, "Last: {}", deployment_line(last, palette));
    }
    // The state's order is that of the work; people look for components. A component itself says something only in a note.
    let is_counted = |resource: &&ResourceStatus| Urn::parse(&resource.urn).is_ok_and(|urn| !is_bookkeeping(&urn));
    let mut shown: Vec<_> =
        status.resources.iter().filter(|resource| verbose || resource.note.is_some() || is_counted(resource)).collect();
    shown.sort_by_key(|resource| (resource.component.is_none(), resource.component.as_deref()));
    let mut component = None;
    for (position, resource) in shown.into_iter().enumerate() {
        if position == 0 || resource.component != component {
            component.clone_from(&resource.component);
            let _ = writeln!(text, "  {}", palette.strong(component.as_deref().unwrap_or("other resources")));
        }
        let name = resource.urn.rsplit("::").next().unwrap_or_default();
        let id = resource.id.as_deref().map(|id| palette.faint(format!("  {id}"))).unwrap_or_default();
        let note = resource.note.as_deref().map(|note| format!("  {}", palette.changed(note))).unwrap_or_default();
        let _ = writeln!(text, "    {} {name}{id}{note}", resource.type_token);
    }
    let _ = writeln!(text, "{}", plural(status.resources.iter().filter(is_counted).count(), "resource"));
    text.push_str(&outputs_text(&status.outputs, palette));
    text
}

/// Shows what the components offer.
pub fn outputs(session: &Session, arguments: &OutputsArguments) -> CommandResult {
    let query = Query::open(session, &arguments.stack)?;
    let outputs =
        session.block_on(async { queries::stack_outputs(query.store.as_ref()).await.map_err(store_failure) })?;
    let chosen = choose(outputs, arguments, &query.stack)?;
    let output = &session.output;
    let single = arguments.component.as_ref().zip(arguments.output.as_ref());
    match (output.json(), single) {
        (Some(_), _) => output.document(&chosen),
        (None, Some((component, name))) => output.result(&format!("{}\n", plain(&chosen[component][name]))),
        (None, None) => output.result(&outputs_text(&chosen, output.result_palette())),
    }
    Ok(ExitCode::Done)
}

fn choose(mut outputs: Outputs, arguments: &OutputsArguments, stack: &str) -> Result<Outputs, Failure> {
    if let Some(component) = &arguments.component {
        let known: Vec<String> = outputs.keys().cloned().collect();
        outputs.retain(|name, _| name == component);
        if outputs.is_empty() {
            return Err(missing(format!("the component {component} shows nothing in {stack}"), &known));
        }
    }
    if let Some(wanted) = &arguments.output {
        let mut known: Vec<String> = outputs.values().flat_map(|values| values.keys().cloned()).collect();
        known.sort();
        known.dedup();
        outputs.values_mut().for_each(|values| values.retain(|name, _| name == wanted));
        outputs.retain(|_, values| !values.is_empty());
        if outputs.is_empty() {
            return Err(missing(format!("there is no output {wanted} in {stack}"), &known));
        }
    }
    Ok(outputs)
}

fn missing(message: String, known: &[String]) -> Failure {
    let failure = Failure::new(ExitCode::Usage, "unknown-output", message);
    if known.is_empty() {
        failure.with_hint("nothing is deployed there")
    } else {
        failure.with_hint(format!("there is: {}", known.join(", ")))
    }
}

/// Shows the latest deployments.
pub fn history(session: &Session, arguments: &HistoryArguments) -> CommandResult {
    let query = Query::open(session, &arguments.stack)?;
    let deployments = session.block_on(async {
        queries::history(query.store.as_ref(), arguments.limit.get()).await.map_err(store_failure)
    })?;
    if session.output.json().is_some() {
        let Query { project, stack, .. } = query;
        session.output.document(&HistoryDocument { schema_version: 1, project, stack, deployments });
        return Ok(ExitCode::Done);
    }
    let palette = session.output.result_palette();
    let text: String =
        deployments.iter().map(|deployment| format!("{}\n", deployment_line(deployment, palette))).collect();
    session.output.result(&text);
    if deployments.is_empty() {
        session.output.note(&format!("{} has never been deployed", query.stack));
    }
    Ok(ExitCode::Done)
}

fn deployment_line(deployment: &DeploymentSummary, palette: Palette) -> String {
    let result = match deployment.result.as_str() {
        "succeeded" => palette.good("succeeded"),
        "interrupted" => palette.warning("interrupted"),
        other => palette.bad(other),
    };
    // What Pulumi has done has no id.
    let id = deployment.deployment_id.as_ref().map(|id| format!("{id}  ")).unwrap_or_default();
    let mut line =
        format!("{}  {id}{} {result}: {}", deployment.started, deployment.kind, changes(&deployment.changes));
    let fact = |name: &str| deployment.environment.get(name).map(String::as_str);
    let commit = fact("git.head").map(|commit| commit.get(..9).unwrap_or(commit));
    for text in [commit, fact("git.author"), Some(deployment.message.as_str())].into_iter().flatten() {
        if !text.is_empty() {
            let _ = write!(line, "  {}", palette.faint(text));
        }
    }
    line
}

fn changes(changes: &ChangeCounts) -> String {
    let ChangeCounts { create, update, replace, delete, same } = *changes;
    format!("+{create} ~{update} ±{replace} -{delete} ={same}")
}

/// Shows a deployment's events.
pub fn events(session: &Session, arguments: &EventsArguments) -> CommandResult {
    if arguments.follow && session.output.json() == Some(JsonForm::Document) {
        return Err(Failure::usage("one document can't be followed").with_hint("use --follow with --json=events"));
    }
    let query = Query::open(session, &arguments.stack)?;
    session.block_on(async {
        let deployment = match &arguments.deployment {
            Some(deployment) => Some(deployment.clone()),
            None => query.store.deployments().await.map_err(store_failure)?.pop(),
        };
        if arguments.follow {
            return follow(session, &query, deployment).await;
        }
        let events = match &deployment {
            Some(deployment) => query.store.events(deployment, 0).await.map_err(store_failure)?,
            None => Vec::new(),
        };
        if let (true, Some(unknown)) = (events.is_empty(), &arguments.deployment) {
            let message = format!("there are no events of a deployment {unknown} in {}", query.stack);
            return Err(Failure::new(ExitCode::Usage, "unknown-deployment", message)
                .with_hint("`semantest-iac history` lists the deployments"));
        }
        if session.output.json() == Some(JsonForm::Document) {
            let Query { project, stack, .. } = query;
            let document = EventsDocument { schema_version: 1, project, stack, deployment_id: deployment, events };
            session.output.document(&document);
        } else {
            events.iter().for_each(|event| show_event(session, event));
        }
        Ok(ExitCode::Done)
    })
}

/// Shows events as they are recorded, until the deployment is over. Where none has begun yet, the next one is waited for.
async fn follow(session: &Session, query: &Query, deployment: Option<String>) -> CommandResult {
    let mut deployment = deployment;
    if deployment.is_none() {
        session.output.note(&format!("Waiting for a deployment to {}", query.stack));
    }
    let mut shown = 0;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let Some(id) = &deployment else {
            deployment = query.store.deployments().await.map_err(store_failure)?.pop();
            continue;
        };
        for event in query.store.events(id, shown).await.map_err(store_failure)? {
            shown += 1;
            show_event(session, &event);
            if event.event.is_final() {
                return Ok(ExitCode::Done);
            }
        }
    }
}

fn show_event(session: &Session, event: &DomainEvent) {
    let output = &session.output;
    if output.json().is_some() {
        output.json_line(event);
        return;
    }
    let palette = output.result_palette();
    if let Some(line) = event_line(&event.event, palette).or_else(|| quiet_line(event, session.global.verbose > 0)) {
        output.result(&format!("{} {line}\n", palette.faint(&event.metadata.timestamp)));
    }
}

/// Events that have no line while a deployment runs; what is only there for the state's sake, only if `verbose`.
fn quiet_line(event: &DomainEvent, verbose: bool) -> Option<String> {
    use crate::domain::deployment::DeploymentEvent as E;
    let result = match &event.event {
        E::DeploymentCompleted { changes: done, .. } => Some((DeploymentResult::Succeeded, done)),
        E::DeploymentFailed { changes: done, .. } => Some((DeploymentResult::Failed, done)),
        E::DeploymentInterrupted { changes: done, .. } => Some((DeploymentResult::Interrupted, done)),
        _ => None,
    };
    Some(match (&event.event, result) {
        (_, Some((DeploymentResult::Succeeded, done))) => format!("completed: {}", changes(done)),
        (_, Some((DeploymentResult::Interrupted, done))) => format!("interrupted: {}", changes(done)),
        (_, Some((_, done))) => format!("failed: {}", changes(done)),
        (E::ResourceOperationStarted { urn, .. }, _) if !verbose && is_bookkeeping(urn) => return None,
        (E::ResourceOperationStarted { operation, urn, .. }, _) => {
            format!("  {} {} {} …", operation.as_str(), urn.type_token(), urn.name())
        }
        (E::ResourceRecorded { urn, .. }, _) if verbose => format!("  recorded {} {}", urn.type_token(), urn.name()),
        (E::StepStarted { step, .. }, _) => format!("  {step} begins"),
        (E::StepCompleted { step, .. }, _) => format!("  {step} done"),
        (E::StepFailed { step, attempt, .. }, _) => format!("  {step} failed (try {attempt})"),
        (other, _) if verbose => format!("  {}", other.event_type()),
        _ => return None,
    })
}
