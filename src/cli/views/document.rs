//! The JSON forms of a failure: the one document of `--json`, also when nothing was deployed, and the last event of
//! `--json=events`.

use crate::application::report::SCHEMA_VERSION;
use crate::application::{DeploymentReport, DeploymentResult, Outputs};
use crate::cli::arguments::JsonForm;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::Output;
use crate::domain::deployment::{CallCounts, ChangeCounts, DeploymentEvent};
use crate::domain::event::{DomainEvent, EVENT_VERSION, EventMetadata};
use chrono::{SecondsFormat, Utc};

/// What a failing command knows of itself.
#[derive(Clone, Debug, Default)]
pub struct CommandFacts {
    /// The command's name; empty when it couldn't be made out.
    pub command: String,
    /// The project; empty when the configuration couldn't be read.
    pub project: String,
    /// The stack; empty when it couldn't be settled.
    pub stack: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The calls to the cloud so far.
    pub calls: CallCounts,
}

/// The document of a command that failed before it had anything to report.
pub fn failure_report(facts: &CommandFacts, failure: &Failure) -> DeploymentReport {
    DeploymentReport {
        schema_version: SCHEMA_VERSION,
        command: facts.command.clone(),
        project: facts.project.clone(),
        stack: facts.stack.clone(),
        result: failure.exit.result(),
        deployment_id: None,
        changes: ChangeCounts::default(),
        calls: facts.calls,
        duration_ms: facts.duration_ms,
        applied_ms: None,
        lower_bound_ms: 0,
        outputs: Outputs::new(),
        adopted: Vec::new(),
        errors: failure.details.clone(),
        left: Vec::new(),
    }
}

/// The event that ends the stream of a command that has none of its own: it failed before its deployment began, or there
/// was nothing to change. It is in no journal, which its missing sequence number tells.
pub fn closing_event(report: &DeploymentReport, user: &str) -> DomainEvent {
    let (changes, calls, duration_ms) = (report.changes, report.calls, report.duration_ms);
    let event = match report.result {
        DeploymentResult::Succeeded => {
            let outputs = report.outputs.clone();
            let applied_ms = report.applied_ms;
            let lower_bound_ms = applied_ms.map(|_| report.lower_bound_ms);
            DeploymentEvent::DeploymentCompleted { changes, calls, duration_ms, applied_ms, lower_bound_ms, outputs }
        }
        DeploymentResult::Interrupted => {
            DeploymentEvent::DeploymentInterrupted { changes, calls, duration_ms, unknown: Vec::new() }
        }
        DeploymentResult::Failed | DeploymentResult::RolledBack | DeploymentResult::NeedsAttention => {
            DeploymentEvent::DeploymentFailed { changes, calls, duration_ms, errors: report.errors.clone() }
        }
    };
    let id = uuid::Uuid::new_v4().to_string();
    DomainEvent {
        event_id: format!("evt_{id}_0"),
        aggregate_id: id.clone(),
        event,
        event_version: EVENT_VERSION,
        metadata: EventMetadata {
            correlation_id: format!("corr_{id}"),
            causation_id: None,
            user_id: user.to_owned(),
            timestamp: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            sequence_number: None,
        },
    }
}

/// Prints a failure to stdout in the form that `--json` asked for; nothing without `--json`.
pub fn print_failure(output: &Output, facts: &CommandFacts, failure: &Failure, user: &str) {
    match output.json() {
        Some(JsonForm::Document) => output.document(&failure_report(facts, failure)),
        // A deployment that failed after it began has told so itself.
        Some(JsonForm::Events) if output.stream_has_ended() => {}
        Some(JsonForm::Events) => output.json_line(&closing_event(&failure_report(facts, failure), user)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_form_of_a_report() {
        let facts = CommandFacts { command: "deploy".to_owned(), ..CommandFacts::default() };
        let failure = Failure::usage("say what to deploy").with_hint("add --all");
        insta::assert_json_snapshot!(failure_report(&facts, &failure), @r#"
        {
          "schemaVersion": 1,
          "command": "deploy",
          "project": "",
          "stack": "",
          "result": "failed",
          "changes": {
            "create": 0,
            "update": 0,
            "replace": 0,
            "delete": 0,
            "same": 0
          },
          "calls": {
            "read": 0,
            "write": 0
          },
          "durationMs": 0,
          "lowerBoundMs": 0,
          "outputs": {},
          "errors": [
            {
              "code": "usage",
              "message": "say what to deploy",
              "hint": "add --all"
            }
          ]
        }
        "#);
    }

    #[test]
    fn an_event_stream_ends_with_a_final_event_of_no_journal() {
        let failure = Failure::usage("wrong");
        let event = closing_event(&failure_report(&CommandFacts::default(), &failure), "alice");
        assert!(event.event.is_final() && event.metadata.sequence_number.is_none());
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::to_string(&DomainEvent::from_json(&text).unwrap()).unwrap(), text);
    }
}
