//! The state of one stack in memory, by the port's rules: a checkpoint, a journal of which a part is durable, a lock that a
//! dead process leaves behind, a history.

mod port;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use resource_graph::{PropertyMap, RecordError, RecordMarks, Recorded, ResourceRecord, Urn, Value};
use semantest_iac::application::projections::audit::AuditEntry;
use semantest_iac::domain::deployment::{DeploymentEvent, ResourceImage};
use semantest_iac::domain::event::DomainEvent;
use semantest_iac::ports::{
    CheckpointChange, HistoryEntry, InterruptedDeployment, LockRequest, LockedStack, Notice, NoticeHandler,
    PendingOperation, RecordedResource, StackSnapshot, StackStore, StoreError, StoreErrorKind,
};

use super::faults::{Act, Kind, Moment, Script};
use super::program::GROUP;

pub use port::StorePort;

/// What is left of the events that weren't durable when the process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    Lost,
    /// So many of them got through.
    Kept(usize),
}

#[derive(Default)]
struct Journal {
    events: Vec<DomainEvent>,
    durable: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Free,
    Held(u64),
    /// Its process is dead.
    Left,
}

struct State {
    exists: bool,
    writes: u64,
    version: u64,
    resources: Vec<ResourceRecord>,
    pending: Vec<ResourceRecord>,
    journal: Option<Journal>,
    archive: Vec<(String, Vec<DomainEvent>)>,
    history: Vec<HistoryEntry>,
    audit: BTreeMap<String, String>,
    lock: Lock,
    locks: u64,
    images: Vec<ResourceRecord>,
    unsound: Vec<String>,
}

/// One stack's state.
pub struct MemoryStore {
    state: Mutex<State>,
    script: Arc<Script>,
}

fn failed(kind: StoreErrorKind, message: &str) -> StoreError {
    StoreError { kind, message: message.to_owned(), hint: None }
}

