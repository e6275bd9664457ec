//! A plan for people: what changes, why, whether something is replaced, and never a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use resource_graph::planner::diff::render;
use resource_graph::{ChangeKind, Operation, Phase, Plan, PropertyChange, Reason, Step, UntouchedReason, Urn};

use crate::application::adoption::Adoption;
use crate::application::plan::planning::Drift;
use crate::cli::progress::{mark, planned};
use crate::cli::terminal::palette::Palette;
use crate::domain::deployment::{self, ChangeCounts, DeploymentCommand};

/// The longest text of a value, in characters.
const LONGEST_VALUE: usize = 80;

/// What is rendered.
#[derive(Clone, Copy)]
pub struct PlanView<'a> {
    /// The command.
    pub command: DeploymentCommand,
    /// The stack.
    pub stack: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// What is taken over from another program.
    pub adoptions: &'a [Adoption],
    /// What was found otherwise than recorded.
    pub drifts: &'a [Drift],
    /// Whether also the inputs of new resources are shown, and what is done to the state alone.
    pub verbose: bool,
}

impl PlanView<'_> {
    /// The whole text.
    pub fn render(&self, palette: Palette) -> String {
        let mut text = String::new();
        for drift in self.drifts {
            let what = if drift.record.is_none() {
                "is gone from the cloud".to_owned()
            } else {
                format!("was changed in the cloud: {}", drift.properties.join(", "))
            };
            let resource = format!("{} {}", drift.urn.type_token(), drift.urn.name());
            let _ = writeln!(text, "  {} {resource} {what}", palette.changed("!"));
        }
        self.adoptions.iter().for_each(|adoption| write_adoption(&mut text, adoption, palette));
        let mut groups: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
        for step in self.plan.in_order().filter(|step| self.shows(step)) {
            groups.entry(component_of(step)).or_default().push(step);
        }
        for (component, steps) in &groups {
            if !component.is_empty() {
                let _ = writeln!(text, "  {}", palette.strong(component));
            }
            steps.iter().for_each(|step| self.write_step(&mut text, step, palette));
        }
        for (urn, reason) in self.plan.untouched() {
            if let UntouchedReason::NeededBy(other) = reason {
                let line = format!("  {} {} stays: still needed by {}", urn.type_token(), urn.name(), other.name());
                let _ = writeln!(text, "{}", palette.faint(line));
            }
        }
        let verb = match self.command {
            DeploymentCommand::Deploy => "Plan for",
            DeploymentCommand::Destroy => "Plan to destroy",
        };
        let adopted = match self.adoptions.len() {
            0 => String::new(),
            count => format!("{count} to adopt, "),
        };
        let _ = writeln!(text, "{verb} {}: {adopted}{}", palette.strong(self.stack), planned(&counts(self.plan)));
        text
    }

    fn shows(&self, step: &Step) -> bool {
        let told_by_pair = step.operation == Operation::DeleteReplaced && step.pair.is_some();
        let changes_something = !step.free && step.operation != Operation::Same;
        (changes_something || step.operation == Operation::Forget || self.verbose) && !told_by_pair
    }

    fn write_step(&self, text: &mut String, step: &Step, palette: Palette) {
        let operation = match step.operation {
            Operation::CreateReplacement => "replace",
            other => other.name(),
        };
        let perhaps = if step.conditional { " (perhaps: it depends on values that aren't known yet)" } else { "" };
        let resource = format!("{} {}", step.type_token, step.urn.name());
        let _ = writeln!(text, "    {} {operation} {resource}{perhaps}", mark(deployed(step.operation), palette));
        for reason in step.reasons.iter().filter(|reason| !is_told_by_changes(reason)) {
            let _ = writeln!(text, "        {}", palette.faint(reason));
        }
        for change in &step.changes {
            let _ = writeln!(text, "        {}", change_line(change, palette));
        }
        if let Some(order) = self.order_of_replacement(step) {
            let _ = writeln!(text, "        {}", palette.faint(order));
        }
        if self.verbose && step.operation == Operation::Create {
            for (name, value) in
                step.inputs.iter().filter(|(name, _)| !resource_graph::planner::diff::is_internal(name))
            {
                let _ = writeln!(text, "        {name}: {}", render(value, LONGEST_VALUE));
            }
        }
    }

    fn order_of_replacement(&self, step: &Step) -> Option<&'static str> {
        if step.operation != Operation::CreateReplacement {
            return None;
        }
        Some(match step.pair.map(|pair| self.plan.step(pair).phase) {
            Some(Phase::Make) => "the old one is deleted first",
            Some(Phase::Remove) => "the old one is deleted at the end",
            None => "the old one is gone already, or is kept",
        })
    }
}

