//! After a death, something can't be read: that keeps nothing else from going on, and nothing is forgotten.

use semantest_iac::application::DeploymentResult;
use semantest_iac::ports::Notice;

use super::kills::{finish, lab_with};
use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::kinds;
use super::lab::lab::{Command, How, Lab, assert_none};
use super::lab::program::{CHANGED, Program, REST, RestApi};
use super::lab::store::Tail;

/// Labs in which `command` has died after each of its calls that change something.
fn died_in(before: &[Program], command: &Command) -> impl Iterator<Item = (String, Lab)> {
    let probe = lab_with(before);
    probe.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points: Vec<_> =
        probe.points().into_iter().enumerate().filter(|(_, point)| point.kind == Kind::Write).collect();
    points.into_iter().map(move |(at, point)| {
        let lab = lab_with(before);
        let fault = Fault { at, moment: Moment::After, act: Act::Die };
        assert!(lab.kill(command, &[fault], Tail::Kept(usize::MAX)).is_none());
        (format!("killed after {at} ({})", point.label), lab)
    })
}

/// Whatever can't be read for the time of one command: the one after it comes to its end.
fn close_everything_once(before: &[Program], command: &Command, meanwhile: &Command, next: &Command) {
    let mut wrong = Vec::new();
    for kind in &kinds::ALL {
        for (what, lab) in died_in(before, command) {
            lab.cloud.close(Some(kind.info.token));
            let ended = lab.run(meanwhile, &How::default(), &[]).expect("it lives");
            lab.cloud.close(None);
            let what = format!("{what}, then without {} {:?}", kind.info.token, ended.map(|report| report.result));
            wrong.extend(finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn what_could_not_be_read_is_settled_once_it_can() {
    let (rest, changed) = (Command::Deploy(REST.program()), Command::Deploy(CHANGED.program()));
    close_everything_once(&[], &rest, &rest, &rest);
    close_everything_once(&[], &rest, &Command::Destroy, &Command::Destroy);
    close_everything_once(&[], &rest, &Command::Destroy, &rest);
    close_everything_once(&[REST.program()], &changed, &changed, &rest);
    close_everything_once(&[REST.program()], &changed, &changed, &Command::Destroy);
}

#[test]
fn the_rest_of_the_stack_goes_on() {
    let other = RestApi { name: "other", role: "other", policy: "other", ..REST };
    let both = Program { ..REST.program() };
    let mut both = both;
    for (name, wants) in other.program().components {
        both = both.with(&name, wants);
    }
    let mut told = 0;
    for (what, lab) in died_in(&[], &Command::Deploy(REST.program())) {
        lab.cloud.close(Some(kinds::ROLE));
        let how = How { components: vec!["other".into()], ..How::default() };
        let report = lab.run(&Command::Deploy(both.clone()), &how, &[]).expect("it lives");
        // Where nothing but the role could be asked for, it may be the cloud itself.
        let Ok(report) = report else { continue };
        assert_eq!(report.result, DeploymentResult::Succeeded, "{what}: {:?}", report.errors);
        told +=
            usize::from(
                lab.collected.notices.lock().expect("no panic").iter().any(
                    |notice| matches!(notice, Notice::Warning { message, .. } if message.contains("can't be seen")),
                ),
            );
        lab.cloud.close(None);
        assert_none(&finish(&lab, &Command::Deploy(both.clone())));
    }
    assert!(told > 0, "in none of them the role was open");
}
