//! What a deployment is about: the ports, who asks, what is wanted and as whom; and what follows from these alone.

use std::collections::BTreeMap;

use resource_graph::{Plan, UntouchedReason};

use super::stopwatch::Stopwatch;
use crate::application::plan::outputs;
use crate::application::plan::planning::Planned;
use crate::application::plan::preview::counts_of;
use crate::application::plan::wanted::Wanted;
use crate::application::report::{DeploymentReport, DeploymentResult, LeftResource, SCHEMA_VERSION};
use crate::application::request::{Options, Ports};
use crate::domain::component::Component;
use crate::domain::deployment::{DeploymentCommand, DeploymentEvent};
use crate::ports::{CloudIdentity, Notice, StackSnapshot};

/// What a deployment is about.
pub struct Context<'a> {
    /// The outside world.
    pub ports: &'a Ports,
    /// Who asks, and how it is to be done.
    pub options: &'a Options,
    /// All components of the project in this environment.
    pub components: &'a [Component],
    /// What is wanted.
    pub wanted: Wanted,
    /// As whom.
    pub identity: CloudIdentity,
    /// How long it takes.
    pub watch: Stopwatch,
}

impl Context<'_> {
    /// The event that begins the deployment.
    pub fn request_event(&self) -> DeploymentEvent {
        let target = &self.options.target;
        let mut components: Vec<String> = self.options.components.clone();
        if components.is_empty() {
            components = self.wanted.outputs.iter().map(|output| output.component.clone()).collect();
            components.dedup();
        }
        DeploymentEvent::DeploymentRequested {
            command: self.wanted.command,
            project: target.project.clone(),
            stack: target.stack.clone(),
            environment: target.environment.clone(),
            provider: self.ports.cloud.provider().to_string(),
            components,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            source: self.options.source.clone(),
            message: self.options.message.clone(),
        }
    }

    /// What it is about, as the saga's first event has it.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let target = &self.options.target;
        [
            ("command", self.wanted.command.as_str()),
            ("project", &target.project),
            ("stack", &target.stack),
            ("environment", &target.environment),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The report when nothing is to be done.
    pub fn unchanged(&self, planned: &Planned, snapshot: &StackSnapshot) -> DeploymentReport {
        DeploymentReport {
            schema_version: SCHEMA_VERSION,
            command: self.wanted.command.as_str().to_owned(),
            project: self.options.target.project.clone(),
            stack: self.options.target.stack.clone(),
            result: DeploymentResult::Succeeded,
            deployment_id: None,
            changes: counts_of(&planned.plan),
            calls: self.ports.calls.counts(),
            duration_ms: self.watch.elapsed_ms(),
            applied_ms: None,
            lower_bound_ms: 0,
            outputs: outputs::shown(&snapshot.outputs),
            adopted: Vec::new(),
            errors: Vec::new(),
            left: self.left(&planned.plan),
        }
    }

    /// What a destruction has to leave, and why. What wasn't chosen isn't told.
    pub fn left(&self, plan: &Plan) -> Vec<LeftResource> {
        if self.wanted.command != DeploymentCommand::Destroy {
            return Vec::new();
        }
        let all = self.options.components.is_empty() && self.options.targets.is_empty();
        let is_told = |reason: &UntouchedReason| match reason {
            UntouchedReason::NeededBy(_) => true,
            UntouchedReason::UnknownType | UntouchedReason::NotOurs | UntouchedReason::External => all,
            _ => false,
        };
        let is_target = |urn| self.options.targets.contains(urn);
        let left = plan.untouched().iter().filter(|(urn, reason)| is_told(reason) || is_target(urn));
        left.map(|(urn, reason)| LeftResource { urn: urn.to_string(), reason: reason.to_string() }).collect()
    }

    /// Tells what a destruction leaves, so that nobody takes the account for empty.
    pub fn tell_left(&self, plan: &Plan) {
        let left = self.left(plan);
        if left.is_empty() {
            return;
        }
        let shown = left.iter().map(|left| format!("  {}: {}", left.urn, left.reason)).collect::<Vec<_>>();
        self.ports.notices.notice(Notice::Warning {
            message: format!("{} resources stay in the stack and in the cloud:\n{}", left.len(), shown.join("\n")),
            hint: Some("delete them with the tool that manages them, then run this again".into()),
        });
    }
}
