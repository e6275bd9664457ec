//! What a deployment does when the world isn't as the state says: drift, things that are gone or in the way, servers that don't
//! answer, locks that are held or lost, stores that fail, users who change their minds.

use std::time::Duration;

use resource_graph::ResourceRecord;
use semantest_iac::application::{DeploymentReport, DeploymentResult, ErrorKind, Refresh, queries};
use semantest_iac::domain::deployment::DeploymentEvent;
use semantest_iac::ports::{Notice, ProviderErrorKind};

use super::lab::faults::{Act, Fault, Kind, Moment, Point};
use super::lab::kinds;
use super::lab::lab::{Command, How, Lab, is_real};
use super::lab::program::{REST, RestApi, component_urn, urn};
use super::lab::store::{StorePort, Tail};

fn changed() -> RestApi {
    RestApi { memory: 256, ..REST }
}

fn deployed() -> Lab {
    let lab = Lab::default();
    assert_eq!(lab.deploy(&REST.program()).result, DeploymentResult::Succeeded);
    lab
}

/// The number of the first point whose label is `label`, in a run of `command`.
fn point(lab: &Lab, command: &Command, label: &str) -> usize {
    lab.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = lab.points();
    points.iter().position(|point| point.label == label).unwrap_or_else(|| panic!("no {label} in {points:?}"))
}

fn deploy_with(lab: &Lab, wanted: &RestApi, fault: Fault) -> DeploymentReport {
    lab.run(&Command::Deploy(wanted.program()), &How::default(), &[fault]).expect("it lives").expect("a report")
}

fn all(refresh: Refresh) -> How {
    How { refresh, ..How::default() }
}

#[test]
fn a_property_that_was_changed_by_hand_is_put_right() {
    let lab = deployed();
    lab.cloud.meddle(kinds::FUNCTION, "memory", 999_u32);
    // What the plan doesn't touch isn't read.
    assert_eq!(lab.deploy(&REST.program()).deployment_id, None);
    let report = lab.deploy_with(&REST.program(), &all(Refresh::All));
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    let drifted = lab.events().into_iter().find_map(|event| match event {
        DeploymentEvent::ResourceDrifted { urn, properties, .. } => Some((urn, properties)),
        _ => None,
    });
    assert_eq!(drifted, Some((urn(kinds::FUNCTION, "rest"), vec!["memory".to_owned()])));
    lab.assert_is(&REST.program(), "drift is put right");
    assert_eq!(lab.deploy_with(&REST.program(), &all(Refresh::All)).deployment_id, None, "it isn't drift for ever");
}

#[test]
fn a_change_by_hand_to_what_is_wanted_anyway_is_only_recorded() {
    let lab = deployed();
    lab.cloud.meddle(kinds::LOGS, "days", 30_u32);
    let wanted = RestApi { logs_kept: 30, ..REST }.program();
    let report = lab.deploy_with(&wanted, &all(Refresh::All));
    assert_eq!((report.result, report.calls.write), (DeploymentResult::Succeeded, 0));
    lab.assert_is(&wanted, "recorded");
    assert_eq!(lab.deploy_with(&wanted, &all(Refresh::All)).deployment_id, None, "it isn't drift for ever");
}

#[test]
fn what_is_gone_is_made_again_with_all_that_belonged_to_it() {
    for token in [kinds::ROLE, kinds::LOGS, kinds::FUNCTION, kinds::ALIAS, kinds::PERMISSION, kinds::API, kinds::STAGE]
    {
        let lab = deployed();
        lab.cloud.lose(token);
        let report = lab.deploy_with(&REST.program(), &all(Refresh::All));
        assert_eq!(report.result, DeploymentResult::Succeeded, "{token}: {:?}", report.errors);
        lab.assert_is(&REST.program(), token);
    }
}

