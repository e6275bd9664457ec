//! Between property maps and typed structs: values through serde, secrets opened on the way in and closed again on the way
//! out, and the inputs that a resource would have to be made with to be as it is found.
//!
//! Files (assets and archives) don't go through here; resource types take them from the map as they are.

use resource_graph::{Archive, ArchiveSource, PropertyMap, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value as Json};

/// A value that a cloud gives an input that was left out.
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters::aws) enum Default {
    Text(&'static str),
    Number(f64),
    Flag(bool),
    /// Whatever the cloud chooses: it counts only where it was given.
    Chosen,
}

/// What serde's types can't say about a type's inputs.
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters::aws) struct Shape {
    /// Inputs without which nothing can be made.
    pub(in crate::adapters::aws) required: &'static [&'static str],
    /// Inputs by which an existing one is recognised.
    pub(in crate::adapters::aws) identity: &'static [&'static str],
    /// Whether the cloud chooses the id, so that making it twice makes two.
    pub(in crate::adapters::aws) generated_id: bool,
    /// Inputs that hold files.
    pub(in crate::adapters::aws) files: &'static [&'static str],
    /// Inputs that tell how to treat the resource and aren't kept by the cloud, with their defaults.
    pub(in crate::adapters::aws) directives: &'static [(&'static str, Default)],
    /// Inputs (`name` or `name.inner`) that the cloud fills in where they are left out.
    pub(in crate::adapters::aws) defaults: &'static [(&'static str, Default)],
    /// Inputs that may hold secrets, and count as secret where it isn't known whether they do.
    pub(in crate::adapters::aws) sensitive: &'static [&'static str],
}

/// Names that Pulumi's bridge adds for itself (SPEC.md section 6.3).
fn is_bookkeeping(name: &str) -> bool {
    name.starts_with("__")
}

/// A value as JSON, secrets opened. Files and what has no value become null.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => number_to_json(*number),
        Value::String(text) => Json::String(text.clone()),
        Value::List(list) => Json::Array(list.iter().map(to_json).collect()),
        Value::Map(map) => Json::Object(map_to_json(map)),
        Value::Secret(secret) => to_json(secret.expose()),
        _ => Json::Null,
    }
}

fn number_to_json(number: f64) -> Json {
    // Integer fields refuse 30.0. Beyond 2^53 doubles aren't exact, and no AWS property gets there.
    let integral = number.fract() == 0.0 && number.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be integral and in range")]
    let exact = integral.then(|| Json::Number(Number::from(number as i64)));
    exact.unwrap_or_else(|| Number::from_f64(number).map_or(Json::Null, Json::Number))
}

fn map_to_json(map: &PropertyMap) -> Map<String, Json> {
    let kept = map.iter().filter(|(name, value)| !is_bookkeeping(name) && !value.is_null());
    kept.map(|(name, value)| (name.to_owned(), to_json(value))).collect()
}

/// JSON as a value; nulls in maps are left out, as absent and null mean the same to Pulumi.
fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(text),
        Json::Array(list) => Value::List(list.into_iter().map(from_json).collect()),
        Json::Object(map) => Value::Map(map_from_json(map)),
    }
}

fn map_from_json(map: Map<String, Json>) -> PropertyMap {
    map.into_iter().filter(|(_, json)| !json.is_null()).map(|(name, json)| (name, from_json(json))).collect()
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Reads typed inputs. Properties that the type doesn't know are passed over; see [`unsupported`].
///
/// # Errors
/// What serde says: a missing property, or one of another type.
pub(in crate::adapters::aws) fn read<T: DeserializeOwned>(
    given: &PropertyMap,
    shape: &Shape,
) -> Result<T, serde_json::Error> {
    let mut map = map_to_json(given);
    map.retain(|name, _| !shape.files.contains(&name.as_str()));
    serde_json::from_value(Json::Object(map))
}

/// Names of required inputs that aren't given.
pub(in crate::adapters::aws) fn missing(given: &PropertyMap, shape: &Shape) -> Vec<&'static str> {
    shape
        .required
        .iter()
        .filter(|name| given.get(name).is_none_or(|value| is_empty(value.exposed())))
        .copied()
        .collect()
}

