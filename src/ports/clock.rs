//! The time of day, the time that passes, and fresh ids. The application has none of its own, so that tests can fix them all.

/// The time that passes: waits, intervals and durations. Unlike the time of day, nobody sets it.
pub use resource_graph::Clock as MonotonicClock;

use std::time::Duration;

/// The time of day.
pub trait WallClock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;

    /// Nine characters of base 36 that nobody can guess.
    fn fresh_id(&self) -> String;

    /// A UUID, version 4.
    fn fresh_uuid(&self) -> String;
}

/// A duration in whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC with milliseconds and `Z`, as in the platform's events.
pub fn rfc3339(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A time in milliseconds since 1970 as states have it.
pub fn recorded_time(milliseconds: i64) -> String {
    state_time(chrono::DateTime::from_timestamp_millis(milliseconds).unwrap_or_default())
}

/// A time as states have it: as Go's encoder writes times, without zeros at the end of the fraction. In another form Pulumi's
/// next write would change resources that nobody has changed.
pub fn state_time(time: chrono::DateTime<chrono::Utc>) -> String {
    let text = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    format!("{}Z", text.trim_end_matches(['Z', '0']).trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_in_states_have_no_zeros_at_the_end() {
        for (milliseconds, expected) in [
            (1_757_673_458_440, "2025-09-12T10:37:38.44Z"),
            (1_757_673_458_007, "2025-09-12T10:37:38.007Z"),
            (1_757_673_460_000, "2025-09-12T10:37:40Z"),
            (1_757_635_200_000, "2025-09-12T00:00:00Z"),
        ] {
            assert_eq!(super::recorded_time(milliseconds), expected);
        }
    }

    #[test]
    fn times_have_the_platforms_form() {
        assert_eq!(super::rfc3339(1_757_673_458_440), "2025-09-12T10:37:38.440Z");
    }
}