#[test]
fn what_is_gone_is_noticed_when_the_plan_touches_it() {
    for refresh in [Refresh::Changed, Refresh::None] {
        let lab = deployed();
        lab.cloud.lose(kinds::LOGS);
        let wanted = RestApi { logs_kept: 30, ..REST }.program();
        let report = lab.deploy_with(&wanted, &all(refresh));
        assert_eq!(report.result, DeploymentResult::Succeeded, "{refresh:?}: {:?}", report.errors);
        lab.assert_is(&wanted, "made again");
    }
}

#[test]
fn what_died_together_is_noticed_together() {
    let changed = RestApi { memory: 512, ..REST }.program();
    // The function takes its alias and its permission along.
    let lab = deployed();
    lab.cloud.lose(kinds::FUNCTION);
    lab.deploy(&changed);
    lab.assert_is(&changed, "without its function");
    // Somebody has emptied the account.
    let lab = deployed();
    for kind in &kinds::ALL {
        while lab.cloud.objects().iter().any(|object| object.kind.info.token == kind.info.token) {
            lab.cloud.lose(kind.info.token);
        }
    }
    lab.deploy(&changed);
    lab.assert_is(&changed, "without anything");
}

#[test]
fn what_is_gone_and_no_longer_wanted_is_forgotten() {
    let lab = Lab::default();
    let other = RestApi { name: "other", role: "other-role", ..REST };
    lab.deploy(&REST.program().with("other", other.wants()));
    lab.cloud.lose(kinds::API);
    lab.cloud.lose(kinds::FUNCTION);
    let report = lab.deploy(&REST.program().with("other", other.wants()).without("other"));
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    let report = lab.deploy_with(&REST.program(), &all(Refresh::All));
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_is(&REST.program(), "forgotten");
    lab.cloud.lose(kinds::API);
    assert_eq!(lab.destroy().result, DeploymentResult::Succeeded);
    lab.assert_nothing_left("destroyed");
}

#[test]
fn a_deployment_that_fails_while_something_is_gone_leaves_a_sound_state() {
    let lab = deployed();
    lab.cloud.lose(kinds::API);
    let command = Command::Deploy(REST.program());
    let how = all(Refresh::All);
    let at = {
        let probe = deployed();
        probe.cloud.lose(kinds::API);
        probe.run(&command, &how, &[]).expect("it lives").expect("a report");
        probe.points().iter().position(|point| point.label == "create rest" && point.kind == Kind::Write).expect("one")
    };
    let fault = Fault { at, moment: Moment::Before, act: Act::Fail(ProviderErrorKind::Refused) };
    let report = lab.run(&command, &how, &[fault]).expect("it lives").expect("a report");
    assert_eq!(report.result, DeploymentResult::Failed);
    assert_eq!(lab.store.unsound(), Vec::<String>::new());
    assert_eq!(lab.deploy(&REST.program()).result, DeploymentResult::Succeeded);
    lab.assert_is(&REST.program(), "made again");
}

#[test]
fn secrets_stay_secret_whatever_is_read_from_the_cloud() {
    let shows = |lab: &Lab| {
        lab.store
            .resources()
            .iter()
            .any(|record| format!("{:?}{:?}", record.inputs, record.outputs).contains("hunter2"))
    };
    let secret = RestApi { secret: Some("hunter2"), ..REST };
    let lab = Lab::default();
    lab.deploy(&secret.program());
    assert!(!shows(&lab), "as it was made");
    lab.cloud.meddle(kinds::FUNCTION, "memory", 999_u32);
    lab.deploy_with(&secret.program(), &all(Refresh::All));
    assert!(!shows(&lab), "after drift");
    // Killed after every call, in a first deployment and in a change; what recovery records is no clearer.
    for (before, wanted) in [(None, secret.clone()), (Some(secret.clone()), RestApi { code: "c2", ..secret.clone() })] {
        let command = Command::Deploy(wanted.program());
        let lab_before = || {
            let lab = Lab::default();
            before.iter().for_each(|before| drop(lab.deploy(&before.program())));
            lab
        };
        let points = {
            let lab = lab_before();
            lab.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
            lab.points()
        };
        for at in (0..points.len()).filter(|at| points[*at].kind == Kind::Write) {
            let lab = lab_before();
            lab.kill(&command, &[Fault { at, moment: Moment::After, act: Act::Die }], Tail::Lost);
            // Settled, and stopped before anything is applied.
            let stop = |point: &Point| point.label == "begin";
            let place = {
                let probe = lab_before();
                probe.kill(&command, &[Fault { at, moment: Moment::After, act: Act::Die }], Tail::Lost);
                probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
                probe.points().iter().position(stop)
            };
            let fault = place.map(|at| Fault { at, moment: Moment::Before, act: Act::FailStore });
            let _ = lab.run(&command, &How::default(), fault.as_slice()).expect("it lives");
            assert!(!shows(&lab), "recovered after {:?}", points[at]);
            lab.deploy(&wanted.program());
            assert!(!shows(&lab), "finished after {:?}", points[at]);
        }
    }
}

