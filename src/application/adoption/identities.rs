//! What identifies the records that could be taken over: read once from each, and looked up by text, so that thousands of
//! wanted resources don't each look through thousands of records.

use std::collections::HashMap;

use resource_graph::{PropertyMap, Value};

use crate::application::error::ApplicationError;
use crate::ports::{RecordedResource, ResourceProvider};

/// The records of one type, with the values of the inputs that identify them.
pub struct Identities<'r> {
    names: &'static [&'static str],
    records: Vec<(&'r RecordedResource, Vec<Value>)>,
    /// For each set of names that was looked up by (a bit for each of them), the places of records by the texts of these.
    by_text: HashMap<u64, HashMap<Vec<String>, Vec<usize>>>,
}

impl<'r> Identities<'r> {
    /// Reads what identifies the records.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn of(
        names: &'static [&'static str],
        records: impl Iterator<Item = &'r RecordedResource>,
    ) -> Result<Self, ApplicationError> {
        let read = |record: &'r RecordedResource| {
            let values = names.iter().map(|name| identifying_value(record, name)).collect::<Result<_, _>>()?;
            Ok((record, values))
        };
        Ok(Self {
            names,
            records: records.map(read).collect::<Result<_, ApplicationError>>()?,
            by_text: HashMap::new(),
        })
    }

    /// The records of the wanted identity, in their order. What it leaves out, they mustn't have either.
    pub fn matching(&mut self, provider: &dyn ResourceProvider, wanted: &PropertyMap) -> Vec<&'r RecordedResource> {
        let names = self.names.iter().enumerate().take(64);
        let fixed = names.filter(|(_, name)| !has_synonyms(provider, name, wanted));
        let columns = fixed.fold(0_u64, |columns, (place, _)| columns | 1 << place);
        let by_text = self.by_text.entry(columns).or_insert_with(|| {
            let mut by_text: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
            for (place, (_, values)) in self.records.iter().enumerate() {
                by_text.entry(texts(columns, values.iter().map(Some))).or_default().push(place);
            }
            by_text
        });
        let looked_up = by_text.get(&texts(columns, self.names.iter().map(|name| wanted.get(name))));
        let found = looked_up.into_iter().flatten().map(|place| &self.records[*place]);
        found
            .filter(|(_, values)| is_identity(self.names, values, provider, wanted))
            .map(|(record, _)| *record)
            .collect()
    }
}

/// Whether other values than the wanted one may mean the same: a type that knows of any says of each value that it means the
/// same as itself.
fn has_synonyms(provider: &dyn ResourceProvider, name: &str, wanted: &PropertyMap) -> bool {
    let value = wanted.get(name).map(Value::exposed);
    value.is_some_and(|value| (provider.info().equivalent)(name, value, value))
}

/// The texts in the chosen columns. What has no text is told apart later.
fn texts<'v>(columns: u64, values: impl Iterator<Item = Option<&'v Value>>) -> Vec<String> {
    let chosen = values.enumerate().filter(|(place, _)| *place < 64 && columns & (1 << *place) != 0);
    let text =
        |value: Option<&'v Value>| value.and_then(|value| value.exposed().as_str()).unwrap_or_default().to_owned();
    chosen.map(|(_, value)| text(value)).collect()
}

fn is_identity(names: &[&str], values: &[Value], provider: &dyn ResourceProvider, wanted: &PropertyMap) -> bool {
    let is_same = |(name, value): (&&str, &Value)| match wanted.get(name) {
        Some(wanted) => {
            resource_graph::planner::diff::same(value, wanted)
                || (provider.info().equivalent)(name, value.exposed(), wanted.exposed())
        }
        None => value.is_null() || value.exposed().as_str() == Some(""),
    };
    !names.is_empty() && names.iter().zip(values).all(is_same)
}

/// What a record has of an identifying input: outputs say it more surely.
fn identifying_value(record: &RecordedResource, name: &str) -> Result<Value, ApplicationError> {
    let unreadable = |error| ApplicationError::of_record(record.urn(), &error);
    let output = record.output(&[name.to_owned()]).map_err(unreadable)?;
    if let Some(value) = output.filter(|value| !value.is_null()) {
        return Ok(value);
    }
    let inputs = record.inputs().map_err(unreadable)?;
    Ok(inputs.get(name).cloned().unwrap_or(Value::Null))
}
