//! Domain events as journal records. What all events of a deployment share stands once, in the journal's header; a record
//! holds the rest: the journal of a large deployment is hardly larger than what it records.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use state::JournalContents;

use crate::domain::event::{DomainEvent, EVENT_VERSION};
use crate::ports::{StoreError, StoreErrorKind};

/// What the events of a deployment share.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Constants {
    correlation_id: String,
    user_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    /// Time.
    t: Cow<'a, str>,
    /// Type.
    e: Cow<'a, str>,
    /// Version of the type, when it isn't 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    v: u32,
    /// Position of the event that caused it, when it isn't the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<u64>,
    /// Payload.
    p: Cow<'a, RawValue>,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(version: &u32) -> bool {
    *version == 1
}

/// What a deployment's first event says of all.
pub fn constants(first: &DomainEvent) -> serde_json::Value {
    let metadata = &first.metadata;
    serde_json::json!({ "correlationId": metadata.correlation_id, "userId": metadata.user_id })
}

fn event_id(deployment: &str, position: u64) -> String {
    format!("evt_{deployment}_{position}")
}

/// An event as a record of the journal.
///
/// # Errors
/// Never for events of ours.
pub fn encode(event: &DomainEvent) -> serde_json::Result<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Written {
        payload: Box<RawValue>,
    }
    let text = serde_json::to_string(&event.event)?;
    let Written { payload } = serde_json::from_str(&text)?;
    let position = event.metadata.sequence_number.unwrap_or_default();
    let cause = event.metadata.causation_id.as_deref().and_then(|id| id.rsplit('_').next()?.parse::<u64>().ok());
    serde_json::value::to_raw_value(&Record {
        t: Cow::Borrowed(&event.metadata.timestamp),
        e: Cow::Borrowed(event.event.event_type()),
        v: EVENT_VERSION,
        by: cause.filter(|cause| Some(*cause) != position.checked_sub(1)),
        p: Cow::Owned(payload),
    })
}

/// The events of a journal.
///
/// # Errors
/// When a record isn't an event, or one of a type or version that this program doesn't know.
pub fn decode(journal: &JournalContents) -> Result<Vec<DomainEvent>, StoreError> {
    let deployment = &journal.header.deployment;
    let broken = |error: &dyn std::fmt::Display| StoreError {
        kind: StoreErrorKind::Corrupt,
        message: format!("the journal of deployment {deployment} holds something that can't be read: {error}"),
        hint: Some("a newer version of semantest-iac may have written it: update this one".into()),
    };
    let constants: Constants =
        serde_json::from_value(journal.header.constants.clone()).map_err(|error| broken(&error))?;
    let mut events = Vec::with_capacity(journal.records.len());
    for (position, record) in (0_u64..).zip(&journal.records) {
        let record: Record<'_> = serde_json::from_str(record.record.as_str()).map_err(|error| broken(&error))?;
        let cause = record.by.or(position.checked_sub(1)).map(|position| event_id(deployment, position));
        let metadata = serde_json::json!({
            "correlationId": constants.correlation_id,
            "causationId": cause,
            "userId": constants.user_id,
            "timestamp": record.t,
            "sequenceNumber": position,
        });
        let text = format!(
            r#"{{"eventId":{},"aggregateId":{},"eventType":{},"payload":{},"eventVersion":{},"metadata":{metadata}}}"#,
            serde_json::json!(event_id(deployment, position)),
            serde_json::json!(deployment),
            serde_json::json!(record.e),
            record.p.get(),
            record.v,
        );
        events.push(DomainEvent::from_json(&text).map_err(|error| broken(&error))?);
    }
    Ok(events)
}
