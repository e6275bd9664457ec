//! The JSON Schema (draft 2020-12) of the configuration file, made from the table of its shape,
//! for editors and other tools. `docs/reference/semantest-iac.schema.json` is this, written down.

use serde_json::{Map, Value, json};

use super::fields;
use super::shape::{Field, MapShape, ObjectShape, Shape, TextShape};

/// The schema of `semantest-iac.yaml`.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let root = object(&fields::ROOT, false, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("$id".into(), json!("https://semantest.com/schemas/semantest-iac.schema.json"));
    schema.insert("title".into(), json!("semantest-iac.yaml"));
    if let Value::Object(root) = root {
        schema.extend(root);
    }
    schema.insert("$defs".into(), Value::Object(definitions));
    Value::Object(schema)
}

fn shape(shape: &Shape, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let written = written(shape, partial, definitions);
    // Collections whose entries are all left out or commented out.
    let can_be_empty = match shape {
        Shape::Object(of) => partial || (of.exactly_one.is_empty() && of.fields.iter().all(|field| !field.required)),
        Shape::Partial(_) | Shape::Map(_) => true,
        Shape::List { at_least, .. } => *at_least == 0,
        _ => false,
    };
    if can_be_empty { or_null(written) } else { written }
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn is_or_null(choices: &Value) -> bool {
    choices.as_array().is_some_and(|choices| choices.contains(&json!({ "type": "null" })))
}

fn written(shape: &Shape, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Object(of) => reference(of, partial, definitions),
        Shape::Partial(of) => reference(of, true, definitions),
        Shape::Map(of) => map(of, partial, definitions),
        Shape::List { items, at_least } => {
            let mut list = json!({ "type": "array", "items": self::shape(items, false, definitions) });
            if *at_least > 0 {
                list["minItems"] = json!(at_least);
            }
            list
        }
        Shape::Text(of) => text(of),
        Shape::Anything(description) => {
            json!({ "type": ["string", "number", "boolean"], "description": description })
        }
        Shape::AnythingOr(description, object) => {
            json!({ "anyOf": [written(&Shape::Anything(description), partial, definitions), reference(object, false, definitions)] })
        }
        Shape::WholeNumber { from, to } => {
            json!({ "type": "integer", "minimum": from, "maximum": to })
        }
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::WordOr(word, other) => {
            json!({ "anyOf": [{ "const": word }, self::shape(other, partial, definitions)] })
        }
    }
}

/// A reference to an object's definition, which is added where it isn't there yet.
fn reference(of: &'static ObjectShape, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let name = if partial { format!("{}-change", of.name) } else { of.name.to_owned() };
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Value::Null);
        let definition = object(of, partial, definitions);
        definitions.insert(name.clone(), definition);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn object(of: &'static ObjectShape, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> =
        of.fields.iter().map(|field| (field.key.to_owned(), property(field, partial, definitions))).collect();
    let mut schema = json!({
        "description": of.description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !partial {
        let required: Vec<&str> = of.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !of.exactly_one.is_empty() {
            let choices: Vec<Value> = of.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
            schema["oneOf"] = json!(choices);
        }
    }
    schema
}

fn property(field: &Field, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = shape(&field.shape, partial, definitions);
    // In a change, an empty value removes what was there.
    if partial && !field.required && schema.get("anyOf").is_none_or(|choices| !is_or_null(choices)) {
        schema = or_null(schema);
    }
    schema["description"] = json!(field.description);
    if let Some(default) = field.default {
        schema["default"] = match field.shape {
            Shape::Boolean => json!(default == "true"),
            _ => json!(default),
        };
    }
    schema
}

fn map(of: &MapShape, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = json!({ "type": "object" });
    let mut values = shape(&of.values, partial, definitions);
    if partial {
        // A single entry may be removed too.
        values = or_null(values);
    }
    schema["additionalProperties"] = values;
    schema["propertyNames"] = text(of.keys);
    schema
}

fn text(of: &TextShape) -> Value {
    let mut schema = json!({ "type": "string" });
    if let Some(pattern) = of.pattern {
        schema["pattern"] = json!(pattern);
    }
    if !of.choices.is_empty() {
        schema["enum"] = json!(of.choices);
    }
    if !of.examples.is_empty() {
        schema["examples"] = json!(of.examples);
    }
    schema
}
