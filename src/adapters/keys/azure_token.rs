//! Tokens of Entra ID for Azure's services.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use state::AzureIdentity;
use zeroize::Zeroizing;

/// A connection that isn't made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives tokens.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token for a scope, such as `https://vault.azure.net/.default`.
    ///
    /// # Errors
    /// Why there is none, in words.
    async fn token(&self, scope: &str) -> Result<Zeroizing<String>, String>;
}

/// Tokens for an identity.
pub struct EntraTokens {
    identity: Option<AzureIdentity>,
}

impl EntraTokens {
    /// Tokens for this identity; without one there are none.
    pub fn new(identity: Option<AzureIdentity>) -> Self {
        Self { identity }
    }

    fn credential(&self) -> Result<Arc<dyn TokenCredential>, String> {
        let told = |error: azure_core::Error| error.to_string();
        Ok(match self.identity.as_ref().ok_or_else(|| "nothing says who we are".to_owned())? {
            AzureIdentity::ClientSecret { tenant, client, secret, authority } => {
                let options = ClientSecretCredentialOptions { client_options: options(authority.as_deref())? };
                let secret = secret.reveal().to_owned().into();
                ClientSecretCredential::new(tenant, client.clone(), secret, Some(options)).map_err(told)?
            }
            AzureIdentity::Workload { tenant, client, token_file, authority } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: options(authority.as_deref())?,
                    },
                    client_id: Some(client.clone()),
                    tenant_id: Some(tenant.clone()),
                    token_file_path: Some(token_file.clone()),
                };
                WorkloadIdentityCredential::new(Some(options)).map_err(told)?
            }
            AzureIdentity::Managed { client, .. } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client.clone().map(UserAssignedId::ClientId),
                    client_options: options(None)?,
                };
                ManagedIdentityCredential::new(Some(options)).map_err(told)?
            }
            AzureIdentity::CommandLine => AzureCliCredential::new(None).map_err(told)?,
        })
    }
}

#[async_trait]
impl TokenSource for EntraTokens {
    async fn token(&self, scope: &str) -> Result<Zeroizing<String>, String> {
        let token = self.credential()?.get_token(&[scope], None).await.map_err(|error| error.to_string())?;
        Ok(Zeroizing::new(token.token.secret().to_owned()))
    }
}

fn options(authority: Option<&str>) -> Result<ClientOptions, String> {
    let client = http_client().map_err(|error| error.to_string())?;
    let cloud = authority.map(|host| {
        let mut custom = CustomConfiguration::default();
        custom.authority_host = host.to_owned();
        Arc::new(CloudConfiguration::from(custom))
    });
    Ok(ClientOptions { transport: Some(Transport::new(Arc::new(client))), cloud, ..ClientOptions::default() })
}

/// The HTTP client of all calls to Azure. Redirects aren't followed: they would carry tokens elsewhere.
pub(super) fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("semantest-iac/", env!("CARGO_PKG_VERSION")))
        .build()
}
