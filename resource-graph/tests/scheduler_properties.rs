//! Whatever the plan, the quotas and the times that calls take: no step before what it needs, never two of one conflict
//! key at a time, never more calls than a bucket or the slots allow, removals last, and consistent reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use resource_graph::resource::resource_type::never_equivalent;
use resource_graph::{
    CallCost, Cancellation, Clock, Executor, OperationCost, Outcome, OutputReference, Phase, Plan, PlanOptions,
    PropertyMap, Quota, Quotas, ResourceGraph, ResourceRecord, ResourceSpec, ResourceTypeInfo, ResourceTypes,
    RunOptions, RunReport, Scheduler, Step, StepContext, StepId, StepResult, TypeToken, Urn, VirtualClock, lower_bound,
    plan,
};

const MOST: usize = 24;
const QUOTAS: [&str; 3] = ["a", "b", "unlimited"];

const COSTS: [&[CallCost]; 3] = [
    &[CallCost { quota: "a", calls: 1 }],
    &[CallCost { quota: "b", calls: 2 }, CallCost { quota: "a", calls: 1 }],
    &[CallCost { quota: "unlimited", calls: 1 }, CallCost { quota: "b", calls: 1 }],
];

struct Types(Vec<ResourceTypeInfo>);

impl Types {
    fn new() -> Self {
        let info = |(token, calls)| {
            let calls: &'static [CallCost] = calls;
            let count: u32 = calls.iter().map(|cost| cost.calls).sum();
            let cost = OperationCost::new(calls, 100 * u64::from(count));
            ResourceTypeInfo {
                token,
                replace_on: &[],
                stable_outputs: &[],
                delete_before_replace: false,
                conflict_input: Some("group"),
                conflict_scope: "group",
                id_within: &[],
                create: cost,
                update: cost,
                delete: cost,
                read: cost,
                equivalent: never_equivalent,
            }
        };
        Self(["t:m:T0", "t:m:T1", "t:m:T2"].into_iter().zip(COSTS).map(info).collect())
    }
}

impl ResourceTypes for Types {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.0.iter().find(|info| info.token == token.as_str())
    }
}

/// A resource to be made, or to be removed.
#[derive(Clone, Debug)]
struct Node {
    kind: usize,
    removed: bool,
    group: Option<u8>,
    needs: Vec<usize>,
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = |index: usize| {
        let needs = prop::collection::vec(0..index.max(1), 0..3);
        (0..COSTS.len(), prop::bool::weighted(0.3), prop::option::weighted(0.4, 0..3_u8), needs).prop_map(
            move |(kind, removed, group, needs)| {
                let needs = needs.into_iter().filter(|needed| *needed < index).collect();
                Node { kind, removed, group, needs }
            },
        )
    };
    (1..MOST).prop_flat_map(move |count| (0..count).map(node).collect::<Vec<_>>())
}

fn planned(nodes: &[Node]) -> Plan {
    let urn = |index: usize| {
        Urn::new("dev", "shop", None, &TypeToken::new(format!("t:m:T{}", nodes[index].kind)), &format!("r{index}"))
    };
    let (mut specs, mut records) = (Vec::new(), Vec::new());
    for (index, node) in nodes.iter().enumerate() {
        let needs: BTreeSet<usize> =
            node.needs.iter().copied().filter(|needed| nodes[*needed].removed == node.removed).collect();
        let mut inputs = PropertyMap::new();
        if let Some(group) = node.group {
            inputs.insert("group", format!("g{group}"));
        }
        if node.removed {
            let mut record = ResourceRecord::new(urn(index), true);
            record.inputs = inputs;
            record.dependencies = needs.into_iter().map(urn).collect();
            records.push(record);
        } else {
            for needed in needs {
                inputs.insert(format!("i{needed}"), OutputReference::new(urn(needed), "id"));
            }
            specs.push(ResourceSpec::new(urn(index), inputs));
        }
    }
    plan(&ResourceGraph::new(specs).unwrap(), &records, &Types::new(), &PlanOptions::default()).unwrap()
}

