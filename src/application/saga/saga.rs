//! The deployment saga: lock → settle what died → plan → apply → health check → clean up → complete, or fail.
//!
//! Each turn of it is an event; what it leaves in the store is decided by the events alone. Nothing that changes the cloud
//! happens before the plan's intents are durable, and nothing is removed before the components answer.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use resource_graph::{Latencies, LowerBound, Plan, UntouchedReason};

use super::health;
use super::run::Begun;
use crate::application::adoption::Adoption;
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::journal::dispatcher::Dispatcher;
use crate::application::journal::{intent, recovery};
use crate::application::plan::outputs;
use crate::application::plan::planning::{self, Planned, Wanted};
use crate::application::projections::audit::AuditLog;
use crate::application::projections::latencies::Measured;
use crate::application::report::{DeploymentReport, DeploymentResult, LeftResource, SCHEMA_VERSION};
use crate::application::request::{Options, Ports};
use crate::application::steps::gate;
use crate::domain;
use crate::domain::deployment::{ChangeCounts, Deployment, DeploymentCommand, DeploymentEvent};
use crate::ports::clock::rfc3339;
use crate::ports::{CloudIdentity, InterruptedDeployment, LockRequest, LockedStack, Notice, StackSnapshot};

/// What is shown before anything is done.
pub struct Preview<'a> {
    /// The command.
    pub command: DeploymentCommand,
    /// The stack.
    pub stack: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// What is taken over from another program.
    pub adoptions: &'a [Adoption],
    /// What was found otherwise than recorded.
    pub drifts: &'a [planning::Drift],
    /// The shortest time that quotas and dependencies allow.
    pub lower_bound: &'a LowerBound,
}

/// Who may say no.
#[async_trait::async_trait]
pub trait Confirmation: Send + Sync {
    /// Shows what would be done, and says whether to do it.
    ///
    /// # Errors
    /// When nobody can be asked.
    async fn confirm(&self, preview: &Preview<'_>) -> Result<bool, ApplicationError>;
}

/// Everything that a run of the saga needs.
pub(in crate::application) struct Saga<'a> {
    pub ports: &'a Ports,
    pub options: &'a Options,
    /// All components of the project in this environment.
    pub components: &'a [domain::component::Component],
    pub wanted: Wanted,
    pub identity: CloudIdentity,
    pub confirmation: &'a dyn Confirmation,
    pub started_ms: i64,
}

