//! What takes its time: health checks, slow calls, people. The time is simulated, so none of this takes any.

use std::time::Duration;

use semantest_iac::application::DeploymentResult;

use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::lab::{Command, How, Lab};
use super::lab::program::REST;
use super::lab::store::Tail;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A lab whose component gives no answer for a minute.
fn without_answer() -> Lab {
    let lab = Lab::default();
    *lab.health.is_ill.lock().expect("no panic") = true;
    *lab.health.takes.lock().expect("no panic") = seconds(60);
    lab
}

/// When checkpoints were written.
fn checkpoints(lab: &Lab) -> Vec<Duration> {
    let points = lab.points();
    points.iter().filter(|point| point.label == "checkpoint").map(|point| point.time).collect()
}

#[test]
fn a_server_that_gives_no_answer_has_its_output_told_when_its_time_is_up() {
    let lab = without_answer();
    // Lambda writes what a call printed when the call is over: within the function's timeout of 3 s.
    lab.cloud.prints(seconds(62), "TypeError: nothing is a function");
    let report = lab.deploy(&REST.program().checked("rest"));
    assert_eq!(report.result, DeploymentResult::NeedsAttention);
    assert!(report.errors[0].message.contains("TypeError"), "{:?}", report.errors);
    // Asked again each second, and once more when something came: there may be more of it.
    assert_eq!(lab.cloud.output_asked(), [60, 61, 62, 63].map(seconds));
    assert_eq!(report.duration_ms, 63_000);
    // Before the first call, while it went on, and at the end.
    assert_eq!(checkpoints(&lab), [0, 30, 63].map(seconds));
}

#[test]
fn output_that_never_comes_is_waited_for_as_long_as_it_can_come() {
    let lab = without_answer();
    let report = lab.deploy(&REST.program().checked("rest"));
    assert_eq!(report.result, DeploymentResult::NeedsAttention);
    // The function's 3 s, and the 5 s that its output takes to its log.
    assert_eq!(report.duration_ms, 68_000);
}

#[test]
fn a_stop_ends_the_wait_for_a_health_check() {
    let program = REST.program().checked("rest");
    let probe = without_answer();
    probe.deploy(&program);
    let is_between = |time: Duration| time > Duration::ZERO && time < seconds(60);
    let at = probe.points().iter().position(|point| point.kind == Kind::Store && is_between(point.time));
    let fault = Fault { at: at.expect("a checkpoint"), moment: Moment::Before, act: Act::Stop };
    let lab = without_answer();
    let report = lab.run(&Command::Deploy(program), &How::default(), &[fault]).expect("it lives").expect("a report");
    assert_eq!(report.result, DeploymentResult::Interrupted);
    assert_eq!(report.duration_ms, 30_000);
}

#[test]
fn a_slow_deployment_writes_checkpoints_now_and_then() {
    let lab = Lab::default();
    *lab.script.pace.lock().expect("no panic") = seconds(40);
    let report = lab.deploy(&REST.program());
    assert_eq!(report.result, DeploymentResult::Succeeded);
    let written = checkpoints(&lab);
    let (first, rest) = written.split_first().expect("one before the first call");
    let (last, between) = rest.split_last().expect("one at the end");
    let since: Vec<_> = between.iter().map(|at| *at - *first).collect();
    assert_eq!(since, [30, 90, 210].map(seconds)[..between.len()]);
    // What stands there already is looked for before, all at the same time.
    assert!(between.len() >= 2 && *first == seconds(40) && last.as_millis() == u128::from(report.duration_ms));
    *lab.script.pace.lock().expect("no panic") = Duration::ZERO;
    lab.assert_is(&REST.program(), "slow");
}

#[test]
fn nobody_is_kept_waiting_by_a_question() {
    // Somebody else's deployment died, so that the plan is another one under the lock.
    let lab = Lab::default();
    let at = 12;
    lab.kill(
        &Command::Deploy(REST.program()),
        &[Fault { at, moment: Moment::After, act: Act::Die }],
        Tail::Kept(usize::MAX),
    );
    *lab.person.thinks.lock().expect("no panic") = seconds(600);
    let report = lab.deploy(&REST.program());
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(*lab.person.asked.lock().expect("no panic"), (2, 0), "asked once more, and the stack is free meanwhile");
    lab.assert_is(&REST.program(), "asked again");
    let events = lab.collected.events.lock().expect("no panic");
    assert!(events.iter().any(|event| event.event.event_type() == "DeploymentRecovered"));
}

#[test]
fn what_a_person_takes_to_answer_is_not_the_deployments_time() {
    let lab = Lab::default();
    *lab.script.pace.lock().expect("no panic") = Duration::from_millis(100);
    let report = lab.deploy(&REST.program());
    let lab = Lab::default();
    *lab.script.pace.lock().expect("no panic") = Duration::from_millis(100);
    *lab.person.thinks.lock().expect("no panic") = seconds(600);
    assert_eq!(lab.deploy(&REST.program()).duration_ms, report.duration_ms);
}
