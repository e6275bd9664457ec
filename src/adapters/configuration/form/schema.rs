//! The JSON Schema (draft 2020-12) of the configuration file, made from the table of its shape,
//! for editors and other tools. `docs/reference/semantest-iac.schema.json` is this, written down.

use serde_json::{Map, Value, json};

use crate::adapters::configuration::clouds::Clouds;
use crate::adapters::configuration::shape::{Choice, Field, MapShape, ObjectShape, Shape, TextShape};

/// The schema of `semantest-iac.yaml`.
pub fn json_schema(clouds: &'static Clouds) -> Value {
    let mut definitions = Map::new();
    let context = Context { partial: false, references: false };
    let root = object(clouds.root(), context, &mut definitions);
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

/// Where in the file something stands.
#[derive(Clone, Copy)]
struct Context {
    /// In what an environment changes.
    partial: bool,
    /// In a component, where values may refer to configuration values.
    references: bool,
}

/// The definition of a value that refers to configuration values.
const REFERENCE: &str = "config-reference";

fn shape(shape: &Shape, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let mut written = written(shape, context, definitions);
    let single = matches!(shape, Shape::Text(_) | Shape::WholeNumber { .. } | Shape::Boolean | Shape::WordOr(..));
    if single && context.references {
        definitions.entry(REFERENCE).or_insert_with(|| {
            json!({
                "description": "${config.<name>} stands for a configuration value of the stack (Pulumi.<stack>.yaml, `config set`).",
                "type": "string",
                "pattern": "\\$\\{config\\.[^\\s{}$]+\\}",
            })
        });
        written = json!({ "anyOf": [written, { "$ref": format!("#/$defs/{REFERENCE}") }] });
    }
    // Collections whose entries are all left out or commented out.
    let can_be_empty = match shape {
        Shape::Object(of) => {
            context.partial || (of.exactly_one.is_empty() && of.fields.iter().all(|field| !field.required))
        }
        Shape::Partial(_) | Shape::PartialChoice(_) | Shape::Map(_) => true,
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

fn written(shape: &Shape, context: Context, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Object(of) => reference(of, context, definitions),
        Shape::Partial(of) => reference(of, Context { partial: true, ..context }, definitions),
        Shape::Choice(of) => choice(of, context, definitions),
        Shape::PartialChoice(of) => choice(of, Context { partial: true, ..context }, definitions),
        Shape::Map(of) => map(of, context, definitions),
        Shape::List { items, at_least } => {
            let mut list = json!({ "type": "array", "items": self::shape(items, Context { partial: false, ..context }, definitions) });
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
            // Environment variables, whose secrets come from elsewhere.
            let other = reference(object, Context { partial: false, references: false }, definitions);
            json!({ "anyOf": [written(&Shape::Anything(description), context, definitions), other] })
        }
        Shape::WholeNumber { from, to } => {
            json!({ "type": "integer", "minimum": from, "maximum": to })
        }
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::WordOr(word, other) => {
            json!({ "anyOf": [{ "const": word }, written(other, context, definitions)] })
        }
    }
}

fn definition_name(name: &str, context: Context) -> String {
    if context.partial { format!("{name}-change") } else { name.to_owned() }
}

/// A reference to the definition of a choice between forms: one of them, by the key that tells. Only components are one, and in
/// those values may refer to configuration values.
fn choice(of: &'static Choice, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let context = Context { references: true, ..context };
    let name = definition_name(of.name, context);
    if !definitions.contains_key(&name) {
        let forms = (of.forms)().into_iter().map(|(text, form)| {
            let reference = reference(form, context, definitions);
            let definition = definition_name(form.name, context);
            if let Some(key) = definitions[&definition]["properties"].get_mut(of.key) {
                *key = json!({ "description": key["description"], "const": text });
            }
            reference
        });
        let forms: Vec<Value> = forms.collect();
        // What an environment changes may fit several.
        let rule = if context.partial { "anyOf" } else { "oneOf" };
        definitions.insert(name.clone(), json!({ "description": of.description, rule: forms }));
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A reference to an object's definition, which is added where it isn't there yet.
fn reference(of: &'static ObjectShape, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let name = definition_name(of.name, context);
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Value::Null);
        let definition = object(of, context, definitions);
        definitions.insert(name.clone(), definition);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn object(of: &'static ObjectShape, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> =
        of.fields.iter().map(|field| (field.key.to_owned(), property(field, context, definitions))).collect();
    let mut schema = json!({
        "description": of.description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !context.partial {
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

fn property(field: &Field, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = shape(&field.shape, context, definitions);
    // In a change, an empty value removes what was there.
    if context.partial && !field.required && schema.get("anyOf").is_none_or(|choices| !is_or_null(choices)) {
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

fn map(of: &MapShape, context: Context, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = json!({ "type": "object" });
    let mut values = shape(&of.values, context, definitions);
    if context.partial {
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
