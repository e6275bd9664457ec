//! Every call to the cloud fails once, before and after its effect, in every way; one more command gets to the wanted state.

use semantest_iac::application::{DeploymentResult, ErrorKind};
use semantest_iac::ports::ProviderErrorKind;

use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::lab::{Command, How, Lab, assert_none};
use super::lab::program::{CHANGED, Program, REST, RestApi};
use crate::saga::kills::{finish, lab_with};

const KINDS: [ProviderErrorKind; 10] = [
    ProviderErrorKind::NotFound,
    ProviderErrorKind::AlreadyExists,
    ProviderErrorKind::Refused,
    ProviderErrorKind::Denied,
    ProviderErrorKind::Conflict,
    ProviderErrorKind::Throttled,
    ProviderErrorKind::Unavailable,
    ProviderErrorKind::Timeout,
    ProviderErrorKind::Cancelled,
    ProviderErrorKind::Internal,
];

/// Whether a cloud may answer so after it did what it was asked for: a refusal has no effect.
fn may_follow_effect(kind: ProviderErrorKind) -> bool {
    use ProviderErrorKind::{Cancelled, Conflict, Internal, Timeout, Unavailable};
    matches!(kind, Conflict | Unavailable | Timeout | Cancelled | Internal)
}

/// Lets `command` fail at every call, then runs `next`.
fn fail_everywhere(before: &[Program], command: &Command, next: &Command) {
    fail_everywhere_in(&|| lab_with(before), command, next);
}

/// As [`fail_everywhere`], each time in a lab of its own.
pub fn fail_everywhere_in(make: &dyn Fn() -> Lab, command: &Command, next: &Command) {
    let lab = make();
    lab.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = lab.points();
    let wants_other = format!("{command:?}") != format!("{next:?}");
    let mut wrong = Vec::new();
    for at in (0..points.len()).filter(|at| points[*at].kind != Kind::Store) {
        for kind in KINDS {
            for moment in [Moment::Before, Moment::After] {
                // A cloud that refuses what it has done, or calls gone what it hasn't deleted, can only be got over by
                // wanting the same again.
                let lies = match moment {
                    Moment::After => !may_follow_effect(kind),
                    Moment::Before => kind == ProviderErrorKind::NotFound && points[at].label.starts_with("delete"),
                };
                if lies && (wants_other || moment == Moment::Before) {
                    continue;
                }
                let lab = make();
                let what = format!("{kind:?} {moment:?} {at} ({})", points[at].label);
                let fault = Fault { at, moment, act: Act::Fail(kind) };
                let ended = lab.run(command, &How::default(), &[fault]).expect("it lives");
                assert_eq!(lab.script.met(), 1, "{what}");
                if let Ok(report) = &ended
                    && report.result != DeploymentResult::Succeeded
                {
                    let is_open = lab.store.has_journal();
                    // Nothing is left open but what nobody knows.
                    if is_open && report.result == DeploymentResult::Failed {
                        wrong.push(format!("{what}: the journal is open, but nothing is said to be changed"));
                    }
                    if report.errors.is_empty() {
                        wrong.push(format!("{what}: no error is told"));
                    }
                }
                wrong.extend(finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
            }
        }
    }
    assert_none(&wrong);
}

/// A change without replacements.
fn updated() -> RestApi {
    RestApi { memory: 512, code: "c3", policy: "more", throttle: 99, routes: &["GET /", "PUT /", "$default"], ..REST }
}

#[test]
fn a_first_deployment_that_failed_anywhere_is_finished_by_the_next() {
    let command = Command::Deploy(REST.program());
    fail_everywhere(&[], &command, &command);
}

#[test]
fn a_first_deployment_that_failed_anywhere_can_be_destroyed() {
    fail_everywhere(&[], &Command::Deploy(REST.program()), &Command::Destroy);
}

#[test]
fn replacements_that_failed_anywhere_are_finished_by_the_next() {
    let command = Command::Deploy(CHANGED.program());
    fail_everywhere(&[REST.program()], &command, &command);
}

#[test]
fn replacements_that_failed_anywhere_can_be_taken_back() {
    fail_everywhere(&[REST.program()], &Command::Deploy(CHANGED.program()), &Command::Deploy(REST.program()));
}

#[test]
fn updates_that_failed_anywhere_are_finished_by_the_next() {
    let command = Command::Deploy(updated().program());
    fail_everywhere(&[REST.program()], &command, &command);
}

#[test]
fn updates_that_failed_anywhere_can_be_taken_back() {
    fail_everywhere(&[REST.program()], &Command::Deploy(updated().program()), &Command::Deploy(REST.program()));
}

#[test]
fn a_destruction_that_failed_anywhere_is_finished_by_the_next() {
    fail_everywhere(&[REST.program()], &Command::Destroy, &Command::Destroy);
}

/// A build takes minutes; a dead proxy or an unreadable state is told at once.
#[test]
fn nobody_waits_for_a_build_once_something_else_has_failed() {
    let program = REST.program();
    let command = Command::Deploy(program.clone());
    let lab = Lab::default();
    lab.deploy(&program);
    let at = lab.points().iter().position(|point| point.label == "identity").expect("it asks who we are");
    let mut lab = Lab::default();
    lab.builds_never_end = true;
    let fault = Fault { at, moment: Moment::Before, act: Act::Fail(ProviderErrorKind::Unavailable) };
    let error = lab.run(&command, &How::default(), &[fault]).expect("it lives").expect_err("a failure");
    assert!(format!("{error:?}").contains("identity failed by the script"), "{error:?}");
}

#[test]
fn a_stop_anywhere_gives_the_lock_back() {
    for command in [Command::Deploy(CHANGED.program()), Command::Destroy] {
        let probe = lab_with(&[REST.program()]);
        probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
        let mut wrong = Vec::new();
        for (at, point) in probe.points().iter().enumerate() {
            for moment in [Moment::Before, Moment::After] {
                let lab = lab_with(&[REST.program()]);
                let what = format!("stopped {moment:?} {at} ({})", point.label);
                let ended = lab.run(&command, &How::default(), &[Fault { at, moment, act: Act::Stop }]);
                if let Err(error) = ended.expect("it lives")
                    && error.kind != ErrorKind::Interrupted
                {
                    wrong.push(format!("{what}: {error}"));
                }
                if lab.store.is_locked() {
                    wrong.push(format!("{what}: the lock is still held"));
                }
                wrong.extend(finish(&lab, &command).into_iter().map(|wrong| format!("{what}: {wrong}")));
            }
        }
        assert_none(&wrong);
    }
}
