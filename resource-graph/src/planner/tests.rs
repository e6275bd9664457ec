use std::time::Duration;

use super::*;
use crate::{
    CallCost, Counts, OperationCost, OutputReference, Phase, PropertyMap, ResourceRecord, ResourceSpec,
    ResourceTypeInfo, Step, UntouchedReason, Value,
};

mod work;

const CALL: OperationCost = OperationCost::new(&[CallCost { quota: "q", calls: 1 }], 100);

/// `Plain` is replaced for `name` and makes the new one first; `First` deletes first; `Child` conflicts by `api`.
struct Types([ResourceTypeInfo; 3]);

impl Types {
    fn new() -> Self {
        let info = |token, delete_before_replace, conflict_input| ResourceTypeInfo {
            token,
            replace_on: &["name", "link"],
            stable_outputs: &["id", "arn"],
            delete_before_replace,
            conflict_input,
            conflict_scope: "api",
            id_within: &[],
            create: CALL,
            update: CALL,
            delete: CALL,
            read: CALL,
            equivalent: crate::resource::resource_type::never_equivalent,
        };
        Self([info("t:m:Plain", false, None), info("t:m:First", true, None), info("t:m:Child", false, Some("api"))])
    }
}

impl ResourceTypes for Types {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.0.iter().find(|info| info.token == token.as_str())
    }
}

fn urn(kind: &str, name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new(format!("t:m:{kind}")), name)
}

fn spec(kind: &str, name: &str, inputs: &[(&str, Value)]) -> ResourceSpec {
    ResourceSpec::new(urn(kind, name), inputs.iter().map(|(name, value)| (*name, value.clone())).collect())
}

fn output(kind: &str, name: &str, output: &str) -> Value {
    OutputReference::new(urn(kind, name), output).into()
}

/// The record that making `spec` leaves, with all references resolved to `<name>.<output>`.
fn record(spec: &ResourceSpec) -> ResourceRecord {
    let name = spec.urn.name();
    let mut record = ResourceRecord::new(spec.urn.clone(), spec.custom);
    record.id = spec.custom.then(|| format!("{name}.id"));
    record.inputs = spec
        .inputs
        .resolve(&mut |reference| {
            crate::Resolved::Known(format!("{}.{}", reference.urn.name(), reference.path.join(".")).into())
        })
        .unwrap();
    for output in ["arn", "version"] {
        record.outputs.insert(output, format!("{name}.{output}"));
    }
    record.parent = spec.options.parent.clone();
    record.dependencies =
        spec.dependencies().into_iter().filter(|urn| Some(urn) != spec.options.parent.as_ref()).collect();
    for (input, value) in spec.inputs.iter() {
        let mut urns = Vec::new();
        value.for_each_reference(&mut |reference| urns.push(reference.urn.clone()));
        record.property_dependencies.push((input.to_owned(), urns));
    }
    record.protect = spec.options.protect == Some(true);
    record.retain_on_delete = spec.options.retain_on_delete == Some(true);
    record
}

fn try_plan(specs: &[ResourceSpec], records: &[ResourceRecord], options: &PlanOptions) -> Result<Plan, PlanError> {
    plan(&ResourceGraph::new(specs.iter().cloned()).unwrap(), records, &Types::new(), options)
}

fn planned(specs: &[ResourceSpec], records: &[ResourceRecord]) -> Plan {
    try_plan(specs, records, &PlanOptions::default()).unwrap()
}

/// `operation name` of each step, in order.
fn shown(plan: &Plan) -> Vec<String> {
    plan.in_order().map(|step| format!("{} {}", step.operation, step.urn.name())).collect()
}

fn step<'a>(plan: &'a Plan, operation: Operation, name: &str) -> &'a Step {
    plan.steps().iter().find(|step| step.operation == operation && step.urn.name() == name).unwrap()
}

fn needs(plan: &Plan, later: &Step, earlier: &Step) -> bool {
    plan.needs(later.id).contains(&earlier.id)
}

#[test]
fn nothing_recorded_means_everything_is_made_in_order() {
    let specs = [spec("Plain", "b", &[("x", output("Plain", "a", "arn"))]), spec("Plain", "a", &[])];
    let plan = planned(&specs, &[]);
    assert_eq!(shown(&plan), ["create a", "create b"]);
    assert!(needs(&plan, step(&plan, Operation::Create, "b"), step(&plan, Operation::Create, "a")));
    assert_eq!(plan.counts(), Counts { create: 2, ..Counts::default() });
    assert_eq!(plan.steps()[0].reason(), "new");
    assert_eq!(plan.steps()[0].estimated, Duration::from_millis(100));
}