/// Names of given properties, with their paths, that the typed inputs have no place for.
pub(in crate::adapters::aws) fn unsupported<T: Serialize>(
    given: &PropertyMap,
    typed: &T,
    shape: &Shape,
) -> Vec<String> {
    fn compare(given: &Map<String, Json>, known: &Map<String, Json>, path: &str, out: &mut Vec<String>) {
        for (name, value) in given {
            match (value, known.get(name)) {
                (_, None | Some(Json::Null)) => out.push(format!("{path}{name}")),
                (Json::Object(given), Some(Json::Object(known))) => {
                    compare(given, known, &format!("{path}{name}."), out)
                }
                _ => {}
            }
        }
    }
    let known = object(serde_json::to_value(typed).unwrap_or_default());
    let mut given = map_to_json(given);
    given.retain(|name, _| {
        !shape.files.contains(&name.as_str()) && shape.directives.iter().all(|(known, _)| known != name)
    });
    let mut names = Vec::new();
    compare(&given, &known, "", &mut names);
    names
}

/// Typed outputs as properties: what was secret in the inputs is secret again, files and directives are carried over.
pub(in crate::adapters::aws) fn outputs<T: Serialize>(
    typed: &T,
    id: &str,
    given: &PropertyMap,
    shape: &Shape,
) -> Result<PropertyMap, serde_json::Error> {
    let mut map = map_from_json(object(serde_json::to_value(typed)?));
    for (name, default) in shape.directives {
        match (given.get(name), default) {
            (Some(value), _) => drop(map.insert(*name, value.clone())),
            (None, Default::Text(text)) => drop(map.insert(*name, *text)),
            (None, Default::Number(number)) => drop(map.insert(*name, *number)),
            (None, Default::Flag(flag)) => drop(map.insert(*name, *flag)),
            (None, Default::Chosen) => {}
        }
    }
    for name in shape.files {
        if let Some(file) = given.get(name).filter(|_| !map.contains_key(name)) {
            map.insert(*name, file.clone());
        }
    }
    map.insert("id", id);
    Ok(sealed(map, given, shape))
}

/// Makes secret again what is secret in `given`, and what may be where `given` doesn't tell.
fn sealed(map: PropertyMap, given: &PropertyMap, shape: &Shape) -> PropertyMap {
    fn seal_all(map: PropertyMap, given: &PropertyMap) -> PropertyMap {
        let seal_one = |(name, value): (std::sync::Arc<str>, Value)| match given.get(&name) {
            Some(given) => (name, seal(value, given)),
            None => (name, value),
        };
        map.into_iter().map(seal_one).collect()
    }
    fn seal(value: Value, given: &Value) -> Value {
        match (value, given) {
            (value, Value::Secret(_)) => Value::secret(value),
            (Value::Map(map), Value::Map(given)) => Value::Map(seal_all(map, given)),
            (Value::List(list), Value::List(given)) if list.len() == given.len() => {
                Value::List(list.into_iter().zip(given).map(|(value, given)| seal(value, given)).collect())
            }
            // A list that changed its length: which item was secret can't be told any more.
            (value @ Value::List(_), given @ Value::List(_)) if given.contains_secret() => Value::secret(value),
            (value, _) => value,
        }
    }
    let mut map = seal_all(map, given);
    for name in shape.sensitive.iter().filter(|name| !given.contains_key(name)) {
        if let Some(value) = map.remove(name) {
            map.insert(*name, Value::secret(value));
        }
    }
    map
}

