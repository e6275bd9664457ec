//! The connection to an AWS account: settings, the SDK's configuration, the clients of its services, and who we are.
//!
//! Credentials, region and endpoints come from aws-config's default chain, so `AWS_ENDPOINT_URL`,
//! `AWS_ENDPOINT_URL_LAMBDA`, SSO, web identity and the rest work as with every AWS tool; those of a profile that was named
//! come from it alone ([`super::profile`]). The SDK's own retries are off: [`crate::adapters::aws::calls`] does them, since only it knows
//! the quotas.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use tokio::sync::OnceCell;

use super::clients::{Clients, ServiceClient};
use super::http::LazyHttpClient;
use super::origin::Origin;
use super::profile;
use super::room::Room;
use crate::adapters::aws::calls::{Action, DirectGate, Patience, Recent, Sender};
use crate::adapters::aws::quota;
use crate::ports::{ArtifactStore, ProviderError, ProviderErrorKind};

/// The code of the error that no region is set.
pub const NO_REGION: &str = "no-region";
/// A connection that isn't made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer that doesn't come in this time is given up; uploads get more, by their size.
pub(in crate::adapters::aws) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach AWS. What is left out comes from the environment and the shared configuration files.
#[derive(Clone, Default)]
pub struct AwsSettings {
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration files whose credentials are used, and no others; without one, those of the
    /// default chain.
    pub profile: Option<String>,
    /// The URL of an emulator or a proxy that stands for all services.
    pub endpoint: Option<String>,
    /// The only account that may be deployed to.
    pub expected_account: Option<String>,
    /// Credentials for the embedded local cloud; never for AWS itself, where the default chain gives them.
    pub local_credentials: Option<LocalCredentials>,
}

/// Credentials of an emulator. They open nothing, so they are no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCredentials {
    /// The access key: for MiniStack the account's number.
    pub access_key_id: String,
    /// The secret key: any text.
    pub secret_access_key: String,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters::aws) struct Account {
    /// The account's number.
    pub(in crate::adapters::aws) id: String,
    /// The ARN of the user or role.
    pub(in crate::adapters::aws) principal: String,
    /// `aws`, `aws-cn`, `aws-us-gov` …
    pub(in crate::adapters::aws) partition: String,
}

/// A connection to one account and region.
pub(in crate::adapters::aws) struct Connection {
    clients: Clients,
    pub(in crate::adapters::aws) origin: Origin,
    pub(in crate::adapters::aws) region: String,
    expected_account: Option<String>,
    pub(in crate::adapters::aws) artifacts: Arc<dyn ArtifactStore>,
    account: OnceCell<Account>,
    /// What was made or changed a moment ago.
    pub(in crate::adapters::aws) recent: Recent,
    /// The memory that packages on their way may take.
    pub(in crate::adapters::aws) uploads: Room,
}

impl Connection {
    /// Reads the configuration. Makes no call, but for what a credential source itself needs.
    pub(in crate::adapters::aws) async fn open(
        settings: AwsSettings,
        artifacts: Arc<dyn ArtifactStore>,
    ) -> Result<Self, ProviderError> {
        let (config, origin) = load(&settings).await?;
        Ok(Self {
            clients: Clients::new(config),
            region: origin.region.clone(),
            origin,
            expected_account: settings.expected_account,
            artifacts,
            account: OnceCell::new(),
            recent: Recent::default(),
            uploads: Room::default(),
        })
    }

    /// The client of a service.
    pub(in crate::adapters::aws) fn client<C: ServiceClient>(&self) -> C {
        self.clients.get(&self.origin)
    }

    /// Who we are: asked once, then known.
    ///
    /// # Errors
    /// When credentials or endpoint don't work, or the account isn't the expected one.
    pub(in crate::adapters::aws) async fn account(&self) -> Result<&Account, ProviderError> {
        self.account.get_or_try_init(|| self.ask_account()).await
    }

