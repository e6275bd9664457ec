//! A record that refers to others by the names that they have when they are taken over.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use resource_graph::{PropertyMap, RecordError, RecordMarks, Recorded, ResourceRecord, Urn, Value};

use crate::ports::RecordedResource;

/// A record of the state, and the new names of what it may refer to.
pub struct Renamed {
    record: RecordedResource,
    names: Arc<HashMap<String, Urn>>,
}

impl Renamed {
    /// `names` are the new names by the old ones.
    pub fn new(record: RecordedResource, names: Arc<HashMap<String, Urn>>) -> Self {
        Self { record, names }
    }

    fn name<'a>(&'a self, urn: &'a str) -> &'a str {
        self.names.get(urn).map_or(urn, Urn::as_str)
    }
}

/// The record with its references renamed.
pub fn with_names(record: &ResourceRecord, names: &HashMap<String, Urn>) -> ResourceRecord {
    let renamed = |urn: &Urn| names.get(urn.as_str()).unwrap_or(urn).clone();
    ResourceRecord {
        parent: record.parent.as_ref().map(renamed),
        dependencies: record.dependencies.iter().map(renamed).collect(),
        property_dependencies: record
            .property_dependencies
            .iter()
            .map(|(name, urns)| (name.clone(), urns.iter().map(renamed).collect()))
            .collect(),
        ..record.clone()
    }
}

impl Recorded for Renamed {
    fn urn(&self) -> &Urn {
        self.record.urn()
    }

    fn marks(&self) -> RecordMarks {
        self.record.marks()
    }

    fn id(&self) -> Option<&str> {
        self.record.id()
    }

    fn parent(&self) -> Option<&str> {
        self.record.parent().map(|urn| self.name(urn))
    }

    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.record.for_each_dependency(&mut |urn| visit(self.name(urn)));
    }

    fn deleted_with(&self) -> Option<&str> {
        self.record.deleted_with().map(|urn| self.name(urn))
    }

    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.record.for_each_other_reference(&mut |urn| visit(self.name(urn)));
    }

    fn provider(&self) -> Option<&str> {
        self.record.provider()
    }

    fn is_foreign(&self) -> bool {
        self.record.is_foreign()
    }

    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        self.record.inputs()
    }

    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        self.record.output(path)
    }

    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        Ok(Arc::new(with_names(self.record.to_record()?.as_ref(), &self.names)))
    }
}
