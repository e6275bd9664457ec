use std::sync::Mutex;

use super::*;
use crate::{
    CallCost, OperationCost, OutputReference, PlanOptions, Quota, ResourceGraph, ResourceSpec, ResourceTypeInfo,
    ResourceTypes, TypeToken, Urn, VirtualClock,
};

const CALL: OperationCost = OperationCost::new(&[CallCost { quota: "q", calls: 1 }], 100);
const MILLISECONDS_100: Duration = Duration::from_millis(100);

struct OneType(ResourceTypeInfo);

impl ResourceTypes for OneType {
    fn info(&self, _: &TypeToken) -> Option<&ResourceTypeInfo> {
        Some(&self.0)
    }
}

fn types() -> OneType {
    OneType(ResourceTypeInfo {
        token: "t:m:T",
        replace_on: &[],
        stable_outputs: &[],
        delete_before_replace: false,
        conflict_input: Some("api"),
        conflict_scope: "api",
        id_within: &[],
        create: CALL,
        update: CALL,
        delete: CALL,
        read: CALL,
        equivalent: crate::resource::resource_type::never_equivalent,
    })
}

fn urn(name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("t:m:T"), name)
}

/// Creates of resources `(name, needs, api)`.
fn plan(resources: &[(&str, &[&str], Option<&str>)]) -> Plan {
    let specs = resources.iter().map(|(name, needs, api)| {
        let mut spec = ResourceSpec::new(urn(name), crate::PropertyMap::new());
        for (index, needed) in needs.iter().enumerate() {
            spec.inputs.insert(format!("i{index}"), OutputReference::new(urn(needed), "id"));
        }
        if let Some(api) = api {
            spec.inputs.insert("api", *api);
        }
        spec
    });
    let records: [crate::ResourceRecord; 0] = [];
    crate::planner::plan(&ResourceGraph::new(specs).unwrap(), &records, &types(), &PlanOptions::default()).unwrap()
}

/// Makes one call of 100 ms per step; steps can fail, sleep before, or run into throttling once.
#[derive(Default)]
struct Simulation {
    log: Mutex<Vec<(String, u64, u64)>>,
    failing: Vec<&'static str>,
    sleeping: Vec<&'static str>,
    throttled: Mutex<Vec<&'static str>>,
    stops: Option<(&'static str, Cancellation)>,
}

#[async_trait]
impl Executor for Simulation {
    type Error = String;

    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, String> {
        let name = step.urn.name();
        let start = context.now();
        if let Some((_, cancellation)) = self.stops.as_ref().filter(|(at, _)| *at == name) {
            cancellation.request();
        }
        if self.sleeping.contains(&name) {
            context.sleep(Duration::from_secs(5)).await;
        }
        loop {
            context.call("q", || context.sleep(MILLISECONDS_100)).await;
            let mut throttled = self.throttled.lock().unwrap();
            let Some(index) = throttled.iter().position(|other| *other == name) else { break };
            throttled.remove(index);
            context.throttled("q");
        }
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        self.log.lock().unwrap().push((name.to_owned(), milliseconds(start), milliseconds(context.now())));
        if self.failing.contains(&name) { Err(format!("{name} failed")) } else { Ok(StepResult::Done) }
    }
}

fn run(
    plan: &Plan,
    simulation: &Simulation,
    quotas: &[(&str, Quota)],
    options: &RunOptions,
) -> (RunReport<String>, Vec<(String, u64, u64)>) {
    let clock = VirtualClock::new();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), quotas.iter().copied().collect());
    let report = clock.run(scheduler.run(plan, simulation, options)).unwrap();
    let log = simulation.log.lock().unwrap().clone();
    (report, log)
}

fn names(log: &[(String, u64, u64)]) -> Vec<&str> {
    log.iter().map(|(name, ..)| name.as_str()).collect()
}

fn outcome<'r>(plan: &Plan, report: &'r RunReport<String>, name: &str) -> &'r Outcome<String> {
    report.outcome(plan.steps_of(&urn(name)).next().unwrap().id)
}

#[test]
fn steps_run_side_by_side_but_after_what_they_need() {
    let plan = plan(&[("a", &[], None), ("b", &["a"], None), ("c", &["a"], None), ("d", &["b", "c"], None)]);
    let (report, log) = run(&plan, &Simulation::default(), &[], &RunOptions::default());
    assert!(report.is_success());
    assert_eq!(report.elapsed, Duration::from_millis(300));
    assert_eq!(names(&log), ["a", "b", "c", "d"]);
    assert_eq!(report.calls.get("q"), Some(&4));
}

