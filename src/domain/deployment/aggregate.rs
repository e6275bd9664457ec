//! The aggregate: folds events into what is known of a deployment, and refuses those that can't follow.

use std::collections::BTreeMap;

use super::{ChangeCounts, DeploymentEvent, PlannedStep, ResourceOperation};
use crate::domain::event::{DomainEvent, EVENT_VERSION, EventMetadata};

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeploymentPhase {
    /// Nothing has happened.
    New,
    /// It was asked for.
    Requested,
    /// Its plan stands.
    Planned,
    /// It is over.
    Ended,
}

/// How far a planned step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepPhase {
    /// Not begun, as far as is known. After a crash it may have begun all the same: starts are durable in groups.
    Planned,
    /// Begun.
    Started,
    /// Done.
    Succeeded,
    /// Failed; `outcome_unknown` when it may have taken effect.
    Failed {
        /// Whether it isn't known if the operation took effect.
        outcome_unknown: bool,
    },
    /// Not tried.
    Skipped,
}

/// An event that can't follow on those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event_type} can't follow: {reason}")]
pub struct IllegalTransition {
    /// The refused event.
    pub event_type: &'static str,
    /// Why.
    pub reason: String,
}

/// A deployment: the fold of its events.
#[derive(Clone, Debug)]
pub struct Deployment {
    id: String,
    correlation_id: String,
    user_id: String,
    phase: DeploymentPhase,
    steps: BTreeMap<u32, (PlannedStep, StepPhase)>,
    done: ChangeCounts,
    next: u64,
    last_event: Option<String>,
    request_event: Option<String>,
}