#[test]
fn what_is_in_the_way_and_not_ours_is_left_alone() {
    let lab = Lab::default();
    lab.cloud.plant(kinds::ROLE, "rest-role", [("name", "rest-role"), ("description", "somebody's")].into());
    let refused = |how: &How| {
        let command = Command::Deploy(REST.program());
        match lab.run(&command, how, &[]).expect("it lives") {
            Ok(report) => (Some(report.result), report.errors),
            Err(error) => (None, error.details),
        }
    };
    // Before anything is begun; and where it wasn't there yet when the plan was made, by the step.
    let (begun, details) = refused(&How::default());
    assert!(begun.is_none() && details.len() == 1, "{details:?}");
    assert_eq!(lab.cloud.objects().len(), 1, "nothing was made");
    let (result, errors) = refused(&How { refresh: Refresh::None, ..How::default() });
    assert_eq!(result, Some(DeploymentResult::NeedsAttention));
    let error = errors.iter().find(|error| error.code == "already-exists").expect("the refusal");
    assert_eq!(error.message, details[0].message);
    assert!(error.message.contains("wasn't made by this stack"), "{}", error.message);
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("isn't ours")), "{:?}", error.hint);
    let role = lab.cloud.objects().into_iter().find(|object| object.id == "rest-role").expect("it is there");
    assert_eq!(role.inputs.string("description"), Some("somebody's"));
    assert_eq!(lab.destroy().result, DeploymentResult::Succeeded);
    assert_eq!(lab.cloud.objects().len(), 1, "it is still there, and alone");
}

#[test]
fn a_lost_state_is_found_again_in_the_cloud() {
    let lab = deployed();
    let ids = |lab: &Lab| lab.cloud.objects().into_iter().map(|object| object.id).collect::<Vec<_>>();
    let before = ids(&lab);
    lab.store.forget();
    // It may as well be another's of the same name: somebody has to say that it isn't.
    let command = Command::Deploy(changed().program());
    let error = lab.run(&command, &How::default(), &[]).expect("it lives").expect_err("refused");
    assert_eq!(error.details[0].code, "another-stack", "{error}");
    assert!(error.details[0].hint.as_ref().is_some_and(|hint| hint.contains("--reclaim")), "{error:?}");
    let reclaim = How { reclaim: true, ..How::default() };
    let report = lab.run(&command, &reclaim, &[]).expect("it lives").expect("a report");
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(ids(&lab), before, "everything was taken over, nothing made twice");
    lab.assert_is(&changed().program(), "adopted");
    // From now on it is ours, whatever it was called before.
    assert_eq!(lab.deploy(&REST.program()).result, DeploymentResult::Succeeded);
}

#[test]
fn a_resource_that_gets_another_name_in_the_configuration_is_not_mistaken_for_two() {
    // The same physical role under another URN: it is gone on with, and not deleted with the old name.
    let lab = deployed();
    let made = |lab: &Lab| lab.cloud.objects().iter().find(|object| object.id == "rest-role").map(|role| role.number);
    let before = made(&lab);
    let renamed = RestApi { name: "renamed", ..REST };
    for program in [renamed.program(), REST.program()] {
        let report = lab.deploy(&program);
        assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
        assert!(
            report.adopted.iter().any(|adopted| adopted.id.as_deref() == Some("rest-role")),
            "{:?}",
            report.adopted
        );
        assert_eq!(made(&lab), before);
        lab.assert_is(&program, "renamed");
    }
}

