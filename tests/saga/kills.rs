//! The process dies at every call to the cloud and every access to the state; one more command gets to the wanted state.

use std::time::Duration;

use resource_graph::Clock;
use semantest_iac::application::DeploymentResult;

use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::kinds;
use super::lab::lab::{Command, How, Lab, assert_none};
use super::lab::program::{CHANGED, Program, REST, RestApi};
use super::lab::store::Tail;

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];
const TAILS: [Tail; 3] = [Tail::Lost, Tail::Kept(usize::MAX), Tail::Kept(3)];

/// A lab after some deployments.
pub fn lab_with(before: &[Program]) -> Lab {
    let lab = Lab::default();
    for program in before {
        let report = lab.deploy(program);
        assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    }
    lab
}

/// Kills `command` at every point, then runs `next`, and collects what is wrong.
fn kill_everywhere(before: &[Program], command: &Command, next: &Command) {
    kill_everywhere_in(&|| lab_with(before), command, next);
}

/// As [`kill_everywhere`], each time in a lab of its own.
pub fn kill_everywhere_in(make: &dyn Fn() -> Lab, command: &Command, next: &Command) {
    let lab = make();
    lab.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = lab.points();
    assert!(points.len() > 10);
    let mut wrong = Vec::new();
    for (at, point) in points.iter().enumerate() {
        for moment in MOMENTS {
            for tail in TAILS {
                let lab = make();
                let died = lab.kill(command, &[Fault { at, moment, act: Act::Die }], tail).is_none();
                assert!(died, "the run goes the same way each time");
                let what = format!("killed {moment:?} {at} ({}), events {tail:?}", point.label);
                wrong.extend(finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
            }
        }
    }
    assert_none(&wrong);
}

/// Runs a last command; what is wrong afterwards.
pub fn finish(lab: &Lab, next: &Command) -> Vec<String> {
    let report = match lab.run(next, &How::default(), &[]).expect("it lives") {
        Ok(report) => report,
        Err(error) => return vec![format!("the next command failed: {error}")],
    };
    if report.result != DeploymentResult::Succeeded {
        return vec![format!("the next command ended as {:?}: {:?}", report.result, report.errors)];
    }
    match next {
        Command::Deploy(program) => lab.faults_of(program),
        Command::Destroy => {
            let mut wrong = lab.differences();
            wrong.extend(lab.records().iter().map(|record| format!("{} is still recorded", record.urn)));
            wrong
        }
    }
}

#[test]
fn a_first_deployment_killed_anywhere_is_finished_by_the_next() {
    let command = Command::Deploy(REST.program());
    kill_everywhere(&[], &command, &command);
}

#[test]
fn a_first_deployment_killed_anywhere_can_be_destroyed() {
    kill_everywhere(&[], &Command::Deploy(REST.program()), &Command::Destroy);
}

#[test]
fn a_change_killed_anywhere_is_finished_by_the_next() {
    let command = Command::Deploy(CHANGED.program());
    kill_everywhere(&[REST.program()], &command, &command);
}

#[test]
fn a_change_killed_anywhere_can_be_taken_back() {
    kill_everywhere(&[REST.program()], &Command::Deploy(CHANGED.program()), &Command::Deploy(REST.program()));
}

#[test]
fn a_change_killed_anywhere_can_be_destroyed() {
    kill_everywhere(&[REST.program()], &Command::Deploy(CHANGED.program()), &Command::Destroy);
}

#[test]
fn a_destruction_killed_anywhere_is_finished_by_the_next() {
    kill_everywhere(&[REST.program()], &Command::Destroy, &Command::Destroy);
}

#[test]
fn a_destruction_killed_anywhere_can_be_taken_back() {
    kill_everywhere(&[REST.program()], &Command::Destroy, &Command::Deploy(REST.program()));
}

#[test]
fn a_change_killed_anywhere_may_be_followed_by_another_one() {
    // The component is gone from the configuration, and another one is there, when the next deployment runs.
    let other = RestApi { name: "other", role: "other-role", ..REST };
    kill_everywhere(&[REST.program()], &Command::Deploy(CHANGED.program()), &Command::Deploy(other.program()));
}

/// Kills `command` at a point, then each next try of `next` at each of its points, then lets one live.
fn kill_twice(before: &[Program], command: &Command, next: &Command) {
    let probe = lab_with(before);
    probe.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = probe.points();
    let mut wrong = Vec::new();
    // Deaths right after something happened are those that leave the most open.
    for at in (0..points.len()).filter(|at| points[*at].kind != Kind::Read) {
        let first = || {
            let lab = lab_with(before);
            lab.kill(command, &[Fault { at, moment: Moment::After, act: Act::Die }], Tail::Lost);
            lab
        };
        let probe = first();
        let _ = probe.run(next, &How::default(), &[]).expect("it lives");
        let again = probe.points();
        // A third of the points of the second run each time: together they are all of them, many times over.
        for at_again in (at % 3..again.len()).step_by(3) {
            let lab = first();
            lab.kill(next, &[Fault { at: at_again, moment: Moment::After, act: Act::Die }], Tail::Lost);
            let what =
                format!("killed after {at} ({}), then after {at_again} ({})", points[at].label, again[at_again].label);
            wrong.extend(finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_first_deployment_may_be_killed_twice() {
    let command = Command::Deploy(REST.program());
    kill_twice(&[], &command, &command);
}

#[test]
fn a_change_may_be_killed_twice() {
    let command = Command::Deploy(CHANGED.program());
    kill_twice(&[REST.program()], &command, &command);
}

#[test]
fn a_destruction_may_be_killed_twice() {
    kill_twice(&[REST.program()], &Command::Deploy(CHANGED.program()), &Command::Destroy);
}

/// Kills `command` in each call that changes something, which the cloud carries out a while later; then runs `next` at once.
fn carry_out_late(before: &[Program], command: &Command, next: &Command) {
    let lab = lab_with(before);
    lab.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = lab.points();
    let mut wrong = Vec::new();
    for (at, point) in points.iter().enumerate().filter(|(_, point)| point.kind == Kind::Write) {
        for late in [Duration::from_millis(500), Duration::from_secs(10)] {
            let lab = lab_with(before);
            let fault = Fault { at, moment: Moment::After, act: Act::DieLate(late) };
            assert!(lab.kill(command, &[fault], Tail::Kept(usize::MAX)).is_none());
            let what = format!("killed in {at} ({}), carried out {late:?} later", point.label);
            wrong.extend(finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn what_a_dead_deployment_had_asked_for_may_be_carried_out_late() {
    let (rest, changed) = (Command::Deploy(REST.program()), Command::Deploy(CHANGED.program()));
    carry_out_late(&[], &rest, &rest);
    carry_out_late(&[], &rest, &changed);
    carry_out_late(&[], &rest, &Command::Destroy);
    carry_out_late(&[REST.program()], &changed, &changed);
    carry_out_late(&[REST.program()], &changed, &rest);
    carry_out_late(&[REST.program()], &changed, &Command::Destroy);
    carry_out_late(&[REST.program()], &Command::Destroy, &rest);
    carry_out_late(&[REST.program()], &Command::Destroy, &Command::Destroy);
}

#[test]
fn nobody_waits_for_what_was_cut_off_a_while_ago() {
    let lab = Lab::default();
    let command = Command::Deploy(REST.program());
    let probe = Lab::default();
    probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
    let at = probe.points().iter().position(|point| point.kind == Kind::Write).expect("a call");
    lab.kill(&command, &[Fault { at, moment: Moment::Before, act: Act::Die }], Tail::Kept(usize::MAX));
    let clock = &lab.script.clock;
    clock.run(clock.sleep_until(Duration::from_secs(60))).expect("it goes on");
    let before = lab.script.clock.now();
    assert_none(&finish(&lab, &command));
    assert_eq!(lab.script.clock.now(), before);
}

#[test]
fn a_clock_that_was_ahead_makes_nobody_wait_for_hours() {
    let lab = Lab::default();
    let command = Command::Deploy(REST.program());
    lab.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
    let changed = Command::Deploy(CHANGED.program());
    let probe = lab_with(&[REST.program()]);
    probe.run(&changed, &How::default(), &[]).expect("it lives").expect("a report");
    let at = probe.points().iter().position(|point| point.kind == Kind::Write).expect("a call");
    lab.goes_ahead_by(Duration::from_secs(7_200));
    lab.kill(&changed, &[Fault { at, moment: Moment::Before, act: Act::Die }], Tail::Kept(usize::MAX));
    lab.goes_ahead_by(Duration::ZERO);
    let before = lab.script.clock.now();
    assert_none(&finish(&lab, &changed));
    assert!(lab.script.clock.now() - before <= Duration::from_secs(16));
}

#[test]
fn what_was_made_twice_all_the_same_goes_when_it_is_destroyed() {
    let command = Command::Deploy(REST.program());
    let probe = Lab::default();
    probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
    let mut doubled = 0;
    for (at, _) in probe.points().iter().enumerate().filter(|(_, point)| point.kind == Kind::Write) {
        let lab = Lab::default();
        let late = Act::DieLate(Duration::from_secs(3_600));
        lab.kill(&command, &[Fault { at, moment: Moment::After, act: late }], Tail::Kept(usize::MAX));
        lab.deploy(&REST.program());
        let count = |lab: &Lab| lab.cloud.objects().iter().filter(|it| it.kind.info.token == kinds::API).count();
        doubled += usize::from(count(&lab) == 2);
        lab.destroy();
        assert_eq!(count(&lab), 0, "killed in {at}");
    }
    assert_eq!(doubled, 1, "one of the calls makes the API");
}
