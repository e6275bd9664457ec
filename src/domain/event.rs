//! The domain event's envelope, in the form that the Semantest platform stores and sends.
//!
//! Source of the form: the platform's event store (`eventId`, `aggregateId`, `eventType`, `eventVersion`, `payload`,
//! `metadata`). Times and ids come from outside: the domain has no clock and no randomness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::deployment::DeploymentEvent;

/// Schema version of all event types so far.
pub const EVENT_VERSION: u32 = 1;

/// What goes with every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventMetadata {
    /// Shared by everything that one request set off; never empty.
    pub correlation_id: String,
    /// The `eventId` (or command id) that caused this event.
    pub causation_id: Option<String>,
    /// Who did it; `system` when nobody did.
    pub user_id: String,
    /// RFC 3339 in UTC with milliseconds and `Z`.
    pub timestamp: String,
    /// Position in the stream, from 0; set when the event is recorded.
    pub sequence_number: Option<u64>,
}

/// A fact about a deployment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainEvent {
    /// Unique.
    pub event_id: String,
    /// The stream that it belongs to: the deployment's id.
    pub aggregate_id: String,
    /// Type and facts.
    #[serde(flatten)]
    pub event: DeploymentEvent,
    /// Schema version of the event's type, from 1.
    pub event_version: u32,
    /// Who, when and why.
    pub metadata: EventMetadata,
}

/// The event as it is read: type and payload are put together first, so that the payload is read straight from the text
/// and a resource's image in it stays as it was written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    event_id: String,
    aggregate_id: String,
    event_type: String,
    payload: Box<RawValue>,
    event_version: u32,
    metadata: EventMetadata,
}

impl DomainEvent {
    /// Reads an event from its JSON text.
    ///
    /// # Errors
    /// When the text isn't an event, or of a type or version that this program doesn't know.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        use serde::de::Error as _;
        let written: Written = serde_json::from_str(text)?;
        if written.event_version > EVENT_VERSION {
            return Err(serde_json::Error::custom(format!(
                "{} of version {} is newer than this program knows ({EVENT_VERSION})",
                written.event_type, written.event_version
            )));
        }
        let tagged = format!(
            r#"{{"eventType":{},"payload":{}}}"#,
            serde_json::to_string(&written.event_type)?,
            written.payload.get()
        );
        Ok(Self {
            event_id: written.event_id,
            aggregate_id: written.aggregate_id,
            event: serde_json::from_str(&tagged)?,
            event_version: written.event_version,
            metadata: written.metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(version: u32) -> String {
        format!(
            r#"{{"eventId":"e","aggregateId":"d","eventType":"ResourceOperationSucceeded","payload":{{"step":1,"operation":"create","urn":"urn:pulumi:a::b::c:d:E::f","durationMs":3,"resource":{{"urn":"x","b":1.0,"a":[ 2 ]}}}},"eventVersion":{version},"metadata":{{"correlationId":"c","causationId":null,"userId":"u","timestamp":"t","sequenceNumber":4}}}}"#
        )
    }

    #[test]
    fn a_resources_image_comes_through_byte_for_byte() {
        let event = DomainEvent::from_json(&text(1)).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), text(1));
    }

    #[test]
    fn events_of_newer_versions_and_unknown_types_are_refused() {
        assert!(DomainEvent::from_json(&text(2)).unwrap_err().to_string().contains("newer"));
        assert!(DomainEvent::from_json(&text(1).replace("ResourceOperationSucceeded", "Other")).is_err());
    }
}
