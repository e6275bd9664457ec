//! The tags that find a resource again whatever happens to the state.
//!
//! `semantest:project`, `semantest:stack`, `semantest:component`, `semantest:urn` and `semantest:identity`, which tells a stack
//! from others of its name, don't change and are part of the inputs. `semantest:deployment` and `semantest:deployed-by`, which
//! deployment made the resource and whose that was, are added when it is made and left out of everything that is recorded, so
//! that they never look like a change.

use std::collections::{BTreeMap, HashMap};

use resource_graph::{PropertyMap, Urn, Value};
use sha2::{Digest, Sha256};

use crate::ports::{Maker, OperationContext, ResourceTags, Whose};

/// Tags by name.
pub(in crate::adapters::aws) type Tags = BTreeMap<String, String>;

pub(in crate::adapters::aws) const PROJECT: &str = "semantest:project";
pub(in crate::adapters::aws) const STACK: &str = "semantest:stack";
pub(in crate::adapters::aws) const COMPONENT: &str = "semantest:component";
pub(in crate::adapters::aws) const URN: &str = "semantest:urn";
pub(in crate::adapters::aws) const IDENTITY: &str = "semantest:identity";
pub(in crate::adapters::aws) const DEPLOYMENT: &str = "semantest:deployment";
pub(in crate::adapters::aws) const DEPLOYED_BY: &str = "semantest:deployed-by";

/// The input, and the output, in which tags stand.
const INPUT: &str = "tags";
const OUTPUT: &str = "tagsAll";

/// The longest value of a tag, in characters
/// (<https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>).
const LONGEST_VALUE: usize = 256;

/// The tags of a resource that never change.
pub(in crate::adapters::aws) fn fixed(project: &str, stack: &str, component: &str, urn: &Urn) -> Tags {
    [(PROJECT, project.to_owned()), (STACK, stack.to_owned()), (COMPONENT, component.to_owned()), (URN, urn_value(urn))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Enters the stack's identity into inputs with tags of ours.
pub(in crate::adapters::aws) fn mark(inputs: &mut PropertyMap, identity: &str) {
    if let Some(Value::Map(tags)) = inputs.get_mut(INPUT)
        && tags.contains_key(PROJECT)
    {
        tags.insert(IDENTITY, identity);
    }
}

/// Takes out of what the cloud shows what is never recorded.
pub(in crate::adapters::aws) fn without_deployment(shown: &mut PropertyMap) {
    for name in [INPUT, OUTPUT] {
        if let Some(Value::Map(tags)) = shown.get_mut(name) {
            tags.retain(|name, _| name != DEPLOYMENT && name != DEPLOYED_BY);
        }
    }
}

/// The tags to make a resource with: those of its inputs, and the deployment.
pub(in crate::adapters::aws) fn at_creation(inputs: Option<&Tags>, tags: &ResourceTags) -> Tags {
    let mut all = inputs.cloned().unwrap_or_default();
    if all.contains_key(PROJECT) {
        all.insert(DEPLOYMENT.to_owned(), tags.deployment.clone());
        all.insert(DEPLOYED_BY.to_owned(), text_value(&tags.user));
    }
    all
}

/// The tags without those that AWS itself sets. The frame takes out what isn't recorded of ours ([`without_deployment`]).
pub(in crate::adapters::aws) fn found(tags: impl IntoIterator<Item = (String, String)>) -> Tags {
    tags.into_iter().filter(|(name, _)| !name.starts_with("aws:")).collect()
}

/// As [`found`], from the form that most SDK types have.
pub(in crate::adapters::aws) fn found_from(tags: Option<&HashMap<String, String>>) -> Tags {
    found(tags.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())))
}

/// What must be set, and which names must be removed, to come from one set of tags to another.
pub(in crate::adapters::aws) fn changes(old: Option<&Tags>, new: Option<&Tags>) -> (Tags, Vec<String>) {
    let empty = Tags::new();
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    (set.map(|(name, value)| (name.clone(), value.clone())).collect(), removed.cloned().collect())
}

/// Who made the resource that has these tags, and whether it did so for this URN.
pub(in crate::adapters::aws) fn whose(found: &Tags, context: &OperationContext) -> Whose {
    match found.get(URN) {
        Some(urn) if *urn != urn_value(&context.urn) => Whose::Others,
        _ => whose_stack(found, context),
    }
}

/// Which stack made the resource that has these tags.
pub(in crate::adapters::aws) fn whose_stack(found: &Tags, context: &OperationContext) -> Whose {
    let asking = &context.tags;
    if found.get(PROJECT) != Some(&asking.project) || found.get(STACK) != Some(&asking.stack) {
        return Whose::Others;
    }
    let text = |name: &str| found.get(name).cloned();
    match found.get(IDENTITY) {
        Some(identity) if *identity == asking.identity => Whose::Ours,
        identity => Whose::Namesake(Maker {
            identity: identity.cloned(),
            deployment: text(DEPLOYMENT),
            user: text(DEPLOYED_BY),
        }),
    }
}

/// A text as the value of a tag: what IAM doesn't take there becomes `_`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>).
fn text_value(text: &str) -> String {
    let legal = |character: char| character.is_ascii_alphanumeric() || " _.:/=+-@".contains(character);
    text.chars().take(LONGEST_VALUE).map(|character| if legal(character) { character } else { '_' }).collect()
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
        let mut tags = ResourceTags { project: "p".into(), stack: "s".into(), ..ResourceTags::default() };
        (tags.deployment, tags.user) = ("d-1".into(), "Ö. Ünal@host".into());
        let inputs = fixed("p", "s", "api", &urn);
        let made = at_creation(Some(&inputs), &tags);
        assert_eq!(made.get(DEPLOYMENT).map(String::as_str), Some("d-1"));
        assert_eq!(made.get(DEPLOYED_BY).map(String::as_str), Some("_. _nal@host"));
        let shown = |tags: Tags| PropertyMap::from([(OUTPUT, Value::Map(tags.into_iter().collect()))]);
        let mut recorded = shown(made);
        without_deployment(&mut recorded);
        assert_eq!(recorded, shown(inputs));
    }

    #[test]
    fn the_identity_is_entered_where_tags_are_ours() {
        let tags = |pairs: &[(&str, &str)]| {
            let tags: PropertyMap =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            PropertyMap::from([(INPUT, Value::Map(tags))])
        };
        let mut ours = tags(&[(PROJECT, "p")]);
        mark(&mut ours, "i-1");
        assert_eq!(ours, tags(&[(PROJECT, "p"), (IDENTITY, "i-1")]));
        let mut others = tags(&[("team", "shop")]);
        mark(&mut others, "i-1");
        assert_eq!(others, tags(&[("team", "shop")]));
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
