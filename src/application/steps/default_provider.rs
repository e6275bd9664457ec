//! The provider resource that a stack's resources name as theirs. For the cloud it is nothing; a state's rules want it there.

use resource_graph::{ResourceRecord, TypeToken, Urn};

use crate::application::request::{Ports, StackTarget};
use crate::ports::clock::recorded_time;
use crate::ports::{CloudIdentity, RecordedResource};

/// A stack's default provider.
pub struct DefaultProvider {
    /// What the records of resources hold.
    pub reference: String,
    /// What is to be recorded first; `None` when the state has it.
    pub record: Option<ResourceRecord>,
}

impl DefaultProvider {
    /// The one among these records, or a new one. One of another version, or another program's, serves as well.
    pub fn of<'r>(
        ports: &Ports,
        target: &StackTarget,
        identity: &CloudIdentity,
        mut records: impl Iterator<Item = &'r RecordedResource>,
    ) -> Self {
        let token = TypeToken::provider(&ports.cloud.provider().to_string());
        let known = records.find_map(|record| {
            let is_it = record.urn().type_token() == token && record.urn().name().starts_with("default");
            Some(format!("{}::{}", record.urn(), record.id().filter(|_| is_it)?))
        });
        if let Some(reference) = known {
            return Self { reference, record: None };
        }
        let (name, inputs) = ports.cloud.provider_resource(identity);
        let mut record = ResourceRecord::new(Urn::new(&target.stack, &target.project, None, &token, &name), true);
        let id = ports.clock.fresh_uuid();
        let reference = format!("{}::{id}", record.urn);
        record.outputs = inputs.clone();
        record.outputs.retain(|name, _| !resource_graph::planner::diff::is_internal(name));
        (record.inputs, record.id) = (inputs, Some(id));
        let now = recorded_time(ports.clock.now_ms());
        (record.created, record.modified) = (Some(now.clone()), Some(now));
        Self { reference, record: Some(record) }
    }
}
