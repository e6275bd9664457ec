//! AWS as the application sees it: its resource types, quotas, who we are, and the blueprint of components.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{PropertyMap, Quota, Recorded, ResourceTypeInfo, ResourceTypes, TypeToken};

use super::connection::clients::SERVICES;
use super::connection::connection::{self, AwsSettings, Connection};
use super::diagnostics::{invocation, recent_output};
use super::factory::PROVIDER;
use super::frame::{arn, tags};
use super::{blueprint, quota, resources};
use crate::domain::provider::Provider;
use crate::ports::{
    Account, ArtifactStore, Blueprint, BlueprintRequest, Blueprints, Catalogue, CloudIdentity, Diagnostics, Invoked,
    ProviderError, ResourceProvider,
};

/// The version of Pulumi's AWS provider whose states are written.
const PULUMI_AWS_VERSION: &str = "7.48.0";

/// The account that emulators take unsigned requests for.
const EMULATORS_OWN_ACCOUNT: &str = "000000000000";

/// One account and region of AWS, or an emulator of it.
pub struct Aws {
    connection: Arc<Connection>,
    resources: BTreeMap<&'static str, Arc<dyn ResourceProvider>>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("target", &self.connection.origin.target()).finish_non_exhaustive()
    }
}

impl Aws {
    /// Reads the configuration of the environment and the shared files. Calls nothing yet: [`Cloud::identity`] is the first
    /// call.
    ///
    /// # Errors
    /// When no region is set.
    pub async fn connect(settings: AwsSettings, artifacts: Arc<dyn ArtifactStore>) -> Result<Self, ProviderError> {
        let connection = Arc::new(Connection::open(settings, artifacts).await?);
        let resources = resources::all(&connection);
        Ok(Self { connection, resources })
    }

    /// The region that resources go to.
    pub fn region(&self) -> &str {
        &self.connection.region
    }

    /// The URL that stands for all services, where it isn't AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.connection.origin.endpoint.as_deref()
    }
}

impl ResourceTypes for Aws {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.resources.get(token.as_str()).map(|resource| resource.info())
    }
}

impl Catalogue for Aws {
    fn longest_operation(&self) -> Option<Duration> {
        quota::longest_operation(self.connection.is_emulated())
    }

    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        self.resources.get(token.as_str()).cloned()
    }

    fn type_tokens(&self) -> Vec<&'static str> {
        self.resources.keys().copied().collect()
    }

    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        quota::quotas(self.connection.is_emulated())
    }

    fn provider_resource(&self, identity: &CloudIdentity) -> (String, PropertyMap) {
        let name = format!("default_{}", PULUMI_AWS_VERSION.replace('.', "_"));
        let mut inputs = PropertyMap::from([("region", identity.region.as_str()), ("version", PULUMI_AWS_VERSION)]);
        inputs.insert("__internal", PropertyMap::new());
        if let Some(endpoint) = self.endpoint() {
            // A default provider's configuration is all strings, JSON texts among them (SPEC.md section 1.7).
            let endpoints: serde_json::Map<_, _> =
                SERVICES.iter().map(|service| ((*service).to_owned(), endpoint.into())).collect();
            inputs.insert("endpoints", serde_json::Value::from(vec![endpoints]).to_string());
            for flag in ["s3UsePathStyle", "skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation"]
            {
                inputs.insert(flag, "true");
            }
        }
        (name, inputs)
    }

    fn mark(&self, inputs: &mut PropertyMap, identity: &str) {
        tags::mark(inputs, identity);
    }

    fn account_of(&self, record: &dyn Recorded) -> Option<String> {
        // arn:partition:service:region:account:resource; some services leave the account out.
        let arn = record.output(&["arn".to_owned()]).ok()??;
        let account = arn.as_str()?.split(':').nth(4)?;
        (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
    }

    fn is_elsewhere(&self, record: &dyn Recorded) -> bool {
        let text = |name: &str| record.output(&[name.to_owned()]).ok().flatten();
        let region = text("region").as_ref().and_then(|region| region.as_str().map(str::to_owned));
        let of_arn = || Some(arn::region(text("arn")?.as_str()?)?.to_owned());
        region.or_else(of_arn).is_some_and(|region| region != self.connection.region)
    }
}

impl Blueprints for Aws {
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        blueprint::blueprint(request, &self.connection.region)
    }
}

#[async_trait]
impl Account for Aws {
    fn provider(&self) -> Provider {
        PROVIDER
    }

    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        let connection::Account { id, principal, .. } = self.connection.account().await?.clone();
        Ok(CloudIdentity { account: id, principal, region: self.connection.region.clone() })
    }
}

#[async_trait]
impl Diagnostics for Aws {
    async fn invoke(&self, outputs: &PropertyMap, event: &str, timeout: Duration) -> Result<Invoked, ProviderError> {
        invocation::invoke(&self.connection, outputs, event, timeout).await
    }

    async fn recent_output(&self, outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
        recent_output::read(&self.connection, outputs).await
    }

    fn health_headers(&self, identity: &CloudIdentity) -> Vec<(String, String)> {
        if !self.connection.is_emulated() || identity.account == EMULATORS_OWN_ACCOUNT {
            return Vec::new();
        }
        // MiniStack looks for an API in the account of the request, and takes that from the credential's first part.
        let credential = format!("AWS4-HMAC-SHA256 Credential={}/health", identity.account);
        vec![("authorization".to_owned(), credential)]
    }
}
