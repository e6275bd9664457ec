//! What planning asks of the state is counted: twice the resources may cost twice the questions, not four times.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use resource_graph::{
    Latencies, PropertyMap, RecordError, RecordMarks, Recorded, ResourceOptions, ResourceRecord, ResourceSpec, Urn,
    Value,
};
use semantest_iac::application::Refresh;
use semantest_iac::application::plan::look::Extent;
use semantest_iac::application::plan::planning::{Planned, plan};
use semantest_iac::application::plan::wanted::Wanted;
use semantest_iac::application::steps::default_provider::DefaultProvider;
use semantest_iac::domain::deployment::DeploymentCommand;
use semantest_iac::ports::RecordedResource;

use super::lab::kinds;
use super::lab::lab::{How, Lab};
use super::lab::program::{PROJECT, Program, STACK, Want, output};
use crate::saga::adoption::disguise;
use crate::saga::kills::lab_with;

/// A record that counts what it is asked.
struct Counted(RecordedResource, Arc<AtomicUsize>);

impl Counted {
    fn asked(&self) -> &RecordedResource {
        self.1.fetch_add(1, Ordering::Relaxed);
        &self.0
    }
}

impl Recorded for Counted {
    fn urn(&self) -> &Urn {
        self.asked().urn()
    }
    fn marks(&self) -> RecordMarks {
        self.asked().marks()
    }
    fn id(&self) -> Option<&str> {
        self.asked().id()
    }
    fn parent(&self) -> Option<&str> {
        self.asked().parent()
    }
    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.asked().for_each_dependency(visit);
    }
    fn deleted_with(&self) -> Option<&str> {
        self.asked().deleted_with()
    }
    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.asked().for_each_other_reference(visit);
    }
    fn provider(&self) -> Option<&str> {
        self.asked().provider()
    }
    fn is_foreign(&self) -> bool {
        self.asked().is_foreign()
    }
    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        self.asked().inputs()
    }
    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        self.asked().output(path)
    }
    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        self.asked().to_record()
    }
}

/// Roles of one component, each named in the one after it.
fn roles(count: usize) -> Program {
    let wants = (0..count).map(|index| {
        let mut inputs = PropertyMap::from([("name", format!("role-{index}"))]);
        if index > 0 {
            inputs.insert("description", output(kinds::ROLE, &format!("r{}", index - 1), "arn"));
        }
        Want { token: kinds::ROLE, name: format!("r{index}"), inputs, options: ResourceOptions::default() }
    });
    Program::default().with("all", wants.collect())
}

/// Plans `program`, and counts what the records of the state are asked for it.
fn planned(lab: &Lab, program: &Program, refresh: Refresh) -> (Planned, usize) {
    let ports = lab.ports();
    let options = lab.options(&How { refresh, ..How::default() });
    lab.script.begin(&[], options.cancellation.clone());
    lab.cloud.wants(program);
    let asked = Arc::new(AtomicUsize::new(0));
    let mut snapshot = lab.wait(ports.store.read()).expect("a sound state");
    for record in &mut snapshot.resources {
        *record = Arc::new(Counted(Arc::clone(record), Arc::clone(&asked)));
    }
    let root = Urn::root(STACK, PROJECT);
    let mut specs = vec![ResourceSpec::component(root.clone())];
    specs.extend(program.blueprint(&["all"]).resources);
    for spec in &mut specs[1..] {
        spec.options.parent.get_or_insert_with(|| root.clone());
    }
    let specs = specs.into_iter().map(Arc::new).collect();
    let provider = DefaultProvider { reference: String::new(), id: "identity".into(), record: None };
    let command = DeploymentCommand::Deploy;
    let wanted = Wanted { command, specs, outputs: Vec::new(), identity: None, provider };
    let planned =
        lab.wait(plan(&ports, &options, &wanted, &snapshot, &Latencies::new(), Extent::Sample)).expect("a plan");
    (planned, asked.load(Ordering::Relaxed))
}

/// What is asked for 30 resources, and for 60.
fn assert_linear(asked: impl Fn(usize) -> usize) {
    let (small, large) = (asked(30), asked(60));
    assert!(large <= 2 * small, "{small} questions for 30 resources, {large} for 60");
}

#[test]
fn a_refresh_that_finds_nothing_asks_each_record_the_same() {
    assert_linear(|count| {
        let lab = lab_with(&[roles(count)]);
        (0..count).for_each(|_| lab.cloud.lose(kinds::ROLE));
        let (planned, asked) = planned(&lab, &roles(count), Refresh::All);
        assert_eq!((planned.drifts.len(), planned.plan.counts().create), (count, count));
        asked
    });
}

#[test]
fn what_is_near_something_gone_is_read_and_planned_in_one_go() {
    assert_linear(|count| {
        let lab = lab_with(&[roles(count)]);
        (0..count).for_each(|_| lab.cloud.lose(kinds::ROLE));
        let mut changed = roles(count);
        let wants = changed.components.values_mut().flatten();
        wants.last().expect("a role").inputs.insert("description", "another");
        let (planned, asked) = planned(&lab, &changed, Refresh::Changed);
        assert_eq!((planned.drifts.len(), planned.plan.counts().create), (count, count));
        asked
    });
}

#[test]
fn taking_over_asks_each_record_the_same() {
    assert_linear(|count| {
        let lab = lab_with(&[roles(count)]);
        disguise(&lab);
        let (planned, asked) = planned(&lab, &roles(count), Refresh::None);
        assert_eq!((planned.adoptions.records.len(), planned.plan.counts().create), (count, 0));
        asked
    });
}
