//! The provider resource that a stack's resources name as theirs. For the cloud it is nothing; a state's rules want it there.

use resource_graph::{ResourceRecord, TypeToken, Urn};

use crate::application::request::{Ports, StackTarget};
use crate::ports::clock::recorded_time;
use crate::ports::{CloudIdentity, RecordedResource};

/// A stack's default provider.
///
/// Its id, a random UUID, is the stack's identity, too: it is made with the stack, recorded before anything is called, kept by
/// Pulumi, and moves with the state wherever that goes.
#[derive(Clone, Debug)]
pub struct DefaultProvider {
    /// What the records of resources hold.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// What is to be recorded first; `None` when the state has it.
    pub record: Option<ResourceRecord>,
}

impl DefaultProvider {
    /// The one among these records. One of another version, or another program's, serves as well.
    pub fn recorded<'r>(ports: &Ports, mut records: impl Iterator<Item = &'r RecordedResource>) -> Option<Self> {
        let token = TypeToken::provider(&ports.cloud.provider().to_string());
        records.find_map(|record| {
            let is_it = record.urn().type_token() == token && record.urn().name().starts_with("default");
            let id = record.id().filter(|_| is_it)?.to_owned();
            Some(Self { reference: format!("{}::{id}", record.urn()), id, record: None })
        })
    }

    /// The one among these records, or a new one.
    pub fn of<'r>(
        ports: &Ports,
        target: &StackTarget,
        identity: &CloudIdentity,
        records: impl Iterator<Item = &'r RecordedResource>,
    ) -> Self {
        Self::recorded(ports, records).unwrap_or_else(|| Self::new(ports, target, identity, ports.clock.fresh_uuid()))
    }

    /// One with this id, which no state has.
    pub fn new(ports: &Ports, target: &StackTarget, identity: &CloudIdentity, id: String) -> Self {
        let token = TypeToken::provider(&ports.cloud.provider().to_string());
        let (name, inputs) = ports.cloud.provider_resource(identity);
        let mut record = ResourceRecord::new(Urn::new(&target.stack, &target.project, None, &token, &name), true);
        let reference = format!("{}::{id}", record.urn);
        record.outputs = inputs.clone();
        record.outputs.retain(|name, _| !resource_graph::planner::diff::is_internal(name));
        (record.inputs, record.id) = (inputs, Some(id.clone()));
        let now = recorded_time(ports.clock.now_ms());
        (record.created, record.modified) = (Some(now.clone()), Some(now));
        Self { reference, id, record: Some(record) }
    }
}
