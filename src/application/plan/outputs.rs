//! What components show: resolved from the blueprint's declarations, kept as the root resource's outputs, and shown without
//! secrets.

use resource_graph::{OutputReference, PropertyMap, ResolveError, Resolved, Value};

use crate::application::report::Outputs;
use crate::ports::OutputDeclaration;

/// Shown in the place of a secret.
pub const HIDDEN: &str = "[secret]";

/// The stack's outputs: those of other components as they were, those of the declared ones anew. `partly`: not all that is
/// declared was deployed, so what isn't there stays as it was.
///
/// # Errors
/// When a declaration refers to an output that isn't there.
pub fn resolve(
    before: &PropertyMap,
    declarations: &[OutputDeclaration],
    partly: bool,
    lookup: &mut impl FnMut(&OutputReference) -> Resolved,
) -> Result<PropertyMap, ResolveError> {
    let mut all = before.clone();
    if !partly {
        for declaration in declarations {
            all.remove(&declaration.component);
        }
    }
    for declaration in declarations {
        let value = match declaration.value.resolve(lookup) {
            Err(ResolveError::MissingOutput { .. }) if partly => continue,
            value => value?,
        };
        match all.get_mut(&declaration.component) {
            Some(Value::Map(component)) => {
                component.insert(declaration.name.as_str(), value);
            }
            _ => {
                let component = PropertyMap::from([(declaration.name.as_str(), value)]);
                all.insert(declaration.component.as_str(), component);
            }
        }
    }
    Ok(all)
}

/// Outputs for people and machines: secrets hidden, what isn't known left out. Exports that aren't a component's (another
/// tool's) are shown under an empty component name.
pub fn shown(outputs: &PropertyMap) -> Outputs {
    let mut all = Outputs::new();
    for (name, value) in outputs.iter() {
        match value {
            Value::Map(component) => {
                let shown = component.iter().filter_map(|(name, value)| Some((name.to_owned(), plain(value)?)));
                all.insert(name.to_owned(), shown.collect());
            }
            value => {
                if let Some(value) = plain(value) {
                    all.entry(String::new()).or_default().insert(name.to_owned(), value);
                }
            }
        }
    }
    all
}

fn plain(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::List(list) => list.iter().map(plain).collect::<Option<Vec<_>>>()?.into(),
        Value::Map(map) => serde_json::Value::Object(
            map.iter().filter_map(|(name, value)| Some((name.to_owned(), plain(value)?))).collect(),
        ),
        Value::Secret(_) => HIDDEN.into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_other_components_stay_and_secrets_are_hidden() {
        let before = PropertyMap::from([
            ("a", Value::Map([("url", "old")].into())),
            ("b", Value::Map([("token", Value::secret("hunter2"))].into())),
        ]);
        let declaration = |component: &str, name: &str, value: &str| OutputDeclaration {
            component: component.into(),
            name: name.into(),
            value: value.into(),
        };
        let declarations = [declaration("a", "address", "new"), declaration("c", "url", "x")];
        let all = resolve(&before, &declarations, false, &mut |_| Resolved::Missing).unwrap();
        let shown = serde_json::to_value(shown(&all)).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({ "a": { "address": "new" }, "b": { "token": HIDDEN }, "c": { "url": "x" } })
        );
    }

    #[test]
    fn what_was_not_deployed_is_shown_as_before() {
        let before = PropertyMap::from([("a", PropertyMap::from([("url", "old")]))]);
        let urn = resource_graph::Urn::root("dev", "shop");
        let missing = |component: &str| OutputDeclaration {
            component: component.into(),
            name: "url".into(),
            value: OutputReference::new(urn.clone(), "url").into(),
        };
        let declarations = [missing("a"), missing("b")];
        assert_eq!(resolve(&before, &declarations, true, &mut |_| Resolved::Missing), Ok(before.clone()));
        assert!(resolve(&before, &declarations, false, &mut |_| Resolved::Missing).is_err());
    }
}
