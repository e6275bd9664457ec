//! Finding out how a deployed component fares.

use async_trait::async_trait;
use resource_graph::PropertyMap;

use super::account::CloudIdentity;
use crate::ports::ProviderError;

/// How a cloud lets deployed components be looked into.
#[async_trait]
pub trait Diagnostics: Send + Sync {
    /// What a component's code printed lately, for the report of a failed health check; `None` where the cloud keeps none.
    ///
    /// # Errors
    /// When the cloud can't be asked.
    async fn recent_output(&self, outputs: &PropertyMap) -> Result<Option<String>, ProviderError>;

    /// Headers that a health check of a deployed component must send to get through; mostly none.
    fn health_headers(&self, identity: &CloudIdentity) -> Vec<(String, String)>;
}