/// What happened, in the order in which it did.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Started(StepId),
    Ended(StepId),
    CallBegan(&'static str, Duration),
    CallEnded,
}

/// Times and troubles, drawn from what a test generates.
#[derive(Clone, Debug, Default)]
struct Troubles {
    /// Milliseconds that calls take, one after another.
    calls: Vec<u64>,
    /// Milliseconds that a step sleeps after each of its calls; most don't.
    sleeps: BTreeMap<u32, u64>,
    /// Steps that begin with a call that they weren't planned to make.
    unplanned: BTreeSet<u32>,
    throttled: BTreeSet<u32>,
    failing: BTreeSet<u32>,
}

struct Simulation {
    troubles: Troubles,
    events: Mutex<Vec<Event>>,
    count: Mutex<usize>,
}

impl Simulation {
    fn new(troubles: &Troubles) -> Self {
        Self { troubles: troubles.clone(), events: Mutex::default(), count: Mutex::default() }
    }

    fn log(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn next_time(&self) -> Duration {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        let calls = &self.troubles.calls;
        Duration::from_millis(if calls.is_empty() { 100 } else { calls[*count % calls.len()] })
    }

    async fn call(&self, context: &StepContext, quota: &'static str) {
        context
            .call(quota, || async {
                self.log(Event::CallBegan(quota, context.now()));
                context.sleep(self.next_time()).await;
                self.log(Event::CallEnded);
            })
            .await;
    }
}

#[async_trait]
impl Executor for Simulation {
    type Error = StepId;

    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, StepId> {
        self.log(Event::Started(step.id));
        let has = |steps: &BTreeSet<u32>| steps.contains(&step.id.0);
        if has(&self.troubles.unplanned) {
            self.call(context, "unlimited").await;
        }
        for cost in step.calls {
            for _ in 0..cost.calls {
                self.call(context, cost.quota).await;
                if has(&self.troubles.throttled) {
                    context.throttled(cost.quota);
                }
                if let Some(sleep) = self.troubles.sleeps.get(&step.id.0) {
                    context.sleep(Duration::from_millis(*sleep)).await;
                }
            }
        }
        self.log(Event::Ended(step.id));
        if has(&self.troubles.failing) { Err(step.id) } else { Ok(StepResult::Done) }
    }
}

fn troubles() -> impl Strategy<Value = Troubles> {
    let steps = || prop::collection::btree_set(0..MOST as u32, 0..4);
    (
        prop::collection::vec(0..400_u64, 0..20),
        prop::collection::btree_map(0..MOST as u32, 0..2000_u64, 0..5),
        steps(),
        steps(),
    )
        .prop_map(|(calls, sleeps, unplanned, throttled)| Troubles {
            calls,
            sleeps,
            unplanned,
            throttled,
            failing: BTreeSet::new(),
        })
}

fn quotas() -> impl Strategy<Value = Quotas> {
    let quota = || (0.5..20.0_f64, 1.0..5.0_f64).prop_map(|(rate, burst)| Quota { rate, burst });
    (quota(), quota()).prop_map(|(a, b)| [("a", a), ("b", b)].into_iter().collect())
}

fn run(
    plan: &Plan,
    quotas: &Quotas,
    troubles: &Troubles,
    options: &RunOptions,
    stops: &[u64],
) -> (RunReport<StepId>, Vec<Event>) {
    let clock = VirtualClock::new();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), quotas.clone());
    let simulation = Simulation::new(troubles);
    let stopping = async {
        for stop in stops {
            clock.sleep_until(Duration::from_millis(*stop)).await;
            options.cancellation.request();
        }
    };
    let running = scheduler.run(plan, &simulation, options);
    let (report, ()) = clock.run(futures::future::join(running, stopping)).expect("the run comes to its end");
    let events = simulation.events.lock().unwrap().clone();
    (report, events)
}