    async fn ask_account(&self) -> Result<Account, ProviderError> {
        const GET_CALLER_IDENTITY: Action = Action::read("sts:GetCallerIdentity", quota::STS);
        let gate = DirectGate::new();
        let sender = Sender { gate: &gate, origin: &self.origin, patience: Patience::Greeting, absence: None };
        let (sts, on): (aws_sdk_sts::Client, _) = (self.client(), self.origin.credentials());
        let answer = sender.send(GET_CALLER_IDENTITY, &on, || sts.get_caller_identity().send()).await;
        // A denial without a code is the SDK's own: it found nothing to sign the call with.
        let is_unsigned = |error: &ProviderError| {
            error.kind == ProviderErrorKind::Denied && error.code.is_none() && !error.message.contains(": HTTP status ")
        };
        let answer = answer.map_err(|error| match is_unsigned(&error) {
            true => self.origin.without_credentials(error),
            false => error,
        })?;
        let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
            let message = format!("{} didn't say which account the credentials from {on} are of", self.origin.target());
            return Err(ProviderError::new(ProviderErrorKind::Internal, message));
        };
        if let Some(expected) = self.expected_account.as_ref().filter(|expected| **expected != account) {
            let message = format!(
                "the credentials from {on} are of the account {account}, but this environment is for {expected} alone"
            );
            return Err(ProviderError::new(ProviderErrorKind::Denied, message).with_code("wrong-account").with_hint(
                format!("use a profile of the account {expected}, or correct `account` of the environment"),
            ));
        }
        let partition = arn.split(':').nth(1).filter(|text| !text.is_empty()).unwrap_or("aws").to_owned();
        Ok(Account { id: account, principal: arn, partition })
    }

    /// The ARN of a thing of a service in this region and account.
    pub(in crate::adapters::aws) async fn arn(&self, service: &str, resource: &str) -> Result<String, ProviderError> {
        let Account { id, partition, .. } = self.account().await?;
        Ok(format!("arn:{partition}:{service}:{}:{id}:{resource}", self.region))
    }

    /// Whether calls go to an emulator on this machine.
    pub(in crate::adapters::aws) fn is_emulated(&self) -> bool {
        self.origin.endpoint.as_deref().is_some_and(is_loopback)
    }

    /// The time that an upload of `bytes` may take: a slow line carries 64 KiB a second.
    pub(in crate::adapters::aws) fn upload_timeouts(&self, bytes: u64) -> TimeoutConfig {
        self.answer_timeouts(ANSWER_TIMEOUT + Duration::from_secs(bytes / (64 * 1024)))
    }

    /// The time that an answer may take.
    pub(in crate::adapters::aws) fn answer_timeouts(&self, answer: Duration) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(answer).build()
    }
}

/// The SDK's configuration for these settings, and what messages call it. Makes no call, but for what a credential source
/// itself needs.
///
/// # Errors
/// When there is no region, or no such profile.
pub(in crate::adapters::aws) async fn load(settings: &AwsSettings) -> Result<(SdkConfig, Origin), ProviderError> {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(ANSWER_TIMEOUT).build();
    let http_client = LazyHttpClient::default();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // It would end uploads over slow lines; the timeouts above are enough.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(name) = settings.profile.as_ref().filter(|_| settings.local_credentials.is_none()) {
        let region = settings.region.clone().map(Region::new);
        let credentials = profile::credentials(name, region, http_client).await?;
        loader = loader.profile_name(name).credentials_provider(credentials);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(local) = &settings.local_credentials {
        let (key, secret) = (&local.access_key_id, &local.secret_access_key);
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "local cloud"));
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        let message = match &settings.profile {
            Some(profile) => {
                format!("no AWS region is set: neither for the environment nor in the profile '{profile}'")
            }
            None => "no AWS region is set".to_owned(),
        };
        return Err(ProviderError::new(ProviderErrorKind::Refused, message)
            .with_code(NO_REGION)
            .with_hint("set `region` for the environment, give --region, or set AWS_REGION"));
    };
    let origin = Origin {
        region: region.clone(),
        profile: settings.profile.clone(),
        endpoint: config.endpoint_url().map(str::to_owned),
    };
    Ok((config, origin))
}

/// Whether a URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_on_this_machine_are_told_from_others() {
        for local in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566", "http://s3.localhost"] {
            assert!(is_loopback(local), "{local}");
        }
        for other in ["https://lambda.eu-west-1.amazonaws.com", "http://10.0.0.1:4566", "http://localhost.example.com"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
