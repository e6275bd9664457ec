//! Resources that another program recorded in the stack: what is wanted is gone on with, whatever happens meanwhile, and the
//! rest stays as it is.

use std::collections::HashMap;

use resource_graph::{PropertyMap, ResourceRecord, TypeToken, Urn, Value};
use semantest_iac::application::adoption::Mapping;
use semantest_iac::application::{DeploymentResult, Refresh};
use semantest_iac::domain::deployment::{ChangeCounts, DeploymentEvent};

use super::lab::kinds;
use super::lab::lab::{Command, How, Lab, is_real};
use super::lab::program::{self, PROJECT, Program, REST, RestApi, STACK};
use crate::saga::failures::fail_everywhere_in;
use crate::saga::kills::{kill_everywhere_in, lab_with};

/// The name that another program gives a resource that we would call otherwise.
fn theirs(urn: &Urn) -> Urn {
    Urn::new(STACK, PROJECT, None, &urn.type_token(), &format!("their-{}", urn.name()))
}

/// Lets everything be another program's: recorded under its names, without our component, and in the cloud without our tags.
pub fn disguise(lab: &Lab) {
    lab.cloud.disown();
    lab.store.edit(|records| {
        let root = Urn::root(STACK, PROJECT);
        records.retain(|record| record.urn != program::component_urn(REST.name));
        let names: HashMap<Urn, Urn> = records
            .iter()
            .filter(|record| is_real(record))
            .map(|record| (record.urn.clone(), theirs(&record.urn)))
            .collect();
        let rename = |urn: &mut Urn| {
            if let Some(new) = names.get(urn) {
                urn.clone_from(new);
            }
        };
        for record in records.iter_mut().filter(|record| is_real(record)) {
            record.parent = Some(root.clone());
            let inputs = record.property_dependencies.iter_mut().flat_map(|(_, urns)| urns);
            record.dependencies.iter_mut().chain(inputs).chain([&mut record.urn]).for_each(rename);
        }
    });
}

/// A stack that another program made, with all that a REST server needs.
fn foreign_lab() -> Lab {
    let lab = lab_with(&[REST.program()]);
    disguise(&lab);
    lab
}

/// What is wanted of it: changes and additions, and every resource with tags touched, as tags of ours touch them.
fn wanted() -> Program {
    let mut program =
        RestApi { memory: 512, code: "c2", throttle: 20, routes: &["GET /", "$default", "PUT /"], ..REST }.program();
    for want in program.components.values_mut().flatten() {
        if matches!(want.token, kinds::ROLE | kinds::LOGS | kinds::FUNCTION | kinds::API) {
            want.inputs.insert("labels", "ours");
        }
    }
    program
}

fn ids(lab: &Lab) -> HashMap<(TypeToken, String), Option<String>> {
    let records = lab.records();
    let real = records.iter().filter(|record| is_real(record));
    real.map(|record| ((record.type_token.clone(), record.urn.name().replace("their-", "")), record.id.clone()))
        .collect()
}

#[test]
fn what_is_wanted_is_gone_on_with_and_nothing_is_made_twice() {
    let lab = foreign_lab();
    let before = ids(&lab);
    let report = lab.deploy(&REST.program());
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    let expected = ChangeCounts { same: REST.program().size(), ..ChangeCounts::default() };
    assert_eq!((report.changes, report.adopted.len()), (expected, REST.program().size()));
    assert_eq!(report.calls.write, 0, "what is as wanted is only recorded anew");
    assert_eq!(ids(&lab), before);
    lab.assert_is(&REST.program(), "taken over");
    let again = lab.deploy(&REST.program());
    assert_eq!((again.deployment_id, again.adopted.len()), (None, 0));
}

#[test]
fn what_is_wanted_otherwise_is_an_update_that_is_told() {
    let lab = foreign_lab();
    let before = ids(&lab);
    let report = lab.deploy(&wanted());
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!((report.changes.create, report.changes.replace, report.changes.delete), (1, 0, 0));
    assert!(report.changes.update >= 5, "{:?}", report.changes);
    let after = ids(&lab);
    assert!(before.iter().all(|(key, id)| after.get(key) == Some(id)), "{before:?} {after:?}");
    lab.assert_is(&wanted(), "taken over and changed");
    let events = lab.events();
    let adopted = events.iter().position(|event| matches!(event, DeploymentEvent::ResourceAdopted { .. }));
    let planned = events.iter().position(|event| matches!(event, DeploymentEvent::DeploymentPlanned { .. }));
    assert!(adopted.expect("an adoption") < planned.expect("a plan"));
}

