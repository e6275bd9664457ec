//! Commands when nothing goes wrong.

use semantest_iac::application::{DeploymentResult, Refresh};

use super::lab::faults::Kind;
use super::lab::lab::{How, Lab};
use super::lab::program::{CHANGED, REST, RestApi};

#[test]
fn a_first_deployment_makes_everything_and_a_second_one_does_nothing() {
    let lab = Lab::default();
    let program = REST.program();
    let report = lab.deploy(&program);
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(report.changes.create, program.size());
    assert!(report.outputs["rest"]["url"].as_str().is_some_and(|url| url.starts_with("https://")));
    lab.assert_is(&program, "after the first deployment");

    let writes = lab.store.writes();
    let again = lab.deploy(&program);
    assert_eq!(again.changes.same, program.size());
    assert_eq!(again.deployment_id, None);
    assert_eq!(again.outputs, report.outputs);
    assert_eq!((again.calls.read, again.calls.write), (1, 0));
    let labels: Vec<String> = lab.points().into_iter().map(|point| point.label).collect();
    assert_eq!(labels, ["identity", "read"], "nothing but the identity is asked, the lock isn't taken");
    assert_eq!(lab.store.writes(), writes, "nothing is written");
}

#[test]
fn changes_of_every_kind_end_in_what_is_wanted() {
    let changes: [(&str, RestApi); 9] = [
        ("memory", RestApi { memory: 256, ..REST }),
        ("code", RestApi { code: "c2", ..REST }),
        ("a route more", RestApi { routes: &["GET /", "POST /", "$default"], ..REST }),
        ("a route less", RestApi { routes: &["$default"], ..REST }),
        ("the role's name: the new one first", RestApi { role: "other-role", ..REST }),
        ("the architecture: the old one first", RestApi { architecture: "x86", ..REST }),
        ("the protocol: a whole API anew", RestApi { protocol: "websocket", ..REST }),
        ("the integration's kind", RestApi { integration: "mock", ..REST }),
        ("all at once", CHANGED),
    ];
    for (what, changed) in changes {
        let lab = Lab::default();
        lab.deploy(&REST.program());
        let program = changed.program();
        let report = lab.deploy(&program);
        assert_eq!(report.result, DeploymentResult::Succeeded, "{what}: {:?}", report.errors);
        lab.assert_is(&program, what);
        let again = lab.deploy(&program);
        assert_eq!(again.deployment_id, None, "{what}: a second deployment does nothing, but had {:?}", again.changes);
        let back = lab.deploy(&REST.program());
        assert_eq!(back.result, DeploymentResult::Succeeded, "{what}, back: {:?}", back.errors);
        lab.assert_is(&REST.program(), what);
    }
}

#[test]
fn a_destroyed_stack_has_nothing_left() {
    let lab = Lab::default();
    lab.deploy(&REST.program());
    let report = lab.destroy();
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_nothing_left("after destroy");
    let again = lab.destroy();
    assert_eq!(again.deployment_id, None, "there is nothing left to destroy");
    let report = lab.deploy(&REST.program());
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_is(&REST.program(), "deployed again");
}

#[test]
fn a_preview_changes_nothing() {
    let lab = Lab::default();
    lab.deploy(&REST.program());
    let (writes, objects) = (lab.store.writes(), format!("{:?}", lab.cloud.objects()));
    let (report, steps, _) = lab.preview(&RestApi { memory: 256, ..REST }.program(), Refresh::All);
    assert!(report.changes.update >= 1 && steps >= 1);
    assert!(lab.points().iter().all(|point| point.kind != Kind::Write));
    assert_eq!(lab.store.writes(), writes);
    assert_eq!(format!("{:?}", lab.cloud.objects()), objects);
}

#[test]
fn one_component_is_deployed_and_destroyed_alone() {
    let lab = Lab::default();
    let other = RestApi { name: "other", role: "other-role", ..REST };
    let both = REST.program().with("other", other.wants());
    let how = How { components: vec!["rest".into()], ..How::default() };
    let report = lab.deploy_with(&both, &how);
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_is(&REST.program(), "one of two");
    let report = lab.deploy(&both);
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(report.changes.same, REST.program().size());
    assert_eq!(report.outputs.len(), 2);
    lab.assert_is(&both, "both");
    let how = How { components: vec!["other".into()], ..How::default() };
    let report = lab.run(&super::lab::lab::Command::Destroy, &how, &[]).expect("it lives").expect("a report");
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    assert_eq!(report.outputs.keys().collect::<Vec<_>>(), ["rest"]);
    lab.assert_is(&REST.program(), "one is destroyed");
    // What is taken out of the configuration goes with the next deployment of everything.
    lab.deploy(&both);
    let report = lab.deploy(&REST.program());
    assert_eq!(report.changes.delete, other.program().size());
    lab.assert_is(&REST.program(), "one is taken out");
}
