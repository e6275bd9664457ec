//! Which account of a cloud is worked on, and as whom.

use async_trait::async_trait;

use crate::domain::provider::Provider;
use crate::ports::ProviderError;

/// Who we are to the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudIdentity {
    /// The account (AWS) or subscription (Azure).
    pub account: String,
    /// The principal, such as an ARN.
    pub principal: String,
    /// The region that resources go to.
    pub region: String,
}

/// The account that is deployed to.
#[async_trait]
pub trait Account: Send + Sync {
    /// The provider's name.
    fn provider(&self) -> Provider;

    /// Who we are: one call, which also shows that credentials and endpoint work.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Denied`](crate::ports::ProviderErrorKind::Denied) or
    /// [`Unavailable`](crate::ports::ProviderErrorKind::Unavailable).
    async fn identity(&self) -> Result<CloudIdentity, ProviderError>;
}
