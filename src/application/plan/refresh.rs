//! Reading recorded resources from the cloud, and saying what differs.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use resource_graph::{DiffRules, ResourceOptions, ResourceRecord};

use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::{Options, Ports};
use crate::application::steps::gate::ReadGate;
use crate::application::steps::records::like_before;
use crate::ports::{CallGate, OperationContext, RecordedResource, ResourceTags};

/// Reads that may be under way at a time.
const PARALLEL_READS: usize = 32;

/// A resource as it is in the cloud.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The place of its record.
    pub place: usize,
    /// The record with inputs and outputs as they are; `None` when it is gone.
    pub record: Option<ResourceRecord>,
}

/// The tags of a stack's resources. Reads belong to no deployment.
pub fn tags(options: &Options, deployment: &str) -> ResourceTags {
    ResourceTags {
        project: options.target.project.clone(),
        stack: options.target.stack.clone(),
        deployment: deployment.to_owned(),
    }
}

/// Reads the recorded resources at these places: those of known types, old copies and read-only ones not included.
///
/// # Errors
/// When one can't be read.
pub async fn read(
    ports: &Ports,
    options: &Options,
    records: &[RecordedResource],
    places: impl IntoIterator<Item = usize>,
) -> Result<Vec<Refreshed>, ApplicationError> {
    let gate: Arc<dyn CallGate> = Arc::new(ReadGate::new(ports, options));
    let is_read = |place: &usize| {
        let marks = records[*place].marks();
        marks.custom
            && !marks.external
            && !marks.pending_deletion
            && !marks.pending_replacement
            && ports.cloud.info(&records[*place].urn().type_token()).is_some()
    };
    let reads: Vec<_> = places
        .into_iter()
        .filter(is_read)
        .map(|place| {
            let urn = records[place].urn().clone();
            let context = OperationContext { urn, tags: tags(options, ""), gate: Arc::clone(&gate) };
            read_one(ports, place, &records[place], context)
        })
        .collect();
    stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await
}

async fn read_one(
    ports: &Ports,
    place: usize,
    record: &RecordedResource,
    context: OperationContext,
) -> Result<Refreshed, ApplicationError> {
    let urn = record.urn().clone();
    let before = record.to_record().map_err(|error| ApplicationError::of_record(&urn, &error))?;
    let Some(provider) = ports.cloud.resource(&before.type_token) else {
        return Ok(Refreshed { place, record: Some(ResourceRecord::clone(&before)) });
    };
    let id = before.id.as_deref().unwrap_or_default();
    let state = provider.read(&context, id, &before.inputs).await;
    let state = state.map_err(|error| ApplicationError::of_resource(&error, &urn))?;
    let record = state.map(|state| ResourceRecord {
        inputs: like_before(&before.inputs, state.inputs),
        outputs: like_before(&before.outputs, state.outputs),
        ..ResourceRecord::clone(&before)
    });
    Ok(Refreshed { place, record })
}

/// Names of the inputs that differ between what is recorded and what is there.
///
/// # Errors
/// Never for records of ours; a record's options can't be broken.
pub fn differing_inputs(
    ports: &Ports,
    before: &ResourceRecord,
    now: &ResourceRecord,
) -> Result<Vec<String>, ApplicationError> {
    let rules = DiffRules::new(ports.cloud.info(&before.type_token), &ResourceOptions::default())
        .map_err(|error| ApplicationError::new(ErrorKind::Failed, "internal", error.to_string()))?;
    Ok(rules.diff(&before.inputs, &now.inputs).iter().map(|change| change.path.to_string()).collect())
}
