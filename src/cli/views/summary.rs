//! What is said when a deployment is over: a line on stderr, the outputs on stdout, and after an interruption a table of
//! what is done, undone and unknown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::application::{DeploymentReport, DeploymentResult, Outputs};
use crate::cli::progress::{duration, past, plural};
use crate::cli::terminal::palette::Palette;
use crate::domain::deployment::{ChangeCounts, DeploymentEvent, ResourceOperation, is_bookkeeping};
use crate::domain::event::DomainEvent;
use crate::ports::EventHandler;

/// The outputs as lines: each component's name, and below it what it shows.
pub fn outputs_text(outputs: &Outputs, palette: Palette) -> String {
    let mut text = String::new();
    for (component, values) in outputs {
        let _ = writeln!(text, "{}", palette.strong(component));
        for (name, value) in values {
            let _ = writeln!(text, "  {name}: {}", plain(value));
        }
    }
    text
}

/// A value as one would copy it: a text without quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The line that closes a deployment. The lower bound is one of the work on the resources, so it stands beside that work's time.
pub fn summary_line(report: &DeploymentReport, palette: Palette) -> String {
    let stack = palette.strong(&report.stack);
    let time = duration(report.duration_ms);
    let done = done(&report.changes);
    let calls = format!("{}, {}", plural_u64(report.calls.read, "read"), plural_u64(report.calls.write, "write"));
    let destroys = report.command == "destroy";
    match report.result {
        DeploymentResult::Succeeded if report.changes.is_empty() => {
            let same = plural(report.changes.same, "resource");
            let state = if destroys { "Nothing to destroy in" } else { "Nothing to change in" };
            format!("{state} {stack} ({same} checked, {time}, {calls})")
        }
        DeploymentResult::Succeeded => {
            let verb = if destroys { "Destroyed" } else { "Deployed" };
            format!("{} {stack} in {time}: {done} ({calls}){}", palette.good(verb), applied(report))
        }
        DeploymentResult::Failed => {
            format!("{} after {time}, {stack}: nothing was changed ({calls})", palette.error("Failed"))
        }
        DeploymentResult::RolledBack => {
            format!(
                "{} after {time}, {stack}: what had been changed was brought back ({calls})",
                palette.error("Failed")
            )
        }
        DeploymentResult::Interrupted => {
            format!("{} after {time}, {stack}: {done} ({calls})", palette.warning("Interrupted"))
        }
        DeploymentResult::NeedsAttention => format!(
            "{} after {time}, {stack}: {done} ({calls}); what was done is recorded, and the next {} goes on from there",
            palette.error("Failed"),
            report.command,
        ),
    }
}

fn applied(report: &DeploymentReport) -> String {
    match (report.applied_ms, report.lower_bound_ms) {
        (Some(applied @ 1..), bound @ 1..) => {
            let ratio = applied as f64 / bound as f64;
            format!("; applied in {}, {ratio:.2} × the lower bound", duration(applied))
        }
        _ => String::new(),
    }
}

fn plural_u64(count: u64, noun: &str) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), noun)
}

