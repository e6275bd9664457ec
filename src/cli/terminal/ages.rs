//! How long ago something was, as people say it and as Pulumi shows it: `3 hours ago`.

use chrono::{DateTime, TimeDelta, Utc};

/// The age of a moment, by `now`.
pub fn ago(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - moment).num_seconds();
    if seconds < 0 {
        return "in the future".to_owned();
    }
    const UNITS: [(&str, TimeDelta); 6] = [
        ("year", TimeDelta::days(365)),
        ("month", TimeDelta::days(30)),
        ("week", TimeDelta::days(7)),
        ("day", TimeDelta::days(1)),
        ("hour", TimeDelta::hours(1)),
        ("minute", TimeDelta::minutes(1)),
    ];
    let unit = UNITS.iter().find(|(_, length)| seconds >= length.num_seconds());
    match unit.map(|(unit, length)| (unit, seconds / length.num_seconds())) {
        Some((unit, 1)) => format!("1 {unit} ago"),
        Some((unit, count)) => format!("{count} {unit}s ago"),
        None if seconds < 2 => "now".to_owned(),
        None => format!("{seconds} seconds ago"),
    }
}

/// The age of an RFC 3339 time; the text itself where it isn't one.
pub fn ago_text(time: &str, now: DateTime<Utc>) -> String {
    match DateTime::parse_from_rfc3339(time) {
        Ok(moment) => ago(moment.to_utc(), now),
        Err(_) => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, text) in [
            (-5, "in the future"),
            (0, "now"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (3 * 86_400, "3 days ago"),
            (15 * 86_400, "2 weeks ago"),
            (400 * 86_400, "1 year ago"),
        ] {
            assert_eq!(ago(now - TimeDelta::seconds(seconds), now), text);
        }
        assert_eq!(ago_text("yesterday", now), "yesterday");
    }
}