#[test]
fn the_longest_remaining_path_goes_first() {
    let plan = plan(&[("x", &[], None), ("y", &[], None), ("long", &[], None), ("end", &["long"], None)]);
    let options = RunOptions { parallelism: Some(1), ..RunOptions::default() };
    let (_, log) = run(&plan, &Simulation::default(), &[], &options);
    assert_eq!(names(&log), ["long", "x", "y", "end"]);
}

#[test]
fn a_quota_lets_its_burst_through_at_once_and_then_its_rate() {
    let plan = plan(&[("a", &[], None), ("b", &[], None), ("c", &[], None), ("d", &[], None)]);
    let (report, log) = run(&plan, &Simulation::default(), &[("q", Quota::new(2.0, 2.0))], &RunOptions::default());
    let ends: Vec<u64> = log.iter().map(|(_, _, end)| *end).collect();
    assert_eq!(ends, [100, 100, 600, 1100]);
    assert!(report.is_success());
}

#[test]
fn waits_for_quotas_are_told_apart_from_work() {
    struct TwoCalls;
    #[async_trait]
    impl Executor for TwoCalls {
        type Error = ();
        async fn execute(&self, _: &Step, context: &StepContext) -> Result<StepResult, ()> {
            for _ in 0..2 {
                context.call("q", || context.sleep(MILLISECONDS_100)).await;
            }
            assert_eq!(context.waited().as_millis(), 900);
            Ok(StepResult::Done)
        }
    }
    let clock = VirtualClock::new();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), [("q", Quota::new(1.0, 1.0))].into_iter().collect());
    let plan = plan(&[("a", &[], None)]);
    let report = clock.run(scheduler.run(&plan, &TwoCalls, &RunOptions::default())).unwrap();
    assert_eq!(report.steps[0].busy().map(|busy| busy.as_millis()), Some(200));
}

#[test]
fn steps_that_share_a_key_never_run_side_by_side() {
    let plan = plan(&[("a", &[], Some("1")), ("b", &[], Some("1")), ("c", &[], Some("2"))]);
    let (report, log) = run(&plan, &Simulation::default(), &[], &RunOptions::default());
    assert_eq!(report.elapsed, Duration::from_millis(200));
    assert_eq!(log, [("a".into(), 0, 100), ("c".into(), 0, 100), ("b".into(), 100, 200)]);
}

#[test]
fn a_step_that_sleeps_holds_no_slot() {
    let plan = plan(&[("a", &[], None), ("b", &[], None), ("c", &[], None)]);
    let simulation = Simulation { sleeping: vec!["a"], ..Simulation::default() };
    let options = RunOptions { parallelism: Some(1), ..RunOptions::default() };
    let (report, log) = run(&plan, &simulation, &[("q", Quota::new(10.0, 1.0))], &options);
    assert_eq!(names(&log), ["b", "c", "a"]);
    assert_eq!(report.elapsed, Duration::from_millis(5100));
}

#[test]
fn a_failure_skips_what_needs_it_and_nothing_else() {
    let plan =
        plan(&[("a", &[], None), ("b", &["a"], None), ("c", &["b"], None), ("x", &[], None), ("y", &["x"], None)]);
    let simulation = Simulation { failing: vec!["a"], ..Simulation::default() };
    let (report, log) = run(&plan, &simulation, &[], &RunOptions::default());
    assert_eq!(names(&log), ["a", "x", "y"]);
    let cause = plan.steps_of(&urn("a")).next().unwrap().id;
    assert_eq!(outcome(&plan, &report, "c"), &Outcome::Skipped { cause });
    assert_eq!(report.failures().map(|(_, error)| error.as_str()).collect::<Vec<_>>(), ["a failed"]);
    assert!(!report.is_success());
}