impl Deployment {
    /// A deployment of which nothing has happened yet.
    pub fn new(id: impl Into<String>, correlation_id: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            correlation_id: correlation_id.into(),
            user_id: user_id.into(),
            phase: DeploymentPhase::New,
            steps: BTreeMap::new(),
            done: ChangeCounts::default(),
            next: 0,
            last_event: None,
            request_event: None,
        }
    }

    /// Folds recorded events.
    ///
    /// # Errors
    /// [`IllegalTransition`] when one can't follow on those before it.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a DomainEvent>) -> Result<Option<Self>, IllegalTransition> {
        let mut deployment: Option<Self> = None;
        for event in events {
            let deployment = deployment.get_or_insert_with(|| {
                Self::new(&event.aggregate_id, &event.metadata.correlation_id, &event.metadata.user_id)
            });
            deployment.apply(&event.event)?;
            deployment.remember(event);
        }
        Ok(deployment)
    }

    /// The deployment's id, which is its stream's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What joins its events with those of whatever set it off.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// How far it is.
    pub fn phase(&self) -> DeploymentPhase {
        self.phase
    }

    /// What has been done so far; as the same count the resources that nothing was planned for, too.
    pub fn done(&self) -> ChangeCounts {
        self.done
    }

    /// The steps with how far each is, by number.
    pub fn steps(&self) -> impl Iterator<Item = (&PlannedStep, StepPhase)> {
        self.steps.values().map(|(step, phase)| (step, *phase))
    }

    /// The steps that may have changed something and whose outcome isn't recorded.
    pub fn open_steps(&self) -> impl Iterator<Item = &PlannedStep> {
        self.steps().filter_map(|(step, phase)| match phase {
            StepPhase::Planned | StepPhase::Started | StepPhase::Failed { outcome_unknown: true } => Some(step),
            _ => None,
        })
    }

    /// Records a new event: checks that it may follow, and gives it its place in the stream.
    ///
    /// # Errors
    /// [`IllegalTransition`]; nothing is recorded then.
    pub fn record(&mut self, event: DeploymentEvent, timestamp: String) -> Result<DomainEvent, IllegalTransition> {
        let causation = match &event {
            DeploymentEvent::ResourceOperationStarted { .. } => self.request_event.clone(),
            _ => self.last_event.clone(),
        };
        self.apply(&event)?;
        let event = DomainEvent {
            event_id: format!("evt_{}_{}", self.id, self.next),
            aggregate_id: self.id.clone(),
            event,
            event_version: EVENT_VERSION,
            metadata: EventMetadata {
                correlation_id: self.correlation_id.clone(),
                causation_id: causation,
                user_id: self.user_id.clone(),
                timestamp,
                sequence_number: Some(self.next),
            },
        };
        self.remember(&event);
        Ok(event)
    }

    fn remember(&mut self, event: &DomainEvent) {
        self.next = event.metadata.sequence_number.unwrap_or(self.next) + 1;
        if matches!(event.event, DeploymentEvent::DeploymentRequested { .. }) {
            self.request_event = Some(event.event_id.clone());
        }
        self.last_event = Some(event.event_id.clone());
    }

    fn apply(&mut self, event: &DeploymentEvent) -> Result<(), IllegalTransition> {
        let refuse = |reason: String| Err(IllegalTransition { event_type: event.event_type(), reason });
        let (from, to) = match event {
            DeploymentEvent::DeploymentRequested { .. } => (DeploymentPhase::New, DeploymentPhase::Requested),
            DeploymentEvent::DeploymentPlanned { .. } => (DeploymentPhase::Requested, DeploymentPhase::Planned),
            DeploymentEvent::DeploymentRecovered { .. }
            | DeploymentEvent::ResourceAdopted { .. }
            | DeploymentEvent::ResourceDrifted { .. }
            | DeploymentEvent::SagaStarted { .. } => (DeploymentPhase::Requested, DeploymentPhase::Requested),
            DeploymentEvent::SagaFailed { .. } if self.phase == DeploymentPhase::Requested => {
                (DeploymentPhase::Requested, DeploymentPhase::Requested)
            }
            DeploymentEvent::DeploymentFailed { .. } | DeploymentEvent::DeploymentInterrupted { .. } => {
                // A deployment may end before it is planned: the request stands, and then something is wrong.
                if !matches!(self.phase, DeploymentPhase::Requested | DeploymentPhase::Planned) {
                    return refuse(format!("the deployment is {:?}", self.phase));
                }
                (self.phase, DeploymentPhase::Ended)
            }
            DeploymentEvent::DeploymentCompleted { .. } => (DeploymentPhase::Planned, DeploymentPhase::Ended),
            DeploymentEvent::ResourceRecorded { .. } if self.phase == DeploymentPhase::Requested => {
                (DeploymentPhase::Requested, DeploymentPhase::Requested)
            }
            _ => (DeploymentPhase::Planned, DeploymentPhase::Planned),
        };
        if self.phase != from {
            return refuse(format!("the deployment is {:?}, not {from:?}", self.phase));
        }
        match event {
            DeploymentEvent::DeploymentPlanned { steps, changes, .. } => {
                self.done.same = changes.same;
                for step in steps {
                    if self.steps.insert(step.step, (step.clone(), StepPhase::Planned)).is_some() {
                        return refuse(format!("step {} stands twice in the plan", step.step));
                    }
                }
            }
            DeploymentEvent::ResourceOperationStarted { step, operation, .. } => {
                self.advance(event, *step, *operation, StepPhase::Started)?;
            }
            DeploymentEvent::ResourceOperationSucceeded { step, operation, .. } => {
                self.advance(event, *step, *operation, StepPhase::Succeeded)?;
                // What only the state knows isn't counted, as in plans.
                if self.steps.get(step).is_some_and(|(step, _)| !step.state_only) {
                    self.done.count(*operation);
                }
            }
            DeploymentEvent::ResourceOperationFailed { step, operation, outcome_unknown, .. } => {
                self.advance(event, *step, *operation, StepPhase::Failed { outcome_unknown: *outcome_unknown })?;
            }
            DeploymentEvent::ResourceOperationSkipped { step, operation, .. } => {
                self.advance(event, *step, *operation, StepPhase::Skipped)?;
            }
            DeploymentEvent::DeploymentCompleted { .. } => {
                if let Some((step, phase)) = self.steps().find(|(_, phase)| *phase != StepPhase::Succeeded) {
                    return refuse(format!("step {} ({}) is {phase:?}", step.step, step.urn));
                }
            }
            _ => {}
        }
        self.phase = to;
        Ok(())
    }

    fn advance(
        &mut self,
        event: &DeploymentEvent,
        number: u32,
        operation: ResourceOperation,
        to: StepPhase,
    ) -> Result<(), IllegalTransition> {
        let refuse = |reason: String| Err(IllegalTransition { event_type: event.event_type(), reason });
        let Some((step, phase)) = self.steps.get_mut(&number) else {
            return refuse(format!("step {number} isn't planned"));
        };
        // A step whose inputs weren't known when it was planned may turn out to change nothing, or to need less than a
        // replacement; nothing else may become something else.
        let less =
            matches!(step.operation, ResourceOperation::CreateReplacement) && operation == ResourceOperation::Update;
        if operation != step.operation && operation != ResourceOperation::Same && !less {
            return refuse(format!("step {number} was planned as {:?}", step.operation));
        }
        let legal = match to {
            StepPhase::Started | StepPhase::Skipped => *phase == StepPhase::Planned,
            _ => *phase == StepPhase::Started,
        };
        if !legal {
            return refuse(format!("step {number} is {phase:?}"));
        }
        *phase = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use resource_graph::{TypeToken, Urn};

    use super::super::{CallCounts, DeploymentCommand};
    use super::*;

    fn urn() -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), "x")
    }

    fn requested() -> DeploymentEvent {
        DeploymentEvent::DeploymentRequested {
            command: DeploymentCommand::Deploy,
            project: "shop".into(),
            stack: "dev".into(),
            environment: "local".into(),
            provider: "aws".into(),
            components: vec![],
            program_version: "0".into(),
            source: BTreeMap::new(),
            message: String::new(),
        }
    }

    fn planned() -> DeploymentEvent {
        let step = PlannedStep {
            step: 1,
            operation: ResourceOperation::Create,
            urn: urn(),
            id: None,
            parent: None,
            state_only: false,
            identity: serde_json::Value::Null,
            dependencies: vec![],
            secret_inputs: vec![],
            changes: vec![],
        };
        DeploymentEvent::DeploymentPlanned {
            steps: vec![step],
            changes: ChangeCounts::default(),
            lower_bound_ms: 0,
            health_checks: vec![],
            stack_identity: None,
        }
    }

    fn started() -> DeploymentEvent {
        DeploymentEvent::ResourceOperationStarted { step: 1, operation: ResourceOperation::Create, urn: urn() }
    }

    fn succeeded() -> DeploymentEvent {
        DeploymentEvent::ResourceOperationSucceeded {
            step: 1,
            operation: ResourceOperation::Create,
            urn: urn(),
            duration_ms: 1,
            waited_ms: 0,
            adopted: false,
            taken_back: false,
            id: None,
            created: None,
            resource: None,
        }
    }

    fn completed() -> DeploymentEvent {
        DeploymentEvent::DeploymentCompleted {
            changes: ChangeCounts::default(),
            calls: CallCounts::default(),
            duration_ms: 1,
            applied_ms: None,
            lower_bound_ms: None,
            outputs: BTreeMap::new(),
        }
    }

    fn record(deployment: &mut Deployment, event: DeploymentEvent) -> Result<DomainEvent, IllegalTransition> {
        deployment.record(event, "2026-01-02T03:04:05.678Z".into())
    }

    #[test]
    fn a_deployment_goes_its_way_and_replays_to_the_same() {
        let mut deployment = Deployment::new("d", "c", "u");
        let events: Vec<_> = [requested(), planned(), started(), succeeded(), completed()]
            .into_iter()
            .map(|event| record(&mut deployment, event).unwrap())
            .collect();
        assert_eq!(deployment.phase(), DeploymentPhase::Ended);
        assert_eq!(deployment.done().create, 1);
        assert_eq!(deployment.open_steps().count(), 0);
        assert_eq!(events[2].metadata.causation_id.as_deref(), Some("evt_d_0"));
        let again = Deployment::replay(&events).unwrap().unwrap();
        assert_eq!(again.done(), deployment.done());
        assert_eq!(again.next, deployment.next);
    }

    #[test]
    fn every_event_out_of_its_turn_is_refused_and_changes_nothing() {
        let mut deployment = Deployment::new("d", "c", "u");
        for event in [planned(), started(), completed()] {
            assert!(record(&mut deployment, event).is_err());
        }
        record(&mut deployment, requested()).unwrap();
        for event in [requested(), started(), completed()] {
            assert!(record(&mut deployment, event).is_err());
        }
        record(&mut deployment, planned()).unwrap();
        assert!(record(&mut deployment, succeeded()).is_err(), "it hasn't started");
        assert!(record(&mut deployment, completed()).is_err(), "a step is open");
        record(&mut deployment, started()).unwrap();
        assert!(record(&mut deployment, started()).is_err());
        assert_eq!(deployment.open_steps().count(), 1);
    }

    #[test]
    fn events_have_the_platforms_form() {
        let mut deployment = Deployment::new("d", "c", "u");
        let event = serde_json::to_value(record(&mut deployment, requested()).unwrap()).unwrap();
        assert_eq!(event["eventType"], "DeploymentRequested");
        assert_eq!(event["eventVersion"], 1);
        assert_eq!(event["payload"]["programVersion"], "0");
        assert_eq!(event["metadata"]["userId"], "u");
        assert_eq!(event["metadata"]["sequenceNumber"], 0);
        let back = DomainEvent::from_json(&event.to_string()).unwrap();
        assert_eq!(back.event, requested());
    }
}