fn done(changes: &ChangeCounts) -> String {
    let ChangeCounts { create, update, replace, delete, same } = *changes;
    let parts =
        [(create, "created"), (update, "updated"), (replace, "replaced"), (delete, "deleted"), (same, "unchanged")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() { "nothing was done".to_owned() } else { parts.join(", ") }
}

/// What became of each operation, collected from the events.
#[derive(Debug, Default)]
pub struct OperationTable {
    rows: Mutex<BTreeMap<u32, Row>>,
}

#[derive(Clone, Debug)]
struct Row {
    operation: ResourceOperation,
    resource: String,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Done,
    Unknown,
    Undone,
}

impl EventHandler for OperationTable {
    fn handle(&self, event: &DomainEvent) {
        use DeploymentEvent as E;
        match &event.event {
            E::DeploymentPlanned { steps, .. } => {
                let mut rows = self.rows();
                for step in steps.iter().filter(|step| !is_bookkeeping(&step.urn)) {
                    let resource = format!("{} {}", step.urn.type_token(), step.urn.name());
                    rows.insert(step.step, Row { operation: step.operation, resource, fate: Fate::Undone });
                }
            }
            // Until its end is known, nobody knows whether it took effect.
            E::ResourceOperationStarted { step, .. } => self.set(*step, Fate::Unknown),
            E::ResourceOperationSucceeded { step, .. } => self.set(*step, Fate::Done),
            E::ResourceOperationFailed { step, outcome_unknown, .. } => {
                self.set(*step, if *outcome_unknown { Fate::Unknown } else { Fate::Undone });
            }
            E::ResourceOperationSkipped { step, .. } => self.set(*step, Fate::Undone),
            _ => {}
        }
    }
}

impl OperationTable {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<u32, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, step: u32, fate: Fate) {
        if let Some(row) = self.rows().get_mut(&step) {
            row.fate = fate;
        }
    }

    /// The table; empty when nothing was planned.
    pub fn render(&self, palette: Palette) -> String {
        let rows = self.rows();
        let mut text = String::new();
        for (fate, title) in [
            (Fate::Done, palette.good("done")),
            (Fate::Undone, palette.changed("undone")),
            (Fate::Unknown, palette.bad("unknown: the next command finds out")),
        ] {
            let mut of_fate = rows.values().filter(|row| row.fate == fate).peekable();
            if of_fate.peek().is_none() {
                continue;
            }
            let _ = writeln!(text, "  {title}");
            for Row { operation, resource, .. } in of_fate {
                let what = if fate == Fate::Done { past(*operation) } else { operation.as_str() };
                let _ = writeln!(text, "    {resource}  {}", palette.faint(what));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::progress::testing::story;
    use crate::domain::deployment::CallCounts;

    fn report(result: DeploymentResult, changes: ChangeCounts) -> DeploymentReport {
        DeploymentReport {
            schema_version: 1,
            command: "deploy".to_owned(),
            project: "shop".to_owned(),
            stack: "aws-local".to_owned(),
            result,
            deployment_id: None,
            changes,
            calls: CallCounts { read: 1, write: 14 },
            duration_ms: 4_900,
            applied_ms: Some(630),
            lower_bound_ms: 600,
            outputs: Outputs::new(),
            adopted: vec![],
            errors: vec![],
            left: vec![],
        }
    }

    #[test]
    fn each_result_has_its_line() {
        let changes = ChangeCounts { create: 12, same: 3, ..ChangeCounts::default() };
        let none = ChangeCounts { same: 12, ..ChangeCounts::default() };
        let lines: Vec<String> = [
            report(DeploymentResult::Succeeded, changes),
            report(DeploymentResult::Succeeded, none),
            report(DeploymentResult::Failed, none),
            report(DeploymentResult::RolledBack, none),
            report(DeploymentResult::Interrupted, changes),
            report(DeploymentResult::NeedsAttention, changes),
            DeploymentReport { command: "destroy".to_owned(), ..report(DeploymentResult::Succeeded, none) },
        ]
        .iter()
        .map(|report| summary_line(report, Palette::new(false)))
        .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_interruption_tells_what_is_done_undone_and_unknown() {
        let table = OperationTable::default();
        assert_eq!(table.render(Palette::new(false)), "");
        // The story is cut off while the replacement of the route is under way.
        story().iter().take(10).for_each(|event| table.handle(event));
        insta::assert_snapshot!(table.render(Palette::new(false)));
    }

    #[test]
    fn without_a_bound_there_is_nothing_to_compare() {
        let changes = ChangeCounts { create: 1, ..ChangeCounts::default() };
        let whole = report(DeploymentResult::Succeeded, changes);
        for report in [
            DeploymentReport { applied_ms: None, ..whole.clone() },
            DeploymentReport { lower_bound_ms: 0, ..whole.clone() },
        ] {
            assert!(!summary_line(&report, Palette::new(false)).contains("bound"));
        }
    }

    #[test]
    fn outputs_can_be_copied_as_they_stand() {
        let outputs: Outputs = serde_json::from_str(r#"{"api":{"url":"https://a.example","n":1}}"#).unwrap();
        assert_eq!(outputs_text(&outputs, Palette::new(false)), "api\n  n: 1\n  url: https://a.example\n");
    }
}
