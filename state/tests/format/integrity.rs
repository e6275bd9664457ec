//! The rules of states (SPEC.md section 1.9) in Pulumi's order and words, and repairs of any damage.

use proptest::prelude::*;
use resource_graph::{TypeToken, Urn};
use state::{Deployment, Manifest, Repair, Resource, ResourceFields};

use crate::format::arbitrary::{Damaged, damaged};
use crate::format::support::{deployment, export};

const STATE: &str = "urn:pulumi:dev::shop";

/// The texts of all broken rules of the given resources.
fn problems(resources: &str) -> Vec<String> {
    let error = deployment(resources).verify();
    error.err().into_iter().flat_map(|error| error.problems).map(|problem| problem.message).collect()
}

fn resource(name: &str, members: &str) -> String {
    format!(r#"{{"urn":"{STATE}::a:b:C::{name}","custom":true,"type":"a:b:C"{members}}}"#)
}

#[test]
fn each_rule_is_told_in_pulumis_words() {
    let x = format!("{STATE}::a:b:C::x");
    let y = format!("{STATE}::a:b:C::y");
    let later = resource("y", "");
    for (members, message, or_later) in [
        (
            format!(r#","parent":"{y}""#),
            format!("child resource {x} refers to missing parent {y}"),
            format!("child resource {x}'s parent {y} comes after it"),
        ),
        (
            format!(r#","dependencies":["{y}"]"#),
            format!("resource {x}'s dependency {y} refers to missing resource"),
            format!("resource {x}'s dependency {y} comes after it"),
        ),
        (
            format!(r#","propertyDependencies":{{"p":["{y}"]}}"#),
            format!("resource {x}'s property dependency {y} (from property p) refers to missing resource"),
            format!("resource {x}'s property dependency {y} (from property p) comes after it"),
        ),
        (
            format!(r#","deletedWith":"{y}""#),
            format!("resource {x} is specified as being deleted with {y}, which is missing"),
            format!("resource {x} is specified as being deleted with {y}, which comes after it"),
        ),
        (
            format!(r#","replaceWith":["{y}"]"#),
            format!("resource {x} is specified as being replaced with {y}, which is missing"),
            format!("resource {x} is specified as being replaced with {y}, which comes after it"),
        ),
    ] {
        let broken = resource("x", &members);
        assert_eq!(problems(&broken), [message]);
        assert_eq!(problems(&format!("{broken},{later}")), [or_later]);
        assert!(problems(&format!("{later},{broken}")).is_empty());
    }
    // Nothing comes after itself.
    let itself = resource("x", &format!(r#","dependencies":["{x}"]"#));
    assert_eq!(problems(&itself), [format!("resource {x}'s dependency {x} refers to missing resource")]);

    let component = format!(r#"{{"urn":"{x}","custom":false,"id":"1","type":"a:b:C"}}"#);
    assert_eq!(problems(&component), [format!("resource '{x}' has 'custom false but non-empty ID")]);
    let twice = format!("{},{}", resource("x", ""), resource("x", ""));
    assert_eq!(problems(&twice), [format!("duplicate resource {x} (not marked for deletion)")]);
    assert!(
        problems(&format!("{},{twice}", resource("x", r#","delete":true"#)).replacen(&twice, &resource("x", ""), 1))
            .is_empty()
    );
}

#[test]
fn providers_are_referred_to_by_name_and_id() {
    let x = format!("{STATE}::a:b:C::x");
    let provider = format!("{STATE}::pulumi:providers:aws::default");
    let entry = |id: &str| format!(r#"{{"urn":"{provider}","custom":true,{id}"type":"pulumi:providers:aws"}}"#);
    let user = |reference: &str, more: &str| resource("x", &format!(r#","provider":"{reference}"{more}"#));
    let all = |id: &str, reference: &str| problems(&format!("{},{}", entry(id), user(reference, "")));
    assert!(all(r#""id":"1","#, &format!("{provider}::1")).is_empty());
    let unknown = |id: &str| format!("resource {x} refers to unknown provider {provider}::{id}");
    assert_eq!(all(r#""id":"1","#, &format!("{provider}::2")), [unknown("2")]);
    assert_eq!(problems(&user(&format!("{provider}::1"), "")), [unknown("1")]);
    assert!(problems(&user(&format!("{provider}::1"), r#","pendingReplacement":true"#)).is_empty());
    // An id that isn't known has a text of its own.
    assert!(all("", &format!("{provider}::04da6b54-80e4-46f7-96ec-b56ff0331ba9")).is_empty());
    let parse = |reference: &str| problems(&user(reference, "")).remove(0);
    let failed = format!("failed to parse provider reference for resource {x}: ");
    assert_eq!(parse("aws"), format!("{failed}expected '::' in provider reference 'aws'"));
    assert_eq!(parse("aws::1"), format!("{failed}aws is not a valid URN"));
    assert_eq!(
        parse(&format!("{STATE}::a:b:C::p::1")),
        format!("{failed}invalid module in type: expected 'pulumi:providers', got 'a:b'")
    );
    let odd = format!(r#"{{"urn":"{x}","custom":true,"id":"1","type":"pulumi:providers:aws"}}"#);
    assert_eq!(
        problems(&odd),
        [format!("provider {x} is not referenceable: invalid module in type: expected 'pulumi:providers', got 'a:b'")]
    );
}

#[test]
fn magic_and_snippets_are_checked() {
    let problems = |text: &str| -> Vec<String> {
        let error = export(text.to_owned()).unwrap().deployment.unwrap().verify().unwrap_err();
        error.problems.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(
        problems(r#"{"version":3,"deployment":{"manifest":{"time":"","magic":"x","version":"v3"}}}"#),
        ["magic cookie mismatch; possible tampering/corruption detected"]
    );
    assert_eq!(
        problems(r#"{"version":4,"deployment":{"snippets":[{"uuid":"a"},{"code":""},{"uuid":"b"},{"uuid":"a"}]}}"#),
        ["snippet at index 1 missing required 'uuid' field", "duplicate snippet uuid \"a\" at indexes 0 and 3"]
    );
}

/// The first one is the one that Pulumi tells.
#[test]
fn problems_come_in_pulumis_order() {
    let all = problems(&format!(
        "{},{},{}",
        resource("x", ""),
        resource("x", ""),
        resource("y", &format!(r#","id":"1","parent":"{STATE}::a:b:C::gone""#))
    ));
    assert!(all[0].starts_with("child resource") && all[1].starts_with("duplicate resource"), "{all:?}");
    let members = format!(
        r#","provider":"aws","replaceWith":["{STATE}::a:b:C::r"],"deletedWith":"{STATE}::a:b:C::d","propertyDependencies":{{"p":["{STATE}::a:b:C::p"]}},"dependencies":["{STATE}::a:b:C::e"],"parent":"{STATE}::a:b:C::f""#
    );
    let all = problems(&resource("x", &members).replace("\"custom\":true", "\"custom\":false,\"id\":\"1\""));
    let starts = [
        "'custom false",
        "provider reference",
        "missing parent",
        "'s dependency",
        "property dependency",
        "deleted with",
        "replaced with",
    ];
    assert_eq!(all.len(), starts.len());
    for (message, start) in all.iter().zip(starts) {
        assert!(message.contains(start), "{message}");
    }
}

proptest! {
    /// Whatever is broken, a repair mends it or says exactly what it leaves; done twice it does nothing more.
    #[test]
    fn any_damage_is_repaired_or_told(Damaged(state) in damaged()) {
        let broken = state.verify().is_err();
        let repair = state.repair();
        let Repair { moved, copies, changed, remaining, deployment } = &repair;
        if !broken {
            prop_assert!(repair.is_empty());
            prop_assert_eq!(deployment, &state);
            return Ok(());
        }
        prop_assert!(!moved.is_empty() || !copies.is_empty() || !changed.is_empty() || !remaining.is_empty());
        let left = deployment.verify().err().map(|error| error.problems).unwrap_or_default();
        let told: Vec<_> = remaining.iter().filter(|it| !it.message.starts_with("snapshot has cyclic")).cloned().collect();
        prop_assert_eq!(&left, &told);
        prop_assert_eq!(repair.is_complete(), remaining.is_empty());
        // Nothing is lost but copies.
        prop_assert_eq!(deployment.resources.len() + copies.len(), state.resources.len());
        if repair.is_complete() {
            prop_assert!(deployment.repair().is_empty());
        }
        // Each dropped reference led nowhere.
        for dropped in changed.iter().flat_map(|change| change.dropped.iter().map(|it| (&change.urn, &it.target))) {
            let others = state.resources.iter().filter(|resource| resource.urn == *dropped.1).count();
            prop_assert!(others == 0 || dropped.0 == dropped.1, "{:?}", dropped);
        }
        prop_assert_eq!(changed.iter().any(|change| change.renamed.is_some()), repair.to_string().contains(" [urn]\n"));
    }
}

/// A chain as long as a state may be: no stack overflows, and the cost stays in proportion.
#[test]
fn long_chains_are_put_in_order() {
    let urn = |number: usize| Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), &number.to_string());
    let mut state = Deployment::new(Manifest::default(), None);
    state.resources = (0..30_000)
        .rev()
        .map(|number: usize| {
            let mut fields = ResourceFields::new(urn(number), false);
            fields.parent = number.checked_sub(1).map(urn);
            Resource::from(fields)
        })
        .collect();
    let repair = state.repair();
    assert!(repair.is_complete());
    assert_eq!(repair.moved.len(), 29_999);
    assert_eq!(repair.deployment.resources[0].urn, urn(0));
}
