//! What planning asks of the records is counted: twice the resources may cost twice the questions, not four times.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::RecordMarks;

/// A record that counts what it is asked.
struct Counted<'c>(ResourceRecord, &'c Cell<usize>);

impl Counted<'_> {
    fn asked(&self) -> &ResourceRecord {
        self.1.set(self.1.get() + 1);
        &self.0
    }
}

impl Recorded for Counted<'_> {
    fn urn(&self) -> &Urn {
        &self.asked().urn
    }
    fn marks(&self) -> RecordMarks {
        self.asked().marks()
    }
    fn id(&self) -> Option<&str> {
        self.asked().id()
    }
    fn parent(&self) -> Option<&str> {
        Recorded::parent(self.asked())
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
        Recorded::provider(self.asked())
    }
    fn is_foreign(&self) -> bool {
        self.asked().is_foreign()
    }
    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        Recorded::inputs(self.asked())
    }
    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        self.asked().output(path)
    }
    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        self.asked().to_record()
    }
}

/// The steps of a plan, and how often records were asked for it.
fn work(specs: &[ResourceSpec], records: Vec<ResourceRecord>, options: &PlanOptions) -> (usize, usize) {
    let asked = Cell::new(0);
    let records: Vec<Counted<'_>> = records.into_iter().map(|record| Counted(record, &asked)).collect();
    let graph = ResourceGraph::new(specs.iter().cloned()).unwrap();
    let plan = plan(&graph, &records, &Types::new(), options).unwrap();
    (plan.steps().len(), asked.get())
}

/// Plans what `scene` makes of 100 and of 200 resources.
fn assert_linear(scene: impl Fn(usize) -> (Vec<ResourceSpec>, Vec<ResourceRecord>, PlanOptions)) {
    let [small, large] = [100, 200].map(|count| {
        let (specs, records, options) = scene(count);
        work(&specs, records, &options)
    });
    assert!(small.0 >= 100 && large.0 >= 200, "something is to be done: {small:?}, {large:?}");
    assert!(large.1 <= 2 * small.1, "{} questions for 100 resources, {} for 200", small.1, large.1);
}

/// Resources of which each is linked to the one before by an input that would force a replacement.
fn chain(kind: &str, count: usize) -> Vec<ResourceSpec> {
    let link = |index: usize| match index {
        0 => Value::from(0.0),
        _ => output(kind, &format!("a{}", index - 1), "arn"),
    };
    (0..count).map(|index| spec(kind, &format!("a{index}"), &[("link", link(index))])).collect()
}

#[test]
fn what_is_gone_is_planned_in_one_go() {
    assert_linear(|count| {
        let specs = chain("Plain", count);
        let records = specs.iter().map(record).collect();
        let gone = specs.iter().map(|spec| spec.urn.clone()).collect();
        (specs, records, PlanOptions { gone, ..PlanOptions::default() })
    });
}

#[test]
fn targets_are_looked_up() {
    assert_linear(|count| {
        let specs = chain("Plain", count);
        let records: Vec<ResourceRecord> = specs.iter().map(record).collect();
        let targets: HashSet<Urn> = specs.into_iter().map(|spec| spec.urn).collect();
        (Vec::new(), records, PlanOptions { selection: Selection::Targets(targets), ..PlanOptions::default() })
    });
}

#[test]
fn early_deletions_spread_along_a_chain_in_one_go() {
    assert_linear(|count| {
        let specs = chain("First", count);
        // The last recorded comes first in the chain, so that spreading goes against the order of the records.
        let records: Vec<ResourceRecord> = specs.iter().rev().map(record).collect();
        let mut first = specs[0].clone();
        first.inputs.insert("link", 1.0);
        (vec![first], records, PlanOptions::default())
    });
}

#[test]
fn what_deletes_first_is_looked_through_once_however_much_lies_above_it() {
    assert_linear(|count| {
        let base: Vec<ResourceSpec> =
            (0..count).map(|index| spec("First", &format!("b{index}"), &[("link", 0.0.into())])).collect();
        let mut records: Vec<ResourceRecord> = base.iter().map(record).collect();
        // A tower of what is no longer wanted stands on all of them.
        for (index, tower) in chain("Plain", count).iter().enumerate() {
            let mut record = record(tower);
            record.property_dependencies.clear();
            if index == 0 {
                record.dependencies = base.iter().map(|spec| spec.urn.clone()).collect();
            }
            records.push(record);
        }
        let mut specs = base;
        specs.iter_mut().for_each(|spec| drop(spec.inputs.insert("link", 1.0)));
        (specs, records, PlanOptions::default())
    });
}