#[test]
fn nothing_is_removed_while_a_component_does_not_answer() {
    let lab = Lab::default();
    let checked = |rest: &RestApi| rest.program().checked("rest");
    assert_eq!(lab.deploy(&checked(&REST)).result, DeploymentResult::Succeeded);
    assert_eq!(lab.health.asked.lock().expect("no panic").len(), 1);
    *lab.health.is_ill.lock().expect("no panic") = true;
    let wanted = RestApi { role: "new-role", routes: &["$default"], ..REST };
    let report = lab.deploy(&checked(&wanted));
    assert_eq!(report.result, DeploymentResult::NeedsAttention);
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    assert_eq!(report.errors[0].code, "unhealthy");
    assert!(report.outputs["rest"].contains_key("url"));
    let deletes = |lab: &Lab| lab.points().iter().filter(|point| point.label.starts_with("delete")).count();
    assert_eq!(deletes(&lab), 0);
    assert!(lab.cloud.objects().iter().any(|object| object.id == "rest-role"), "the old role is there");
    // Deploying again asks again, and still removes nothing.
    let report = lab.deploy(&checked(&wanted));
    assert_eq!(report.result, DeploymentResult::NeedsAttention);
    assert_eq!(deletes(&lab), 0);
    *lab.health.is_ill.lock().expect("no panic") = false;
    let report = lab.deploy(&checked(&wanted));
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_is(&checked(&wanted), "well again");
}

#[test]
fn a_component_that_was_never_well_is_asked_again_though_nothing_changes() {
    let lab = Lab::default();
    let program = REST.program().checked("rest");
    *lab.health.is_ill.lock().expect("no panic") = true;
    assert_eq!(lab.deploy(&program).result, DeploymentResult::NeedsAttention);
    let store = StorePort(lab.store.clone());
    let status = lab.wait(queries::status(&store, "shop", "sim-test")).expect("a status");
    let group = status.resources.iter().find(|resource| resource.urn == component_urn("rest").as_str()).expect("it");
    assert_eq!(group.note.as_deref(), Some("not known to be healthy"));
    let report = lab.deploy(&program);
    assert_eq!((report.result, report.calls.write), (DeploymentResult::NeedsAttention, 0));
    *lab.health.is_ill.lock().expect("no panic") = false;
    assert_eq!(lab.deploy(&program).result, DeploymentResult::Succeeded);
    lab.assert_is(&program, "well");
    assert_eq!(lab.deploy(&program).deployment_id, None);
}

#[test]
fn a_deployment_killed_before_its_health_check_is_checked_by_the_next() {
    let program = REST.program().checked("rest");
    let probe = Lab::default();
    probe.deploy(&program);
    let points = probe.points();
    let last = points.iter().rposition(|point| point.kind == Kind::Write).expect("a call");
    let lab = Lab::default();
    let fault = Fault { at: last, moment: Moment::After, act: Act::Die };
    assert!(lab.kill(&Command::Deploy(program.clone()), &[fault], Tail::Kept(usize::MAX)).is_none());
    assert!(lab.health.asked.lock().expect("no panic").is_empty());
    let fault = Fault { at: last + 1, moment: Moment::Before, act: Act::Die };
    assert!(lab.health.asked.lock().expect("no panic").is_empty(), "{fault:?}");
    assert_eq!(lab.deploy(&program).result, DeploymentResult::Succeeded);
    assert_eq!(lab.health.asked.lock().expect("no panic").len(), 1);
    lab.assert_is(&program, "checked");
}