impl MemoryStore {
    pub fn new(script: Arc<Script>) -> Self {
        let state = State {
            exists: false,
            writes: 0,
            version: 0,
            resources: Vec::new(),
            pending: Vec::new(),
            journal: None,
            archive: Vec::new(),
            audit: BTreeMap::new(),
            history: Vec::new(),
            lock: Lock::Free,
            locks: 0,
            images: Vec::new(),
            unsound: Vec::new(),
        };
        Self { state: Mutex::new(state), script }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is dead: what wasn't durable is lost, but for a part of it.
    pub fn crash(&self, tail: Tail) {
        let mut state = self.state();
        if let Some(journal) = &mut state.journal {
            let kept = match tail {
                Tail::Lost => journal.durable,
                Tail::Kept(more) => journal.events.len().min(journal.durable.saturating_add(more)),
            };
            journal.events.truncate(kept);
            journal.durable = kept;
        }
        if let Lock::Held(_) = state.lock {
            state.lock = Lock::Left;
        }
    }

    /// Somebody else holds the lock.
    pub fn lock_by_another(&self) {
        self.state().lock = Lock::Held(u64::MAX);
    }

    /// The state is lost.
    pub fn forget(&self) {
        let mut state = self.state();
        (state.exists, state.resources, state.journal) = (false, Vec::new(), None);
    }

    pub fn is_locked(&self) -> bool {
        matches!(self.state().lock, Lock::Held(_))
    }

    pub fn has_journal(&self) -> bool {
        self.state().journal.is_some()
    }

    /// The events of the open journal, or else of the latest deployment.
    pub fn latest_events(&self) -> Vec<DomainEvent> {
        let state = self.state();
        match &state.journal {
            Some(journal) => journal.events.clone(),
            None => state.archive.last().map(|(_, events)| events.clone()).unwrap_or_default(),
        }
    }

    pub fn history_entries(&self) -> Vec<HistoryEntry> {
        self.state().history.clone()
    }

    /// The audit log of a deployment.
    pub fn audit_of(&self, deployment: &str) -> Vec<AuditEntry> {
        let state = self.state();
        let lines = state.audit.get(deployment).map(String::as_str).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
    }

    /// Deployments whose events are kept, but that don't stand in the history once, or have no audit log.
    pub fn unlisted(&self) -> Vec<String> {
        let state = self.state();
        let times = |id: &str| state.history.iter().filter(|entry| entry.deployment_id == id).count();
        let archived = state.archive.iter().map(|(id, _)| (id, times(id), state.audit.contains_key(id)));
        archived
            .filter(|(_, times, audited)| *times != 1 || !audited)
            .map(|(id, times, audited)| format!("{id} is in the history {times} times; audit log: {audited}"))
            .collect()
    }

    /// How often anything was written.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Ways in which a written checkpoint wasn't a sound state.
    pub fn unsound(&self) -> Vec<String> {
        self.state().unsound.clone()
    }

    /// The resources, journal included.
    pub fn resources(&self) -> Vec<ResourceRecord> {
        self.state().folded()
    }

    /// The number of pending operations in the checkpoint.
    pub fn pending(&self) -> usize {
        self.state().pending.len()
    }

    /// Changes the recorded state, as another program might.
    pub fn edit(&self, change: impl FnOnce(&mut Vec<ResourceRecord>)) {
        let mut state = self.state();
        change(&mut state.resources);
        state.version += 1;
    }

    /// Whether the durable journal says that something may happen to the resource.
    pub fn has_durable_intent(&self, urn: &Urn) -> bool {
        let state = self.state();
        let Some(journal) = &state.journal else { return false };
        journal.events[..journal.durable].iter().any(|event| match &event.event {
            DeploymentEvent::DeploymentPlanned { steps, .. } => steps.iter().any(|step| step.urn == *urn),
            _ => false,
        })
    }

    /// Passes the script before and after an access; `work` is what it does.
    async fn access<T>(
        &self,
        label: &str,
        work: impl FnOnce(&mut State) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let at = self.script.enter(Kind::Store, label.to_owned());
        self.meet(at, Moment::Before, label).await?;
        let result = work(&mut self.state());
        self.meet(at, Moment::After, label).await?;
        result
    }

    async fn meet(&self, at: usize, moment: Moment, label: &str) -> Result<(), StoreError> {
        match self.script.meet(at, moment).await {
            Some(Act::FailStore) => {
                Err(failed(StoreErrorKind::Unavailable, &format!("{label} failed: no space left on device")))
            }
            Some(Act::LoseLock) => {
                self.state().lock = Lock::Held(u64::MAX);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn snapshot(&self) -> Result<StackSnapshot, StoreError> {
        let state = self.state();
        let resources = state.folded();
        let outputs = resources.iter().find(|record| record.type_token.is_stack()).map(|root| root.outputs.clone());
        let interrupted = state.journal.as_ref().map(|journal| {
            // Through their text, as from a disk.
            let events = journal.events.iter().map(|event| {
                let text = serde_json::to_string(event).expect("an event is JSON");
                DomainEvent::from_json(&text).expect("what was written can be read")
            });
            let is_held = matches!(state.lock, Lock::Held(_));
            InterruptedDeployment {
                events: events.collect(),
                runner: is_held.then(|| "somebody@elsewhere (pid 7)".to_owned()),
                overwritten: None,
            }
        });
        Ok(StackSnapshot {
            exists: state.exists,
            version: format!("{}", state.version),
            resources: resources.into_iter().map(|record| Arc::new(Seen(record)) as RecordedResource).collect(),
            outputs: outputs.unwrap_or_else(PropertyMap::new),
            pending: state
                .without_owner()
                .into_iter()
                .map(|record| PendingOperation {
                    urn: record.urn.clone(),
                    kind: "creating".into(),
                    resource: Arc::new(Seen(record)),
                })
                .collect(),
            secrets_manager: None,
            interrupted,
        })
    }
}

/// A record as the program sees it: what belongs to none of its groups is another program's.
struct Seen(ResourceRecord);

impl Recorded for Seen {
    fn urn(&self) -> &Urn {
        &self.0.urn
    }

    fn marks(&self) -> RecordMarks {
        self.0.marks()
    }

    fn id(&self) -> Option<&str> {
        self.0.id()
    }

    fn parent(&self) -> Option<&str> {
        self.0.parent()
    }

    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.0.for_each_dependency(visit);
    }

    fn deleted_with(&self) -> Option<&str> {
        self.0.deleted_with()
    }

    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.0.for_each_other_reference(visit);
    }

    fn provider(&self) -> Option<&str> {
        self.0.provider()
    }

    fn is_foreign(&self) -> bool {
        self.0.type_token.as_str() != GROUP && !self.0.type_token.is_stack()
    }

    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        self.0.inputs()
    }

    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        self.0.output(path)
    }

    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        self.0.to_record()
    }
}

impl State {
    /// Pending operations of which no open journal says what becomes of them.
    fn without_owner(&self) -> Vec<ResourceRecord> {
        let events = self.journal.iter().flat_map(|journal| &journal.events);
        let planned = events.flat_map(|event| match &event.event {
            DeploymentEvent::DeploymentPlanned { steps, .. } => steps.as_slice(),
            _ => &[],
        });
        let planned: Vec<&Urn> = planned.map(|step| &step.urn).collect();
        self.pending.iter().filter(|record| !planned.contains(&&record.urn)).cloned().collect()
    }