#[test]
fn what_is_recorded_as_wanted_needs_no_step() {
    let specs =
        [spec("Plain", "a", &[("x", 1.0.into())]), spec("Plain", "b", &[("x", output("Plain", "a", "version"))])];
    let plan = planned(&specs, &specs.each_ref().map(record));
    assert!(plan.is_empty());
    assert_eq!(plan.unchanged().len(), 2);
    assert_eq!(plan.counts(), Counts { same: 2, ..Counts::default() });
    assert!(!plan.counts().has_changes());
}

#[test]
fn an_update_leaves_stable_outputs_known_and_makes_dependants_of_others_conditional() {
    let old = [
        spec("Plain", "a", &[("memorySize", 256.0.into())]),
        spec("Plain", "stable", &[("x", output("Plain", "a", "arn")), ("y", output("Plain", "a", "id"))]),
        spec("Plain", "loose", &[("x", output("Plain", "a", "version"))]),
        spec("Plain", "after", &[("x", output("Plain", "loose", "version"))]),
    ];
    let mut new = old.clone();
    new[0].inputs.insert("memorySize", 512.0);
    let plan = planned(&new, &old.each_ref().map(record));
    assert_eq!(shown(&plan), ["update a", "update loose", "update after"]);
    assert_eq!(step(&plan, Operation::Update, "a").reason(), "inputs changed: memorySize 256 → 512");
    assert!(!step(&plan, Operation::Update, "a").conditional);
    let loose = step(&plan, Operation::Update, "loose");
    assert!(loose.conditional);
    assert_eq!(loose.reason(), "inputs may change, known after apply: x");
    let types = Types::new();
    assert_eq!(loose.reconsider(&[("x", "a.version")].into(), &types), Reconsidered::Same);
    assert!(matches!(loose.reconsider(&[("x", "a.version2")].into(), &types), Reconsidered::Update(_)));
}

#[test]
fn a_replacement_makes_the_new_one_first_and_cascades_over_forcing_inputs() {
    let old = [
        spec("Plain", "a", &[("name", "n1".into())]),
        spec("Plain", "linked", &[("link", output("Plain", "a", "id"))]),
        spec("Plain", "user", &[("x", output("Plain", "a", "arn"))]),
    ];
    let mut new = old.clone();
    new[0].inputs.insert("name", "n2");
    let plan = planned(&new, &old.each_ref().map(record));
    assert_eq!(
        shown(&plan),
        [
            "create-replacement a",
            "create-replacement linked",
            "update user",
            "delete-replaced linked",
            "delete-replaced a",
        ]
    );
    let (make, remove) = (step(&plan, Operation::CreateReplacement, "a"), step(&plan, Operation::DeleteReplaced, "a"));
    assert_eq!((make.pair, remove.pair), (Some(remove.id), Some(make.id)));
    assert_eq!((make.phase, remove.phase), (Phase::Make, Phase::Remove));
    assert_eq!(make.reason(), "replaced because name forces a replacement; inputs changed: name \"n1\" → \"n2\"");
    let linked = step(&plan, Operation::CreateReplacement, "linked");
    assert!(linked.conditional && step(&plan, Operation::DeleteReplaced, "linked").conditional);
    assert_eq!(linked.reconsider(&[("link", "a.id")].into(), &Types::new()), Reconsidered::Same);
    assert!(matches!(linked.reconsider(&[("link", "new")].into(), &Types::new()), Reconsidered::Replace(_)));
    assert_eq!(plan.counts(), Counts { replace: 2, update: 1, ..Counts::default() });
}

#[test]
fn deleting_first_takes_along_what_is_replaced_or_removed_with_it() {
    let old = [
        spec("First", "a", &[("name", "n1".into())]),
        spec("Plain", "linked", &[("link", output("First", "a", "id"))]),
        spec("Plain", "unwanted", &[("x", output("First", "a", "arn"))]),
        spec("Plain", "user", &[("x", output("First", "a", "arn"))]),
    ];
    let mut new = vec![old[0].clone(), old[1].clone(), old[3].clone()];
    new[0].inputs.insert("name", "n2");
    let plan = planned(&new, &old.each_ref().map(record));
    let remove = step(&plan, Operation::DeleteReplaced, "a");
    let make = step(&plan, Operation::CreateReplacement, "a");
    let linked = step(&plan, Operation::DeleteReplaced, "linked");
    let unwanted = step(&plan, Operation::Delete, "unwanted");
    assert!(plan.steps().iter().all(|step| step.phase == Phase::Make), "all of it has to come before the new a");
    assert!(needs(&plan, make, remove) && needs(&plan, remove, linked) && needs(&plan, remove, unwanted));
    assert!(!linked.conditional, "it can't outlive what it is linked to");
    assert!(needs(&plan, step(&plan, Operation::CreateReplacement, "linked"), make));
    assert!(step(&plan, Operation::Update, "user").conditional);
}

