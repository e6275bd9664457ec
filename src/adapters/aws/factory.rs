//! AWS before it is connected to: its settings, its rules, and where a connection's settings come from: the command line, the
//! environment of the configuration, the environment variables, in this order.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::blueprint;
use super::settings::{Endpoint, SHAPE, WrittenSettings};
use super::{Aws, AwsSettings, LocalCredentials, NO_REGION, validation};
use crate::domain::invalid::InvalidValue;
use crate::domain::provider::Provider;
use crate::ports::shape::ObjectShape;
use crate::ports::{
    ArtifactStore, BrokenRules, Cloud, CloudFactory, CloudSettings, ConnectError, ConnectRequest, ConnectionChoice,
    MissingSetting, ProviderError, RulesRequest, Variables,
};

/// AWS's name.
pub(super) const PROVIDER: Provider = Provider::known("aws");

/// Where the embedded local cloud's resources go when nothing says otherwise.
const LOCAL_REGION: &str = "us-east-1";
/// The account in it.
const LOCAL_ACCOUNT: &str = "000000000000";

const MISSING_REGION: MissingSetting = MissingSetting {
    code: "config/no-region",
    key: "region",
    hint: "set `region` for the environment, give --region, or set AWS_REGION",
};

/// AWS before it is connected to.
#[derive(Debug)]
pub struct AwsFactory;

#[async_trait]
impl CloudFactory for AwsFactory {
    fn provider(&self) -> Provider {
        PROVIDER
    }

    fn settings(&self) -> &'static ObjectShape {
        &SHAPE
    }

    fn meaning(&self) -> &'static str {
        "Where in AWS, and as whom."
    }

    fn example(&self) -> &'static str {
        "{ endpoint: local }"
    }

    fn secret_variables(&self) -> &'static [&'static str] {
        &["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    }

    fn check(&self, request: &RulesRequest<'_>) -> BrokenRules {
        let written = WrittenSettings::of(request.settings);
        let circumstances = validation::Circumstances {
            project: request.project,
            environment: request.environment,
            local_cloud: written.endpoint.is_some() || request.variables.get("AWS_ENDPOINT_URL").is_some(),
            added_variables: &[],
            today: request.today,
        };
        BrokenRules {
            components: blueprint::check_all(request.components, &circumstances),
            environment: validation::check_settings(&written),
        }
    }

    fn missing(&self, settings: &CloudSettings, variables: Variables<'_>) -> Option<MissingSetting> {
        let written = WrittenSettings::of(settings);
        let is_set = |name| variables.get(name).is_some();
        let may_be_there = written.region.is_some()
            || written.profile.is_some()
            || written.endpoint == Some(Endpoint::Local)
            || ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"].into_iter().any(is_set)
            || has_shared_configuration(variables);
        (!may_be_there).then_some(MISSING_REGION)
    }

    fn is_embedded(&self, settings: &CloudSettings) -> bool {
        WrittenSettings::of(settings).endpoint == Some(Endpoint::Local)
    }

    fn needs_local_cloud(&self, settings: &CloudSettings, choice: &ConnectionChoice) -> Result<bool, InvalidValue> {
        Ok(endpoint(&WrittenSettings::of(settings), choice)? == Some(Endpoint::Local))
    }

    async fn connect(&self, request: ConnectRequest<'_>) -> Result<Arc<dyn Cloud>, ConnectError> {
        let ConnectRequest { choice, variables, .. } = request;
        let written = WrittenSettings::of(request.settings);
        let wanted = endpoint(&written, choice)?;
        let is_local = wanted == Some(Endpoint::Local);
        let endpoint = match wanted {
            Some(Endpoint::Local) => request.local_endpoint,
            Some(Endpoint::Url(url)) => Some(url.as_str().trim_end_matches('/').to_owned()),
            None => None,
        };
        let region = choice.region.clone().or_else(|| written.region.map(|region| region.to_string()));
        let settings = AwsSettings {
            // The embedded cloud has all regions, and no configuration file says which.
            region: region.or_else(|| is_local.then(|| LOCAL_REGION.to_owned())),
            profile: choice
                .profile
                .clone()
                .or_else(|| written.profile.map(|profile| profile.as_str().to_owned()))
                .or_else(|| preset_profile(variables)),
            endpoint,
            expected_account: written.account.map(|account| account.as_str().to_owned()),
            local_credentials: is_local.then(local_credentials),
        };
        open(settings, request.artifacts).await
    }

    async fn describe(
        &self,
        settings: &CloudSettings,
        artifacts: Arc<dyn ArtifactStore>,
    ) -> Result<Arc<dyn Cloud>, ConnectError> {
        let region = WrittenSettings::of(settings).region.map(|region| region.to_string());
        let settings = AwsSettings {
            region: Some(region.unwrap_or_else(|| LOCAL_REGION.to_owned())),
            local_credentials: Some(local_credentials()),
            ..AwsSettings::default()
        };
        open(settings, artifacts).await
    }
}

async fn open(settings: AwsSettings, artifacts: Arc<dyn ArtifactStore>) -> Result<Arc<dyn Cloud>, ConnectError> {
    let is_region = |error: &ProviderError| error.code.as_deref() == Some(NO_REGION);
    match Aws::connect(settings, artifacts).await {
        Ok(cloud) => Ok(Arc::new(cloud)),
        Err(error) if is_region(&error) => Err(ConnectError::Missing(MISSING_REGION)),
        Err(error) => Err(error.into()),
    }
}

/// Where AWS answers, if not at its public address.
fn endpoint(written: &WrittenSettings, choice: &ConnectionChoice) -> Result<Option<Endpoint>, InvalidValue> {
    match choice.endpoint.as_deref() {
        Some(endpoint) => endpoint.parse().map(Some),
        None => Ok(written.endpoint.clone()),
    }
}

/// The profile that the environment names; as with every AWS tool, keys in it win over the profile.
fn preset_profile(variables: Variables<'_>) -> Option<String> {
    let has_keys = variables.get("AWS_ACCESS_KEY_ID").is_some() && variables.get("AWS_SECRET_ACCESS_KEY").is_some();
    variables.text("AWS_PROFILE").filter(|_| !has_keys).map(str::to_owned)
}

fn has_shared_configuration(variables: Variables<'_>) -> bool {
    let file = match (variables.get("AWS_CONFIG_FILE"), variables.get("HOME")) {
        (Some(file), _) => file.into(),
        (None, Some(home)) => Path::new(home).join(".aws/config"),
        (None, None) => return false,
    };
    file.exists()
}

fn local_credentials() -> LocalCredentials {
    LocalCredentials { access_key_id: LOCAL_ACCOUNT.to_owned(), secret_access_key: "local".to_owned() }
}
