//! The state of a run: which steps wait for what, and who gets the next token, slot or conflict key.
//!
//! All waiting happens in heaps, so that what a step costs doesn't depend on how many there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::remaining_path::priorities;
use super::report::{Outcome, Recorder};
use super::{Buckets, RunOptions, StepResult};
use crate::{ConflictKey, Operation, Phase, Plan, Step, StepId};

/// A call's place in the queue.
#[derive(Debug)]
pub(super) struct Ticket {
    step: StepId,
    class: usize,
    asked: Duration,
    state: Mutex<TicketState>,
}

#[derive(Debug)]
enum TicketState {
    Waiting(Waker),
    Granted,
    Abandoned,
}

impl Ticket {
    fn state(&self) -> MutexGuard<'_, TicketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits in the queue of a quota. The greatest is next: the longest way to go, then what runs already, then who came
/// first.
#[derive(Debug)]
struct Waiter {
    priority: Duration,
    number: Reverse<u64>,
    /// `None` for a step that waits to be started.
    ticket: Option<Arc<Ticket>>,
    step: StepId,
}

impl Waiter {
    fn key(&self) -> (Duration, bool, Reverse<u64>) {
        (self.priority, self.ticket.is_some(), self.number)
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The queue of a quota class.
#[derive(Debug)]
struct Class {
    name: String,
    bucket: usize,
    waiters: BinaryHeap<Waiter>,
    calls: u64,
}

#[derive(Debug, Default)]
struct Key {
    is_held: bool,
    waiters: BinaryHeap<Waiter>,
}

#[derive(Debug)]
struct StepState {
    priority: Duration,
    /// Steps, and the end of the phase before, that it waits for.
    waits_for: usize,
    keys: Vec<usize>,
    holds_keys: bool,
    /// Time that it has waited for tokens and slots since it started.
    waited: Duration,
    class: Option<usize>,
    /// It holds a token of its class and a slot for its first call.
    has_reservation: bool,
    is_included: bool,
    is_settled: bool,
    is_not_needed: bool,
}

#[derive(Debug)]
pub(super) struct Core {
    steps: Vec<StepState>,
    classes: Vec<Class>,
    class_by_name: HashMap<String, usize>,
    buckets: Arc<Mutex<Buckets>>,
    keys: Vec<Key>,
    /// Steps that are ready and make no call.
    unmetered: BinaryHeap<Waiter>,
    free_slots: usize,
    /// Steps of the first phase that aren't done.
    to_make: usize,
    running: usize,
    queued: usize,
    count: u64,
    accepts_starts: bool,
    removals_are_skipped: bool,
    changed: bool,
    is_polling: bool,
    waker: Option<Waker>,
}

/// The other half of a replacement that is no longer needed. A copy that wasn't deleted first, since nothing forces the
/// replacement any more, may still have to be updated: that is for the second half to find out.
fn unneeded(step: &Step, result: StepResult) -> Option<StepId> {
    match (step.operation, result) {
        (_, StepResult::Done) | (Operation::DeleteReplaced, StepResult::BecameSame) => None,
        (_, StepResult::BecameSame | StepResult::BecameUpdate) => step.pair,
    }
}

fn lock(buckets: &Mutex<Buckets>) -> MutexGuard<'_, Buckets> {
    buckets.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub fn new(plan: &Plan, options: &RunOptions, buckets: Arc<Mutex<Buckets>>, now: Duration) -> Self {
        let mut core = Self {
            steps: Vec::with_capacity(plan.steps().len()),
            classes: Vec::new(),
            class_by_name: HashMap::new(),
            buckets,
            keys: Vec::new(),
            unmetered: BinaryHeap::new(),
            free_slots: options.parallelism.unwrap_or(usize::MAX).max(1),
            to_make: 0,
            running: 0,
            queued: 0,
            count: 0,
            accepts_starts: true,
            removals_are_skipped: false,
            changed: false,
            is_polling: false,
            waker: None,
        };
        let mut key_numbers: HashMap<&ConflictKey, usize> = HashMap::new();
        for (step, priority) in plan.steps().iter().zip(priorities(plan)) {
            let is_included = options.phases.include(step.phase) && !options.done.contains(&step.id);
            core.to_make += usize::from(is_included && step.phase == Phase::Make);
            let mut keys: Vec<usize> = step
                .conflict_keys
                .iter()
                .map(|key| {
                    let next = key_numbers.len();
                    *key_numbers.entry(key).or_insert(next)
                })
                .collect();
            keys.sort_unstable();
            keys.dedup();
            let class = step.calls.first().map(|cost| core.class(cost.quota, now));
            core.steps.push(StepState {
                priority,
                waits_for: 0,
                keys,
                holds_keys: false,
                waited: Duration::ZERO,
                class,
                has_reservation: false,
                is_included,
                is_settled: !is_included,
                is_not_needed: false,
            });
        }
        core.keys.resize_with(key_numbers.len(), Key::default);
        for step in plan.steps() {
            let needs = plan.needs(step.id).iter().filter(|needed| core.steps[needed.index()].is_included).count();
            let barrier = usize::from(step.phase == Phase::Remove && core.to_make > 0);
            core.steps[step.id.index()].waits_for = needs + barrier;
        }
        core
    }

    /// Queues the steps that wait for nothing.
    pub fn begin<E>(&mut self, plan: &Plan, recorder: &mut Recorder<E>) {
        for id in plan.steps().iter().map(|step| step.id) {
            let step = &self.steps[id.index()];
            if !step.is_included {
                recorder.set(id, Outcome::NotIncluded);
            } else if step.waits_for == 0 {
                self.queue(id);
            }
        }
    }

    fn class(&mut self, name: &str, now: Duration) -> usize {
        if let Some(class) = self.class_by_name.get(name) {
            return *class;
        }
        let bucket = lock(&self.buckets).find(name, now);
        self.classes.push(Class { name: name.to_owned(), bucket, waiters: BinaryHeap::new(), calls: 0 });
        self.class_by_name.insert(name.to_owned(), self.classes.len() - 1);
        self.classes.len() - 1
    }

    fn waiter(&mut self, step: StepId, ticket: Option<Arc<Ticket>>) -> Waiter {
        self.count += 1;
        Waiter { priority: self.steps[step.index()].priority, number: Reverse(self.count), ticket, step }
    }

    /// A step waits for nothing but its turn.
    fn queue(&mut self, id: StepId) {
        let waiter = self.waiter(id, None);
        self.queued += 1;
        self.requeue(waiter);
    }

    fn requeue(&mut self, waiter: Waiter) {
        match self.steps[waiter.step.index()].class {
            Some(class) => self.classes[class].waiters.push(waiter),
            None => self.unmetered.push(waiter),
        }
        self.change();
    }

    /// Something happened that may let someone go on.
    fn change(&mut self) {
        self.changed = true;
        if !self.is_polling
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub fn polling(&mut self, waker: &Waker) {
        self.is_polling = true;
        self.waker = Some(waker.clone());
    }

    /// The run waits to be woken, unless something has happened meanwhile (on another thread).
    pub fn rest(&mut self) -> bool {
        self.is_polling = self.changed;
        !self.changed
    }

    pub fn stop_starting(&mut self) {
        self.accepts_starts = false;
    }

    /// Whether nothing runs and nothing can be started any more.
    pub fn is_over(&self) -> bool {
        self.running == 0 && (self.queued == 0 || !self.accepts_starts)
    }

    /// Gives out what there is to those who are next.
    pub fn dispense<E>(&mut self, plan: &Plan, now: Duration, starting: &mut Vec<StepId>, recorder: &mut Recorder<E>) {
        self.changed = false;
        while let Some(waiter) = self.unmetered.pop() {
            self.start(plan, waiter, None, now, starting, recorder);
        }
        let shared = Arc::clone(&self.buckets);
        while self.free_slots > 0 {
            let mut buckets = lock(&shared);
            let next = self
                .classes
                .iter()
                .enumerate()
                .filter_map(|(index, class)| Some((class.waiters.peek()?, index, class.bucket)))
                .filter(|(_, _, bucket)| buckets.buckets[*bucket].next_token(now) <= now)
                .max_by_key(|(waiter, index, _)| (waiter.key(), Reverse(*index)))
                .map(|(_, index, bucket)| (index, bucket));
            let Some((class, bucket)) = next else { break };
            let Some(waiter) = self.classes[class].waiters.pop() else { break };
            let Some(ticket) = &waiter.ticket else {
                drop(buckets);
                self.start(plan, waiter, Some(class), now, starting, recorder);
                continue;
            };
            let mut state = ticket.state();
            if let TicketState::Waiting(waker) = &*state {
                buckets.buckets[bucket].take(now);
                self.free_slots -= 1;
                waker.wake_by_ref();
                *state = TicketState::Granted;
            }
        }
    }

    /// Starts a step whose turn it is, or lets it wait for its conflict keys.
    fn start<E>(
        &mut self,
        plan: &Plan,
        waiter: Waiter,
        class: Option<usize>,
        now: Duration,
        starting: &mut Vec<StepId>,
        recorder: &mut Recorder<E>,
    ) {
        let id = waiter.step;
        if !self.accepts_starts {
            self.queued -= 1;
            return;
        }
        if self.steps[id.index()].is_not_needed {
            self.queued -= 1;
            recorder.set(id, Outcome::NotNeeded);
            self.settle(plan, id);
            return;
        }
        let step = &self.steps[id.index()];
        if let Some(held) = step.keys.iter().find(|key| self.keys[**key].is_held) {
            self.keys[*held].waiters.push(waiter);
            return;
        }
        for key in &step.keys {
            self.keys[*key].is_held = true;
        }
        self.queued -= 1;
        self.running += 1;
        let step = &mut self.steps[id.index()];
        step.holds_keys = true;
        if let Some(class) = class {
            step.has_reservation = true;
            self.free_slots -= 1;
            let bucket = self.classes[class].bucket;
            lock(&self.buckets).buckets[bucket].take(now);
        }
        starting.push(id);
    }

    /// When a token will come that someone waits for; `None` when nobody waits for a token alone.
    pub fn next_token(&mut self, now: Duration) -> Option<Duration> {
        if self.free_slots == 0 {
            return None;
        }
        let mut buckets = lock(&self.buckets);
        self.classes
            .iter()
            .filter(|class| !class.waiters.is_empty())
            .map(|class| buckets.buckets[class.bucket].next_token(now))
            .min()
    }

    /// A running step wants to call: `None` when it may at once, with the token and slot that it was started with.
    pub fn ask(&mut self, step: StepId, quota: &str, now: Duration, waker: &Waker) -> Option<Arc<Ticket>> {
        let class = self.class(quota, now);
        if self.steps[step.index()].has_reservation && self.steps[step.index()].class == Some(class) {
            self.steps[step.index()].has_reservation = false;
            self.classes[class].calls += 1;
            let bucket = self.classes[class].bucket;
            lock(&self.buckets).buckets[bucket].use_taken(now);
            return None;
        }
        self.give_back_reservation(step, now);
        let ticket =
            Arc::new(Ticket { step, class, asked: now, state: Mutex::new(TicketState::Waiting(waker.clone())) });
        let waiter = self.waiter(step, Some(Arc::clone(&ticket)));
        self.classes[class].waiters.push(waiter);
        self.change();
        Some(ticket)
    }

    /// Whether a ticket's turn has come.
    pub fn redeem(&mut self, ticket: &Ticket, now: Duration, waker: &Waker) -> bool {
        let mut state = ticket.state();
        match &mut *state {
            TicketState::Granted => {
                self.steps[ticket.step.index()].waited += now.saturating_sub(ticket.asked);
                self.classes[ticket.class].calls += 1;
                let bucket = self.classes[ticket.class].bucket;
                lock(&self.buckets).buckets[bucket].use_taken(now);
                true
            }
            TicketState::Waiting(known) => {
                known.clone_from(waker);
                false
            }
            TicketState::Abandoned => false,
        }
    }

    /// A call isn't wanted any more.
    pub fn abandon(&mut self, ticket: &Ticket, now: Duration) {
        let before = std::mem::replace(&mut *ticket.state(), TicketState::Abandoned);
        if matches!(before, TicketState::Granted) {
            let bucket = self.classes[ticket.class].bucket;
            lock(&self.buckets).buckets[bucket].put_back(now);
            self.free_slot();
        }
    }

    pub fn waited(&self, id: StepId) -> Duration {
        self.steps[id.index()].waited
    }

    pub fn free_slot(&mut self) {
        self.free_slots += 1;
        self.change();
    }

    /// Gives back the token and slot that a step was started with and hasn't used.
    pub fn give_back_reservation(&mut self, id: StepId, now: Duration) {
        let step = &mut self.steps[id.index()];
        if std::mem::take(&mut step.has_reservation)
            && let Some(class) = step.class
        {
            let bucket = self.classes[class].bucket;
            lock(&self.buckets).buckets[bucket].put_back(now);
            self.free_slot();
        }
    }

    pub fn throttled(&mut self, quota: &str, now: Duration) {
        let class = self.class(quota, now);
        let bucket = self.classes[class].bucket;
        lock(&self.buckets).buckets[bucket].narrow(now);
        self.change();
    }

    /// Lets those in who wait for a step's conflict keys.
    pub fn release_keys(&mut self, id: StepId) {
        let step = &mut self.steps[id.index()];
        if !std::mem::take(&mut step.holds_keys) {
            return;
        }
        for index in 0..step.keys.len() {
            let key = self.steps[id.index()].keys[index];
            self.keys[key].is_held = false;
            if let Some(waiter) = self.keys[key].waiters.pop() {
                self.requeue(waiter);
            }
        }
    }

    /// A step has ended.
    pub fn finish<E>(
        &mut self,
        plan: &Plan,
        id: StepId,
        now: Duration,
        result: Result<StepResult, E>,
        recorder: &mut Recorder<E>,
    ) {
        self.running -= 1;
        recorder.waited(id, self.steps[id.index()].waited);
        self.give_back_reservation(id, now);
        self.release_keys(id);
        match result {
            Ok(result) => {
                if let Some(pair) = unneeded(plan.step(id), result) {
                    self.steps[pair.index()].is_not_needed = true;
                }
                recorder.finished(id, now, Outcome::Succeeded(result));
                self.settle(plan, id);
            }
            Err(error) => {
                recorder.finished(id, now, Outcome::Failed(error));
                self.steps[id.index()].is_settled = true;
                self.skip_dependants(plan, id, recorder);
            }
        }
    }

    /// A step is done: what waited for it may come nearer.
    fn settle(&mut self, plan: &Plan, id: StepId) {
        self.steps[id.index()].is_settled = true;
        for next in plan.unlocks(id) {
            self.come_nearer(*next);
        }
        if plan.step(id).phase == Phase::Make {
            self.to_make -= 1;
            if self.to_make == 0 {
                plan.steps()
                    .iter()
                    .filter(|step| step.phase == Phase::Remove)
                    .for_each(|step| self.come_nearer(step.id));
            }
        }
    }

    fn come_nearer(&mut self, id: StepId) {
        let step = &mut self.steps[id.index()];
        if step.is_settled {
            return;
        }
        step.waits_for -= 1;
        if step.waits_for == 0 {
            self.queue(id);
        }
    }

    fn skip_dependants<E>(&mut self, plan: &Plan, cause: StepId, recorder: &mut Recorder<E>) {
        let mut open: Vec<StepId> = plan.unlocks(cause).to_vec();
        if plan.step(cause).phase == Phase::Make && !std::mem::replace(&mut self.removals_are_skipped, true) {
            open.extend(plan.steps().iter().filter(|step| step.phase == Phase::Remove).map(|step| step.id));
        }
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut self.steps[id.index()].is_settled, true) {
                recorder.set(id, Outcome::Skipped { cause });
                open.extend(plan.unlocks(id));
            }
        }
    }

    /// Calls made, by the name of their quota.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.classes.iter().filter(|class| class.calls > 0).map(|class| (class.name.clone(), class.calls)).collect()
    }
}
