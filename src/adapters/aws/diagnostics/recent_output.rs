//! What a component's function printed lately: the last lines of its log group.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client as Logs;
use resource_graph::PropertyMap;

use crate::adapters::aws::calls::{Action, DirectGate, Patience, Sender};
use crate::adapters::aws::connection::connection::Connection;
use crate::adapters::aws::frame::managed::optional;
use crate::adapters::aws::quota::LOGS;
use crate::ports::ProviderError;

const FILTER_EVENTS: Action = Action::read("logs:FilterLogEvents", LOGS);
/// Older lines belong to another deployment.
const LATELY: Duration = Duration::from_secs(600);
/// The cause of a failure is among the last lines.
const KEPT_LINES: usize = 200;
/// Events of a page.
const PAGE: i32 = 1000;
/// Pages may come partly filled, or empty with more to come, so one call isn't enough; but a failed deployment isn't to wait
/// for its log for long.
const MOST_CALLS: usize = 10;

/// Reads the log group that the component's outputs name.
pub(in crate::adapters::aws) async fn read(
    connection: &Connection,
    outputs: &PropertyMap,
) -> Result<Option<String>, ProviderError> {
    let Some(group) = outputs.string("logGroup") else { return Ok(None) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = i64::try_from(now.saturating_sub(LATELY).as_millis()).unwrap_or_default();
    let gate = DirectGate::new();
    let sender = Sender { gate: &gate, origin: &connection.origin, patience: Patience::Greeting, absence: None };
    let (mut events, mut token) = (Vec::new(), None);
    for _ in 0..MOST_CALLS {
        // The newest first (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
        // An emulator that doesn't know of this gives the oldest first: then it takes all pages to get to the newest.
        let request = connection
            .client::<Logs>()
            .filter_log_events()
            .log_group_name(group)
            .start_time(since)
            .start_from_head(false)
            .limit(PAGE)
            .set_next_token(token);
        let Some(answer) = optional(sender.send(FILTER_EVENTS, group, || request.clone().send()).await)? else { break };
        let found = answer.events.unwrap_or_default();
        events.extend(found.into_iter().filter_map(|event| Some((event.timestamp?, event.message?))));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() || events.len() >= KEPT_LINES && !ascends(&events) {
            break;
        }
    }
    Ok(last_lines(events))
}

/// The text of the newest events, the last at the end.
fn last_lines(mut events: Vec<(i64, String)>) -> Option<String> {
    if !ascends(&events) {
        events.reverse();
    }
    // Stable, so that lines of one millisecond stay in their order.
    events.sort_by_key(|(time, _)| *time);
    let kept = &events[events.len().saturating_sub(KEPT_LINES)..];
    let lines: Vec<&str> = kept.iter().map(|(_, line)| line.trim_end()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Whether events came with the oldest first, though the newest were asked for first.
fn ascends(events: &[(i64, String)]) -> bool {
    events.first().zip(events.last()).is_some_and(|((first, _), (last, _))| first < last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_in_their_order_however_they_came() {
        let count = i64::try_from(KEPT_LINES).unwrap() * 3;
        // Two lines of each millisecond.
        let events: Vec<(i64, String)> = (0..count).map(|number| (number / 2, format!("line {number}\n"))).collect();
        let expected: Vec<String> = (count - 200..count).map(|number| format!("line {number}")).collect();
        let reversed = events.iter().rev().cloned().collect();
        assert_eq!(last_lines(events), Some(expected.join("\n")));
        assert_eq!(last_lines(reversed), Some(expected.join("\n")));
        assert_eq!(last_lines(vec![(1, "b".into()), (1, "a".into())]), Some("a\nb".into()));
        assert_eq!(last_lines(vec![]), None);
    }
}
