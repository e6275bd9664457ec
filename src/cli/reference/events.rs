//! The catalogue of domain events as Markdown, out of their types' schemas and doc comments.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schemas::schema;
use crate::domain::deployment::DeploymentEvent;
use crate::domain::event::{EVENT_VERSION, EventMetadata};

const INTRODUCTION: &str = "\
<!-- Generated: UPDATE_REFERENCE=1 cargo test --lib references -->
# Domain events

A deployment is a stream of these events. The stream is its journal; the checkpoint, the audit log, progress, reports and
`--json=events` are projections of it. Each event has the Semantest platform's form:

| field | type | meaning |
|---|---|---|
| `eventId` | string | unique |
| `aggregateId` | string | the stream that it belongs to: the deployment's id |
| `eventType` | string | one of the types below |
| `eventVersion` | integer | the schema version of the type |
| `payload` | object | the facts: the type's own fields |
";

/// The catalogue.
pub fn event_catalogue() -> String {
    let mut text = String::from(INTRODUCTION);
    let metadata = schema::<EventMetadata>();
    for (name, field) in properties(metadata.as_value()) {
        let (kind, meaning) = (type_of(field), description(field));
        let _ = writeln!(text, "| `metadata.{name}` | {kind} | {} |", cell(&meaning));
    }
    text.push_str(
        "\nAn event that ends a stream without a journal (a command that failed before its deployment began) has no \
         `metadata.sequenceNumber`.\n\n## Event types\n",
    );
    let events = schema::<DeploymentEvent>();
    for event in events.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        write_event(&mut text, event);
    }
    text.push_str("\n## Types of fields\n");
    if let Some(definitions) = events.get("$defs").and_then(Value::as_object) {
        definitions.iter().for_each(|(name, definition)| write_definition(&mut text, name, definition));
    }
    text
}

fn write_event(text: &mut String, event: &Value) {
    let name = event.pointer("/properties/eventType/const").and_then(Value::as_str).unwrap_or_default();
    let _ = writeln!(text, "\n### {name}\n\n{}\n\nVersion {EVENT_VERSION}.\n", description(event));
    if let Some(payload) = event.pointer("/properties/payload") {
        write_fields(text, payload);
    }
}

fn write_definition(text: &mut String, name: &str, definition: &Value) {
    let _ = writeln!(text, "\n### {name}\n\n{}\n", description(definition));
    let variants = definition.get("oneOf").and_then(Value::as_array);
    if let Some(variants) = variants {
        text.push_str("| value | meaning |\n|---|---|\n");
        for variant in variants {
            let value = variant.get("const").and_then(Value::as_str).unwrap_or_default();
            let _ = writeln!(text, "| `{value}` | {} |", cell(&description(variant)));
        }
    } else if definition.get("properties").is_some() {
        write_fields(text, definition);
    }
}

fn write_fields(text: &mut String, object: &Value) {
    text.push_str("| field | type | meaning |\n|---|---|---|\n");
    let required = object.get("required").and_then(Value::as_array);
    for (name, field) in properties(object) {
        let is_required = required.is_some_and(|names| names.iter().any(|required| required == name.as_str()));
        let optional = if is_required { "" } else { ", optional" };
        let _ = writeln!(text, "| `{name}` | {}{optional} | {} |", type_of(field), cell(&description(field)));
    }
}

fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A field's type in a few words.
fn type_of(field: &Value) -> String {
    if let Some(reference) = field.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = field.get("anyOf").and_then(Value::as_array) {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match field.get("type") {
        Some(Value::String(name)) if name == "array" => {
            format!("list of {}", field.get("items").map_or("anything".to_owned(), type_of))
        }
        Some(Value::String(name)) if name == "object" => match field.get("additionalProperties") {
            Some(values) if values.is_object() => format!("map of {}", type_of(values)),
            _ => "object".to_owned(),
        },
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_and_every_field_is_explained() {
        let text = event_catalogue();
        let schema = schema::<DeploymentEvent>();
        let events = schema.get("oneOf").and_then(Value::as_array).expect("one schema for each event");
        assert!(events.len() >= 16);
        for event in events {
            let name = event.pointer("/properties/eventType/const").and_then(Value::as_str).expect("a type");
            assert!(text.contains(&format!("### {name}\n")), "{name} is missing");
        }
        let unexplained: Vec<_> = text.lines().filter(|line| line.ends_with("|  |")).collect();
        assert!(unexplained.is_empty(), "{unexplained:#?}");
    }
}
