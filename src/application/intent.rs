//! Identifying inputs within the journal: values with references kept as references, secrets left out.
//!
//! An intent is written before anything is called, so outputs of resources that are yet to be made stand in it as
//! references; recovery resolves them against what is recorded by then.

use resource_graph::{Interpolation, OutputReference, PropertyMap, Urn, Value};
use serde_json::{Map, json};

const OUTPUT: &str = "$output";
const JOIN: &str = "$join";

/// Inputs as they are written into an intent. Secrets, assets and the like don't identify anything and are left out.
pub fn encode(inputs: &PropertyMap) -> serde_json::Value {
    serde_json::Value::Object(encode_map(inputs))
}

fn encode_map(inputs: &PropertyMap) -> Map<String, serde_json::Value> {
    inputs.iter().filter_map(|(name, value)| Some((name.to_owned(), encode_value(value)?))).collect()
}

fn encode_value(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => json!(truth),
        Value::Number(number) => json!(number),
        Value::String(text) => json!(text),
        Value::List(list) => list.iter().map(encode_value).collect::<Option<Vec<_>>>()?.into(),
        Value::Map(map) => encode_map(map).into(),
        Value::Output(output) => json!({ OUTPUT: { "urn": output.urn, "path": output.path } }),
        Value::Interpolation(text) => {
            json!({ JOIN: text.parts.iter().map(encode_value).collect::<Option<Vec<_>>>()? })
        }
        _ => return None,
    })
}

/// Inputs as they were written into an intent; `None` when the text isn't one.
pub fn decode(identity: &serde_json::Value) -> Option<PropertyMap> {
    identity.as_object()?.iter().map(|(name, value)| Some((name.as_str(), decode_value(value)?))).collect()
}

fn decode_value(value: &serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => Value::Number(number.as_f64()?),
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(list) => Value::List(list.iter().map(decode_value).collect::<Option<_>>()?),
        serde_json::Value::Object(map) => {
            if let Some(output) = map.get(OUTPUT) {
                let path = output["path"].as_array()?.iter().map(|part| part.as_str().map(str::to_owned));
                return Some(
                    OutputReference {
                        urn: Urn::parse(output["urn"].as_str()?).ok()?,
                        path: path.collect::<Option<_>>()?,
                    }
                    .into(),
                );
            }
            if let Some(parts) = map.get(JOIN) {
                let parts: Vec<Value> = parts.as_array()?.iter().map(decode_value).collect::<Option<_>>()?;
                return Some(Interpolation::new(parts).into());
            }
            Value::Map(decode(value)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;

    #[test]
    fn references_survive_and_secrets_do_not() {
        let urn = Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), "x");
        let id: Value = OutputReference::new(urn, "id").into();
        let inputs = PropertyMap::from([
            ("apiId", id.clone()),
            ("tags", Value::Map([("a", "b")].into())),
            ("target", Interpolation::new(["integrations/".into(), id]).into()),
        ]);
        assert_eq!(decode(&encode(&inputs)), Some(inputs.clone()));
        let mut with_secret = inputs.clone();
        with_secret.insert("password", Value::secret("hunter2"));
        let text = encode(&with_secret);
        assert!(!text.to_string().contains("hunter2"));
        assert_eq!(decode(&text), Some(inputs));
    }
}
