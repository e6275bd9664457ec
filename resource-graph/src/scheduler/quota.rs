//! Quotas of a cloud's APIs: token buckets, narrowed when the cloud throttles and widened again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Quota;

impl Quota {
    /// A quota of a published rate and burst, in calls a second and calls. A burst below 1 counts as 1.
    pub const fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst }
    }

    /// A quota whose burst isn't published: what one second allows, at least one call.
    pub const fn per_second(rate: f64) -> Self {
        Self { rate, burst: if rate > 1.0 { rate } else { 1.0 } }
    }
}

/// Quotas by the names that the types' call costs use. A name without an entry is unlimited until it is throttled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas(BTreeMap<String, Quota>);

impl Quotas {
    /// No quotas.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a quota.
    pub fn set(&mut self, name: impl Into<String>, quota: Quota) {
        self.0.insert(name.into(), quota);
    }

    /// A quota by its name.
    pub fn get(&self, name: &str) -> Option<Quota> {
        self.0.get(name).copied()
    }

    /// All quotas, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quota)> {
        self.0.iter().map(|(name, quota)| (name.as_str(), *quota))
    }
}

impl<N: Into<String>> FromIterator<(N, Quota)> for Quotas {
    fn from_iter<I: IntoIterator<Item = (N, Quota)>>(items: I) -> Self {
        Self(items.into_iter().map(|(name, quota)| (name.into(), quota)).collect())
    }
}

/// A throttled answer halves the rate, …
const NARROWING: f64 = 0.5;
/// … but never below this part of the published one, …
const NARROWEST: f64 = 1.0 / 32.0;
/// … and each second without one gives back this part of the published one.
const WIDENING: f64 = 0.05;
/// Throttled answers that come within this time tell of one and the same crowd.
const ONE_CROWD: Duration = Duration::from_millis(500);
/// The slowest rate for an API whose quota isn't known, in calls a second.
const SLOWEST_UNKNOWN: f64 = 1.0;

/// A token bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// `None` for an API whose quota isn't known and that has never throttled.
    quota: Option<Quota>,
    rate: f64,
    tokens: f64,
    /// When `tokens` and `rate` were right.
    settled: Duration,
    throttled: Option<Duration>,
    /// Calls in the second that began at `.0`, for an API whose quota isn't known.
    recent: (Duration, u32),
}

impl Bucket {
    pub fn new(quota: Option<Quota>, now: Duration) -> Self {
        let quota = quota.map(|quota| Quota { burst: quota.burst.max(1.0), ..quota });
        Self {
            quota,
            rate: quota.map_or(0.0, |quota| quota.rate),
            tokens: quota.map_or(0.0, |quota| quota.burst),
            settled: now,
            throttled: None,
            recent: (now, 0),
        }
    }

    fn settle(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.settled).as_secs_f64();
        self.settled = self.settled.max(now);
        if let Some(quota) = self.quota {
            // Tokens come at the rate that held while the time passed, widening not included: never too many.
            self.tokens = (self.tokens + passed * self.rate).min(quota.burst);
            self.rate = (self.rate + passed * WIDENING * quota.rate).min(quota.rate);
        }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Duration) -> bool {
        self.settle(now);
        if self.quota.is_none() {
            if now.saturating_sub(self.recent.0) >= Duration::from_secs(1) {
                self.recent = (now, 0);
            }
            self.recent.1 += 1;
            return true;
        }
        let enough = self.tokens >= 1.0 - EPSILON;
        if enough {
            self.tokens = (self.tokens - 1.0).max(0.0);
        }
        enough
    }

    /// Gives back a token that wasn't used.
    pub fn put_back(&mut self, now: Duration) {
        self.settle(now);
        match self.quota {
            Some(quota) => self.tokens = (self.tokens + 1.0).min(quota.burst),
            None => self.recent.1 = self.recent.1.saturating_sub(1),
        }
    }

    /// Counts a token that was taken earlier as used only now: what came in meanwhile must not let more calls through
    /// than the burst allows.
    pub fn use_taken(&mut self, now: Duration) {
        self.put_back(now);
        self.take(now);
    }

    /// When there will be a token, if none is taken before.
    pub fn next_token(&mut self, now: Duration) -> Duration {
        self.settle(now);
        if self.quota.is_none() || self.tokens >= 1.0 - EPSILON {
            return now;
        }
        // Rounded up, so that the token is there when the time has come.
        let wait = Duration::from_secs_f64(((1.0 - self.tokens) / self.rate).min(MONTH));
        now + wait + Duration::from_nanos(1)
    }

    /// The cloud has throttled a call.
    pub fn narrow(&mut self, now: Duration) {
        self.settle(now);
        if self.throttled.is_some_and(|before| now.saturating_sub(before) < ONE_CROWD) {
            return;
        }
        self.throttled = Some(now);
        let quota = *self.quota.get_or_insert_with(|| {
            let observed = f64::from(self.recent.1).max(SLOWEST_UNKNOWN / NARROWING);
            self.rate = observed;
            Quota { rate: observed, burst: 1.0 }
        });
        self.tokens = 0.0;
        self.rate = (self.rate * NARROWING).max(quota.rate * NARROWEST);
    }

    /// Calls a second at the moment; `None` when unlimited.
    pub fn rate(&mut self, now: Duration) -> Option<f64> {
        self.settle(now);
        self.quota.map(|_| self.rate)
    }
}