/// The inputs that would make a resource as it was found (SPEC.md section 6.1, "read extraction"): the given ones with the
/// cloud's values, and others where the cloud's value isn't the default.
///
/// `T` are the typed inputs, which tell inputs from what is output only.
pub(in crate::adapters::aws) fn found_inputs<T: Serialize + DeserializeOwned>(
    given: &PropertyMap,
    outputs: &PropertyMap,
    shape: &Shape,
    equivalent: fn(&str, &Value, &Value) -> bool,
) -> Result<PropertyMap, serde_json::Error> {
    let typed: T = read(outputs, shape)?;
    let candidates = map_from_json(object(serde_json::to_value(typed)?));
    let mut found = PropertyMap::new();
    for (name, actual) in candidates {
        if shape.directives.iter().any(|(directive, _)| **directive == *name) {
            continue;
        }
        match given.get(&name) {
            Some(given) => {
                let actual = narrowed(actual, given, &name, shape);
                let same = opened(&actual) == opened(given) || equivalent(&name, given, &actual);
                found.insert(name, if same { given.clone() } else { actual });
            }
            None if is_default(&actual, &name, shape) => {}
            None => drop(found.insert(name, actual)),
        }
    }
    for (name, value) in given.iter() {
        let carried = is_bookkeeping(name) || shape.directives.iter().any(|(directive, _)| *directive == name);
        // Null and empty values that the cloud doesn't keep are no difference either.
        if carried || (!found.contains_key(name) && !shape.files.contains(&name) && is_empty(value.exposed())) {
            found.insert(name, value.clone());
        }
    }
    for name in shape.files {
        if let Some(file) = outputs.get(name).filter(|_| given.contains_key(name)) {
            found.insert(*name, file.clone());
        }
    }
    Ok(sealed(found, given, shape))
}

/// Leaves out of a found map what was not given and is a default; keeps Pulumi's bookkeeping.
fn narrowed(actual: Value, given: &Value, path: &str, shape: &Shape) -> Value {
    let (Value::Map(actual), Value::Map(given)) = (&actual, given.exposed()) else { return actual };
    let mut map = PropertyMap::new();
    for (name, value) in actual.iter() {
        let inner = format!("{path}.{name}");
        match given.get(name) {
            Some(given) => drop(map.insert(name, narrowed(value.clone(), given, &inner, shape))),
            None if is_default(value, &inner, shape) => {}
            None => drop(map.insert(name, value.clone())),
        }
    }
    for (name, value) in given.iter().filter(|(name, value)| is_bookkeeping(name) || is_empty(value.exposed())) {
        if !map.contains_key(name) {
            map.insert(name, value.clone());
        }
    }
    Value::Map(map)
}

/// Whether a value is what holds where nothing is given.
pub(in crate::adapters::aws) fn is_default(actual: &Value, path: &str, shape: &Shape) -> bool {
    let known = shape.defaults.iter().find(|(name, _)| *name == path).map(|(_, default)| default);
    is_empty(actual)
        || match known {
            Some(Default::Text(text)) => actual.as_str() == Some(text),
            Some(Default::Number(number)) => actual.as_number() == Some(*number),
            Some(Default::Flag(flag)) => actual.as_bool() == Some(*flag),
            Some(Default::Chosen) => true,
            // A group of properties is a default when each of them is.
            None => match actual {
                Value::Map(map) => map.iter().all(|(name, value)| is_default(value, &format!("{path}.{name}"), shape)),
                _ => false,
            },
        }
}

/// Whether a value says nothing: what clouds give for an optional property that isn't set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => *number == 0.0,
        Value::String(text) => text.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.iter().all(|(name, value)| is_bookkeeping(name) || is_empty(value)),
        _ => false,
    }
}

/// A value with all its secrets opened, for comparing.
fn opened(value: &Value) -> Json {
    to_json(value)
}

/// Whether two values are the same but for the order of their lists: for properties that are sets to the cloud.
pub(in crate::adapters::aws) fn same_set(old: &Value, new: &Value) -> bool {
    fn ordered(json: Json) -> Json {
        match json {
            Json::Array(list) => {
                let mut list: Vec<Json> = list.into_iter().map(ordered).collect();
                list.sort_by_cached_key(Json::to_string);
                Json::Array(list)
            }
            Json::Object(map) => Json::Object(map.into_iter().map(|(name, value)| (name, ordered(value))).collect()),
            other => other,
        }
    }
    ordered(opened(old)) == ordered(opened(new))
}

/// As [`same_set`], for lists of groups: what says nothing in a group, such as a limit of 0, makes no difference either.
pub(in crate::adapters::aws) fn same_set_of_groups(old: &Value, new: &Value) -> bool {
    fn without_empty(value: &Value) -> Value {
        match value.exposed() {
            Value::List(list) => Value::List(list.iter().map(without_empty).collect()),
            Value::Map(map) => {
                let kept = map.iter().filter(|(_, value)| !is_empty(value.exposed()));
                Value::Map(kept.map(|(name, value)| (name, without_empty(value))).collect())
            }
            other => other.clone(),
        }
    }
    same_set(&without_empty(old), &without_empty(new))
}