#[test]
fn what_goes_early_waits_for_those_that_are_moved_away_from_it() {
    let old = [
        spec("First", "a", &[("name", "n1".into())]),
        spec("Plain", "unwanted", &[("link", output("First", "a", "id"))]),
        spec("Plain", "user", &[("x", output("Plain", "unwanted", "id"))]),
        spec("Plain", "both", &[("x", output("Plain", "unwanted", "id"))]),
    ];
    let mut new = vec![old[0].clone(), spec("Plain", "user", &[]), spec("Plain", "both", &[])];
    new[0].inputs.insert("name", "n2");
    new[2].inputs.insert("x", output("First", "a", "id"));
    let plan = planned(&new, &old.each_ref().map(record));
    let unwanted = step(&plan, Operation::Delete, "unwanted");
    assert_eq!(unwanted.phase, Phase::Make);
    assert!(needs(&plan, step(&plan, Operation::DeleteReplaced, "a"), unwanted));
    assert!(needs(&plan, unwanted, step(&plan, Operation::Update, "user")));
    assert!(!needs(&plan, unwanted, step(&plan, Operation::Update, "both")), "it waits for the new a itself");
}

#[test]
fn removals_come_last_in_reverse_order() {
    let old = [
        spec("Plain", "a", &[]),
        spec("Plain", "b", &[("x", output("Plain", "a", "id"))]),
        spec("Plain", "c", &[("x", output("Plain", "b", "id"))]),
    ];
    let plan = planned(&[spec("Plain", "new", &[])], &old.each_ref().map(record));
    assert_eq!(shown(&plan), ["create new", "delete c", "delete b", "delete a"]);
    assert_eq!(step(&plan, Operation::Delete, "a").reason(), "no longer wanted");
}

#[test]
fn what_a_refresh_did_not_find_is_made_again_or_forgotten() {
    let specs =
        [spec("Plain", "a", &[]), spec("Plain", "b", &[("x", output("Plain", "a", "id"))]), spec("Plain", "c", &[])];
    let options = PlanOptions { gone: [urn("Plain", "a"), urn("Plain", "c")].into(), ..PlanOptions::default() };
    let plan = try_plan(&specs[..2], &specs.each_ref().map(record), &options).unwrap();
    assert_eq!(shown(&plan), ["create a", "update b", "forget c"]);
    assert_eq!(step(&plan, Operation::Create, "a").reason(), "gone from the cloud");
    assert!(step(&plan, Operation::Forget, "c").free);
}

#[test]
fn interrupted_replacements_are_finished() {
    let specs = [spec("Plain", "a", &[("x", 1.0.into())]), spec("Plain", "b", &[])];
    let mut copy = record(&specs[0]);
    copy.pending_deletion = true;
    let mut waiting = record(&specs[1]);
    waiting.pending_replacement = true;
    let plan = planned(&specs, &[copy, record(&specs[0]), waiting]);
    assert_eq!(shown(&plan), ["create b", "delete a"]);
    assert_eq!(step(&plan, Operation::Delete, "a").reason(), "old copy left by an earlier replacement");
    assert_eq!(step(&plan, Operation::Create, "b").reason(), "deleted by a replacement that was interrupted");
}

#[test]
fn what_is_not_ours_is_left_alone_and_keeps_what_it_needs() {
    let needed = spec("Plain", "needed", &[]);
    let mut foreign = record(&spec("Foreign", "f", &[]));
    foreign.dependencies = vec![needed.urn.clone()];
    let mut external = record(&spec("Plain", "external", &[]));
    external.external = true;
    let provider = ResourceRecord::new(Urn::new("dev", "shop", None, &TypeToken::provider("t"), "default"), true);
    let root = ResourceRecord::new(Urn::root("dev", "shop"), false);
    let records = [root, provider, record(&needed), foreign, external];
    let plan = planned(&[], &records);
    assert!(plan.is_empty());
    assert!(plan.untouched().contains(&(needed.urn.clone(), UntouchedReason::NeededBy(urn("Foreign", "f")))));
    assert_eq!(plan.untouched().len(), 5);
    assert!(matches!(
        try_plan(&[spec("Foreign", "f", &[])], &[], &PlanOptions::default()),
        Err(PlanError::UnknownType { .. })
    ));
}

