//! Health checks of the components that a deployment changed.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use resource_graph::{Cancellation, Plan, PropertyMap, Urgency, Urn};

use super::context::Context;
use super::excerpt::{cause, excerpt};
use crate::application::error::ApplicationError;
use crate::application::journal::dispatcher::Dispatcher;
use crate::application::request::Ports;
use crate::domain::code::function::Start;
use crate::domain::component::{Component, Probe};
use crate::domain::deployment::{DeploymentEvent, ErrorDetail};
use crate::ports::{CloudIdentity, HealthProbe, HealthReport, Invoked, Notice, ProviderErrorKind};

/// The name of the output with the address that a component is asked at.
const URL: &str = "url";
/// The name of the output with the name of what is invoked.
const FUNCTION: &str = "functionName";
/// The pause after the first invocation that failed; each is half as long again, to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Most letters of an answer that are shown.
const SHOWN_LETTERS: usize = 500;
/// Most lines of a server's own output that are shown.
const SHOWN_LINES: usize = 20;
/// The question that the runtime shim answers itself, without the server.
const PROBE: &str = r#"{"semantest":"probe"}"#;
/// How long a function may take to be there, beside the time that an answer takes: Lambda gives its initialisation 10 s.
const START: Duration = Duration::from_secs(15);
/// How often the output of a server that is still busy is asked for.
const OUTPUT_INTERVAL: Duration = Duration::from_secs(1);
/// How long after a function's time is up its output is there at the latest.
const OUTPUT_DELAY: Duration = Duration::from_secs(5);

/// A component to ask.
pub struct Check {
    component: String,
    question: Question,
    outputs: PropertyMap,
    /// How long the component may take for an answer.
    longest_answer: Duration,
}

/// What is asked.
enum Question {
    Request(HealthProbe),
    Invocation {
        event: String,
        timeout: Duration,
    },
    /// Whether its server starts: asked of one that doesn't say how it is asked for its health.
    Start {
        timeout: Duration,
    },
}

impl Question {
    /// What events call it: the address, or the name of what is invoked.
    fn address(&self, outputs: &PropertyMap) -> String {
        match self {
            Self::Request(probe) => probe.url.clone(),
            Self::Invocation { .. } | Self::Start { .. } => outputs.string(FUNCTION).unwrap_or_default().to_owned(),
        }
    }

    fn in_words(&self, address: &str) -> String {
        match self {
            Self::Request(_) => format!("GET {address}"),
            Self::Invocation { .. } | Self::Start { .. } => format!("invoking {address}"),
        }
    }

    fn timeout(&self) -> Duration {
        match self {
            Self::Request(probe) => probe.timeout,
            Self::Invocation { timeout, .. } | Self::Start { timeout } => *timeout,
        }
    }
}

/// What the components answered.
#[derive(Default)]
pub struct Checked {
    /// Those that are well.
    pub healthy: Vec<String>,
    /// Those that aren't, with what is wrong.
    pub unhealthy: Vec<(String, ErrorDetail)>,
}

/// Whether the component's code is a server, which the runtime shim starts and can be asked about. What a handler does with an event
/// nobody but its author knows, so it is asked only where the configuration says how.
fn is_server(component: &Component) -> bool {
    component.code().is_some_and(|code| matches!(code.start, Start::Server(_)))
}

/// The components that are to be asked: wanted servers, and others that say how, and of which the plan changes something, or that weren't
/// well (or weren't asked) the last time.
pub fn concerned(context: &Context<'_>, plan: &Plan) -> Vec<String> {
    let (target, wanted) = (&context.options.target, &context.wanted);
    let mut changed: HashSet<&Urn> = HashSet::new();
    for step in plan.steps() {
        let recorded = step.record.as_deref();
        if !step.free {
            changed.extend(step.spec.as_ref().and_then(|spec| spec.options.parent.as_ref()));
            changed.extend(recorded.and_then(|record| record.parent.as_ref()));
        } else if recorded.is_some_and(|record| !record.init_errors.is_empty()) {
            changed.insert(&step.urn);
        }
    }
    let shows = |name: &str, shown: &str| wanted.outputs.iter().any(|it| it.component == name && it.name == shown);
    let concerned = context.components.iter().filter_map(|component| {
        let name = component.name().as_str();
        let group = component.group_urn(&target.project, &target.stack);
        let asked_at = match component.health() {
            Some(Probe::Request(_)) => URL,
            Some(Probe::Invocation(_)) => FUNCTION,
            None => is_server(component).then_some(FUNCTION)?,
        };
        (shows(name, asked_at) && changed.contains(&group)).then(|| name.to_owned())
    });
    concerned.collect()
}

