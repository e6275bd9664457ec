//! The intents of a plan, as the journal and the checkpoint hold them before anything is called.
//!
//! Identifying inputs stand in the journal with references kept as references, since outputs of resources that are yet to be
//! made aren't known, and with secrets left out; recovery resolves them against what is recorded by then.

use resource_graph::{
    Interpolation, Operation, OutputReference, Plan, PropertyMap, Resolved, ResourceRecord, ResourceSpec, Step, Urn,
    Value,
};
use serde_json::{Map, json};

use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::steps::apply::operation_of;
use crate::domain::deployment::{PlannedStep, ResourceImage};
use crate::ports::{Cloud, LockedStack};

const OUTPUT: &str = "$output";
const JOIN: &str = "$join";

/// The intents of all steps of a plan.
pub fn of_plan(cloud: &dyn Cloud, plan: &Plan) -> Vec<PlannedStep> {
    plan.steps().iter().map(|step| of_step(cloud, step)).collect()
}

fn of_step(cloud: &dyn Cloud, step: &Step) -> PlannedStep {
    let operation = operation_of(step);
    let options = step.spec.as_ref().map(|spec| &spec.options).filter(|_| operation.creates());
    let identity = identity_of(cloud, step);
    let mut dependencies = Vec::new();
    if let Some(spec) = step.spec.as_ref().filter(|_| operation.creates() && !step.free) {
        dependencies = spec.dependencies();
        let mut elsewhere: Vec<&Urn> = spec.options.parent.iter().collect();
        if let Some(identity) = &identity {
            identity.for_each_reference(&mut |reference| elsewhere.push(&reference.urn));
        }
        dependencies.retain(|urn| !elsewhere.contains(&urn));
    }
    let secret_inputs = match &identity {
        Some(_) => {
            let secret = step.inputs.iter().filter(|(_, value)| value.contains_secret());
            secret.map(|(name, _)| name.to_owned()).collect()
        }
        None => Vec::new(),
    };
    PlannedStep {
        step: step.id.0,
        operation,
        urn: step.urn.clone(),
        id: step.record.as_ref().and_then(|record| record.id.clone()),
        parent: options.and_then(|options| options.parent.clone()),
        identity: identity.as_ref().map_or(serde_json::Value::Null, encode),
        dependencies,
        secret_inputs,
        state_only: step.free,
        changes: step.changes.iter().map(|change| change.path.to_string()).collect(),
    }
}

/// What it takes to find again what a step makes. An update makes something only when it finds nothing to change; by its id
/// that is found unless the cloud makes up another one.
fn identity_of(cloud: &dyn Cloud, step: &Step) -> Option<PropertyMap> {
    let provider = cloud.resource(&step.type_token).filter(|_| !step.free)?;
    let makes = match step.operation {
        Operation::Create | Operation::CreateReplacement => true,
        Operation::Update => provider.has_generated_id(),
        _ => false,
    };
    if !makes {
        return None;
    }
    let names = provider.identifying_inputs();
    let named = step.inputs.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    // References are kept even where their values are known: they also say what the resource depends on.
    let wanted = |name: &str| step.spec.as_ref()?.inputs.get(name).filter(|value| value.contains_reference());
    Some(named.map(|(name, value)| (name, wanted(name).unwrap_or(value).clone())).collect())
}

/// Tries what will be recorded of changed resources: what can't be encrypted then, can't now.
///
/// # Errors
/// When a secret can't be encrypted.
pub fn try_recording(plan: &Plan, stack: &dyn LockedStack) -> Result<(), ApplicationError> {
    // What is created is encoded by [`pending`].
    let changes = plan.steps().iter().filter(|step| step.operation == Operation::Update && holds_secret(step));
    for step in changes {
        let Some(spec) = &step.spec else { continue };
        stack.encode(&recorded_as_planned(step, spec)?)?;
    }
    Ok(())
}

/// Whether a plan records secrets.
pub fn records_secrets(plan: &Plan) -> bool {
    plan.steps().iter().any(|step| step.spec.is_some() && holds_secret(step))
}

fn holds_secret(step: &Step) -> bool {
    step.inputs.iter().any(|(_, value)| value.contains_secret())
}

/// A record with inputs as far as they are known.
fn recorded_as_planned(step: &Step, spec: &ResourceSpec) -> Result<ResourceRecord, ApplicationError> {
    let inputs = step
        .inputs
        .resolve(&mut |_| Resolved::Unknown)
        .map_err(|error| ApplicationError::new(ErrorKind::Failed, "inputs", error.to_string()))?;
    let mut record = ResourceRecord::new(spec.urn.clone(), spec.custom);
    record.inputs = inputs;
    record.parent = spec.options.parent.clone();
    Ok(record)
}

/// What will be created, for readers of the checkpoint that don't know the journal: inputs as far as they are known.
///
/// # Errors
/// When a secret can't be encrypted.
pub fn pending(plan: &Plan, stack: &dyn LockedStack) -> Result<Vec<ResourceImage>, ApplicationError> {
    let creates = plan.steps().iter().filter(|step| operation_of(step).creates() && !step.free);
    let mut images = Vec::new();
    for step in creates {
        let Some(spec) = &step.spec else { continue };
        images.push(stack.encode(&recorded_as_planned(step, spec)?)?);
    }
    Ok(images)
}

/// Inputs as they are written into an intent. Secrets, assets and the like don't identify anything and are left out.
fn encode(inputs: &PropertyMap) -> serde_json::Value {
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
