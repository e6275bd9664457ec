//! Every recorded input and output against the property facts of Pulumi's AWS provider 7.48.0: its name and its JSON type.
//!
//! The facts lie outside of the repository: in the folder that `SEMANTEST_SHARED` names, or in `shared` beside it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use resource_graph::{PropertyMap, Value};
use semantest_iac::ports::ResourceState;
use serde_json::Value as Json;

/// Outputs that the provider has by calls that nothing here needs, or that are deprecated in favour of resources of their own.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "aws:s3/bucket:Bucket",
        &[
            "accelerationStatus",
            "acl",
            "bucketNamespace",
            "corsRules",
            "grants",
            "hostedZoneId",
            "lifecycleRules",
            "logging",
            "objectLockConfiguration",
            "policy",
            "replicationConfiguration",
            "requestPayer",
            "serverSideEncryptionConfiguration",
            "versioning",
            "website",
            "websiteDomain",
            "websiteEndpoint",
        ],
    ),
    (
        "aws:s3/bucketObjectv2:BucketObjectv2",
        &["acl", "checksumCrc32", "checksumCrc32c", "checksumCrc64nvme", "checksumSha1"],
    ),
];

fn folder() -> Option<PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let shared = std::env::var_os("SEMANTEST_SHARED").map(PathBuf::from);
            let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
            let folder = shared.join("pulumi/schemas");
            if !folder.is_dir() {
                println!("skipped: no property facts at {} (set SEMANTEST_SHARED)", folder.display());
                return None;
            }
            Some(folder)
        })
        .clone()
}

/// Checks a resource's inputs and outputs; does nothing where the facts aren't at hand.
pub fn check(token: &str, state: &ResourceState) {
    let Some(folder) = folder() else { return };
    let file = folder.join(format!("{}.json", token.replace(':', "__").replace('/', "_")));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let facts: Json = serde_json::from_str(&text).unwrap();
    let mut problems = Vec::new();
    for (side, properties) in [("inputs", &state.inputs), ("outputs", &state.outputs)] {
        let known = facts[side].as_object().unwrap();
        for (name, value) in properties.iter().filter(|(name, _)| *name != "id") {
            match known.get(name) {
                Some(fact) => fits(
                    value,
                    fact["type"].as_str().unwrap(),
                    &facts["types"],
                    &format!("{side}.{name}"),
                    &mut problems,
                ),
                None => problems.push(format!("{side}.{name} isn't known")),
            }
        }
    }
    for (name, _) in facts["inputs"].as_object().unwrap().iter().filter(|(_, fact)| fact["required"] == true) {
        if !state.inputs.contains_key(name) {
            problems.push(format!("inputs.{name} is required"));
        }
    }
    let left_out: BTreeSet<&str> =
        LEFT_OUT.iter().filter(|(known, _)| *known == token).flat_map(|(_, names)| *names).copied().collect();
    for (name, fact) in facts["outputs"].as_object().unwrap() {
        if fact["optional"] != true && !state.outputs.contains_key(name) && !left_out.contains(name.as_str()) {
            problems.push(format!("outputs.{name} is always there"));
        }
    }
    assert!(problems.is_empty(), "{token}: {problems:#?}");
}

fn fits(value: &Value, kind: &str, types: &Json, path: &str, problems: &mut Vec<String>) {
    let value = value.exposed();
    if value.is_null() {
        return;
    }
    if let Some((one, rest)) = split_union(kind) {
        let mut first = Vec::new();
        fits(value, one, types, path, &mut first);
        if !first.is_empty() {
            fits(value, rest, types, path, problems);
        }
        return;
    }
    let list_of = kind.strip_suffix("[]");
    let map_of = kind.strip_prefix("map<").and_then(|kind| kind.strip_suffix('>'));
    match (value, kind) {
        (_, "any") | (Value::String(_), "string") | (Value::Number(_), "number") | (Value::Bool(_), "boolean") => {}
        (Value::Archive(_), "Archive") | (Value::Asset(_), "Asset") => {}
        (Value::String(_), kind) if kind.starts_with("enums.") => {}
        (Value::List(list), _) if list_of.is_some() => {
            for (index, item) in list.iter().enumerate() {
                fits(item, list_of.unwrap(), types, &format!("{path}[{index}]"), problems);
            }
        }
        (Value::Map(map), _) if map_of.is_some() => {
            for (name, value) in map.iter() {
                fits(value, map_of.unwrap(), types, &format!("{path}.{name}"), problems);
            }
        }
        (Value::Map(map), _) if kind.starts_with("inputs.") || kind.starts_with("outputs.") => {
            let key = kind.replacen("inputs.", "input:", 1).replacen("outputs.", "output:", 1);
            object(map, &types[&key], types, path, problems);
        }
        _ => problems.push(format!("{path} is {value:?}, not {kind}")),
    }
}

fn object(map: &PropertyMap, known: &Json, types: &Json, path: &str, problems: &mut Vec<String>) {
    let Some(known) = known.as_object() else {
        problems.push(format!("{path}: the facts lack its type"));
        return;
    };
    for (name, value) in map.iter() {
        match known.get(name) {
            Some(fact) => fits(value, fact["type"].as_str().unwrap(), types, &format!("{path}.{name}"), problems),
            None => problems.push(format!("{path}.{name} isn't known")),
        }
    }
}

/// `string | Role` into its first part and the rest.
fn split_union(kind: &str) -> Option<(&str, &str)> {
    kind.split_once(" | ")
}

#[test]
fn a_wrong_name_or_type_is_noticed() {
    let Some(_) = folder() else { return };
    let state = |inputs: PropertyMap| ResourceState { id: String::new(), inputs, outputs: PropertyMap::new() };
    for inputs in [
        PropertyMap::from([("functionName", Value::from("a")), ("functionVersion", 1.0.into())]),
        PropertyMap::from([
            ("functionName", Value::from("a")),
            ("functionVersion", "1".into()),
            ("colour", "red".into()),
        ]),
        PropertyMap::from([("functionName", Value::from("a"))]),
    ] {
        let result = std::panic::catch_unwind(|| check("aws:lambda/alias:Alias", &state(inputs)));
        assert!(result.is_err());
    }
}
