use super::*;
use crate::{
    CallCost, OperationCost, OutputReference, PlanOptions, PropertyMap, Quota, ResourceGraph, ResourceRecord,
    ResourceSpec, ResourceTypeInfo, ResourceTypes, TypeToken, Urn,
};

struct OneType(ResourceTypeInfo);

impl ResourceTypes for OneType {
    fn info(&self, _: &TypeToken) -> Option<&ResourceTypeInfo> {
        Some(&self.0)
    }
}

/// Creates of 100 ms and one call each: `(name, needs, api)`.
fn plan(resources: &[(&str, &[&str], Option<&str>)]) -> Plan {
    plan_with(resources, &[])
}

fn urn(name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("t:m:T"), name)
}

/// As [`plan`], and deletes of what is recorded.
fn plan_with(resources: &[(&str, &[&str], Option<&str>)], records: &[ResourceRecord]) -> Plan {
    let cost = OperationCost::new(&[CallCost { quota: "q", calls: 1 }], 100);
    let types = OneType(ResourceTypeInfo {
        token: "t:m:T",
        replace_on: &[],
        stable_outputs: &[],
        delete_before_replace: false,
        conflict_input: Some("api"),
        conflict_scope: "api",
        id_within: &[],
        create: cost,
        update: cost,
        delete: cost,
        read: cost,
        equivalent: crate::resource::resource_type::never_equivalent,
    });
    let specs = resources.iter().map(|(name, needs, api)| {
        let mut spec = ResourceSpec::new(urn(name), PropertyMap::new());
        for (index, needed) in needs.iter().enumerate() {
            spec.inputs.insert(format!("i{index}"), OutputReference::new(urn(needed), "id"));
        }
        if let Some(api) = api {
            spec.inputs.insert("api", *api);
        }
        spec
    });
    crate::planner::plan(&ResourceGraph::new(specs).unwrap(), records, &types, &PlanOptions::default()).unwrap()
}

fn milliseconds(time: u64) -> Duration {
    Duration::from_millis(time)
}

#[test]
fn a_chain_is_bound_by_its_length() {
    let plan = plan(&[("x", &[], None), ("a", &[], None), ("b", &["a"], None), ("c", &["b"], None)]);
    let bound = lower_bound(&plan, &Quotas::new(), |_| true);
    assert_eq!((bound.duration, &bound.binding), (milliseconds(300), &Bound::CriticalPath));
    let names: Vec<&str> = bound.critical_path.iter().map(|id| plan.step(*id).urn.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_quota_binds_with_the_time_before_its_first_and_after_its_last_call() {
    let wide: Vec<(String, [&str; 1])> = (0..10).map(|index| (format!("w{index}"), ["root"])).collect();
    let mut all: Vec<(&str, &[&str], Option<&str>)> = vec![("root", &[], None)];
    all.extend(wide.iter().map(|(name, needs)| (name.as_str(), &needs[..], None)));
    let quotas: Quotas = [("q", Quota::new(5.0, 2.0))].into_iter().collect();
    let bound = lower_bound(&plan(&all), &quotas, |_| true);
    // Eleven calls, of which two come at once, and the last of which takes 100 ms.
    assert_eq!((bound.duration, bound.binding), (milliseconds(1800 + 100), Bound::Quota("q".into())));
    // With a faster quota, what counts is that ten of them can't begin before the first one is done.
    let quotas: Quotas = [("q", Quota::new(20.0, 9.0))].into_iter().collect();
    assert_eq!(lower_bound(&plan(&all), &quotas, |_| true).duration, milliseconds(100 + 50 + 100));
}

#[test]
fn what_takes_one_write_at_a_time_binds_with_the_sum_of_its_steps() {
    let plan = plan(&[("a", &[], None), ("b", &["a"], Some("1")), ("c", &["a"], Some("1")), ("d", &["a"], Some("2"))]);
    let bound = lower_bound(&plan, &Quotas::new(), |_| true);
    assert_eq!(bound.duration, milliseconds(300));
    assert_eq!(bound.binding.to_string(), "one write at a time to api 1");
}

#[test]
fn steps_that_do_not_count_take_no_time() {
    let plan = plan(&[("a", &[], None), ("b", &["a"], None)]);
    let bound = lower_bound(&plan, &Quotas::new(), |step| step.urn.name() == "b");
    assert_eq!(bound.duration, milliseconds(100));
    let measured = lower_bound_of(&plan, &Quotas::new(), &[milliseconds(70), milliseconds(50)], |_| true);
    assert_eq!(measured.duration, milliseconds(120));
}

#[test]
fn removals_come_after_all_that_is_made() {
    let mut records = [ResourceRecord::new(urn("x"), true), ResourceRecord::new(urn("y"), true)];
    records[1].dependencies = vec![urn("x")];
    let plan = plan_with(&[("a", &[], None), ("b", &["a"], None)], &records);
    let bound = lower_bound(&plan, &Quotas::new(), |_| true);
    assert_eq!(bound.duration, milliseconds(400));
    let names: Vec<&str> = bound.critical_path.iter().map(|id| plan.step(*id).urn.name()).collect();
    assert_eq!(names, ["a", "b", "y", "x"]);
}

#[test]
fn an_empty_plan_takes_no_time() {
    let bound = lower_bound(&plan(&[]), &Quotas::new(), |_| true);
    assert_eq!((bound.duration, bound.critical_path.len()), (Duration::ZERO, 0));
}