/// What holds for every run, however it ended.
fn check(
    plan: &Plan,
    quotas: &Quotas,
    parallelism: Option<usize>,
    report: &RunReport<StepId>,
    events: &[Event],
) -> Result<(), TestCaseError> {
    let mut running: BTreeSet<StepId> = BTreeSet::new();
    let mut ended: BTreeSet<StepId> = BTreeSet::new();
    let mut calls: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut under_way = 0_usize;
    for event in events {
        match event {
            Event::Started(id) => {
                let step = plan.step(*id);
                prop_assert!(
                    plan.needs(*id).iter().all(|needed| ended.contains(needed)),
                    "{id:?} needs what isn't done"
                );
                let makes_come_first = step.phase == Phase::Make
                    || plan.steps().iter().all(|other| other.phase == Phase::Remove || ended.contains(&other.id));
                prop_assert!(makes_come_first, "{id:?} removes before all is made");
                for other in &running {
                    let shares = |key| plan.step(*other).conflict_keys.contains(key);
                    prop_assert!(!step.conflict_keys.iter().any(shares), "{id:?} and {other:?} conflict");
                }
                prop_assert!(running.insert(*id), "{id:?} runs once");
            }
            Event::Ended(id) => {
                running.remove(id);
                ended.insert(*id);
            }
            Event::CallBegan(quota, time) => {
                under_way += 1;
                prop_assert!(parallelism.is_none_or(|most| under_way <= most), "{under_way} calls at a time");
                calls.entry(quota).or_default().push(*time);
            }
            Event::CallEnded => under_way -= 1,
        }
    }
    for name in QUOTAS {
        let times = calls.get(name).map(Vec::as_slice).unwrap_or_default();
        prop_assert_eq!(report.calls.get(name).copied().unwrap_or_default(), times.len() as u64);
        let Some(quota) = quotas.get(name) else { continue };
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let most = quota.burst + quota.rate * (*to - *from).as_secs_f64() + 1e-6;
                prop_assert!((last - first + 1) as f64 <= most, "too many calls of {name} from {from:?} to {to:?}");
            }
        }
    }
    for (step, made) in plan.steps().iter().zip(&report.steps) {
        let was_started = made.started.is_some();
        let ended_well = |id: &StepId| report.outcome(*id).is_done();
        match &made.outcome {
            Outcome::Succeeded(_) | Outcome::Failed(_) => prop_assert!(ended.contains(&step.id)),
            Outcome::Interrupted => prop_assert!(was_started && !ended.contains(&step.id)),
            Outcome::Skipped { cause } => {
                prop_assert!(!was_started && matches!(report.outcome(*cause), Outcome::Failed(_)));
            }
            Outcome::NotStarted => prop_assert!(!was_started && report.cancelled),
            Outcome::NotNeeded | Outcome::NotIncluded => prop_assert!(false, "no replacement, all included"),
        }
        if was_started {
            prop_assert!(plan.needs(step.id).iter().all(ended_well), "{:?} ran without what it needs", step.id);
        }
    }
    Ok(())
}

