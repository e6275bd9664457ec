//! Looking things up among the records of a state.

use std::collections::HashMap;

use resource_graph::{Resolved, ResourceRecord, Urn, Value};

use crate::ports::RecordedResource;

/// The live records, by name.
pub fn live(records: &[RecordedResource]) -> HashMap<&Urn, &RecordedResource> {
    records.iter().filter(|record| !record.marks().pending_deletion).map(|record| (record.urn(), record)).collect()
}

/// An output of a recorded resource; `["id"]` is its id.
pub fn recorded_output(record: &RecordedResource, path: &[String]) -> Resolved {
    if let [name] = path
        && name == "id"
    {
        return record.id().map_or(Resolved::Missing, |id| Resolved::Known(id.into()));
    }
    match record.output(path) {
        Ok(Some(value)) => Resolved::Known(value),
        _ => Resolved::Missing,
    }
}

/// One output of a record; `["id"]` is its id.
pub fn output_of(record: &ResourceRecord, path: &[String]) -> Resolved {
    let value = match path {
        [name] if name == "id" => record.id.clone().map(Value::from),
        path => record.outputs.get_path(path).cloned(),
    };
    value.map_or(Resolved::Missing, Resolved::Known)
}
