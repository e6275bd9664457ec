//! A health checker whose answers hold no secrets: a server may say anything, its own variables included.

use std::sync::Arc;

use async_trait::async_trait;

use super::redactor::Redactor;
use crate::ports::{HealthChecker, HealthProbe, HealthReport};

/// A health checker whose answers pass the redactor.
pub struct WatchedHealth {
    health: Arc<dyn HealthChecker>,
    redactor: Arc<Redactor>,
}

impl WatchedHealth {
    /// Watches a health checker.
    pub fn new(health: Arc<dyn HealthChecker>, redactor: Arc<Redactor>) -> Self {
        Self { health, redactor }
    }
}

#[async_trait]
impl HealthChecker for WatchedHealth {
    async fn check(&self, probe: &HealthProbe) -> HealthReport {
        let report = self.health.check(probe).await;
        let last_answer = self.redactor.text(&report.last_answer).into_owned();
        HealthReport { last_answer, ..report }
    }
}