/// How to ask the concerned components, now that their outputs are known.
pub fn due(
    ports: &Ports,
    identity: &CloudIdentity,
    components: &[Component],
    concerned: &[String],
    outputs: &PropertyMap,
) -> Vec<Check> {
    let checks = components.iter().filter_map(|component| {
        let name = component.name().as_str();
        concerned.iter().find(|it| *it == name)?;
        let outputs = outputs.map(name)?;
        let longest_answer = component.code().map_or(Duration::ZERO, |code| code.timeout.duration());
        let question = match component.health() {
            None => Question::Start { timeout: longest_answer + START },
            Some(Probe::Request(health)) => Question::Request(HealthProbe {
                url: format!("{}{}", outputs.string(URL)?.trim_end_matches('/'), health.path),
                headers: ports.cloud.health_headers(identity),
                timeout: health.timeout.duration(),
            }),
            Some(Probe::Invocation(invocation)) => Question::Invocation {
                event: invocation.event.as_str().to_owned(),
                timeout: invocation.timeout.duration(),
            },
        };
        Some(Check { question, outputs: outputs.clone(), longest_answer, component: name.to_owned() })
    });
    checks.collect()
}

/// Asks all at a time and records each answer; `None` when the deployment is to stop before all have answered.
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub async fn run(
    ports: &Ports,
    cancellation: &Cancellation,
    checks: Vec<Check>,
    dispatcher: &Dispatcher,
) -> Result<Option<Checked>, ApplicationError> {
    let reports = tokio::select! {
        biased;
        reports = join_all(checks.iter().map(|check| ask(ports, check))) => reports,
        () = cancellation.requested(Urgency::Graceful) => return Ok(None),
    };
    let printed =
        join_all(checks.iter().zip(&reports).map(|(check, report)| printed_lately(ports, cancellation, check, report)))
            .await;
    let mut checked = Checked::default();
    for ((check, report), printed) in checks.into_iter().zip(reports).zip(printed) {
        let url = check.question.address(&check.outputs);
        let (component, attempts) = (check.component, report.attempts);
        if report.healthy {
            let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
            checked.healthy.push(component.clone());
            dispatcher.dispatch(DeploymentEvent::HealthCheckPassed { component, url, attempts, duration_ms })?;
            continue;
        }
        // What is wrong with the server comes first; that nobody answered well is its consequence.
        let cause = printed.as_deref().and_then(cause).map(|cause| format!("the server {cause}; "));
        let mut message = if let Question::Start { .. } = check.question {
            format!("{component} doesn't start: {}", report.last_answer)
        } else {
            format!(
                "{component} isn't healthy: {}{} gave no good answer within {} s ({attempts} {}); the last one: {}",
                cause.unwrap_or_default(),
                check.question.in_words(&url),
                check.question.timeout().as_secs(),
                if attempts == 1 { "try" } else { "tries" },
                beginning(&report.last_answer)
            )
        };
        if let Some(output) = printed {
            let shown = excerpt(&output, SHOWN_LINES);
            if !shown.is_empty() {
                message.push_str(&format!("\nits last output:\n  {}", shown.join("\n  ")));
            }
        }
        let error = ErrorDetail {
            urn: None,
            code: "unhealthy".into(),
            message,
            hint: Some(
                "mend the server and deploy again, or change the component's health settings; what was deployed is recorded"
                    .into(),
            ),
        };
        dispatcher.dispatch(DeploymentEvent::HealthCheckFailed {
            component: component.clone(),
            url,
            attempts,
            error: error.clone(),
        })?;
        checked.unhealthy.push((component, error));
    }
    Ok(Some(checked))
}

