//! Progress as lines: one for each thing that is done, for logs and for whoever reads them later.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::{bytes, duration, mark, plural};
use crate::cli::failure::render_warning;
use crate::cli::terminal::output::Output;
use crate::cli::terminal::palette::Palette;
use crate::domain::deployment::{
    ChangeCounts, DeploymentCommand, DeploymentEvent, ResourceOperation, SettledOutcome, is_bookkeeping,
};
use crate::domain::event::DomainEvent;
use crate::ports::{EventHandler, Notice, NoticeHandler};

/// Writes lines to stderr.
pub struct PlainProgress {
    output: Arc<Output>,
    verbose: bool,
}

impl PlainProgress {
    /// Writes to this output; `verbose` adds what builds print.
    pub fn new(output: Arc<Output>, verbose: bool) -> Self {
        Self { output, verbose }
    }
}

impl EventHandler for PlainProgress {
    fn handle(&self, event: &DomainEvent) {
        if let Some(line) = event_line(&event.event, self.output.message_palette()) {
            self.output.note(&line);
        }
    }
}

impl NoticeHandler for PlainProgress {
    fn notice(&self, notice: Notice) {
        let palette = self.output.message_palette();
        match notice_line(&notice, palette, self.verbose) {
            // Warnings are told even to those who want it quiet.
            Some(line) if matches!(notice, Notice::Warning { .. } | Notice::LockTakenOver { .. }) => {
                self.output.message(&line)
            }
            Some(line) => self.output.note(&line),
            None => {}
        }
    }
}

/// The line that tells an event; `None` for those that aren't worth one.
pub fn event_line(event: &DeploymentEvent, palette: Palette) -> Option<String> {
    use DeploymentEvent as E;
    Some(match event {
        E::DeploymentRequested { command, stack, components, .. } => {
            let verb = match command {
                DeploymentCommand::Deploy => "Deploying",
                DeploymentCommand::Destroy => "Destroying",
            };
            let direction = match command {
                DeploymentCommand::Deploy => "to",
                DeploymentCommand::Destroy => "from",
            };
            // Without names it is everything, or what --target names.
            let what = if components.is_empty() { String::new() } else { format!("{} ", components.join(", ")) };
            format!("{verb} {what}{direction} {}", palette.strong(stack))
        }
        E::DeploymentRecovered { interrupted_deployment, last_event_at, finished, settled } => {
            let mut text = format!(
                "{}: deployment {interrupted_deployment} was cut off ({last_event_at}) with {} done; going on from there",
                palette.warning("recovered"),
                plural(*finished, "operation"),
            );
            for (urn, outcome) in settled {
                let outcome = match outcome {
                    SettledOutcome::Done => "took effect",
                    SettledOutcome::Undone => "had no effect",
                    SettledOutcome::Partial => "took effect in part and will be changed",
                    SettledOutcome::Unknown => "can't be seen yet",
                };
                text.push_str(&format!("\n  {} {outcome}", short_urn(urn)));
            }
            text
        }
        E::DeploymentPlanned { changes, .. } if changes.is_empty() => {
            format!("Plan: nothing to change ({} as wanted)", plural(changes.same, "resource"))
        }
        E::DeploymentPlanned { changes, .. } => format!("Plan: {}", planned(changes)),
        E::ResourceAdopted { urn, from, .. } => {
            format!("{} adopt  {} {}, so far {}", palette.good("&"), urn.type_token(), urn.name(), from.name())
        }
        E::ResourceDrifted { urn, properties, resource } if resource.is_none() || properties.is_empty() => {
            format!("{} drift  {} {} is gone", palette.changed("!"), urn.type_token(), urn.name())
        }
        E::ResourceDrifted { urn, properties, .. } => {
            format!("{} drift  {} {}: {}", palette.changed("!"), urn.type_token(), urn.name(), properties.join(", "))
        }
        // It turned out that nothing was to be done.
        E::ResourceOperationSucceeded { operation: ResourceOperation::Same, .. } => return None,
        // They are there for the state's sake.
        E::ResourceOperationSucceeded { urn, .. } | E::ResourceOperationSkipped { urn, .. } if is_bookkeeping(urn) => {
            return None;
        }
        E::ResourceOperationSucceeded { operation, urn, duration_ms, adopted, .. } => {
            let adopted = if *adopted { ", taken over from an earlier try" } else { "" };
            let time = palette.faint(format!("({}{adopted})", duration(*duration_ms)));
            format!("{} {} {} {} {time}", mark(*operation, palette), operation.as_str(), urn.type_token(), urn.name())
        }
        E::ResourceOperationFailed { operation, urn, duration_ms, error, outcome_unknown, .. } => {
            let unknown = if *outcome_unknown { "; whether it took effect isn't known" } else { "" };
            format!(
                "{} {} {} {} {} ({}){unknown}: {}",
                palette.bad("!"),
                operation.as_str(),
                urn.type_token(),
                urn.name(),
                palette.bad("failed"),
                duration(*duration_ms),
                first_line(&error.message),
            )
        }
        E::ResourceOperationSkipped { operation, urn, because, .. } => {
            let because = match because {
                Some(cause) => format!("{} failed", cause.name()),
                None => "stopped".to_owned(),
            };
            let line = format!("  {} {} {} not tried ({because})", operation.as_str(), urn.type_token(), urn.name());
            palette.faint(line)
        }
        E::HealthCheckPassed { component, url, attempts, duration_ms } => format!(
            "{} health {component} answers at {url} {}",
            palette.good("✓"),
            palette.faint(format!("({}, {})", tries(*attempts), duration(*duration_ms))),
        ),
        E::HealthCheckFailed { component, url, attempts, error } => format!(
            "{} health {component} doesn't answer as it should at {url} ({}): {}",
            palette.bad("!"),
            tries(*attempts),
            first_line(&error.message),
        ),
        E::StepStarted { step, attempt, .. } if step == "health-check" && *attempt == 1 => "Checking health".to_owned(),
        // Each component that isn't well has been told.
        E::StepFailed { step, .. } if step == "health-check" => return None,
        E::StepFailed { step, attempt, error, .. } => {
            format!("{} {step} failed (try {attempt}): {}", palette.bad("!"), first_line(error))
        }
        // The step's own lines tell it, or the summary does.
        E::SagaStarted { .. }
        | E::SagaCompleted { .. }
        | E::SagaFailed { .. }
        | E::StepStarted { .. }
        | E::StepCompleted { .. }
        | E::ResourceOperationStarted { .. }
        | E::ResourceRecorded { .. }
        | E::DeploymentCompleted { .. }
        | E::DeploymentFailed { .. }
        | E::DeploymentInterrupted { .. } => return None,
    })
}

