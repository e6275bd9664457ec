//! The deployment saga: lock → settle what died → plan → apply → health check → clean up → complete, or fail.
//!
//! Each turn of it is an event; what it leaves in the store is decided by the events alone. Nothing that changes the cloud
//! happens before the plan's intents are durable, and nothing is removed before the components answer.

use std::sync::{Arc, OnceLock};

use resource_graph::Latencies;

use super::context::Context;
use super::health;
use super::run::Run;
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::journal::dispatcher::Dispatcher;
use crate::application::journal::{intent, recovery};
use crate::application::plan::look::Extent;
use crate::application::plan::planning::{self, Planned};
use crate::application::plan::preview::{Confirmation, Preview, lower_bound};
use crate::application::projections::audit::AuditLog;
use crate::application::projections::latencies::Measured;
use crate::application::report::DeploymentReport;
use crate::application::request::Ports;
use crate::application::steps::gate;
use crate::domain::deployment::{Deployment, DeploymentEvent};
use crate::ports::clock::{milliseconds, rfc3339};
use crate::ports::{InterruptedDeployment, LockRequest, LockedStack, Notice, StackSnapshot, StoreErrorKind};

/// A deployment's way, and who may say no to it.
pub struct Saga<'a> {
    /// What it is about.
    pub context: Context<'a>,
    /// Asked before anything is done.
    pub confirmation: &'a dyn Confirmation,
}

/// What comes of having the lock.
enum Turn {
    /// The command has ended.
    Over(Box<DeploymentReport>),
    /// The plan isn't the one that was agreed to: it is to be asked for again, with the lock given back, and holds for this
    /// version of the state.
    Ask(Box<Planned>, String),
}

