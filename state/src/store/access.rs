//! What buckets and containers are opened with: credentials, and what the environment says where a URL says nothing.
//!
//! The crate reads none of it by itself; whoever opens a store passes it in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

/// What stores are opened with; what isn't given can't be opened.
#[derive(Clone, Debug, Default)]
pub struct StoreAccess {
    /// For `s3://`.
    pub s3: Option<S3Access>,
    /// For `azblob://`.
    pub azure: AzureAccess,
}

/// What a bucket is opened with.
#[derive(Clone, Debug)]
pub struct S3Access {
    /// Who we are.
    pub credentials: Arc<dyn S3Credentials>,
    /// The region of buckets whose URL names none.
    pub region: Option<String>,
    /// The endpoint of buckets whose URL names none; without one it is AWS.
    pub endpoint: Option<String>,
}

/// Gives the keys that requests are signed with. It is asked before each request, so it should remember them.
#[async_trait]
pub trait S3Credentials: fmt::Debug + Send + Sync {
    /// Keys that are valid now.
    ///
    /// # Errors
    /// When there are none.
    async fn keys(&self) -> Result<S3Keys, NoCredentials>;
}

/// Keys that requests to S3 are signed with.
#[derive(Clone)]
pub struct S3Keys {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: Zeroizing<String>,
    /// The session's token, with temporary keys.
    pub session_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl S3Credentials for S3Keys {
    async fn keys(&self) -> Result<S3Keys, NoCredentials> {
        Ok(self.clone())
    }
}

/// There are no credentials for a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoCredentials {
    /// Why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a container of Azure's blob storage is opened with. Of several credentials the first in this order counts: key,
/// SAS token, connection string, identity.
#[derive(Clone, Debug, Default)]
pub struct AzureAccess {
    /// The storage account of containers whose URL names none.
    pub account: Option<String>,
    /// As [`super::AzureUrl::domain`], where the URL has none.
    pub domain: Option<String>,
    /// As [`super::AzureUrl::protocol`], where the URL has none.
    pub protocol: Option<String>,
    /// As [`super::AzureUrl::local_emulator`], where the URL has none.
    pub local_emulator: Option<bool>,
    /// As [`super::AzureUrl::cdn`], where the URL has none.
    pub cdn: Option<bool>,
    /// The account's key.
    pub key: Option<Secret>,
    /// A shared access signature.
    pub sas_token: Option<Secret>,
    /// A connection string, which names the account, too.
    pub connection_string: Option<Secret>,
    /// Who we are, for Entra ID.
    pub identity: Option<AzureIdentity>,
}

/// An identity of Entra ID.
#[derive(Clone, Debug)]
pub enum AzureIdentity {
    /// An application with a secret.
    ClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// Its secret.
        secret: Secret,
        /// The host that gives tokens, where it isn't the public one.
        authority: Option<String>,
    },
    /// A token that somebody else has given, such as Kubernetes or GitHub, in a file.
    Workload {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// The file with the token.
        token_file: PathBuf,
        /// The host that gives tokens, where it isn't the public one.
        authority: Option<String>,
    },
    /// That of the machine this runs on.
    Managed {
        /// The identity's client id, where the machine has several.
        client: Option<String>,
        /// Where the machine gives tokens, where it isn't the usual address.
        endpoint: Option<String>,
    },
    /// The user that is logged in with the Azure CLI.
    CommandLine,
}

/// A secret text that isn't shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text. Whoever calls this must not let it get anywhere that others may read.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
