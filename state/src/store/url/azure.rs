//! `azblob://container/prefix?…` URLs.

use super::{Invalid, Parameters, container_and_prefix};

/// A container of Azure's blob storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AzureUrl {
    /// The container.
    pub container: String,
    /// What the names of all blobs begin with; empty, or without slashes at its ends.
    pub prefix: String,
    /// `storage_account`: the account.
    pub account: Option<String>,
    /// `protocol`: `http` or `https`.
    pub protocol: Option<String>,
    /// `domain`: the host without the account's name, such as `blob.core.usgovcloudapi.net`, with a port where it has one.
    pub domain: Option<String>,
    /// `localemu`: the account is part of the path, as in Azurite.
    pub local_emulator: Option<bool>,
    /// `cdn`: the domain stands for the account.
    pub cdn: Option<bool>,
}

impl AzureUrl {
    pub(super) fn parse(place: &str, mut parameters: Parameters) -> Result<Self, Invalid> {
        let (container, prefix) = container_and_prefix(place, "container")?;
        let account = parameters.text("storage_account");
        let protocol = parameters.text("protocol");
        let domain = parameters.text("domain");
        let local_emulator = parameters.flag("localemu")?;
        let cdn = parameters.flag("cdn")?;
        parameters.end()?;
        if let Some(other) = protocol.as_deref().filter(|protocol| !matches!(*protocol, "http" | "https")) {
            return Err(Invalid::new(format!("its parameter 'protocol' can be http or https, not '{other}'")));
        }
        Ok(Self { container, prefix, account, protocol, domain, local_emulator, cdn })
    }
}