#[test]
fn a_preview_shows_what_is_taken_over_and_changes_nothing() {
    let lab = foreign_lab();
    let (records, writes) = (lab.records(), lab.store.writes());
    let (report, steps, _) = lab.preview(&REST.program(), Refresh::All);
    assert_eq!((report.adopted.len(), steps, report.calls.write), (REST.program().size(), 0, 0));
    assert_eq!((lab.records(), lab.store.writes()), (records, writes));
}

#[test]
fn taking_over_survives_a_death_anywhere() {
    let command = Command::Deploy(wanted());
    kill_everywhere_in(&foreign_lab, &command, &command);
}

#[test]
fn what_was_being_taken_over_can_be_destroyed_after_a_death_anywhere_that_left_it_ours() {
    // A deployment that died before anything was taken over leaves the other program's resources to that program.
    let lab = foreign_lab();
    let points = {
        lab.run(&Command::Deploy(wanted()), &How::default(), &[]).expect("it lives").expect("a report");
        lab.points()
    };
    let apply = points.iter().position(|point| point.kind == super::lab::faults::Kind::Write).expect("a call");
    for (at, point) in points.iter().enumerate().skip(apply) {
        let lab = foreign_lab();
        let fault = super::lab::faults::Fault {
            at,
            moment: super::lab::faults::Moment::After,
            act: super::lab::faults::Act::Die,
        };
        assert!(lab.kill(&Command::Deploy(wanted()), &[fault], super::lab::store::Tail::Lost).is_none());
        let report = lab.destroy();
        assert_eq!(
            report.result,
            DeploymentResult::Succeeded,
            "killed after {at} ({}): {:?}",
            point.label,
            report.errors
        );
        lab.assert_nothing_left(&format!("killed after {at} ({})", point.label));
    }
}

#[test]
fn taking_over_survives_every_failure() {
    let command = Command::Deploy(wanted());
    fail_everywhere_in(&foreign_lab, &command, &command);
}

/// A resource of another program's that nothing wants.
fn plant(lab: &Lab, token: &'static str, name: &str, parent: Option<Urn>, custom: bool) -> ResourceRecord {
    let parent_type = parent.as_ref().map(|urn| urn.qualified_type().to_owned());
    let urn = Urn::new(STACK, PROJECT, parent_type.as_deref(), &TypeToken::new(token), name);
    let mut record = ResourceRecord::new(urn, custom);
    record.parent = parent.or_else(|| Some(Urn::root(STACK, PROJECT)));
    if custom {
        let inputs = PropertyMap::from([("name", name)]);
        record.id = Some(name.to_owned());
        (record.inputs, record.outputs) = (inputs.clone(), inputs.clone());
        if kinds::of_token(token).is_some() {
            lab.cloud.plant(token, name, inputs);
        }
    }
    let planted = record.clone();
    lab.store.edit(move |records| {
        let mut record = record;
        record.provider = records.iter().find_map(|other| other.provider.clone());
        records.push(record);
    });
    planted
}

#[test]
fn what_nobody_wants_here_stays_as_it_is_through_deployment_and_destruction() {
    let lab = lab_with(&[REST.program()]);
    let component = plant(&lab, "shop:index:Website", "site", None, false).urn;
    let planted = [
        component.clone(),
        plant(&lab, kinds::ROLE, "their-role", Some(component), true).urn,
        plant(&lab, kinds::LOGS, "their-logs", None, true).urn,
        plant(&lab, "random:index/randomId:RandomId", "suffix", None, true).urn,
    ];
    let kept = |lab: &Lab| -> Vec<ResourceRecord> {
        lab.records().into_iter().filter(|record| planted.contains(&record.urn)).collect()
    };
    let before = kept(&lab);
    assert_eq!(before.len(), 4);
    // It has drifted, which is none of our business.
    lab.cloud.meddle(kinds::LOGS, "days", 3.0);
    let all = How { refresh: Refresh::All, ..How::default() };
    let changed = RestApi { logs_kept: 3, memory: 256, ..REST };
    let report = lab.deploy_with(&changed.program(), &all);
    assert_eq!((report.result, report.changes.delete, report.adopted.len()), (DeploymentResult::Succeeded, 0, 0));
    assert_eq!(kept(&lab), before);
    let (_, steps, _) = lab.preview(&changed.program(), Refresh::Changed);
    assert_eq!(steps, 0);
    let report = lab.destroy();
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(kept(&lab), before);
    let left: Vec<&str> = report.left.iter().map(|left| left.urn.as_str()).collect();
    assert!(planted.iter().all(|urn| left.contains(&urn.as_str())), "{left:?}");
    assert_eq!(lab.cloud.objects().len(), 2);
}