/// All steps that a failure of `failed` must skip: what needs it, and all removals when it was to make something.
fn doomed(plan: &Plan, failed: &BTreeSet<StepId>) -> BTreeSet<StepId> {
    let mut doomed = BTreeSet::new();
    for step in plan.in_order() {
        let by_need = plan.needs(step.id).iter().any(|needed| failed.contains(needed) || doomed.contains(needed));
        let by_phase = step.phase == Phase::Remove && failed.iter().any(|id| plan.step(*id).phase == Phase::Make);
        if by_need || by_phase {
            doomed.insert(step.id);
        }
    }
    doomed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_keep_to_all_limits_and_are_the_same_each_time(
        nodes in nodes(),
        quotas in quotas(),
        troubles in troubles(),
        parallelism in prop::option::of(1..6_usize),
    ) {
        let plan = planned(&nodes);
        let options = RunOptions { parallelism, ..RunOptions::default() };
        let (report, events) = run(&plan, &quotas, &troubles, &options, &[]);
        check(&plan, &quotas, parallelism, &report, &events)?;
        prop_assert!(report.is_success());
        let (again, same_events) = run(&plan, &quotas, &troubles, &options, &[]);
        prop_assert_eq!(report, again);
        prop_assert_eq!(events, same_events);
    }

    #[test]
    fn a_failure_skips_what_needs_it_and_only_that(
        nodes in nodes(),
        quotas in quotas(),
        troubles in troubles(),
        failing in prop::collection::btree_set(0..MOST as u32, 1..4),
    ) {
        let plan = planned(&nodes);
        let troubles = Troubles { failing, ..troubles };
        let (report, events) = run(&plan, &quotas, &troubles, &RunOptions::default(), &[]);
        check(&plan, &quotas, None, &report, &events)?;
        let failed: BTreeSet<StepId> = report.failures().map(|(id, _)| id).collect();
        let doomed = doomed(&plan, &failed);
        for step in plan.steps() {
            let was_skipped = matches!(report.outcome(step.id), Outcome::Skipped { .. });
            prop_assert_eq!(was_skipped, doomed.contains(&step.id));
        }
    }

    #[test]
    fn cancelling_leaves_a_consistent_report(
        nodes in nodes(),
        quotas in quotas(),
        troubles in troubles(),
        failing in prop::collection::btree_set(0..MOST as u32, 0..2),
        stops in prop::collection::vec(0..4000_u64, 1..3),
    ) {
        let plan = planned(&nodes);
        let troubles = Troubles { failing, ..troubles };
        let stops: Vec<u64> = stops.iter().scan(0, |time, more| { *time += more; Some(*time) }).collect();
        let options = RunOptions { cancellation: Cancellation::new(), ..RunOptions::default() };
        let (report, events) = run(&plan, &quotas, &troubles, &options, &stops);
        check(&plan, &quotas, None, &report, &events)?;
        let was_interrupted = report.steps.iter().any(|step| step.outcome == Outcome::Interrupted);
        prop_assert!(!was_interrupted || stops.len() == 2, "the first request drops nothing");
        // What was asked to stop is done by a second run of the rest.
        if report.failures().next().is_none() && !was_interrupted {
            let done = plan.steps().iter().map(|step| step.id).filter(|id| report.outcome(*id).is_done()).collect();
            let options = RunOptions { done, ..RunOptions::default() };
            let (rest, _) = run(&plan, &quotas, &troubles, &options, &[]);
            let is_finished = |step: &Step| report.outcome(step.id).is_done() != matches!(rest.outcome(step.id), Outcome::Succeeded(_));
            prop_assert!(rest.failures().next().is_some() || plan.steps().iter().all(is_finished));
        }
    }

    #[test]
    fn no_run_is_faster_than_the_lower_bound(nodes in nodes(), quotas in quotas()) {
        let plan = planned(&nodes);
        let bound = lower_bound(&plan, &quotas, |_| true);
        let (report, _) = run(&plan, &quotas, &Troubles::default(), &RunOptions::default(), &[]);
        let nearly = bound.duration.saturating_sub(Duration::from_micros(1));
        prop_assert!(report.elapsed >= nearly, "{:?} < {:?} by {}", report.elapsed, bound.duration, bound.binding);
        prop_assert!(report.elapsed <= bound.duration * 3, "{:?} > 3 × {:?}", report.elapsed, bound.duration);
        let on_path: Duration = bound.critical_path.iter().map(|id| plan.step(*id).estimated).sum();
        prop_assert_eq!(Some(&on_path), bound.bounds.iter().find(|(of, _)| *of == resource_graph::Bound::CriticalPath).map(|(_, time)| time));
    }
}