/// The beginning of a message. The whole of it, such as a server's last output, is told once, at the end.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default().trim_end_matches(':')
}

fn tries(attempts: u32) -> String {
    if attempts == 1 { "1 try".to_owned() } else { format!("{attempts} tries") }
}

fn short_urn(urn: &str) -> String {
    match resource_graph::Urn::parse(urn) {
        Ok(urn) => format!("{} {}", urn.type_token(), urn.name()),
        Err(_) => urn.to_owned(),
    }
}

/// What is planned: `12 to create, 1 to update, 3 unchanged`.
pub fn planned(changes: &ChangeCounts) -> String {
    let ChangeCounts { create, update, replace, delete, same } = *changes;
    let parts = [
        (create, "to create"),
        (update, "to update"),
        (replace, "to replace"),
        (delete, "to delete"),
        (same, "unchanged"),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// The line that tells a notice; what builds print only when `verbose`.
pub fn notice_line(notice: &Notice, palette: Palette, verbose: bool) -> Option<String> {
    Some(match notice {
        Notice::Building { component, command } => format!("Building {component}: {command}"),
        Notice::Packaging { component } => format!("Packaging {component}"),
        Notice::BuildOutput { component, line } => {
            if !verbose {
                return None;
            }
            format!("{} {line}", palette.faint(format!("{component} │")))
        }
        Notice::Packaged { component, bytes: size, duration_ms } => {
            format!("Packaged {component}: {} {}", bytes(*size), palette.faint(format!("({})", duration(*duration_ms))))
        }
        Notice::LeftOut { component, secrets, others } => left_out_lines(component, secrets, others, verbose)?,
        Notice::WaitingForLock { holder } => format!("Waiting for the stack's lock: {holder}"),
        Notice::LockTakenOver { report } => format!("{}: {report}", palette.warning("lock taken over")),
        Notice::Warning { message, hint } => render_warning(message, hint.as_deref(), palette),
    })
}

/// How many paths a note names unless more is asked for.
const NAMED: usize = 8;

fn left_out_lines(
    component: &str,
    secrets: &[String],
    others: &BTreeMap<String, usize>,
    verbose: bool,
) -> Option<String> {
    let mut lines = Vec::new();
    if !secrets.is_empty() {
        let named = if verbose { secrets.len() } else { NAMED.min(secrets.len()) };
        let mut told = secrets[..named].join(", ");
        if named < secrets.len() {
            told.push_str(&format!(" and {} more", secrets.len() - named));
        }
        lines.push(format!(
            "Left out of {component}, as secrets: {told} (a line with ! in .semantestignore takes one in)"
        ));
    }
    if verbose && !others.is_empty() {
        let count: usize = others.values().sum();
        let rules: Vec<_> = others.iter().map(|(rule, count)| format!("{count} by {rule}")).collect();
        lines.push(format!("Left out of {component}, as caches and logs: {count} ({})", rules.join(", ")));
    }
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use resource_graph::{TypeToken, Urn};

    use super::*;
    use crate::cli::terminal::output::testing::{captured, plain};
    use crate::domain::deployment::{CallCounts, Deployment, ErrorDetail, PlannedStep};

    pub fn urn(token: &str, name: &str) -> Urn {
        Urn::new("aws-local", "shop", Some("semantest:component:RestApi"), &TypeToken::new(token), name)
    }

    fn step(step: u32, operation: ResourceOperation, urn: &Urn) -> PlannedStep {
        PlannedStep {
            step,
            operation,
            urn: urn.clone(),
            id: None,
            parent: None,
            state_only: false,
            identity: serde_json::Value::Null,
            dependencies: vec![],
            secret_inputs: vec![],
            changes: vec![],
        }
    }

    /// A deployment in which one operation of each outcome happens.
    pub fn story() -> Vec<DomainEvent> {
        let role = urn("aws:iam/role:Role", "rest-api-role");
        let function = urn("aws:lambda/function:Function", "rest-api-function");
        let alias = urn("aws:lambda/alias:Alias", "rest-api-live");
        let route = urn("aws:apigatewayv2/route:Route", "ws-connect");
        let changes = ChangeCounts { create: 2, update: 1, replace: 1, delete: 0, same: 3 };
        let events = [
            DeploymentEvent::DeploymentRequested {
                command: DeploymentCommand::Deploy,
                project: "shop".to_owned(),
                stack: "aws-local".to_owned(),
                environment: "local".to_owned(),
                provider: "aws".to_owned(),
                components: vec!["rest-api".to_owned(), "ws".to_owned()],
                program_version: "0.1.0".to_owned(),
                source: BTreeMap::new(),
                message: String::new(),
            },
            DeploymentEvent::DeploymentRecovered {
                interrupted_deployment: "d0".to_owned(),
                last_event_at: "2026-01-02T03:04:05.006Z".to_owned(),
                finished: 1,
                settled: [(alias.to_string(), SettledOutcome::Undone)].into(),
            },
            DeploymentEvent::ResourceDrifted {
                urn: role.clone(),
                properties: vec!["description".to_owned()],
                resource: None,
            },
            DeploymentEvent::DeploymentPlanned {
                steps: vec![
                    step(1, ResourceOperation::Create, &role),
                    step(2, ResourceOperation::Update, &function),
                    step(3, ResourceOperation::Create, &alias),
                    step(4, ResourceOperation::CreateReplacement, &route),
                ],
                changes,
                lower_bound_ms: 900,
                health_checks: vec![],
                stack_identity: None,
            },
            DeploymentEvent::StepStarted { saga_id: "d1".to_owned(), step: "apply".to_owned(), attempt: 1 },
            DeploymentEvent::ResourceOperationStarted {
                step: 1,
                operation: ResourceOperation::Create,
                urn: role.clone(),
            },
            DeploymentEvent::ResourceOperationStarted {
                step: 4,
                operation: ResourceOperation::CreateReplacement,
                urn: route.clone(),
            },
            DeploymentEvent::ResourceOperationSucceeded {
                step: 1,
                operation: ResourceOperation::Create,
                urn: role,
                duration_ms: 320,
                waited_ms: 0,
                taken_back: false,
                id: None,
                created: None,
                adopted: true,
                resource: None,
            },
            DeploymentEvent::ResourceOperationStarted {
                step: 2,
                operation: ResourceOperation::Update,
                urn: function.clone(),
            },
            DeploymentEvent::ResourceOperationFailed {
                step: 2,
                operation: ResourceOperation::Update,
                urn: function.clone(),
                duration_ms: 1_240,
                error: ErrorDetail {
                    code: "refused".to_owned(),
                    message: "memory isn't enough (InvalidParameterValueException)".to_owned(),
                    ..ErrorDetail::default()
                },
                outcome_unknown: false,
            },
            DeploymentEvent::ResourceOperationSkipped {
                step: 3,
                operation: ResourceOperation::Create,
                urn: alias,
                because: Some(function),
            },
            DeploymentEvent::ResourceOperationSucceeded {
                step: 4,
                operation: ResourceOperation::CreateReplacement,
                urn: route,
                duration_ms: 75_000,
                waited_ms: 0,
                taken_back: false,
                id: None,
                created: None,
                adopted: false,
                resource: None,
            },
            DeploymentEvent::StepCompleted { saga_id: "d1".to_owned(), step: "apply".to_owned() },
            DeploymentEvent::HealthCheckPassed {
                component: "rest-api".to_owned(),
                url: "https://a.example/health".to_owned(),
                attempts: 2,
                duration_ms: 410,
            },
            DeploymentEvent::DeploymentFailed {
                changes: ChangeCounts { create: 1, replace: 1, ..ChangeCounts::default() },
                calls: CallCounts { read: 3, write: 4 },
                duration_ms: 76_000,
                errors: vec![],
            },
        ];
        let mut deployment = Deployment::new("d1", "corr_1", "alice");
        events
            .into_iter()
            .zip(0..)
            .map(|(event, second)| {
                deployment.record(event, format!("2026-01-02T03:05:{second:02}.000Z")).expect("a legal story")
            })
            .collect()
    }

    #[test]
    fn each_thing_that_is_done_has_its_line() {
        let (output, stdout, stderr) = captured(plain(None));
        let progress = PlainProgress::new(Arc::clone(&output), false);
        story().iter().for_each(|event| progress.handle(event));
        assert_eq!(stdout.text(), "");
        insta::assert_snapshot!(stderr.text());
    }

    #[test]
    fn notices_are_told_and_build_output_only_on_demand() {
        let (output, _, stderr) = captured(plain(None));
        let tell = |verbose| {
            let progress = PlainProgress::new(Arc::clone(&output), verbose);
            let command = "npm ci".to_owned();
            progress.notice(Notice::Building { component: "rest-api".to_owned(), command });
            progress.notice(Notice::Packaging { component: "rest-api".to_owned() });
            progress
                .notice(Notice::BuildOutput { component: "rest-api".to_owned(), line: "added 3 packages".to_owned() });
            progress.notice(Notice::Packaged { component: "rest-api".to_owned(), bytes: 1_234_567, duration_ms: 90 });
            progress.notice(Notice::LeftOut {
                component: "rest-api".to_owned(),
                secrets: (1..=9).map(|number| format!("{number}.pem")).collect(),
                others: BTreeMap::from([("*.log".to_owned(), 2), (".idea/".to_owned(), 1)]),
            });
        };
        tell(false);
        assert!(!stderr.text().contains("added 3 packages"));
        tell(true);
        let progress = PlainProgress::new(Arc::clone(&output), false);
        progress.notice(Notice::WaitingForLock { holder: "alice on ci-1 (pid 7), since 10:00".to_owned() });
        progress.notice(Notice::LockTakenOver { report: "pid 7 of this machine is gone".to_owned() });
        progress.notice(Notice::Warning {
            message: "nodejs18 has ended".to_owned(),
            hint: Some("use nodejs22".to_owned()),
        });
        insta::assert_snapshot!(stderr.text());
    }

    #[test]
    fn quiet_keeps_warnings_only() {
        let options = crate::cli::terminal::output::OutputOptions { quiet: true, ..plain(None) };
        let (output, _, stderr) = captured(options);
        let progress = PlainProgress::new(output, true);
        story().iter().for_each(|event| progress.handle(event));
        progress.notice(Notice::Packaging { component: "rest-api".to_owned() });
        progress.notice(Notice::Warning { message: "careful".to_owned(), hint: None });
        assert_eq!(stderr.text(), "warning: careful\n");
    }
}