#[test]
fn the_first_request_to_stop_lets_running_steps_finish_and_the_second_does_not() {
    let plan = plan(&[("a", &[], None), ("b", &["a"], None), ("c", &["b"], None)]);
    let cancellation = Cancellation::new();
    let options = RunOptions { cancellation: cancellation.clone(), ..RunOptions::default() };
    let simulation = Simulation { stops: Some(("b", cancellation.clone())), ..Simulation::default() };
    let (report, _) = run(&plan, &simulation, &[], &options);
    assert!(report.cancelled);
    assert_eq!(outcome(&plan, &report, "b"), &Outcome::Succeeded(StepResult::Done));
    assert_eq!(outcome(&plan, &report, "c"), &Outcome::NotStarted);
    let cancellation = Cancellation::new();
    let options = RunOptions { cancellation: cancellation.clone(), ..RunOptions::default() };
    let simulation = Simulation { stops: Some(("a", cancellation.clone())), ..Simulation::default() };
    cancellation.request();
    assert_eq!(cancellation.urgency(), Urgency::Graceful);
    let (report, _) = run(&plan, &simulation, &[], &options);
    assert_eq!(outcome(&plan, &report, "a"), &Outcome::NotStarted, "a stop asked for before the run starts nothing");
}

#[test]
fn an_immediate_stop_drops_what_runs() {
    let plan = plan(&[("a", &[], None), ("b", &["a"], None)]);
    let cancellation = Cancellation::new();
    let options = RunOptions { cancellation: cancellation.clone(), ..RunOptions::default() };
    let clock = VirtualClock::new();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), Quotas::new());
    let simulation = Simulation { sleeping: vec!["a"], ..Simulation::default() };
    let stop = async {
        clock.sleep_until(Duration::from_secs(1)).await;
        cancellation.request();
        clock.sleep_until(Duration::from_secs(2)).await;
        cancellation.request();
    };
    let (report, ()) = clock.run(futures::future::join(scheduler.run(&plan, &simulation, &options), stop)).unwrap();
    assert_eq!(outcome(&plan, &report, "a"), &Outcome::Interrupted);
    assert_eq!(outcome(&plan, &report, "b"), &Outcome::NotStarted);
    assert_eq!(report.elapsed, Duration::from_secs(2));
}

#[test]
fn throttling_narrows_the_quota_for_all_and_time_widens_it_again() {
    let clock = VirtualClock::new();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), [("q", Quota::new(10.0, 10.0))].into_iter().collect());
    let simulation = Simulation { throttled: Mutex::new(vec!["a"]), ..Simulation::default() };
    let plan = plan(&[("a", &[], None)]);
    assert!(clock.run(scheduler.run(&plan, &simulation, &RunOptions::default())).unwrap().is_success());
    let narrowed = scheduler.current_rate("q").unwrap();
    assert!((5.0..6.0).contains(&narrowed), "{narrowed}");
    clock.run(clock.sleep_until(Duration::from_secs(60))).unwrap();
    assert_eq!(scheduler.current_rate("q"), Some(10.0));
}

#[test]
fn phases_can_be_run_apart() {
    let plan = plan(&[("a", &[], None)]);
    let options = RunOptions { phases: Phases::Remove, ..RunOptions::default() };
    let (report, log) = run(&plan, &Simulation::default(), &[], &options);
    assert!(log.is_empty() && report.is_success());
    assert_eq!(outcome(&plan, &report, "a"), &Outcome::NotIncluded);
}

#[tokio::test]
async fn it_runs_on_real_time_and_its_future_can_be_sent() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let plan = plan(&[("a", &[], None), ("b", &["a"], None)]);
    let scheduler = Scheduler::new(Arc::new(crate::SystemClock::new()), Quotas::new());
    let simulation = Simulation::default();
    let options = RunOptions::default();
    let report = is_send(scheduler.run(&plan, &simulation, &options)).await;
    assert!(report.is_success());
}

#[test]
fn calls_outside_of_plans_wait_for_the_same_tokens() {
    let clock = VirtualClock::new();
    let quotas = [("q", Quota::new(10.0, 2.0))].into_iter().collect();
    let scheduler = Scheduler::new(Arc::new(clock.clone()), quotas);
    let times = clock
        .run(async {
            let calls = (0..4).map(|_| async {
                scheduler.token("q").await;
                scheduler.clock().now().as_millis()
            });
            let mut times: Vec<u128> = futures::future::join_all(calls).await;
            scheduler.run(&plan(&[("a", &[], None)]), &Simulation::default(), &RunOptions::default()).await;
            times.push(scheduler.clock().now().as_millis());
            times
        })
        .unwrap();
    // Two at once, then one each 100 ms; the step's call waits for its token too, and takes 100 ms.
    assert_eq!(times, [0, 0, 100, 200, 400]);
    scheduler.throttled("q");
    assert!(scheduler.current_rate("q").is_some_and(|rate| rate < 6.0));
}