    fn image(&self, image: &ResourceImage) -> ResourceRecord {
        let number: usize = image.0.get().parse().expect("an image of this store");
        self.images[number].clone()
    }

    fn folded(&self) -> Vec<ResourceRecord> {
        let mut resources = self.resources.clone();
        let changes: Vec<CheckpointChange> = self
            .journal
            .iter()
            .flat_map(|journal| &journal.events)
            .filter_map(|event| CheckpointChange::of(&event.event))
            .collect();
        self.fold(&mut resources, &changes);
        resources
    }

    fn fold(&self, resources: &mut Vec<ResourceRecord>, changes: &[CheckpointChange]) {
        fn live<'a>(resources: &'a mut [ResourceRecord], urn: &Urn) -> Option<&'a mut ResourceRecord> {
            resources.iter_mut().find(|record| record.urn == *urn && !record.pending_deletion)
        }
        for change in changes {
            match change {
                CheckpointChange::Put { urn, image } => match live(resources, urn) {
                    Some(record) => *record = self.image(image),
                    None => resources.push(self.image(image)),
                },
                CheckpointChange::Adopt { urn, from, image } => {
                    let adopted = self.image(image);
                    match live(resources, from) {
                        Some(record) => *record = adopted,
                        None => match live(resources, urn) {
                            Some(record) => *record = adopted,
                            None => resources.push(adopted),
                        },
                    }
                    let redirect = |name: &mut Urn| {
                        if name == from {
                            name.clone_from(urn);
                        }
                    };
                    for record in resources.iter_mut() {
                        let inputs = record.property_dependencies.iter_mut().flat_map(|(_, urns)| urns);
                        record.parent.iter_mut().chain(&mut record.dependencies).chain(inputs).for_each(redirect);
                    }
                }
                CheckpointChange::PutReplacement { urn, image, taken_back } => {
                    let new = self.image(image);
                    resources.retain(|record| {
                        !taken_back || record.urn != *urn || !record.pending_deletion || record.id != new.id
                    });
                    let is_new = |record: &ResourceRecord| record.id == new.id && record.created == new.created;
                    match live(resources, urn) {
                        Some(record) if record.pending_replacement || is_new(record) => *record = new,
                        Some(record) => {
                            record.pending_deletion = true;
                            resources.push(new);
                        }
                        None => resources.push(new),
                    }
                }
                CheckpointChange::RemoveReplaced { urn, id, created } => {
                    let is_it = |record: &ResourceRecord| record.id == *id && record.created == *created;
                    let left = resources
                        .iter()
                        .position(|record| record.urn == *urn && record.pending_deletion && is_it(record));
                    match left {
                        Some(index) => {
                            resources.remove(index);
                        }
                        None => {
                            if let Some(record) = live(resources, urn).filter(|record| is_it(record)) {
                                record.pending_replacement = true;
                            }
                        }
                    }
                }
                CheckpointChange::Settled { .. } => {}
                CheckpointChange::Gone { urn } => {
                    live(resources, urn).into_iter().for_each(|record| record.pending_replacement = true);
                }
                CheckpointChange::Remove { urn } => {
                    resources.retain(|record| record.urn != *urn || record.pending_deletion);
                }
            }
        }
    }

    /// Whether a state is one that other programs take: everything that is referred to is there.
    fn verify(&mut self, resources: &[ResourceRecord], label: &str) {
        let known = |urn: &Urn| resources.iter().any(|record| record.urn == *urn && !record.pending_deletion);
        for record in resources {
            let urn = &record.urn;
            let alike = resources.iter().filter(|other| other.urn == *urn && !other.pending_deletion).count();
            if alike > 1 {
                self.unsound.push(format!("{label}: {urn} stands there {alike} times"));
            }
            for needed in record.parent.iter().chain(&record.dependencies) {
                if !known(needed) {
                    self.unsound.push(format!("{label}: {urn} refers to {needed}, which isn't there"));
                }
            }
            let provider = record.provider.as_deref().and_then(|reference| reference.rsplit_once("::"));
            let has_provider = provider.is_some_and(|(urn, _)| resources.iter().any(|other| other.urn.as_str() == urn));
            if record.custom && !record.type_token.is_provider() && (!has_provider || record.id.is_none()) {
                self.unsound.push(format!("{label}: {urn} has no provider or no id"));
            }
            if record.inputs.values().chain(record.outputs.values()).any(Value::contains_unknown) {
                self.unsound.push(format!("{label}: {urn} holds what isn't known"));
            }
        }
    }
}
