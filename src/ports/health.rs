//! Asking a deployed component whether it answers.

use std::time::Duration;

use async_trait::async_trait;

/// What to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthProbe {
    /// The address, path included.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// How long to keep trying.
    pub timeout: Duration,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether it answered with a status from 200 to 299 in time.
    pub healthy: bool,
    /// How many tries were made.
    pub attempts: u32,
    /// The last answer: status and body, of which at most some kilobytes are read, or why there was none.
    pub last_answer: String,
    /// Whether the last try got no answer in its time, so that the component may still be busy with it.
    pub unanswered: bool,
    /// How long it took.
    pub duration: Duration,
}

/// Asks until there is a good answer or the time is up.
#[async_trait]
pub trait HealthChecker: Send + Sync {
    /// Asks.
    async fn check(&self, probe: &HealthProbe) -> HealthReport;
}
