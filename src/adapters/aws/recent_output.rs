//! What a component's function printed lately: the last lines of its log group.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resource_graph::PropertyMap;

use super::calls::{Action, DirectGate, Patience, Sender};
use super::connection::Connection;
use super::managed::optional;
use super::quota::LOGS;
use crate::ports::ProviderError;

const FILTER_EVENTS: Action = Action::read("logs:FilterLogEvents", LOGS);
/// Older lines belong to another deployment.
const LATELY: Duration = Duration::from_secs(600);

/// Reads the log group that the component's outputs name.
pub(super) async fn read(connection: &Connection, outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
    let Some(group) = outputs.string("logGroup") else { return Ok(None) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(now.saturating_sub(LATELY).as_millis()).unwrap_or_default();
    let gate = DirectGate::new();
    let sender = Sender { gate: &gate, origin: &connection.origin, patience: Patience::Greeting };
    let request = connection.logs().filter_log_events().log_group_name(group).start_time(since).limit(1000);
    let answer = optional(sender.send(FILTER_EVENTS, group, || request.clone().send()).await)?;
    let events = answer.and_then(|answer| answer.events).unwrap_or_default();
    let lines: Vec<&str> = events.iter().filter_map(|event| event.message()).map(str::trim_end).collect();
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}
