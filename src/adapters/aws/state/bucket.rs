//! What a bucket with state is opened with: credentials and region from the places where every AWS tool looks for them.
//!
//! The bucket needn't be in the account that is deployed to, so the environment's settings don't count here: what the
//! state's URL says does, then the AWS environment variables and shared files.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use state::{NoCredentials, S3Access, S3Credentials, S3Keys};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::adapters::aws::connection::http::LazyHttpClient;
use crate::adapters::aws::connection::profile;
use crate::adapters::causes::innermost;
use crate::ports::ProviderError;

/// Temporary keys are renewed this long before they run out: a request may take a while.
const MARGIN: Duration = Duration::from_secs(300);

/// What is known of the bucket beforehand.
#[derive(Clone, Debug, Default)]
pub struct BucketSettings {
    /// The region; without it that of the environment or the profile.
    pub region: Option<String>,
    /// The profile whose credentials are used; without it those of the default chain.
    pub profile: Option<String>,
    /// Where S3 answers, if not at AWS; without it what the environment or the profile says.
    pub endpoint: Option<String>,
}

/// Looks up what a bucket is opened with. Credentials are only looked for when the first request needs them.
///
/// # Errors
/// When there is no such profile.
pub async fn access(settings: BucketSettings) -> Result<S3Access, ProviderError> {
    let http_client = LazyHttpClient::default();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client.clone());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(name) = &settings.profile {
        let region = settings.region.clone().map(Region::new);
        let credentials = profile::credentials(name, region, http_client).await?;
        loader = loader.profile_name(name).credentials_provider(credentials);
    }
    let config = loader.load().await;
    let credentials =
        Chain { provider: config.credentials_provider(), profile: settings.profile, kept: Mutex::default() };
    Ok(S3Access {
        credentials: Arc::new(credentials),
        region: config.region().map(ToString::to_string),
        endpoint: settings.endpoint.or_else(|| config.endpoint_url().map(str::to_owned)),
    })
}

/// The SDK's chain of credential sources, which is asked again when what it gave runs out.
#[derive(Debug)]
struct Chain {
    provider: Option<SharedCredentialsProvider>,
    profile: Option<String>,
    kept: Mutex<Option<Credentials>>,
}

impl Chain {
    fn missing(&self, cause: &str) -> NoCredentials {
        match &self.profile {
            Some(profile) => NoCredentials {
                message: format!("the profile '{profile}' gives none: {cause}"),
                hint: Some(format!(
                    "log in (`aws sso login --profile {profile}`), or correct 'profile' in the state URL"
                )),
            },
            None => NoCredentials {
                message: "neither the environment nor the default profile nor this machine has any for AWS".to_owned(),
                hint: None,
            },
        }
    }
}

#[async_trait]
impl S3Credentials for Chain {
    async fn keys(&self) -> Result<S3Keys, NoCredentials> {
        // Held meanwhile, so that of many requests one asks.
        let mut kept = self.kept.lock().await;
        let is_good = |keys: &Credentials| keys.expiry().is_none_or(|end| SystemTime::now() + MARGIN < end);
        let keys = match kept.take().filter(is_good) {
            Some(keys) => keys,
            None => {
                let Some(provider) = &self.provider else { return Err(self.missing("there is no source of them")) };
                provider.provide_credentials().await.map_err(|error| self.missing(&innermost(&error)))?
            }
        };
        *kept = Some(keys.clone());
        Ok(S3Keys {
            access_key_id: keys.access_key_id().to_owned(),
            secret_access_key: Zeroizing::new(keys.secret_access_key().to_owned()),
            session_token: keys.session_token().map(|token| Zeroizing::new(token.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::{self, future};

    use super::*;

    /// Gives keys that run out after so many seconds, and counts.
    #[derive(Debug)]
    struct Source(u64, Arc<AtomicUsize>);

    impl provider::ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.1.fetch_add(1, Ordering::SeqCst);
            let end = SystemTime::now() + Duration::from_secs(self.0);
            future::ProvideCredentials::ready(Ok(Credentials::new("key", "secret", None, Some(end), "test")))
        }
    }

    fn chain(provider: Option<SharedCredentialsProvider>) -> Chain {
        Chain { provider, profile: None, kept: Mutex::default() }
    }

    #[tokio::test]
    async fn keys_are_kept_until_shortly_before_they_run_out() {
        for (seconds, expected) in [(3600, 1), (60, 3)] {
            let asked = Arc::new(AtomicUsize::new(0));
            let chain = chain(Some(SharedCredentialsProvider::new(Source(seconds, Arc::clone(&asked)))));
            for _ in 0..3 {
                assert_eq!(chain.keys().await.unwrap().access_key_id, "key");
            }
            assert_eq!(asked.load(Ordering::SeqCst), expected, "{seconds}");
        }
    }

    #[tokio::test]
    async fn who_has_no_credentials_is_told_whose_are_missing() {
        let error = chain(None).keys().await.unwrap_err();
        assert!(error.message.contains("neither the environment"), "{error}");
        let named = Chain { profile: Some("ci".to_owned()), ..chain(None) };
        let error = named.keys().await.unwrap_err();
        assert!(error.message.contains("'ci'") && error.hint.unwrap().contains("--profile ci"), "{}", error.message);
    }
}
