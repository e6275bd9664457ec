//! The time of day and fresh ids. The application has neither of its own, so that tests can fix both.

/// The time of day.
pub trait WallClock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;

    /// Nine characters of base 36 that nobody can guess.
    fn fresh_id(&self) -> String;

    /// A UUID, version 4.
    fn fresh_uuid(&self) -> String;
}

/// RFC 3339 in UTC with milliseconds and `Z`, as in the platform's events.
pub fn rfc3339(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_the_platforms_form() {
        assert_eq!(super::rfc3339(1_757_673_458_440), "2025-09-12T10:37:38.440Z");
    }
}
