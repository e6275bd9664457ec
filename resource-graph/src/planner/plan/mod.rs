//! A plan: the steps that take what is recorded to what is wanted, and the order that they need. Resources to which
//! nothing happens are only named, so that a plan of a large stack without changes is small.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{CallCost, PropertyChange, PropertyMap, ResourceRecord, ResourceSpec, TypeToken, Urn};

mod reason;

pub use reason::{Reason, UntouchedReason};

/// The number of a step within its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

impl StepId {
    /// The position in [`Plan::steps`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Writes options that aren't the cloud's business (protection, dependencies) to the state; no call.
    Same,
    /// Reads the resource, since its record lacks an output or a refresh was asked for.
    Read,
    /// Makes a new resource. Its record takes the place of one that waits for a replacement or is gone from the cloud.
    Create,
    /// Changes the resource in place.
    Update,
    /// Makes the new copy of a resource that is replaced. The old copy, when it is still there, is recorded as
    /// `pending_deletion` from then on; otherwise the record that waits for this is taken.
    CreateReplacement,
    /// Deletes the old copy of a resource that is replaced. When it goes first ([`Phase::Make`]), its record becomes
    /// `pending_replacement`; otherwise the copy with the step's recorded id leaves the state.
    DeleteReplaced,
    /// Deletes a resource that is no longer wanted, or a copy that an earlier replacement left.
    Delete,
    /// Takes a resource out of the state and leaves the cloud as it is; no call.
    Forget,
}

impl Operation {
    /// The word for it, as in reports and latencies.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Same => "same",
            Operation::Read => "read",
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::CreateReplacement => "create-replacement",
            Operation::DeleteReplaced => "delete-replaced",
            Operation::Delete => "delete",
            Operation::Forget => "forget",
        }
    }

    /// The provider's operation that it comes down to; its latency is learned under this name.
    pub fn provider_operation(self) -> Operation {
        match self {
            Operation::CreateReplacement => Operation::Create,
            Operation::DeleteReplaced => Operation::Delete,
            other => other,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The two parts of a deployment. Nothing is removed before all that is to be made has been made, so that a failed
/// deployment can always go back; only a replacement that must delete first is an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Create, update, read, and deletes that a replacement must do first.
    Make,
    /// All other deletes.
    Remove,
}

/// A thing in the cloud that takes one write at a time, such as an API: steps that share a key never run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConflictKey(Arc<str>);

impl ConflictKey {
    /// The key of a thing: its kind, and its id or the reference that will yield it.
    pub fn new(scope: &str, thing: &str) -> Self {
        Self(format!("{scope} {thing}").into())
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConflictKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step of a plan. It holds all that is needed to carry it out.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// What it does.
    pub operation: Operation,
    /// The resource's name.
    pub urn: Urn,
    /// The resource's type.
    pub type_token: TypeToken,
    /// When it comes.
    pub phase: Phase,
    /// It changes the state alone: no provider is called.
    pub free: bool,
    /// It is planned only because inputs aren't known yet. Resolve the inputs and ask [`Step::reconsider`] before
    /// calling the provider; the resource may turn out to be the same, or to need less than a replacement.
    ///
    /// [`Step::reconsider`]: crate::Step::reconsider
    pub conditional: bool,
    /// What is wanted; absent when the resource is to be removed.
    pub spec: Option<Arc<ResourceSpec>>,
    /// Wanted inputs. All that is known is filled in, and ignored changes are undone; references that are left point to
    /// resources with a step in this plan, which is done before this one.
    pub inputs: PropertyMap,
    /// What is recorded; absent when the resource is new.
    pub record: Option<Arc<ResourceRecord>>,
    /// How recorded and wanted inputs differ.
    pub changes: Vec<PropertyChange>,
    /// Why the step is there.
    pub reasons: Vec<Reason>,
    /// The other half of a replacement.
    pub pair: Option<StepId>,
    /// What it must not run beside.
    pub conflict_keys: Vec<ConflictKey>,
    /// The calls that it makes as a rule, in the order of its work.
    pub calls: &'static [CallCost],
    /// How long it takes as a rule, waits for quotas not included.
    pub estimated: Duration,
}

impl Step {
    /// Why the step is there, as a sentence fragment: `inputs changed: memorySize 256 → 512`.
    pub fn reason(&self) -> String {
        self.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// The number of calls that it makes as a rule.
    pub fn call_count(&self) -> u32 {
        self.calls.iter().map(|cost| cost.calls).sum()
    }
}

/// Durations of operations as they were measured in earlier runs. They take the place of the types' typical durations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    measured: HashMap<(TypeToken, Operation), Duration>,
    ceiling: Option<Duration>,
}

impl Latencies {
    /// Nothing learned yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long an operation on a type takes.
    pub fn set(&mut self, type_token: TypeToken, operation: Operation, duration: Duration) {
        self.measured.insert((type_token, operation.provider_operation()), duration);
    }

    /// Learns from a measurement: a moving average in which the newest counts for a fifth.
    pub fn learn(&mut self, type_token: TypeToken, operation: Operation, measured: Duration) {
        let known = self.measured.entry((type_token, operation.provider_operation())).or_insert(measured);
        *known = known.mul_f64(0.8) + measured.mul_f64(0.2);
    }

    /// Sets what no operation takes longer than as a rule, whatever its type: an emulator is faster than the cloud that the types'
    /// typical durations come from. What is measured counts all the same.
    #[must_use]
    pub fn at_most(self, ceiling: Option<Duration>) -> Self {
        Self { ceiling, ..self }
    }

    /// How long an operation on a type is going to take, where `typical` is known of the type.
    pub fn estimate(&self, type_token: &TypeToken, operation: Operation, typical: Duration) -> Duration {
        let typical = self.ceiling.map_or(typical, |ceiling| typical.min(ceiling));
        self.get(type_token, operation).unwrap_or(typical)
    }

    /// How long an operation on a type took.
    pub fn get(&self, type_token: &TypeToken, operation: Operation) -> Option<Duration> {
        self.measured.get(&(type_token.clone(), operation.provider_operation())).copied()
    }

    /// All that is known, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&TypeToken, Operation, Duration)> {
        self.measured.iter().map(|((token, operation), duration)| (token, *operation, *duration))
    }
}

/// How many resources meet which fate. Resources that only the state knows (the root, components) aren't counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be made.
    pub create: usize,
    /// To be changed in place, those included that may turn out to be the same.
    pub update: usize,
    /// To be replaced.
    pub replace: usize,
    /// To be deleted.
    pub delete: usize,
    /// To be read.
    pub read: usize,
    /// To be taken out of the state alone.
    pub forget: usize,
    /// Wanted, and the same already.
    pub same: usize,
}