#[test]
fn a_held_lock_stops_a_deployment_also_where_nothing_seems_to_change() {
    let lab = deployed();
    lab.store.lock_by_another();
    // What was read meanwhile may be half of what the other one does.
    for program in [REST.program(), changed().program()] {
        let ended = lab.run(&Command::Deploy(program), &How::default(), &[]);
        let error = ended.expect("it lives").expect_err("it is locked");
        assert_eq!(error.kind, ErrorKind::Locked);
        assert!(error.to_string().contains("somebody@elsewhere"));
    }
}

/// Only what is changed needs attention: where the lock goes before the first call, the command has failed, and that is all.
#[test]
fn a_lock_that_is_lost_before_anything_is_changed_is_a_plain_failure() {
    let command = Command::Deploy(changed().program());
    let probe = deployed();
    let flush = point(&probe, &command, "flush");
    let lock = probe.points().iter().position(|point| point.label == "lock").expect("it takes the lock");
    for at in lock + 1..=flush {
        let lab = deployed();
        let fault = Fault { at, moment: Moment::Before, act: Act::LoseLock };
        match lab.run(&command, &How::default(), &[fault]).expect("it lives") {
            Ok(report) => assert_eq!(report.result, DeploymentResult::Failed, "lost at {at}: {:?}", report.errors),
            Err(error) => assert_eq!(error.kind, ErrorKind::Failed, "lost at {at}: {error}"),
        }
    }
}

#[test]
fn a_lost_lock_stops_before_anything_more_is_written_or_begun() {
    let command = Command::Deploy(changed().program());
    let probe = deployed();
    let flush = point(&probe, &command, "flush");
    let count = probe.points().len();
    for at in flush..count {
        let lab = deployed();
        let before = lab.store.history_entries().len();
        let fault = Fault { at, moment: Moment::Before, act: Act::LoseLock };
        let ended = lab.run(&command, &How::default(), &[fault]).expect("it lives").expect("a report");
        let after: Vec<Point> = lab.points().split_off(at + 1);
        if after.iter().all(|point| point.label == "release") {
            continue;
        }
        assert_ne!(ended.result, DeploymentResult::Succeeded, "lost at {at}");
        assert!(ended.errors.iter().any(|error| error.code == "lock-lost"), "lost at {at}: {:?}", ended.errors);
        assert_eq!(lab.store.history_entries().len(), before, "nothing is finished");
        assert!(after.iter().filter(|point| point.kind == Kind::Write).count() <= 1, "lost at {at}: {after:?}");
        // The other one settles what was left open.
        lab.store.crash(Tail::Lost);
        assert_eq!(lab.deploy(&changed().program()).result, DeploymentResult::Succeeded);
        lab.assert_is(&changed().program(), &format!("lost at {at}"));
    }
}

#[test]
fn a_store_that_fails_anywhere_is_reported_and_nothing_is_lost() {
    for (before, wanted) in [(None, REST), (Some(REST), changed())] {
        let command = Command::Deploy(wanted.program());
        let lab_before = || {
            let lab = Lab::default();
            before.iter().for_each(|before| drop(lab.deploy(&before.program())));
            lab
        };
        let probe = lab_before();
        probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
        let points = probe.points();
        for at in (0..points.len()).filter(|at| points[*at].kind == Kind::Store) {
            for moment in [Moment::Before, Moment::After] {
                let lab = lab_before();
                let what = format!("{moment:?} {at} ({})", points[at].label);
                let fault = Fault { at, moment, act: Act::FailStore };
                let ended = lab.run(&command, &How::default(), &[fault]).expect("it lives");
                assert_eq!(lab.script.met(), 1, "{what}");
                let has_called = lab.points().iter().any(|point| point.kind == Kind::Write);
                match (points[at].label.as_str(), ended) {
                    // Only the lock is left; a notice tells of it.
                    ("release", Ok(report)) => {
                        assert_eq!(report.result, DeploymentResult::Succeeded);
                        let notices = lab.collected.notices.lock().expect("no panic");
                        assert!(notices.iter().any(|notice| matches!(notice, Notice::Warning { .. })));
                    }
                    (_, Ok(report)) => {
                        let expected =
                            if has_called { DeploymentResult::NeedsAttention } else { DeploymentResult::Failed };
                        assert_eq!(report.result, expected, "{what}");
                        assert!(report.errors[0].message.contains("no space left"), "{what}: {:?}", report.errors);
                    }
                    (_, Err(error)) => {
                        assert!(!has_called, "{what}");
                        assert_eq!(error.kind, ErrorKind::Failed, "{what}");
                        assert!(error.to_string().contains("no space left"), "{what}: {error}");
                    }
                }
                lab.store.crash(Tail::Lost);
                let report = lab.deploy(&wanted.program());
                assert_eq!(report.result, DeploymentResult::Succeeded, "{what}: {:?}", report.errors);
                lab.assert_is(&wanted.program(), &what);
            }
        }
    }
}