impl Saga<'_> {
    /// Runs the saga from the state that was read before.
    pub async fn run(self, snapshot: StackSnapshot) -> Result<DeploymentReport, ApplicationError> {
        let latencies = self.ports.latencies.load();
        // Nothing to do and nothing left open: no lock, no write. What was read while somebody else holds the lock may be
        // half of something, though.
        let mut first = None;
        if snapshot.interrupted.is_none() {
            let planned = planning::plan(self.ports, self.options, &self.wanted, &snapshot, &latencies).await?;
            self.tell_left(&planned.plan);
            if !planned.is_empty(&snapshot) {
                self.ask(&planned).await?;
                first = Some((planned, snapshot.version.clone()));
            } else if !self.ports.store.is_locked().await? {
                return Ok(self.unchanged(&planned, &snapshot));
            }
        }
        let request = LockRequest { timeout: self.options.lock_timeout };
        let stack = self.ports.store.lock(request, self.ports.notices.as_ref()).await?;
        let result = self.locked(first, &stack, latencies).await;
        // What was done stays done, whatever becomes of the lock.
        if let Err(error) = stack.release().await {
            self.ports.notices.notice(Notice::Warning {
                message: format!("the stack's lock couldn't be given back: {error}"),
                hint: error.hint.or_else(|| Some("the next command takes it over when it has run out".into())),
            });
        }
        result
    }

    async fn ask(&self, planned: &Planned) -> Result<(), ApplicationError> {
        let lower_bound = lower_bound(self.ports, &planned.plan);
        let preview = Preview {
            command: self.wanted.command,
            stack: &self.options.target.stack,
            plan: &planned.plan,
            adoptions: &planned.adoptions.records,
            drifts: &planned.drifts,
            lower_bound: &lower_bound,
        };
        if self.confirmation.confirm(&preview).await? {
            return Ok(());
        }
        Err(ApplicationError::new(ErrorKind::Failed, "declined", "nothing was done: the plan was declined"))
    }

    async fn locked(
        &self,
        first: Option<(Planned, String)>,
        stack: &Arc<dyn LockedStack>,
        latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        let mut snapshot = stack.read().await?;
        tell_pending(self.ports, &snapshot);
        let mut recovered = None;
        if let Some(interrupted) = snapshot.interrupted.take() {
            let settled = recovery::settle(self.ports, self.options, stack.as_ref(), &snapshot, &interrupted).await?;
            stack.checkpoint(&settled.changes, &[]).await?;
            self.put_away(&interrupted, stack.as_ref()).await?;
            recovered = settled.event;
            snapshot = stack.read().await?;
        }
        let planned = match first {
            Some((planned, version)) if version == snapshot.version && recovered.is_none() => planned,
            _ => {
                let planned = planning::plan(self.ports, self.options, &self.wanted, &snapshot, &latencies).await?;
                self.tell_left(&planned.plan);
                if planned.is_empty(&snapshot) && recovered.is_none() {
                    return Ok(self.unchanged(&planned, &snapshot));
                }
                // Somebody else's deployment came between, or one that died was settled: the plan is another one.
                if !planned.is_empty(&snapshot) {
                    self.ask(&planned).await?;
                }
                planned
            }
        };
        self.deploy(planned, &snapshot, stack, recovered, latencies).await
    }

    async fn deploy(
        &self,
        planned: Planned,
        snapshot: &StackSnapshot,
        stack: &Arc<dyn LockedStack>,
        recovered: Option<DeploymentEvent>,
        mut latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        if self.options.cancellation.is_requested() {
            return Err(gate::cancelled().into());
        }
        // What can't be encrypted is found out before anything is written.
        let creating = intent::pending(&planned.plan, stack.as_ref())?;
        let clock = &self.ports.clock;
        let stamp: String = rfc3339(clock.now_ms()).chars().filter(char::is_ascii_digit).take(14).collect();
        let id = format!("{stamp}-{}", clock.fresh_id());
        let correlation = self.options.correlation_id.clone().unwrap_or_else(|| format!("corr_{id}"));
        let mut handlers = self.ports.handlers.clone();
        let measured = Arc::new(Measured::default());
        handlers.push(Arc::clone(&measured) as _);
        let audit = Arc::new(AuditLog::beginning_with(stack.takeover()));
        handlers.push(Arc::clone(&audit) as _);
        let dispatcher = Dispatcher::begin(
            Deployment::new(&id, correlation, &self.options.user),
            self.request_event(),
            Arc::clone(stack),
            handlers,
            Arc::clone(clock),
        )
        .await?;
        let health_checks = health::concerned(self.ports, self.options, self.components, &self.wanted, &planned.plan);
        let begun = Begun {
            saga: self,
            lower_bound_ms: milliseconds(lower_bound(self.ports, &planned.plan).duration),
            measured_bound_ms: OnceLock::new(),
            planned,
            snapshot,
            dispatcher: Arc::new(dispatcher),
            audit,
            health_checks,
        };
        let report = begun.run(recovered, &creating).await;
        measured.learn(&mut latencies);
        self.ports.latencies.save(&latencies);
        Ok(report)
    }

    fn request_event(&self) -> DeploymentEvent {
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

    /// What the saga is about.
    pub fn context(&self) -> BTreeMap<String, String> {
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

    /// Milliseconds since the command began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.ports.clock.now_ms() - self.started_ms).unwrap_or_default()
    }

    fn unchanged(&self, planned: &Planned, snapshot: &StackSnapshot) -> DeploymentReport {
        DeploymentReport {
            schema_version: SCHEMA_VERSION,
            command: self.wanted.command.as_str().to_owned(),
            project: self.options.target.project.clone(),
            stack: self.options.target.stack.clone(),
            result: DeploymentResult::Succeeded,
            deployment_id: None,
            changes: counts_of(&planned.plan),
            calls: self.ports.calls.counts(),
            duration_ms: self.elapsed_ms(),
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
    fn tell_left(&self, plan: &Plan) {
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

    /// Puts away the journal of a deployment that died, with its place in the history.
    async fn put_away(
        &self,
        interrupted: &InterruptedDeployment,
        stack: &dyn LockedStack,
    ) -> Result<(), ApplicationError> {
        let entry = recovery::history_entry(interrupted);
        let known = self.ports.store.history(RECENT_HISTORY).await?;
        let entry = entry.filter(|entry| known.iter().all(|known| known.deployment_id != entry.deployment_id));
        if let Some(first) = interrupted.events.first() {
            stack.audit(&first.aggregate_id, AuditLog::of(&interrupted.events).lines()).await?;
        }
        Ok(stack.settle(entry.as_ref()).await?)
    }
}

/// Where the history is looked through for a deployment that died a while ago at most.
const RECENT_HISTORY: usize = 20;

/// Tells what another program has left without an outcome. It stays in the state until the resource is recorded.
fn tell_pending(ports: &Ports, snapshot: &StackSnapshot) {
    let pending: Vec<String> =
        snapshot.pending.iter().map(|operation| format!("  {} {}", operation.kind, operation.urn)).collect();
    if pending.is_empty() {
        return;
    }
    ports.notices.notice(Notice::Warning {
        message: format!("another program doesn't know how these operations of its own ended:\n{}", pending.join("\n")),
        hint: Some("see in the cloud what became of them; `pulumi refresh` settles those of creation".into()),
    });
}

/// The planner's counts in the domain's form.
pub fn counts_of(plan: &Plan) -> ChangeCounts {
    let counts = plan.counts();
    ChangeCounts {
        create: counts.create,
        update: counts.update,
        replace: counts.replace,
        delete: counts.delete + counts.forget,
        same: counts.same,
    }
}

/// The shortest time that quotas and dependencies allow.
pub(in crate::application) fn lower_bound(ports: &Ports, plan: &Plan) -> LowerBound {
    resource_graph::lower_bound(plan, &ports.cloud.quotas().into_iter().collect(), |_| true)
}

pub(in crate::application) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