impl Counts {
    /// Whether anything changes in the cloud or in the list of resources.
    pub fn has_changes(&self) -> bool {
        self.create + self.update + self.replace + self.delete + self.forget > 0
    }
}

/// Steps in the order that they need; see the module.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    steps: Vec<Step>,
    needs: Vec<Vec<StepId>>,
    unlocks: Vec<Vec<StepId>>,
    order: Vec<StepId>,
    unchanged: Vec<Urn>,
    untouched: Vec<(Urn, UntouchedReason)>,
    counts: Counts,
}

/// Steps that wait for each other; the steps that could not be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnorderedSteps(pub Vec<StepId>);

impl Plan {
    /// Puts a plan together. `needs` holds for each step the steps that must be done before it.
    pub(crate) fn new(steps: Vec<Step>, mut needs: Vec<Vec<StepId>>) -> Result<Self, UnorderedSteps> {
        let mut unlocks = vec![Vec::new(); steps.len()];
        for (index, before) in needs.iter_mut().enumerate() {
            before.sort_unstable();
            before.dedup();
            before.iter().for_each(|needed| unlocks[needed.index()].push(steps[index].id));
        }
        let order = sort(&steps, &needs, &unlocks)?;
        Ok(Self { steps, needs, unlocks, order, ..Self::default() })
    }

    pub(crate) fn with_resources(
        mut self,
        unchanged: Vec<Urn>,
        untouched: Vec<(Urn, UntouchedReason)>,
        counts: Counts,
    ) -> Self {
        (self.unchanged, self.untouched, self.counts) = (unchanged, untouched, counts);
        self
    }

    /// All steps; a step's position is its id.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// One step. Panics for the id of another plan.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.index()]
    }

    /// The steps that must be done before the given one. Those of the phase before aren't listed: all of them must.
    pub fn needs(&self, id: StepId) -> &[StepId] {
        &self.needs[id.index()]
    }

    /// The steps that wait for the given one.
    pub fn unlocks(&self, id: StepId) -> &[StepId] {
        &self.unlocks[id.index()]
    }

    /// All steps in an order that respects phases and needs; the same on every run.
    pub fn in_order(&self) -> impl ExactSizeIterator<Item = &Step> + DoubleEndedIterator {
        self.order.iter().map(|id| self.step(*id))
    }

    /// The steps of one resource.
    pub fn steps_of<'a>(&'a self, urn: &'a Urn) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| step.urn == *urn)
    }

    /// Wanted resources to which nothing happens.
    pub fn unchanged(&self) -> &[Urn] {
        &self.unchanged
    }

    /// Resources that the plan leaves alone though they aren't as wanted, or aren't known to be, with the reason.
    pub fn untouched(&self) -> &[(Urn, UntouchedReason)] {
        &self.untouched
    }

    /// How many resources meet which fate.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether there is nothing to do, not even to the state.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

fn sort(steps: &[Step], needs: &[Vec<StepId>], unlocks: &[Vec<StepId>]) -> Result<Vec<StepId>, UnorderedSteps> {
    use std::cmp::Reverse;
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: std::collections::BinaryHeap<Reverse<(Phase, StepId)>> =
        steps.iter().filter(|step| waiting[step.id.index()] == 0).map(|step| Reverse((step.phase, step.id))).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(Reverse((_, id))) = ready.pop() {
        order.push(id);
        for next in &unlocks[id.index()] {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.push(Reverse((steps[next.index()].phase, *next)));
            }
        }
    }
    if order.len() == steps.len() {
        return Ok(order);
    }
    Err(UnorderedSteps(steps.iter().map(|step| step.id).filter(|id| waiting[id.index()] > 0).collect()))
}