#[test]
fn references_of_others_follow_what_is_taken_over() {
    let lab = foreign_lab();
    let role = theirs(&program::urn(kinds::ROLE, REST.name));
    let urn = plant(&lab, "random:index/randomId:RandomId", "suffix", None, true).urn;
    lab.store.edit(|records| {
        let record = records.iter_mut().find(|record| record.urn == urn).expect("planted");
        record.dependencies = vec![role.clone()];
    });
    lab.deploy(&REST.program());
    let records = lab.records();
    let follower = records.iter().find(|record| record.urn == urn).expect("it is still there");
    assert_eq!(follower.dependencies, [program::urn(kinds::ROLE, REST.name)]);
    // What others need isn't removed from under them.
    let report = lab.destroy();
    assert!(report.left.iter().any(|left| left.reason.contains("still needed")), "{:?}", report.left);
}

#[test]
fn what_would_be_replaced_is_refused() {
    let lab = foreign_lab();
    let before = lab.records();
    let replaced = RestApi { protocol: "websocket", ..REST }.program();
    let error = lab.run(&Command::Deploy(replaced), &How::default(), &[]).expect("it lives").expect_err("refused");
    assert_eq!(error.details[0].code, "adoption-replaces", "{error}");
    assert!(error.to_string().contains("protocol"), "{error}");
    assert_eq!((lab.records(), lab.cloud.objects().len()), (before, REST.program().size()));
}

#[test]
fn a_mapping_says_what_names_do_not() {
    let lab = foreign_lab();
    let other = RestApi { role: "another-role", ..REST }.program();
    let how = |theirs: &str| How {
        adopt: vec![Mapping { ours: program::urn(kinds::ROLE, REST.name).to_string(), theirs: theirs.into() }],
        ..How::default()
    };
    // The simulated blueprint doesn't follow physical names, so that a role of another name would be replaced.
    let command = Command::Deploy(other);
    let refused = lab.run(&command, &how("rest-role"), &[]).expect("it lives").expect_err("refused");
    assert_eq!(refused.details[0].code, "adoption-replaces");
    let unknown = lab.run(&command, &how("nobody"), &[]).expect("it lives").expect_err("refused");
    let hint = unknown.details[0].hint.clone().unwrap_or_default();
    assert!(hint.contains("their-rest"), "the candidates are listed: {hint}");
}

#[test]
fn several_that_could_be_the_one_are_listed() {
    let lab = foreign_lab();
    let api = theirs(&program::urn(kinds::API, REST.name));
    lab.store.edit(|records| {
        let mut twin = records.iter().find(|record| record.urn == api).expect("an API").clone();
        twin.urn = Urn::new(STACK, PROJECT, None, &twin.type_token, "twin");
        twin.id = Some("b001".into());
        records.push(twin);
    });
    let command = Command::Deploy(REST.program());
    let error = lab.run(&command, &How::default(), &[]).expect("it lives").expect_err("refused");
    let hint = error.details[0].hint.clone().unwrap_or_default();
    assert!(hint.contains("twin (b001)") && hint.contains("their-rest"), "{hint}");
}

#[test]
fn what_the_other_program_left_to_its_default_is_no_change() {
    let lab = foreign_lab();
    let role = theirs(&program::urn(kinds::ROLE, REST.name));
    lab.store.edit(|records| {
        let record = records.iter_mut().find(|record| record.urn == role).expect("a role");
        record.inputs.remove("description");
    });
    let report = lab.deploy(&REST.program());
    assert_eq!((report.changes.update, report.changes.same), (0, REST.program().size()));
    let records = lab.records();
    let record = records.iter().find(|record| record.type_token.as_str() == kinds::ROLE).expect("a role");
    assert_eq!(record.inputs.get("description"), Some(&Value::from("runs it")));
}
