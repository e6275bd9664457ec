use resource_graph::TypeToken;

use super::*;
use crate::{Json, Manifest, PendingOperation, Resource, ResourceFields};

fn urn_below(parent: Option<&str>, name: &str) -> Urn {
    Urn::new("dev", "shop", parent, &TypeToken::new("a:b:C"), name)
}

fn urn(name: &str) -> Urn {
    urn_below(None, name)
}

fn resource(name: &str) -> ResourceFields {
    ResourceFields::new(urn(name), false)
}

fn deployment(resources: impl IntoIterator<Item = ResourceFields>) -> Deployment {
    let mut deployment = Deployment::new(Manifest::default(), None);
    deployment.resources = resources.into_iter().map(Resource::from).collect();
    deployment
}

fn names(deployment: &Deployment) -> Vec<&str> {
    deployment.resources.iter().map(|resource| resource.urn.name()).collect()
}

#[test]
fn what_leads_nowhere_goes_and_the_rest_stays() {
    let mut refers = resource("refers");
    refers.parent = Some(urn("gone"));
    refers.dependencies = vec![urn("there"), urn("gone")];
    refers.set_property_dependencies(&[("x".into(), vec![urn("there"), urn("gone")])]);
    refers.rare_mut().deleted_with = Some(urn("gone"));
    refers.rare_mut().replace_with = vec![urn("gone"), urn("there")];
    let mut state = deployment([resource("there"), refers.clone()]);
    assert!(state.verify().is_err());

    let repair = state.repair();
    assert!(repair.is_complete() && repair.moved.is_empty() && repair.copies.is_empty());
    repair.deployment.verify().unwrap();
    assert!(repair.deployment.repair().is_empty());
    let left = &repair.deployment.resources[1];
    assert_eq!((&left.parent, left.dependencies.as_slice()), (&None, [urn("there")].as_slice()));
    assert_eq!(left.property_dependencies(), [("x".into(), vec![urn("there")])]);
    assert_eq!(left.rare().replace_with, [urn("there")]);
    assert_eq!(
        repair.to_string(),
        "The following resources will be modified to remove missing dependencies:\n\n\
         ~ urn:pulumi:dev::shop::a:b:C::refers\n\
         \x20 - urn:pulumi:dev::shop::a:b:C::gone [parent]\n\
         \x20 - urn:pulumi:dev::shop::a:b:C::gone [dependency]\n\
         \x20 - urn:pulumi:dev::shop::a:b:C::gone [property dependency: x]\n\
         \x20 - urn:pulumi:dev::shop::a:b:C::gone [deleted with]\n\
         \x20 - urn:pulumi:dev::shop::a:b:C::gone [replace with]\n"
    );

    // As a last resort the provider's reference goes, too.
    refers.provider = Some("urn:pulumi:dev::shop::pulumi:providers:a::default::1".into());
    state = deployment([resource("there"), refers]);
    assert_eq!(state.repair().remaining.len(), 1);
    let dropped = state.drop_dangling_references();
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    state.verify().unwrap();
    assert!(state.drop_dangling_references().is_empty());
}