#[test]
fn destroying_everything_takes_root_and_providers_along_for_free() {
    let resource = spec("Plain", "a", &[]);
    let provider = ResourceRecord::new(Urn::new("dev", "shop", None, &TypeToken::provider("t"), "default"), true);
    let root = ResourceRecord::new(Urn::root("dev", "shop"), false);
    let plan = planned(&[], &[root, provider, record(&resource)]);
    assert_eq!(shown(&plan), ["delete a", "delete default", "delete shop-dev"]);
    assert_eq!(plan.steps().iter().filter(|step| step.free).count(), 2);
    assert_eq!(plan.counts().delete, 1);
}

#[test]
fn components_and_roots_are_steps_that_call_nobody() {
    let root = ResourceSpec::component(Urn::root("dev", "shop"));
    let mut child = spec("Plain", "a", &[]);
    child.options.parent = Some(root.urn.clone());
    let specs = [root, child];
    let plan = planned(&specs, &[]);
    assert_eq!(shown(&plan), ["create shop-dev", "create a"]);
    assert!(plan.steps()[0].free && !plan.steps()[1].free);
    assert!(planned(&specs, &specs.each_ref().map(record)).is_empty());
}

#[test]
fn protected_resources_are_neither_deleted_nor_replaced() {
    let mut kept = spec("Plain", "kept", &[("name", "n".into())]);
    kept.options.protect = Some(true);
    let record = record(&kept);
    let error = try_plan(&[], std::slice::from_ref(&record), &PlanOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} is protected, but would be deleted", kept.urn));
    assert!(error.hint().contains("protect"));
    kept.inputs.insert("name", "other");
    let error = try_plan(&[kept], &[record], &PlanOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("would be replaced"));
}

#[test]
fn retained_resources_are_only_forgotten() {
    let mut kept = spec("Plain", "kept", &[("name", "n".into())]);
    kept.options.retain_on_delete = Some(true);
    let record = record(&kept);
    let plan = planned(&[], std::slice::from_ref(&record));
    assert_eq!(shown(&plan), ["forget kept"]);
    kept.inputs.insert("name", "other");
    assert_eq!(shown(&planned(&[kept], &[record])), ["create-replacement kept", "forget kept"]);
}

#[test]
fn only_options_that_differ_are_written_without_a_call() {
    let old = [spec("Plain", "a", &[]), spec("Plain", "b", &[])];
    let mut new = old.clone();
    new[0].options.protect = Some(true);
    new[1].options.depends_on = vec![new[0].urn.clone()];
    let plan = planned(&new, &old.each_ref().map(record));
    assert_eq!(shown(&plan), ["same a", "same b"]);
    assert_eq!(plan.steps()[1].reason(), "options changed: dependencies");
    assert!(plan.steps().iter().all(|step| step.free));
    assert!(!plan.counts().has_changes());
}

#[test]
fn unhealthy_and_unreadable_outputs_are_dealt_with() {
    let specs = [spec("Plain", "a", &[]), spec("Plain", "b", &[("x", output("Plain", "a", "newOutput"))])];
    let mut records = specs.each_ref().map(record);
    records[1].init_errors = vec!["timed out".into()];
    let plan = planned(&specs, &records);
    assert_eq!(shown(&plan), ["read a", "update b"]);
    assert_eq!(step(&plan, Operation::Read, "a").reason(), "output newOutput isn't recorded");
    assert!(step(&plan, Operation::Update, "b").reason().starts_with("made, but not healthy: timed out"));
}

#[test]
fn writes_to_one_api_share_a_key_whether_it_is_there_or_not() {
    let api = spec("Plain", "api", &[("name", "n".into())]);
    let route = |name| spec("Child", name, &[("api", output("Plain", "api", "id"))]);
    let fresh = planned(&[api.clone(), route("r1"), route("r2")], &[]);
    let key = |plan: &Plan, name: &str| {
        plan.steps().iter().find(|step| step.urn.name() == name).unwrap().conflict_keys[0].to_string()
    };
    assert_eq!(key(&fresh, "r1"), key(&fresh, "r2"));
    assert_eq!(key(&fresh, "r1"), format!("api {}#id", api.urn));
    let later = planned(&[api.clone(), route("r1")], &[record(&api), record(&route("r2"))]);
    assert_eq!(key(&later, "r1"), "api api.id");
    assert_eq!(key(&later, "r2"), "api api.id", "a delete knows the id from its record");
}

