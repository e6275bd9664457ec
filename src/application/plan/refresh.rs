//! Reading recorded resources from the cloud, and saying what differs.

use std::sync::Arc;

use futures::{StreamExt, stream};
use resource_graph::{DiffRules, ResourceOptions, ResourceRecord};

use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::{Options, Ports, Refresh};
use crate::application::steps::default_provider::DefaultProvider;
use crate::application::steps::gate::ReadGate;
use crate::application::steps::records::like_before;
use crate::ports::{
    CallGate, Notice, OperationContext, ProviderError, ProviderErrorKind, RecordedResource, ResourceState, ResourceTags,
};

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

/// The tags of the resources of the stack that has this identity. Reads belong to no deployment.
pub fn tags(options: &Options, identity: &str, deployment: &str) -> ResourceTags {
    ResourceTags {
        project: options.target.project.clone(),
        stack: options.target.stack.clone(),
        identity: identity.to_owned(),
        user: options.user.clone(),
        deployment: deployment.to_owned(),
    }
}

/// Reads the recorded resources at these places: those of known types, old copies and read-only ones not included.
///
/// One that can't be read is told and taken as it is recorded, lest it keep everything else from going on: what is to be done with
/// it fails by itself, if it does.
///
/// # Errors
/// When one can't be read and all were to be ([`Refresh::All`]), or when not a single one can.
pub async fn read(
    ports: &Ports,
    options: &Options,
    records: &[RecordedResource],
    places: impl IntoIterator<Item = usize>,
) -> Result<Vec<Refreshed>, ApplicationError> {
    let gate: Arc<dyn CallGate> = Arc::new(ReadGate::new(ports, options));
    let identity = DefaultProvider::recorded(ports, records.iter()).map(|provider| provider.id).unwrap_or_default();
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
            let context = OperationContext { urn, tags: tags(options, &identity, ""), gate: Arc::clone(&gate) };
            read_one(ports, place, &records[place], context)
        })
        .collect();
    let mut reads = stream::iter(reads).buffer_unordered(PARALLEL_READS);
    let (mut refreshed, mut unread) = (Vec::new(), Vec::new());
    while let Some((place, result)) = reads.next().await {
        match result? {
            Ok(record) => refreshed.push(Refreshed { place, record }),
            Err(error) if error.kind == ProviderErrorKind::Cancelled || options.refresh == Refresh::All => {
                return Err(ApplicationError::of_resource(&error, records[place].urn()));
            }
            Err(error) => unread.push((records[place].urn(), error)),
        }
    }
    match unread.first() {
        Some((urn, error)) if refreshed.is_empty() => return Err(ApplicationError::of_resource(error, urn)),
        _ => {}
    }
    for (urn, error) in unread {
        let message = format!("{urn} can't be read, and is taken as the state records it: {}", error.message);
        ports.notices.notice(Notice::Warning { message, hint: error.hint });
    }
    Ok(refreshed)
}

/// What the cloud says, with the place; the outer error is one of the record itself.
async fn read_one(
    ports: &Ports,
    place: usize,
    record: &RecordedResource,
    context: OperationContext,
) -> (usize, Result<Result<Option<ResourceRecord>, ProviderError>, ApplicationError>) {
    let before = match record.to_record() {
        Ok(before) => before,
        Err(error) => return (place, Err(ApplicationError::of_record(record.urn(), &error))),
    };
    let Some(provider) = ports.cloud.resource(&before.type_token) else {
        return (place, Ok(Ok(Some(ResourceRecord::clone(&before)))));
    };
    let id = before.id.as_deref().unwrap_or_default();
    let state = provider.read(&context, id, &before.inputs).await;
    let as_it_is = |state: ResourceState| ResourceRecord {
        inputs: like_before(&before.inputs, state.inputs),
        outputs: like_before(&before.outputs, state.outputs),
        ..ResourceRecord::clone(&before)
    };
    (place, Ok(state.map(|state| state.map(as_it_is))))
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