impl Saga<'_> {
    /// Runs the saga from the state that was read before.
    pub async fn run(self, snapshot: StackSnapshot) -> Result<DeploymentReport, ApplicationError> {
        let latencies = self.context.ports.latencies.load();
        // Nothing to do and nothing left open: no lock, no write. What was read while somebody else holds the lock may be
        // half of something, though.
        let mut approved = None;
        if snapshot.interrupted.is_none() && recovery::unsettled(&snapshot).is_empty() {
            let planned = self.plan(&snapshot, &latencies).await?;
            self.context.tell_left(&planned.plan);
            if !planned.is_empty(&snapshot) {
                self.ask(&planned).await?;
                approved = Some((planned, snapshot.version.clone()));
            } else if !gate::unless_stopped(self.context.options, self.context.ports.store.is_locked()).await? {
                return Ok(self.context.unchanged(&planned, &snapshot));
            }
        }
        let request = LockRequest { timeout: self.context.options.lock_timeout };
        let mut recovered = None;
        loop {
            let Context { ports, options, .. } = &self.context;
            let stack = match ports.store.lock(request, &options.cancellation, ports.notices.as_ref()).await {
                Err(error) if error.kind == StoreErrorKind::Locked && options.cancellation.is_requested() => {
                    return Err(gate::cancelled().into());
                }
                stack => stack?,
            };
            let result = self.locked(approved.take(), &mut recovered, &stack, latencies.clone()).await;
            // What was done stays done, whatever becomes of the lock.
            if let Err(error) = stack.release().await {
                self.context.ports.notices.notice(Notice::Warning {
                    message: format!("the stack's lock couldn't be given back: {error}"),
                    hint: error.hint.or_else(|| Some("the next command takes it over when it has run out".into())),
                });
            }
            match result? {
                Turn::Over(report) => return Ok(*report),
                Turn::Ask(planned, version) => {
                    self.ask(&planned).await?;
                    approved = Some((*planned, version));
                }
            }
        }
    }

    async fn plan(&self, snapshot: &StackSnapshot, latencies: &Latencies) -> Result<Planned, ApplicationError> {
        let Context { ports, options, wanted, .. } = &self.context;
        planning::plan(ports, options, wanted, snapshot, latencies, Extent::Sample).await
    }

    async fn ask(&self, planned: &Planned) -> Result<(), ApplicationError> {
        let lower_bound = lower_bound(self.context.ports, &planned.plan);
        let preview = Preview {
            command: self.context.wanted.command,
            stack: &self.context.options.target.stack,
            plan: &planned.plan,
            adoptions: &planned.adoptions.records,
            drifts: &planned.drifts,
            lower_bound: &lower_bound,
        };
        if self.context.watch.leave_out(self.confirmation.confirm(&preview)).await? {
            return Ok(());
        }
        Err(ApplicationError::new(ErrorKind::Failed, "declined", "nothing was done: the plan was declined"))
    }

    async fn locked(
        &self,
        approved: Option<(Planned, String)>,
        recovered: &mut Option<DeploymentEvent>,
        stack: &Arc<dyn LockedStack>,
        latencies: Latencies,
    ) -> Result<Turn, ApplicationError> {
        let Context { ports, options, identity, wanted, .. } = &self.context;
        let mut snapshot = gate::unless_stopped(options, stack.read()).await?;
        tell_pending(ports, &snapshot);
        if self.look_again(stack.as_ref(), &snapshot).await? {
            snapshot = stack.read().await?;
        }
        if let Some(interrupted) = snapshot.interrupted.take() {
            let settled =
                recovery::settle(ports, options, identity, &wanted.specs, stack.as_ref(), &snapshot, &interrupted)
                    .await?;
            stack.checkpoint(&settled.changes, &settled.unsettled).await?;
            self.put_away(&interrupted, stack.as_ref()).await?;
            *recovered = settled.event.or(recovered.take());
            snapshot = gate::unless_stopped(options, stack.read()).await?;
        }
        let planned = match approved {
            Some((planned, version)) if version == snapshot.version => planned,
            _ => {
                let planned = self.plan(&snapshot, &latencies).await?;
                self.context.tell_left(&planned.plan);
                if planned.is_empty(&snapshot) && recovered.is_none() {
                    return Ok(Turn::Over(Box::new(self.context.unchanged(&planned, &snapshot))));
                }
                // Somebody else's deployment came between, or one that died was settled: the plan is another one.
                if !planned.is_empty(&snapshot) {
                    // Nobody keeps others waiting while they think.
                    if self.confirmation.takes_time() {
                        return Ok(Turn::Ask(Box::new(planned), snapshot.version));
                    }
                    self.ask(&planned).await?;
                }
                planned
            }
        };
        let report = self.deploy(planned, &snapshot, stack, recovered.take(), latencies).await?;
        if !recovery::unsettled(&snapshot).is_empty() {
            // What this deployment has made, or looked for, may settle it.
            let snapshot = stack.read().await?;
            if snapshot.interrupted.is_none() {
                self.look_again(stack.as_ref(), &snapshot).await?;
            }
        }
        Ok(Turn::Over(Box::new(report)))
    }

    /// Looks for creations whose outcome couldn't be seen before; whether that has changed the state.
    async fn look_again(&self, stack: &dyn LockedStack, snapshot: &StackSnapshot) -> Result<bool, ApplicationError> {
        if recovery::unsettled(snapshot).is_empty() {
            return Ok(false);
        }
        let Context { ports, options, identity, .. } = &self.context;
        let found = recovery::look_again(ports, options, identity, stack, snapshot).await?;
        if !found.is_empty() {
            stack.checkpoint(&found, &[]).await?;
        }
        Ok(!found.is_empty())
    }

    async fn deploy(
        &self,
        planned: Planned,
        snapshot: &StackSnapshot,
        stack: &Arc<dyn LockedStack>,
        recovered: Option<DeploymentEvent>,
        mut latencies: Latencies,
    ) -> Result<DeploymentReport, ApplicationError> {
        if self.context.options.cancellation.is_requested() {
            return Err(gate::cancelled().into());
        }
        // What can't be encrypted is found out before anything is written or changed.
        intent::try_recording(&planned.plan, stack.as_ref())?;
        let creating = intent::pending(&planned.plan, stack.as_ref())?;
        let clock = &self.context.ports.clock;
        let stamp: String = rfc3339(clock.now_ms()).chars().filter(char::is_ascii_digit).take(14).collect();
        let id = format!("{stamp}-{}", clock.fresh_id());
        let correlation = self.context.options.correlation_id.clone().unwrap_or_else(|| format!("corr_{id}"));
        let mut handlers = self.context.ports.handlers.clone();
        let measured = Arc::new(Measured::default());
        handlers.push(Arc::clone(&measured) as _);
        let audit = Arc::new(AuditLog::beginning_with(stack.takeover()));
        handlers.push(Arc::clone(&audit) as _);
        let dispatcher = Dispatcher::begin(
            Deployment::new(&id, correlation, &self.context.options.user),
            self.context.request_event(),
            Arc::clone(stack),
            handlers,
            Arc::clone(clock),
        )
        .await?;
        let health_checks = health::concerned(&self.context, &planned.plan);
        let run = Run {
            context: &self.context,
            lower_bound_ms: milliseconds(lower_bound(self.context.ports, &planned.plan).duration),
            work: OnceLock::new(),
            planned,
            snapshot,
            dispatcher: Arc::new(dispatcher),
            audit,
            health_checks,
        };
        let report = run.run(recovered, &creating).await;
        measured.learn(&mut latencies);
        self.context.ports.latencies.save(&latencies);
        Ok(report)
    }

    /// Puts away the journal of a deployment that died, with its place in the history.
    async fn put_away(
        &self,
        interrupted: &InterruptedDeployment,
        stack: &dyn LockedStack,
    ) -> Result<(), ApplicationError> {
        let entry = recovery::history_entry(interrupted);
        // What can't be read there keeps nobody from going on.
        let known = self.context.ports.store.history(RECENT_HISTORY).await.unwrap_or_else(|error| {
            tracing::warn!("the history can't be read: {error}");
            Vec::new()
        });
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
    let ours = recovery::unsettled(snapshot);
    let theirs = snapshot.pending.iter().filter(|operation| ours.iter().all(|record| record.urn != operation.urn));
    let pending: Vec<String> = theirs.map(|operation| format!("  {} {}", operation.kind, operation.urn)).collect();
    if pending.is_empty() {
        return;
    }
    ports.notices.notice(Notice::Warning {
        message: format!("another program doesn't know how these operations of its own ended:\n{}", pending.join("\n")),
        hint: Some("see in the cloud what became of them; `pulumi refresh` settles those of creation".into()),
    });
}
