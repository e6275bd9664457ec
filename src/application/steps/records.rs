//! Records of resources: what the state is to hold after a step.

use resource_graph::{PropertyMap, ResourceRecord, ResourceSpec, Urn, Value};

use crate::ports::ResourceState;

/// The record of a resource after it was made or changed.
///
/// `old` is the record before, whose marks are kept where nothing else is wanted; that of a copy that is replaced, too
/// (`made_new`), but then not its time of creation. `now` is RFC 3339 in UTC.
pub fn record_of(
    spec: &ResourceSpec,
    inputs: PropertyMap,
    state: Option<ResourceState>,
    old: Option<&ResourceRecord>,
    made_new: bool,
    provider: Option<&str>,
    now: &str,
) -> ResourceRecord {
    let mut record = ResourceRecord::new(spec.urn.clone(), spec.custom);
    if let Some(state) = state {
        record.id = Some(state.id);
        record.outputs = state.outputs;
    }
    record.additional_secret_outputs = spec.options.additional_secret_outputs.clone();
    for name in old.iter().flat_map(|old| &old.additional_secret_outputs) {
        if !record.additional_secret_outputs.contains(name) {
            record.additional_secret_outputs.push(name.clone());
        }
    }
    hide_secrets(&inputs, &record.additional_secret_outputs, &mut record.outputs);
    record.parent = spec.options.parent.clone();
    record.dependencies = spec.dependencies().into_iter().filter(|urn| Some(urn) != record.parent.as_ref()).collect();
    if spec.custom {
        record.property_dependencies =
            spec.inputs.iter().map(|(name, value)| (name.to_owned(), references_of(value))).collect();
        // Whichever provider resource made it goes on managing it.
        let before = old.filter(|_| !made_new).and_then(|old| old.provider.as_deref());
        record.provider = before.or(provider).map(str::to_owned);
    }
    let recorded = |mark: fn(&ResourceRecord) -> bool| old.is_some_and(mark);
    record.protect = spec.options.protect.unwrap_or_else(|| recorded(|old| old.protect));
    record.retain_on_delete = spec.options.retain_on_delete.unwrap_or_else(|| recorded(|old| old.retain_on_delete));
    record.custom_timeouts =
        spec.options.custom_timeouts.clone().or_else(|| old.and_then(|old| old.custom_timeouts.clone()));
    let since = old.filter(|_| !made_new).and_then(|old| old.created.clone());
    record.created = since.or_else(|| Some(now.to_owned()));
    record.modified = Some(now.to_owned());
    record.inputs = inputs;
    record
}

/// The resources that a value refers to, each once.
pub fn references_of(value: &Value) -> Vec<Urn> {
    let mut urns = Vec::new();
    value.for_each_reference(&mut |reference| {
        if !urns.contains(&reference.urn) {
            urns.push(reference.urn.clone());
        }
    });
    urns
}

/// An output that repeats a secret input, or is named as secret, is secret too: clouds answer in the clear.
fn hide_secrets(inputs: &PropertyMap, additional: &[String], outputs: &mut PropertyMap) {
    for (name, output) in outputs.iter_mut() {
        let repeats = inputs.get(name).is_some_and(Value::contains_secret);
        if (repeats || additional.iter().any(|secret| secret == name)) && !matches!(output, Value::Secret(_)) {
            *output = Value::secret(std::mem::replace(output, Value::Null));
        }
    }
}

/// Properties that were just read, with as secret what is secret in the properties before: clouds answer in the clear.
pub fn like_before(before: &PropertyMap, now: PropertyMap) -> PropertyMap {
    now.iter()
        .map(|(name, value)| (name, before.get(name).map_or_else(|| value.clone(), |old| hide_like(old, value))))
        .collect()
}

fn hide_like(before: &Value, now: &Value) -> Value {
    match (before, now) {
        (Value::Secret(_), now) => Value::secret(now.clone()),
        (Value::Map(before), Value::Map(now)) => like_before(before, now.clone()).into(),
        // Elements may have moved, so one secret makes them all so.
        (Value::List(_), Value::List(_)) if before.contains_secret() => Value::secret(now.clone()),
        _ => now.clone(),
    }
}

/// Properties with those of the given names made secret.
pub fn hide_named(names: &[String], mut properties: PropertyMap) -> PropertyMap {
    for (name, value) in properties.iter_mut() {
        if names.iter().any(|secret| secret == name) && !matches!(value, Value::Secret(_)) {
            *value = Value::secret(std::mem::replace(value, Value::Null));
        }
    }
    properties
}

/// Whether two records say the same, times apart.
pub fn same_but_for_times(a: &ResourceRecord, b: &ResourceRecord) -> bool {
    let timeless = |record: &ResourceRecord| ResourceRecord { created: None, modified: None, ..record.clone() };
    timeless(a) == timeless(b)
}

/// A component's record with the mark that it has to be asked again.
pub fn marked_unchecked(record: &ResourceRecord, why: &str) -> ResourceRecord {
    ResourceRecord { init_errors: vec![format!("it hasn't answered a health check: {why}")], ..record.clone() }
}

#[cfg(test)]
mod tests {
    use resource_graph::{OutputReference, TypeToken};

    use super::*;

    #[test]
    fn what_was_secret_stays_secret_when_it_is_read_again() {
        let before = PropertyMap::from([
            ("key", Value::secret("old")),
            ("environment", PropertyMap::from([("A", Value::secret("old")), ("B", "open".into())]).into()),
            ("list", Value::List(vec![Value::secret("old")])),
        ]);
        let now = PropertyMap::from([
            ("key", Value::from("hunter2")),
            ("environment", PropertyMap::from([("A", "hunter2"), ("B", "changed")]).into()),
            ("list", Value::List(vec!["first".into(), "hunter2".into()])),
            ("new", "open".into()),
        ]);
        let kept = like_before(&before, now.clone());
        assert!(!format!("{kept:?}").contains("hunter2"), "{kept:?}");
        assert_eq!(kept.get("environment").and_then(Value::as_map).and_then(|map| map.string("B")), Some("changed"));
        assert!(resource_graph::planner::diff::same(&kept.into(), &now.clone().into()));
        assert!(!format!("{:?}", hide_named(&["key".into()], now)).contains("key: \"hunter2"));
    }

    #[test]
    fn what_is_secret_in_an_input_is_secret_in_the_output_of_that_name() {
        let urn = |name| Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name);
        let mut spec = ResourceSpec::new(urn("x"), PropertyMap::new());
        spec.inputs.insert("password", Value::secret("hunter2"));
        spec.inputs.insert("peer", OutputReference::new(urn("y"), "arn"));
        let inputs = PropertyMap::from([("password", Value::secret("hunter2")), ("peer", "arn:y".into())]);
        let outputs = PropertyMap::from([("password", "hunter2"), ("arn", "arn:x")]);
        let state = ResourceState { id: "1".into(), inputs: PropertyMap::new(), outputs };
        let record = record_of(&spec, inputs, Some(state), None, true, Some("p::1"), "now");
        assert!(!format!("{:?}", record.outputs).contains("hunter2"));
        assert_eq!(record.outputs.string("arn"), Some("arn:x"));
        assert_eq!(record.property_dependencies, [("password".into(), vec![]), ("peer".into(), vec![urn("y")])]);
        assert_eq!(record.dependencies, [urn("y")]);
    }
}
