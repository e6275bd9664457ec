//! The credentials of a profile that was named: of that profile alone, and of no other place.
//!
//! The SDK's default chain asks the environment's keys before a profile, and the machine's own role after one that isn't
//! there. Who names a profile means its account, so both would be calls to a wrong one.

use aws_config::Region;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;

use super::http::LazyHttpClient;
use crate::ports::{ProviderError, ProviderErrorKind};

/// The credentials of the profile `name`: keys, a role to assume, SSO or a process, as the shared files say. Calls that they
/// need themselves go to `region`, or else to the profile's own.
///
/// # Errors
/// When the shared files have no such profile, or can't be read.
pub(in crate::adapters::aws) async fn credentials(
    name: &str,
    region: Option<Region>,
    http_client: LazyHttpClient,
) -> Result<ProfileFileCredentialsProvider, ProviderError> {
    let profiles = load(name).await?;
    if profiles.get_profile(name).is_none() {
        return Err(unknown(name, &profiles));
    }
    let region = match region {
        Some(region) => Some(region),
        None => DefaultRegionChain::builder().profile_name(name).build().region().await,
    };
    let config = ProviderConfig::without_region().with_region(region).with_http_client(http_client);
    Ok(ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name).build())
}

/// All profiles of the shared files.
async fn load(name: &str) -> Result<ProfileSet, ProviderError> {
    let (files, environment, places) = Default::default();
    aws_config::profile::load(&files, &environment, &places, Some(name.to_owned().into())).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        ProviderError::new(ProviderErrorKind::Refused, format!("the AWS configuration files can't be read: {error}{cause}"))
            .with_code("profile")
            .with_hint("mend ~/.aws/config and ~/.aws/credentials, or the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name")
    })
}

fn unknown(name: &str, profiles: &ProfileSet) -> ProviderError {
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ProviderError::new(ProviderErrorKind::Refused, format!("there is no profile {name:?} (known: {known})"))
        .with_code("unknown-profile")
        .with_hint(
            "correct --profile, `profile` of the environment or AWS_PROFILE, or add the profile to ~/.aws/config",
        )
}