/// What is taken over: from whom, under which name, and what of it isn't managed from now on.
fn write_adoption(text: &mut String, adoption: &Adoption, palette: Palette) {
    let record = &adoption.record;
    let id = record.id.as_deref().unwrap_or_default();
    let resource = format!("{} {}", record.type_token, record.urn.name());
    let _ = writeln!(text, "  {} adopt {resource} ({id})", palette.good("&"));
    if adoption.from != record.urn {
        let _ = writeln!(text, "      {}", palette.faint(format!("recorded so far as {}", adoption.from)));
    }
    if !adoption.unmanaged.is_empty() {
        let names = adoption.unmanaged.join(", ");
        let _ = writeln!(text, "      {}", palette.changed(format!("stays as it is, unmanaged: {names}")));
    }
}

/// One change: `memorySize: 256 → 512`.
fn change_line(change: &PropertyChange, palette: Palette) -> String {
    let side = |value: &Option<resource_graph::Value>| match value {
        Some(value) => render(value, LONGEST_VALUE),
        None => "unset".to_owned(),
    };
    let (old, new) = (side(&change.old), side(&change.new));
    let values = match change.kind {
        ChangeKind::Added => format!("{} {new}", palette.good("+")),
        ChangeKind::Removed => format!("{old} {} unset", palette.bad("→")),
        ChangeKind::Changed | ChangeKind::KnownAfterApply => format!("{old} {} {new}", palette.changed("→")),
    };
    let forces =
        if change.forces_replacement { format!("  {}", palette.bad("forces replacement")) } else { String::new() };
    format!("{}: {values}{forces}", change.path)
}

/// Whether the lines of the changes say it already.
fn is_told_by_changes(reason: &Reason) -> bool {
    matches!(reason, Reason::New | Reason::InputsChanged(_) | Reason::InputsMayChange(_) | Reason::ForcedReplacement(_))
        || matches!(reason, Reason::NoLongerWanted | Reason::Replaced)
}

/// The component that a step's resource belongs to: its parent, unless that is the stack itself.
fn component_of(step: &Step) -> &str {
    let from_spec = step.spec.as_ref().and_then(|spec| spec.options.parent.as_ref());
    let parent = from_spec.or_else(|| step.record.as_ref().and_then(|record| record.parent.as_ref()));
    parent.filter(|urn| !urn.type_token().is_stack()).map(Urn::name).unwrap_or_default()
}

/// The planner's word for an operation in that of the events.
fn deployed(operation: Operation) -> deployment::ResourceOperation {
    match operation {
        Operation::Same => deployment::ResourceOperation::Same,
        Operation::Read => deployment::ResourceOperation::Read,
        Operation::Create => deployment::ResourceOperation::Create,
        Operation::Update => deployment::ResourceOperation::Update,
        Operation::CreateReplacement => deployment::ResourceOperation::CreateReplacement,
        Operation::DeleteReplaced => deployment::ResourceOperation::DeleteReplaced,
        Operation::Delete => deployment::ResourceOperation::Delete,
        Operation::Forget => deployment::ResourceOperation::Forget,
    }
}

/// The plan's numbers in the form of events and reports.
fn counts(plan: &Plan) -> ChangeCounts {
    let counts = plan.counts();
    ChangeCounts {
        create: counts.create,
        update: counts.update,
        replace: counts.replace,
        delete: counts.delete + counts.forget,
        same: counts.same,
    }
}