/// The archive of a file property.
pub(in crate::adapters::aws) fn archive<'a>(given: &'a PropertyMap, name: &str) -> Option<&'a Archive> {
    match given.get(name)?.exposed() {
        Value::Archive(archive) => Some(archive),
        _ => None,
    }
}

/// The same archive with another hash, as it stands in the cloud.
pub(in crate::adapters::aws) fn archive_with_hash(archive: &Archive, hash: String) -> Value {
    let path = match &archive.source {
        ArchiveSource::Path(path) | ArchiveSource::Uri(path) => path.clone(),
        ArchiveSource::Assets(_) => String::new(),
    };
    Value::Archive(Box::new(Archive { hash: Some(hash), source: ArchiveSource::Path(path) }))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Inputs {
        name: String,
        size: Option<i32>,
        variables: Option<std::collections::BTreeMap<String, String>>,
        tracing: Option<Inner>,
    }

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        mode: Option<String>,
        group: Option<String>,
    }

    const SHAPE: Shape = Shape {
        required: &["name"],
        identity: &["name"],
        generated_id: false,
        sensitive: &["variables"],
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[("size", Default::Number(128.0)), ("tracing.group", Default::Chosen)],
    };

    fn given() -> PropertyMap {
        [
            ("name", Value::from("api")),
            ("region", "eu-west-1".into()),
            ("variables", PropertyMap::from([("TOKEN", Value::secret("s3cr3t")), ("PLAIN", "x".into())]).into()),
        ]
        .into()
    }

    fn found(outputs: PropertyMap) -> PropertyMap {
        found_inputs::<Inputs>(&given(), &outputs, &SHAPE, resource_graph::resource::resource_type::never_equivalent)
            .unwrap()
    }

    #[test]
    fn what_is_as_it_was_given_gives_the_given_inputs_back() {
        let outputs: PropertyMap = [
            ("name", Value::from("api")),
            ("arn", "arn:aws:…".into()),
            ("size", 128.0.into()),
            ("tracing", PropertyMap::from([("group", "/aws/lambda/api"), ("mode", "")]).into()),
            ("variables", PropertyMap::from([("TOKEN", "s3cr3t"), ("PLAIN", "x")]).into()),
        ]
        .into();
        assert_eq!(found(outputs), given());
    }

    #[test]
    fn what_differs_shows_and_secrets_stay_secret() {
        let outputs: PropertyMap = [
            ("name", Value::from("api")),
            ("size", 256.0.into()),
            ("variables", PropertyMap::from([("TOKEN", "changed"), ("ADDED", "y")]).into()),
        ]
        .into();
        let found = found(outputs);
        assert_eq!(found.number("size"), Some(256.0));
        let variables = found.map("variables").unwrap();
        assert_eq!(variables.get("TOKEN"), Some(&Value::secret("changed")));
        assert_eq!(variables.string("ADDED"), Some("y"));
        assert!(!variables.contains_key("PLAIN"));
    }

    #[test]
    fn numbers_fit_integer_fields_and_unknown_properties_are_named() {
        let mut given = given();
        given.insert("size", 256.0);
        given.insert("nonsense", PropertyMap::from([("a", 1.0)]));
        given.insert("tracing", PropertyMap::from([("mode", "Active"), ("colour", "red")]));
        let typed: Inputs = read(&given, &SHAPE).unwrap();
        assert_eq!(typed.size, Some(256));
        assert_eq!(unsupported(&given, &typed, &SHAPE), ["nonsense", "tracing.colour"]);
    }

    #[test]
    fn outputs_hide_what_the_inputs_hide() {
        let typed: Inputs = read(&given(), &SHAPE).unwrap();
        let outputs = outputs(&typed, "api-id", &given(), &SHAPE).unwrap();
        assert_eq!(outputs.string("id"), Some("api-id"));
        assert_eq!(outputs.string("region"), Some("eu-west-1"));
        assert_eq!(outputs.map("variables").unwrap().get("TOKEN"), Some(&Value::secret("s3cr3t")));
        assert!(!format!("{outputs:?}").contains("s3cr3t"));
    }
}
