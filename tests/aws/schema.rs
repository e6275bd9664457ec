//! Every recorded input and output against the property facts of Pulumi's AWS provider 7.48.0: its name and its JSON type.
//!
//! `properties.json` has what is needed of them. Where the facts themselves are at hand, in the folder that `SEMANTEST_SHARED` names
//! or in `shared` beside the repository, it is held against them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

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

/// Names and types of all properties of a type, from `@pulumi/aws` 7.48.0 (Apache-2.0). An input that is required ends in `!`, an
/// output that isn't always there in `?`.
static PROPERTIES: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("properties.json")).expect("properties.json is JSON"));

/// The type of a property, without its mark.
fn kind(fact: &Json) -> &str {
    fact.as_str().unwrap().trim_end_matches(['!', '?'])
}

fn marked(fact: &Json, mark: char) -> bool {
    fact.as_str().unwrap().ends_with(mark)
}

/// Checks a resource's inputs and outputs.
pub fn check(token: &str, state: &ResourceState) {
    let facts = &PROPERTIES[token];
    let mut problems = Vec::new();
    for (side, properties) in [("inputs", &state.inputs), ("outputs", &state.outputs)] {
        let known = facts[side].as_object().unwrap_or_else(|| panic!("properties.json lacks {token}"));
        for (name, value) in properties.iter().filter(|(name, _)| *name != "id") {
            match known.get(name) {
                Some(fact) => fits(value, kind(fact), &facts["types"], &format!("{side}.{name}"), &mut problems),
                None => problems.push(format!("{side}.{name} isn't known")),
            }
        }
    }
    for (name, _) in facts["inputs"].as_object().unwrap().iter().filter(|(_, fact)| marked(fact, '!')) {
        if !state.inputs.contains_key(name) {
            problems.push(format!("inputs.{name} is required"));
        }
    }
    let left_out: BTreeSet<&str> =
        LEFT_OUT.iter().filter(|(known, _)| *known == token).flat_map(|(_, names)| *names).copied().collect();
    for (name, fact) in facts["outputs"].as_object().unwrap() {
        if !marked(fact, '?') && !state.outputs.contains_key(name) && !left_out.contains(name.as_str()) {
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
            Some(fact) => fits(value, kind(fact), types, &format!("{path}.{name}"), problems),
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

/// Where the facts themselves are at hand, the copy here is held against them.
#[test]
fn the_properties_are_those_of_the_schemas() {
    let shared = std::env::var_os("SEMANTEST_SHARED").map(PathBuf::from);
    let folder =
        shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared")).join("pulumi/schemas");
    if !folder.is_dir() {
        println!("skipped: no property facts at {} (set SEMANTEST_SHARED)", folder.display());
        return;
    }
    let section = |facts: &Json, flag: &str, mark: &str| -> BTreeMap<String, String> {
        let one = |(name, fact): (&String, &Json)| {
            let mark = if fact[flag] == true { mark } else { "" };
            (name.clone(), format!("{}{mark}", fact["type"].as_str().unwrap()))
        };
        facts.as_object().unwrap().iter().map(one).collect()
    };
    let copied = |facts: &Json| -> BTreeMap<String, String> { serde_json::from_value(facts.clone()).unwrap() };
    for (token, properties) in PROPERTIES.as_object().unwrap() {
        let file = folder.join(format!("{}.json", token.replace(':', "__").replace('/', "_")));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let facts: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(copied(&properties["inputs"]), section(&facts["inputs"], "required", "!"), "inputs of {token}");
        assert_eq!(copied(&properties["outputs"]), section(&facts["outputs"], "optional", "?"), "outputs of {token}");
        for (name, members) in properties["types"].as_object().unwrap() {
            assert_eq!(copied(members), section(&facts["types"][name], "", ""), "{name} of {token}");
        }
    }
}