/// Sums of many small times may miss a whole token by a hair.
const EPSILON: f64 = 1e-9;
/// Longest wait for a token, in seconds: a rate of zero must not make an endless duration.
const MONTH: f64 = 30.0 * 24.0 * 3600.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: f64) -> Duration {
        Duration::from_secs_f64(time)
    }

    fn taken(bucket: &mut Bucket, now: Duration) -> usize {
        std::iter::repeat_with(|| bucket.take(now)).take(100).filter(|taken| *taken).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Some(Quota::new(10.0, 4.0)), Duration::ZERO);
        assert_eq!(taken(&mut bucket, Duration::ZERO), 4);
        assert_eq!(bucket.next_token(Duration::ZERO).as_millis(), 100);
        assert_eq!(taken(&mut bucket, seconds(0.25)), 2);
        assert_eq!(taken(&mut bucket, seconds(100.0)), 4, "a pause saves up the burst and no more");
    }

    #[test]
    fn a_token_that_is_used_late_does_not_let_more_calls_through() {
        let mut bucket = Bucket::new(Some(Quota::new(1.0, 2.0)), Duration::ZERO);
        assert!(bucket.take(Duration::ZERO));
        bucket.use_taken(seconds(10.0));
        assert_eq!(taken(&mut bucket, seconds(10.0)), 1);
    }

    #[test]
    fn tokens_put_back_never_exceed_the_burst() {
        let mut bucket = Bucket::new(Some(Quota::new(1.0, 2.0)), Duration::ZERO);
        bucket.put_back(Duration::ZERO);
        assert_eq!(taken(&mut bucket, Duration::ZERO), 2);
    }

    #[test]
    fn throttling_empties_the_bucket_and_halves_the_rate_once_a_crowd() {
        let mut bucket = Bucket::new(Some(Quota::new(10.0, 10.0)), Duration::ZERO);
        bucket.narrow(Duration::ZERO);
        bucket.narrow(seconds(0.1));
        assert_eq!(taken(&mut bucket, seconds(0.1)), 0);
        assert!(bucket.rate(seconds(0.1)).is_some_and(|rate| (5.0..5.1).contains(&rate)));
        bucket.narrow(seconds(1.0));
        assert!(bucket.rate(seconds(1.0)).is_some_and(|rate| (2.5..3.0).contains(&rate)));
        (0..100).for_each(|time| bucket.narrow(seconds(2.0 + f64::from(time))));
        assert!(bucket.rate(seconds(101.0)).is_some_and(|rate| rate >= 10.0 / 32.0), "it never comes to a stop");
        assert_eq!(bucket.rate(seconds(200.0)), Some(10.0), "time widens it to what is published");
    }

    #[test]
    fn an_unknown_quota_is_learned_from_what_was_throttled() {
        let mut bucket = Bucket::new(None, Duration::ZERO);
        assert_eq!(taken(&mut bucket, Duration::ZERO), 100);
        assert_eq!(bucket.rate(Duration::ZERO), None);
        bucket.narrow(seconds(0.5));
        assert_eq!(bucket.rate(seconds(0.5)), Some(50.0));
        assert!(!bucket.take(seconds(0.5)));
    }

    #[test]
    fn a_rate_of_zero_makes_no_endless_duration() {
        let mut bucket = Bucket::new(Some(Quota::new(0.0, 0.0)), Duration::ZERO);
        assert!(bucket.take(Duration::ZERO));
        assert!(bucket.next_token(Duration::ZERO) > seconds(1e6));
    }
}
