//! The last output of a component whose health check failed, from its log group.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use resource_graph::PropertyMap;
use semantest_iac::ports::Diagnostics as _;

use crate::aws::support::Account;

const GROUP: &str = "/aws/lambda/one";

/// A server that says much before it says what is wrong: several pages, whose newest lines count.
#[tokio::test]
async fn the_cause_after_1500_lines_is_shown() {
    let account = Account::new().await;
    let outputs = PropertyMap::from([("logGroup", GROUP)]);
    assert_eq!(account.aws.recent_output(&outputs).await.unwrap(), None, "there is no log group yet");

    let logs = aws_sdk_cloudwatchlogs::Client::new(&account.sdk().await);
    logs.create_log_group().log_group_name(GROUP).send().await.unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    // Two sandboxes, both of which end with the same words; an older one belongs to another deployment.
    for (stream, start) in [("old", now - 3_600_000), ("one", now - 20_000), ("two", now - 10_000)] {
        logs.create_log_stream().log_group_name(GROUP).log_stream_name(stream).send().await.unwrap();
        let event = |(number, line): (i64, String)| {
            InputLogEvent::builder().timestamp(start + number / 100).message(line).build().unwrap()
        };
        let lines = (0..1500).map(|number| format!("{stream} {number}")).chain([format!("{stream}: no database\n")]);
        let events = (0..).zip(lines).map(event).collect();
        let request = logs.put_log_events().log_group_name(GROUP).log_stream_name(stream);
        request.set_log_events(Some(events)).send().await.unwrap();
    }
    let shown = account.aws.recent_output(&outputs).await.unwrap().unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 200);
    assert_eq!(lines[197..], ["two 1498", "two 1499", "two: no database"]);
}