#[test]
fn the_fewest_resources_move() {
    let mut first = resource("first");
    first.dependencies = vec![urn("last")];
    let mut old = resource("old");
    old.delete = true;
    old.parent = Some(urn("last"));
    let mut state = deployment([first, resource("b"), old, resource("c"), resource("last")]);
    state.metadata = Some(Json::of(&serde_json::json!({ "integrity_error": { "error": "e" }, "later": 1 })));
    let repair = state.repair();
    assert_eq!(repair.deployment.metadata.as_ref().unwrap().as_str(), r#"{"later":1}"#);
    assert_eq!(names(&repair.deployment), ["last", "first", "b", "old", "c"]);
    assert_eq!(
        repair.to_string(),
        "The following resources will be reordered to appear before their dependents:\n\n* \
         urn:pulumi:dev::shop::a:b:C::last\n"
    );
    assert!(repair.is_complete() && repair.deployment.repair().is_empty());
    // What didn't change keeps its text.
    assert_eq!(out_of_order(&[4, 0, 1, 2, 3]), [4]);
    assert_eq!(out_of_order(&[0, 2, 1, 3]), [2]);
    assert!(out_of_order(&[0, 1, 2]).is_empty() && out_of_order(&[]).is_empty());
}

#[test]
fn a_child_of_a_lost_parent_is_renamed_and_all_that_refers_to_it_follows() {
    let child = urn_below(Some("x:y:Lost"), "child");
    let grandchild = urn_below(Some("x:y:Lost$a:b:C"), "grandchild");
    let provider = Urn::new("dev", "shop", Some("x:y:Lost"), &TypeToken::provider("aws"), "own");
    let below =
        |urn: &Urn, parent: Urn| ResourceFields { parent: Some(parent), ..ResourceFields::new(urn.clone(), false) };
    let lost = Urn::new("dev", "shop", None, &TypeToken::new("x:y:Lost"), "lost");
    let mut own = below(&provider, lost.clone());
    (own.custom, own.id) = (true, Some("1".into()));
    let mut other = resource("other");
    (other.custom, other.provider) = (true, Some(format!("{provider}::1").into()));
    other.dependencies = vec![child.clone(), grandchild.clone()];
    other.rare_mut().view_of = Some(grandchild.clone());
    let mut state = deployment([own, below(&child, lost), below(&grandchild, child.clone()), other.clone()]);
    state.pending_operations = vec![PendingOperation::new("updating", other.into())];

    let repair = state.repair();
    assert!(repair.is_complete(), "{:?}", repair.remaining);
    let after = &repair.deployment.resources;
    assert_eq!(after[0].urn.as_str(), "urn:pulumi:dev::shop::pulumi:providers:aws::own");
    assert_eq!((&after[1].urn, &after[1].parent), (&urn("child"), &None));
    let renamed = urn_below(Some("a:b:C"), "grandchild");
    assert_eq!((&after[2].urn, after[2].parent.as_ref()), (&renamed, Some(&urn("child"))));
    assert_eq!(after[3].dependencies, [urn("child"), renamed.clone()]);
    assert_eq!(after[3].rare().view_of.as_ref(), Some(&renamed));
    assert_eq!(after[3].provider.as_deref(), Some("urn:pulumi:dev::shop::pulumi:providers:aws::own::1"));
    assert_eq!(repair.deployment.pending_operations[0].resource.dependencies, after[3].dependencies);
    assert_eq!(repair.changed[1].renamed, Some(urn("child")));
    let text = repair.to_string();
    assert!(text.contains("  ~ urn:pulumi:dev::shop::a:b:C::child [urn]\n"), "{text}");
    assert!(text.contains("x:y:Lost$a:b:C::child => urn:pulumi:dev::shop::a:b:C::child\n"), "{text}");
}

#[test]
fn what_would_be_a_guess_is_told() {
    // A ring.
    let (mut a, mut b) = (resource("a"), resource("b"));
    (a.dependencies, b.parent) = (vec![urn("b"), urn("gone")], Some(urn("a")));
    let repair = deployment([a, b]).repair();
    assert!(!repair.is_complete());
    let [a, b] = ["a", "b"].map(urn);
    assert_eq!(repair.remaining[0].message, format!("snapshot has cyclic dependencies: {a} -> {b} -> {a}"));
    assert_eq!(repair.changed[0].dropped[0].target, urn("gone"));

    // Two of one name that differ; those that are equal are one.
    let mut twin = resource("twin");
    twin.protect = true;
    let repair = deployment([resource("twin"), twin, resource("twin")]).repair();
    assert_eq!(repair.copies, [urn("twin")]);
    let left: Vec<&str> = repair.remaining.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(left, [format!("duplicate resource {} (not marked for deletion)", urn("twin"))]);
    assert!(repair.to_string().contains("second copies will be removed:\n\n- urn:pulumi:dev::shop::a:b:C::twin\n"));

    // A provider that isn't there.
    let mut without = resource("without");
    (without.custom, without.provider) = (true, Some("urn:pulumi:dev::shop::pulumi:providers:a::p::1".into()));
    let repair = deployment([without.clone()]).repair();
    assert!(repair.remaining[0].message.contains("refers to unknown provider"), "{:?}", repair.remaining);
    assert_eq!(repair.deployment.resources[0].provider, without.provider);

    // Itself: there is no other of the name.
    let mut itself = resource("itself");
    itself.dependencies = vec![urn("itself")];
    let state = deployment([itself]);
    assert!(state.verify().unwrap_err().problems[0].message.ends_with("refers to missing resource"));
    assert!(state.repair().is_complete());
}

#[test]
fn a_state_that_keeps_its_rules_is_left_alone() {
    let mut old = resource("old");
    old.delete = true;
    let state = deployment([old, resource("live")]);
    let repair = state.repair();
    assert!(repair.is_empty() && repair.to_string().is_empty());
    assert_eq!(repair.deployment, state);
}