/// The first letters of an answer.
fn beginning(answer: &str) -> String {
    let mut letters = answer.chars();
    let mut shown: String = letters.by_ref().take(SHOWN_LETTERS).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

async fn ask(ports: &Ports, check: &Check) -> HealthReport {
    match &check.question {
        Question::Request(probe) => ports.health.check(probe).await,
        Question::Invocation { event, timeout } => invoke(ports, &check.outputs, event, *timeout).await,
        Question::Start { timeout } => ask_whether_it_starts(ports, check, *timeout).await,
    }
}

/// Asks the runtime shim whether the server starts. Whoever may not invoke may still deploy.
async fn ask_whether_it_starts(ports: &Ports, check: &Check, timeout: Duration) -> HealthReport {
    let clock = &ports.monotonic;
    let begun = clock.now();
    let answer = ports.cloud.invoke(&check.outputs, PROBE, timeout).await;
    let (healthy, last_answer) = match answer {
        Ok(Invoked::Well(answer)) => match why_not(&answer) {
            None => (true, "listens".to_owned()),
            Some(why) => (false, why),
        },
        Ok(Invoked::Failed(error)) => (false, error),
        Err(error) if error.kind == ProviderErrorKind::Denied => {
            let message = format!("whether {} starts wasn't asked: {}", check.component, error.message);
            ports.notices.notice(Notice::Warning { message, hint: error.hint });
            (true, "not asked".to_owned())
        }
        Err(error) => (false, error.message),
    };
    HealthReport { healthy, attempts: 1, last_answer, unanswered: false, duration: clock.now().saturating_sub(begun) }
}

/// Why a server doesn't start, with its last output, as the runtime shim answers; `None` when it does.
fn why_not(answer: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    if answer["listening"] != false {
        return None;
    }
    let mut why = answer["error"]["message"].as_str().unwrap_or("it gives no reason").to_owned();
    let lines = answer["lastOutput"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    let output = lines.collect::<Vec<_>>().join("\n");
    let shown = excerpt(&output, SHOWN_LINES);
    if !shown.is_empty() {
        why.push_str(&format!("\nits last output:\n  {}", shown.join("\n  ")));
    }
    Some(why)
}

/// Invokes until it ends without an error or the time is up: what it needs may take a while to be there.
async fn invoke(ports: &Ports, outputs: &PropertyMap, event: &str, timeout: Duration) -> HealthReport {
    let clock = &ports.monotonic;
    let begun = clock.now();
    let (mut attempts, mut wait) = (0, FIRST_WAIT);
    loop {
        attempts += 1;
        let left = timeout.saturating_sub(clock.now().saturating_sub(begun)).max(Duration::from_millis(1));
        let (healthy, last_answer, unanswered) = match ports.cloud.invoke(outputs, event, left).await {
            Ok(Invoked::Well(_)) => (true, "answered".to_owned(), false),
            Ok(Invoked::Failed(error)) => (false, error, false),
            Err(error) => (false, error.message, error.kind == ProviderErrorKind::Unavailable),
        };
        let duration = clock.now().saturating_sub(begun);
        if healthy || duration + wait >= timeout {
            return HealthReport { healthy, attempts, last_answer, unanswered, duration };
        }
        clock.sleep_until(clock.now() + wait).await;
        wait = wait.mul_f64(1.5).min(LONGEST_WAIT);
    }
}

/// What a component that isn't well printed lately. A server that is still busy with the last question has its output
/// written when the function's time is up: until then it is asked for again.
async fn printed_lately(
    ports: &Ports,
    cancellation: &Cancellation,
    check: &Check,
    report: &HealthReport,
) -> Option<String> {
    // The shim's answer about a start holds the server's output.
    if report.healthy || matches!(check.question, Question::Start { .. }) {
        return None;
    }
    // A missing log must not hide the failure itself.
    let look = async || ports.cloud.recent_output(&check.outputs).await.ok().flatten();
    let mut output = look().await;
    if !report.unanswered {
        return output;
    }
    // The last question was asked within the probe's time, however late.
    let clock = &ports.monotonic;
    let until = clock.now() + check.longest_answer + OUTPUT_DELAY;
    let mut has_changed = false;
    while clock.now() < until {
        tokio::select! {
            biased;
            () = cancellation.requested(Urgency::Graceful) => break,
            () = clock.sleep_until(clock.now() + OUTPUT_INTERVAL) => {}
        }
        let later = look().await;
        if later != output {
            has_changed = true;
            output = later;
        } else if has_changed {
            break;
        }
    }
    output
}
