//! Finding out how a deployed component fares.

use std::time::Duration;

use async_trait::async_trait;
use resource_graph::PropertyMap;

use super::account::CloudIdentity;
use crate::ports::ProviderError;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// Without an error; what it answered, as JSON.
    Well(String),
    /// With an error, as the runtime tells it.
    Failed(String),
}

/// How a cloud lets deployed components be looked into.
#[async_trait]
pub trait Diagnostics: Send + Sync {
    /// What a component's code printed lately, for the report of a failed health check; `None` where the cloud keeps none.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    async fn recent_output(&self, outputs: &PropertyMap) -> Result<Option<String>, ProviderError>;

    /// Invokes a deployed component's code with a JSON text.
    ///
    /// # Errors
    /// When the cloud refuses, or gives no answer within `timeout`. What the code itself answers is no error.
    async fn invoke(&self, outputs: &PropertyMap, event: &str, timeout: Duration) -> Result<Invoked, ProviderError>;

    /// Headers that a health check of a deployed component must send to get through; mostly none.
    fn health_headers(&self, identity: &CloudIdentity) -> Vec<(String, String)>;
}
