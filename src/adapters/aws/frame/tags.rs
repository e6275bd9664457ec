//! The tags that find a resource again whatever happens to the state.
//!
//! `semantest:project`, `semantest:stack`, `semantest:component` and `semantest:urn` don't change and are part of the
//! inputs. `semantest:deployment`, which deployment made the resource, is added when it is made and left out of everything
//! that is recorded, so that it never looks like a change.

use std::collections::{BTreeMap, HashMap};

use resource_graph::Urn;
use sha2::{Digest, Sha256};

use crate::ports::{OperationContext, ResourceTags};

/// Tags by name.
pub(in crate::adapters::aws) type Tags = BTreeMap<String, String>;

pub(in crate::adapters::aws) const PROJECT: &str = "semantest:project";
pub(in crate::adapters::aws) const STACK: &str = "semantest:stack";
pub(in crate::adapters::aws) const COMPONENT: &str = "semantest:component";
pub(in crate::adapters::aws) const URN: &str = "semantest:urn";
pub(in crate::adapters::aws) const DEPLOYMENT: &str = "semantest:deployment";

/// The longest value of a tag, in characters
/// (<https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>).
const LONGEST_VALUE: usize = 256;

/// The tags of a resource that never change.
pub(in crate::adapters::aws) fn fixed(project: &str, stack: &str, component: &str, urn: &Urn) -> Tags {
    [(PROJECT, project.to_owned()), (STACK, stack.to_owned()), (COMPONENT, component.to_owned()), (URN, urn_value(urn))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The tags to make a resource with: those of its inputs, and the deployment.
pub(in crate::adapters::aws) fn at_creation(inputs: Option<&Tags>, tags: &ResourceTags) -> Tags {
    let mut all = inputs.cloned().unwrap_or_default();
    if all.contains_key(PROJECT) {
        all.insert(DEPLOYMENT.to_owned(), tags.deployment.clone());
    }
    all
}

/// The tags to record: not the deployment, and not those that AWS itself sets.
pub(in crate::adapters::aws) fn recorded(found: impl IntoIterator<Item = (String, String)>) -> Tags {
    found.into_iter().filter(|(name, _)| name != DEPLOYMENT && !name.starts_with("aws:")).collect()
}

/// As [`recorded`], from the form that most SDK types have.
pub(in crate::adapters::aws) fn recorded_from(found: Option<&HashMap<String, String>>) -> Tags {
    recorded(found.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())))
}

/// What must be set, and which names must be removed, to come from one set of tags to another.
pub(in crate::adapters::aws) fn changes(old: Option<&Tags>, new: Option<&Tags>) -> (Tags, Vec<String>) {
    let empty = Tags::new();
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    (set.map(|(name, value)| (name.clone(), value.clone())).collect(), removed.cloned().collect())
}

/// Whether tags say that the stack of this operation made the resource, and for this URN.
pub(in crate::adapters::aws) fn are_ours(found: &Tags, context: &OperationContext) -> bool {
    belong_to_stack(found, context) && found.get(URN).is_none_or(|urn| *urn == urn_value(&context.urn))
}

/// Whether tags say that the stack of this operation made the resource.
pub(in crate::adapters::aws) fn belong_to_stack(found: &Tags, context: &OperationContext) -> bool {
    found.get(PROJECT) == Some(&context.tags.project) && found.get(STACK) == Some(&context.tags.stack)
}

/// A URN as the value of a tag.
///
/// IAM takes letters, digits, spaces and `_.:/=+-@` only, so `$` becomes `+`, and any other character outside of that set
/// (and `+`, `=` and space themselves) `=` and two hex digits for each of its bytes. A URN that gets longer than 256
/// characters is stood for by its hash.
pub(in crate::adapters::aws) fn urn_value(urn: &Urn) -> String {
    let mut value = String::with_capacity(urn.as_str().len());
    for byte in urn.as_str().bytes() {
        match byte {
            b'$' => value.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'/' | b'-' | b'@' => {
                value.push(byte.into())
            }
            other => value.push_str(&format!("={other:02x}")),
        }
    }
    if value.len() <= LONGEST_VALUE {
        value
    } else {
        format!("urn-sha256:{}", hex::encode(Sha256::digest(urn.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_urn_reads_well_as_a_tag() {
        let urn =
            Urn::parse("urn:pulumi:aws-local::shop::semantest:index:RestApi$aws:iam/role:Role::rest-api-role").unwrap();
        assert_eq!(
            urn_value(&urn),
            "urn:pulumi:aws-local::shop::semantest:index:RestApi+aws:iam/role:Role::rest-api-role"
        );
    }

    proptest! {
        #[test]
        fn every_urn_is_a_legal_and_distinct_value(a in ".{0,300}", b in ".{0,300}") {
            let urn = |name: &str| Urn::parse(&format!("urn:pulumi:s::p::t::{name}")).unwrap();
            let (one, other) = (urn_value(&urn(&a)), urn_value(&urn(&b)));
            prop_assert!(one.chars().count() <= LONGEST_VALUE);
            prop_assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c)), "{}", one);
            prop_assert_eq!(one == other, a == b);
        }
    }

    #[test]
    fn the_deployment_is_set_at_creation_and_never_recorded() {
        let urn = Urn::parse("urn:pulumi:s::p::t::n").unwrap();
        let tags = ResourceTags { project: "p".into(), stack: "s".into(), deployment: "d-1".into() };
        let inputs = fixed("p", "s", "api", &urn);
        let made = at_creation(Some(&inputs), &tags);
        assert_eq!(made.get(DEPLOYMENT).map(String::as_str), Some("d-1"));
        assert_eq!(recorded(made), inputs);
    }

    #[test]
    fn changes_name_what_is_new_and_what_is_gone() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect::<Tags>();
        let (set, removed) = changes(
            Some(&tags(&[("a", "1"), ("b", "2"), ("c", "3")])),
            Some(&tags(&[("a", "1"), ("b", "9"), ("d", "4")])),
        );
        assert_eq!(set, tags(&[("b", "9"), ("d", "4")]));
        assert_eq!(removed, ["c"]);
    }
}