#[test]
fn a_graceful_stop_finishes_what_runs_and_the_next_deployment_goes_on() {
    let wanted = RestApi { role: "new-role", protocol: "websocket", routes: &["$default"], ..REST };
    let command = Command::Deploy(wanted.program());
    let probe = deployed();
    probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
    for at in 0..probe.points().len() {
        for act in [Act::Stop, Act::StopAtOnce] {
            let lab = deployed();
            let fault = Fault { at, moment: Moment::Before, act };
            let what = format!("{act:?} at {at} ({})", probe.points()[at].label);
            match lab.run(&command, &How::default(), &[fault]).expect("it lives") {
                Ok(report) if report.result == DeploymentResult::Interrupted => {
                    assert!(report.errors.iter().any(|error| error.code == "interrupted"), "{what}");
                    assert!(lab.events().iter().any(DeploymentEvent::is_final), "{what}: the stream has an end");
                    if act == Act::Stop {
                        // Everything that was begun came to its end and is recorded.
                        assert!(!lab.store.has_journal(), "{what}");
                        let orphans: Vec<String> =
                            lab.differences().into_iter().filter(|wrong| wrong.starts_with("orphan")).collect();
                        assert_eq!(orphans, Vec::<String>::new(), "{what}");
                    }
                }
                Ok(report) => assert_eq!(report.result, DeploymentResult::Succeeded, "{what}: {:?}", report.errors),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Interrupted, "{what}: {error}");
                    assert!(lab.points().iter().all(|point| point.kind != Kind::Write), "{what}");
                }
            }
            let report = lab.deploy(&wanted.program());
            assert_eq!(report.result, DeploymentResult::Succeeded, "{what}: {:?}", report.errors);
            lab.assert_is(&wanted.program(), &what);
        }
    }
}

#[test]
fn a_target_takes_what_it_needs_and_leaves_the_rest() {
    let lab = Lab::default();
    let program = REST.program();
    let how = How { targets: vec![urn(kinds::POLICY, "rest")], ..How::default() };
    let report = lab.deploy_with(&program, &how);
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    let made: Vec<String> = lab
        .store
        .resources()
        .iter()
        .filter(|record| is_real(record))
        .map(|record| record.type_token.to_string())
        .collect();
    assert_eq!(made, [kinds::ROLE, kinds::POLICY]);
    assert_eq!(lab.deploy_with(&program, &how).deployment_id, None, "again: nothing to do");
    assert_eq!(lab.deploy(&program).result, DeploymentResult::Succeeded);
    lab.assert_is(&program, "the rest");
    let how = How { targets: vec![urn(kinds::POLICY, "nobody")], ..How::default() };
    let error = lab.run(&Command::Deploy(program), &how, &[]).expect("it lives").expect_err("unknown");
    assert_eq!(error.kind, ErrorKind::Usage);
}

