//! CloudWatch Logs' rule for how long logs are kept.

use crate::domain::code::logs::LogRetention;
use crate::domain::violation::{FieldPath, Violation};

use super::error;

const SOURCE: &str = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html";

/// The numbers of days that `retentionInDays` can be.
const DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The rule for how long logs are kept.
pub(in super::super) fn check(retention: LogRetention) -> Option<Violation> {
    let LogRetention::Days(days) = retention else { return None };
    if DAYS.contains(&days) {
        return None;
    }
    let longer = DAYS.into_iter().filter(|known| *known > days).min();
    let shorter = DAYS.into_iter().filter(|known| *known < days).max();
    let hint = match (shorter, longer) {
        (Some(shorter), Some(longer)) => format!("use {shorter}d or {longer}d"),
        (None, Some(longer)) => format!("use {longer}d"),
        (_, None) => "use 3653d or forever".to_owned(),
    };
    Some(error(
        "aws/log-retention",
        FieldPath::of(["logs", "retention"]),
        format!("CloudWatch Logs can't keep logs for {days} days"),
        hint,
        SOURCE,
    ))
}