#[test]
fn a_selection_of_targets_takes_their_dependencies_along_and_nothing_else() {
    let specs = [
        spec("Plain", "base", &[("x", 2.0.into())]),
        spec("Plain", "target", &[("x", output("Plain", "base", "id")), ("y", 2.0.into())]),
        spec("Plain", "other", &[("x", 2.0.into())]),
    ];
    let mut old = specs.clone();
    old[0].inputs.insert("x", 1.0);
    old[1].inputs.insert("y", 1.0);
    old[2].inputs.insert("x", 1.0);
    let records: Vec<_> = old.iter().chain([&spec("Plain", "unwanted", &[])]).map(record).collect();
    let select = |names: &[&str]| PlanOptions {
        selection: Selection::Targets(names.iter().map(|name| urn("Plain", name)).collect()),
        ..PlanOptions::default()
    };
    let plan = try_plan(&specs, &records, &select(&["target"])).unwrap();
    assert_eq!(shown(&plan), ["update base", "update target"]);
    assert_eq!(plan.untouched().len(), 2);
    let error = try_plan(&[], &records, &select(&["base"])).unwrap_err();
    assert!(matches!(error, PlanError::StillNeeded { .. }), "{error}");
    assert!(matches!(try_plan(&specs, &records, &select(&["nowhere"])), Err(PlanError::UnknownTarget { .. })));
}

#[test]
fn a_selection_of_components_leaves_the_others_alone() {
    let component = |name: &str| ResourceSpec::component(urn("Component", name));
    let child = |parent: &ResourceSpec, name: &str, inputs: &[(&str, Value)]| {
        let mut child = spec("Plain", name, inputs);
        child.options.parent = Some(parent.urn.clone());
        child
    };
    let (one, two) = (component("one"), component("two"));
    let specs = [
        one.clone(),
        two.clone(),
        child(&one, "one-a", &[("x", 2.0.into())]),
        child(&two, "two-a", &[("x", 2.0.into())]),
        child(&two, "two-new", &[]),
        child(&one, "one-b", &[("x", output("Plain", "two-a", "id")), ("y", output("Plain", "two-new", "id"))]),
    ];
    let old = [
        one.clone(),
        two.clone(),
        child(&one, "one-a", &[("x", 1.0.into())]),
        child(&two, "two-a", &[("x", 1.0.into())]),
        child(&one, "one-gone", &[]),
        child(&two, "two-gone", &[]),
    ];
    let options = PlanOptions { selection: Selection::Components([one.urn.clone()].into()), ..PlanOptions::default() };
    let plan = try_plan(&specs, &old.each_ref().map(record), &options).unwrap();
    assert_eq!(shown(&plan), ["update one-a", "create two-new", "create one-b", "delete one-gone"]);
    let destroy = try_plan(&[], &old.each_ref().map(record), &options).unwrap();
    assert_eq!(shown(&destroy), ["delete one-gone", "delete one-a", "delete one"]);
}

#[test]
fn ignored_changes_are_taken_back_and_the_rest_is_sent() {
    let mut wanted = spec("Plain", "a", &[("x", 2.0.into()), ("y", 2.0.into())]);
    let old = record(&spec("Plain", "a", &[("x", 1.0.into()), ("y", 1.0.into())]));
    wanted.options.ignore_changes = vec!["x".into()];
    let plan = planned(&[wanted], &[old]);
    assert_eq!(plan.steps()[0].inputs, PropertyMap::from([("x", 1.0), ("y", 2.0)]));
    assert_eq!(plan.steps()[0].reason(), "inputs changed: y 1 → 2");
}

#[test]
fn what_something_that_stays_refers_to_in_any_way_stays() {
    let base = spec("Plain", "base", &[]);
    let mut foreign = record(&spec("Foreign", "foreign", &[]));
    foreign.property_dependencies = vec![("x".into(), vec![base.urn.clone()])];
    let plan = planned(&[], &[record(&base), foreign]);
    assert!(plan.is_empty(), "{:?}", shown(&plan));
    assert!(plan.untouched().iter().any(|(urn, reason)| {
        *urn == base.urn && matches!(reason, UntouchedReason::NeededBy(by) if by.name() == "foreign")
    }));
}