#[test]
fn the_history_says_how_each_deployment_ended() {
    let lab = deployed();
    let command = Command::Deploy(changed().program());
    let at = point(&deployed(), &command, "update rest");
    let fault = Fault { at, moment: Moment::Before, act: Act::Fail(ProviderErrorKind::Refused) };
    let report = deploy_with(&lab, &changed(), fault);
    assert_eq!(report.result, DeploymentResult::Failed, "a single call that was refused changes nothing");
    assert!(!lab.store.has_journal());
    lab.deploy(&changed().program());
    lab.destroy();
    let kinds: Vec<_> = lab.store.history_entries().iter().map(|entry| (entry.kind.clone(), entry.succeeded)).collect();
    let expected = [("update", true), ("update", false), ("update", true), ("destroy", true)];
    assert_eq!(kinds, expected.map(|(kind, succeeded)| (kind.to_owned(), succeeded)));
    let ids: Vec<_> = lab.store.latest_events().into_iter().map(|event| event.aggregate_id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_destruction_tells_what_it_leaves() {
    let lab = deployed();
    let group = urn("other:queue:Queue", "foreign");
    let function = urn(kinds::FUNCTION, "rest");
    lab.store.edit(|records| {
        let mut foreign = ResourceRecord::new(group.clone(), true);
        foreign.id = Some("q-1".into());
        foreign.dependencies = vec![function.clone()];
        foreign.provider = records.iter().find_map(|record| record.provider.clone());
        records.push(foreign);
    });
    for _ in 0..2 {
        let report = lab.destroy();
        assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
        let left: Vec<(&str, &str)> =
            report.left.iter().map(|left| (left.urn.as_str(), left.reason.as_str())).collect();
        assert!(left.contains(&(group.as_str(), "its type isn't managed here")), "{left:?}");
        assert!(
            left.iter().any(|(urn, reason)| *urn == function.as_str() && reason.contains(group.as_str())),
            "{left:?}"
        );
    }
}

#[test]
fn the_audit_log_says_who_did_what_and_no_values() {
    let lab = Lab::default();
    let report = lab.deploy(&RestApi { secret: Some("hunter2"), ..REST }.program());
    let entries = lab.store.audit_of(&report.deployment_id.expect("an id"));
    let told: Vec<(&str, &str)> = entries.iter().map(|entry| (entry.action.as_str(), entry.outcome.as_str())).collect();
    assert_eq!((told[0], told[told.len() - 1]), (("deploy", "requested"), ("end", "succeeded")));
    assert_eq!(told.iter().filter(|told| **told == ("create", "succeeded")).count(), REST.program().size());
    assert!(entries.iter().all(|entry| !entry.user.is_empty() && !format!("{entry:?}").contains("hunter2")));
    // One that died is written when it is settled.
    let command = Command::Deploy(changed().program());
    let at = point(&deployed(), &command, "update rest");
    let lab = deployed();
    lab.kill(&command, &[Fault { at, moment: Moment::After, act: Act::Die }], Tail::Kept(usize::MAX));
    let died = lab.store.latest_events().first().expect("its events").aggregate_id.clone();
    assert!(lab.store.audit_of(&died).is_empty());
    lab.deploy(&changed().program());
    assert_eq!(lab.store.audit_of(&died).first().map(|entry| entry.action.as_str()), Some("deploy"));
}

#[test]
fn the_lower_bound_is_one() {
    let lab = Lab::default();
    *lab.script.pace.lock().expect("no panic") = Duration::from_millis(100);
    let report = lab.deploy(&REST.program());
    assert!(report.lower_bound_ms >= 100 && report.lower_bound_ms <= report.duration_ms, "{report:?}");
}

#[test]
fn another_programs_marks_are_heeded() {
    // An operation on the state from outside: the resource is protected.
    let lab = deployed();
    lab.store.edit(|records| {
        records
            .iter_mut()
            .filter(|record| record.type_token.as_str() == kinds::ROLE)
            .for_each(|record| record.protect = true);
    });
    // It says nothing of protection, so it takes none away.
    let report = lab.deploy(&RestApi { policy: "other", ..REST }.program());
    assert_eq!(report.result, DeploymentResult::Succeeded);
    lab.deploy(&REST.program());
    let error = lab.run(&Command::Destroy, &How::default(), &[]).expect("it lives").expect_err("it is protected");
    assert!(error.to_string().contains("protected"), "{error}");
    assert!(lab.cloud.objects().len() == REST.program().size());
}
