//! Containers of Azure's blob storage.

use std::collections::HashMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::transport;
use crate::error::{Error, Result};
use crate::store::access::{AzureAccess, AzureIdentity};
use crate::store::url::{AzureUrl, StoreUrl};

const PUBLIC_DOMAIN: &str = "blob.core.windows.net";
/// The account of every emulator, which Microsoft has published with its key.
const EMULATOR: (&str, &str) =
    ("devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");

pub(super) fn open(url: &AzureUrl, access: &AzureAccess) -> Result<Arc<dyn ObjectStore>> {
    let refuse = |message: &str, hint: &str| Error::InvalidUrl {
        url: StoreUrl::Azure(url.clone()).to_string(),
        message: message.to_owned(),
        hint: hint.to_owned(),
    };
    // As with Pulumi: a connection string counts when neither key nor token is given.
    let text = access.connection_string.as_ref().filter(|_| access.key.is_none() && access.sas_token.is_none());
    let connection = match text.map(|text| ConnectionString::parse(text.reveal())) {
        Some(None) => {
            let hint = "copy it from the storage account's access keys: DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…";
            return Err(refuse("AZURE_STORAGE_CONNECTION_STRING is not a connection string", hint));
        }
        Some(Some(connection)) => connection,
        None => ConnectionString::default(),
    };
    let account = url.account.clone().or_else(|| access.account.clone()).or_else(|| connection.account.clone());
    let Some(account) = account else {
        let hint = "write ?storage_account=… in the state URL, or set AZURE_STORAGE_ACCOUNT";
        return Err(refuse("the storage account isn't known", hint));
    };
    let connector =
        transport::Connector::new().map_err(|error| Error::read(StoreUrl::Azure(url.clone()).to_string(), error))?;
    let builder = MicrosoftAzureBuilder::new()
        .with_container_name(&url.container)
        .with_account(&account)
        .with_endpoint(service(url, access, &connection, &account))
        .with_allow_http(true)
        .with_disable_tagging(true)
        .with_retry(transport::retries())
        .with_http_connector(connector);
    let Some(builder) = with_credentials(builder, access, &connection) else {
        let hint = "set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING, or log in with `az login`";
        return Err(refuse("there are no credentials for the storage account", hint));
    };
    match builder.build() {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(refuse(&error.to_string(), "check AZURE_STORAGE_KEY and AZURE_STORAGE_SAS_TOKEN")),
    }
}

/// The URL of the account's blobs.
fn service(url: &AzureUrl, access: &AzureAccess, connection: &ConnectionString, account: &str) -> String {
    let domain = url.domain.as_ref().or(access.domain.as_ref());
    if let (None, Some(endpoint)) = (domain, &connection.endpoint) {
        return endpoint.trim_end_matches('/').to_owned();
    }
    let domain = domain.or(connection.domain.as_ref()).map_or(PUBLIC_DOMAIN, String::as_str);
    let is_here = domain.starts_with("127.0.0.1") || domain.starts_with("localhost");
    let emulator = url.local_emulator.or(access.local_emulator).unwrap_or(is_here);
    let protocol = url.protocol.as_ref().or(access.protocol.as_ref()).or(connection.protocol.as_ref());
    let protocol = protocol.map_or(if emulator { "http" } else { "https" }, String::as_str);
    if emulator {
        format!("{protocol}://{domain}/{account}")
    } else if url.cdn.or(access.cdn).unwrap_or_default() {
        format!("{protocol}://{domain}")
    } else {
        format!("{protocol}://{account}.{domain}")
    }
}

fn with_credentials(
    builder: MicrosoftAzureBuilder,
    access: &AzureAccess,
    connection: &ConnectionString,
) -> Option<MicrosoftAzureBuilder> {
    let key = access.key.as_ref().map(|key| key.reveal().to_owned());
    let token = access.sas_token.as_ref().map(|token| token.reveal().to_owned());
    if let Some(key) = key {
        return Some(builder.with_access_key(key));
    }
    if let Some(token) = token {
        return Some(builder.with_config(AzureConfigKey::SasKey, token));
    }
    if let Some(key) = &connection.key {
        return Some(builder.with_access_key(key));
    }
    if let Some(token) = &connection.sas_token {
        return Some(builder.with_config(AzureConfigKey::SasKey, token));
    }
    let application = |builder: MicrosoftAzureBuilder, tenant: &str, client: &str, authority: &Option<String>| {
        let builder = builder.with_tenant_id(tenant).with_client_id(client);
        match authority {
            Some(authority) => builder.with_authority_host(authority),
            None => builder,
        }
    };
    Some(match access.identity.as_ref()? {
        AzureIdentity::ClientSecret { tenant, client, secret, authority } => {
            application(builder, tenant, client, authority).with_client_secret(secret.reveal())
        }
        AzureIdentity::Workload { tenant, client, token_file, authority } => {
            application(builder, tenant, client, authority).with_federated_token_file(token_file.to_string_lossy())
        }
        AzureIdentity::Managed { client, endpoint } => {
            let builder = builder.with_config(AzureConfigKey::CredentialType, "managed_identity");
            let builder = client.iter().fold(builder, |builder, client| builder.with_client_id(client));
            endpoint.iter().fold(builder, |builder, endpoint| builder.with_msi_endpoint(endpoint))
        }
        AzureIdentity::CommandLine => builder.with_use_azure_cli(true),
    })
}

/// The parts of a connection string that matter to blobs.
#[derive(Debug, Default)]
struct ConnectionString {
    account: Option<String>,
    key: Option<String>,
    sas_token: Option<String>,
    protocol: Option<String>,
    domain: Option<String>,
    endpoint: Option<String>,
}

impl ConnectionString {
    /// Reads `Name=value;…`; nothing when it is none.
    fn parse(text: &str) -> Option<Self> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let parts: HashMap<String, &str> = parts
            .map(|part| part.split_once('=').map(|(name, value)| (name.to_ascii_lowercase(), value)))
            .collect::<Option<_>>()?;
        let part = |name: &str| parts.get(name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty());
        if part("usedevelopmentstorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            let (account, key) = EMULATOR;
            return Some(Self {
                account: Some(account.to_owned()),
                key: Some(key.to_owned()),
                endpoint: Some(format!("http://127.0.0.1:10000/{account}")),
                ..Self::default()
            });
        }
        let connection = Self {
            account: part("accountname"),
            key: part("accountkey"),
            sas_token: part("sharedaccesssignature"),
            protocol: part("defaultendpointsprotocol"),
            domain: part("endpointsuffix").map(|suffix| format!("blob.{suffix}")),
            endpoint: part("blobendpoint"),
        };
        let can_sign = connection.key.is_some() || connection.sas_token.is_some();
        (can_sign && (connection.account.is_some() || connection.endpoint.is_some())).then_some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::Secret;

    fn opened(url: &AzureUrl, access: &AzureAccess) -> std::result::Result<(), (String, String)> {
        open(url, access).map(drop).map_err(|error| (error.to_string(), error.hint().unwrap_or_default()))
    }

    #[test]
    fn services_have_the_addresses_that_pulumi_gives_them() {
        let none = ConnectionString::default();
        let access = AzureAccess::default();
        let url = |domain: Option<&str>, cdn: bool| AzureUrl {
            domain: domain.map(str::to_owned),
            cdn: cdn.then_some(true),
            ..AzureUrl::default()
        };
        for (url, expected) in [
            (url(None, false), "https://acc.blob.core.windows.net"),
            (url(Some("blob.core.usgovcloudapi.net"), false), "https://acc.blob.core.usgovcloudapi.net"),
            (url(Some("files.example"), true), "https://files.example"),
            (url(Some("127.0.0.1:10000"), false), "http://127.0.0.1:10000/acc"),
        ] {
            assert_eq!(service(&url, &access, &none, "acc"), expected);
        }
        let text = "AccountName=acc;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/acc;";
        let connection = ConnectionString::parse(text).unwrap();
        assert_eq!(service(&url(None, false), &access, &connection, "acc"), "http://127.0.0.1:10000/acc");
        let text =
            "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5==;EndpointSuffix=core.chinacloudapi.cn";
        let connection = ConnectionString::parse(text).unwrap();
        assert_eq!(service(&url(None, false), &access, &connection, "acc"), "https://acc.blob.core.chinacloudapi.cn");
        assert_eq!(connection.key.as_deref(), Some("a2V5=="));
        assert!(ConnectionString::parse("UseDevelopmentStorage=true").is_some());
        for bad in ["", "nonsense", "AccountName=acc", "AccountKey=a2V5"] {
            assert!(ConnectionString::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_what_gives_it() {
        let url = AzureUrl { container: "state".to_owned(), ..AzureUrl::default() };
        let (message, hint) = opened(&url, &AzureAccess::default()).unwrap_err();
        assert!(message.contains("storage account isn't known"), "{message}");
        assert!(hint.contains("AZURE_STORAGE_ACCOUNT"), "{hint}");
        let account = AzureAccess { account: Some("acc".to_owned()), ..AzureAccess::default() };
        let (message, hint) = opened(&url, &account).unwrap_err();
        assert!(message.contains("no credentials"), "{message}");
        assert!(hint.contains("AZURE_STORAGE_KEY") && hint.contains("az login"), "{hint}");
        let broken = AzureAccess { connection_string: Some(Secret::new("secret-nonsense")), ..AzureAccess::default() };
        let (message, _) = opened(&url, &broken).unwrap_err();
        assert!(
            message.contains("AZURE_STORAGE_CONNECTION_STRING") && !message.contains("secret-nonsense"),
            "{message}"
        );
        let key = AzureAccess { key: Some(Secret::new("a2V5")), ..account.clone() };
        opened(&url, &key).unwrap();
        for identity in [
            AzureIdentity::Managed { client: None, endpoint: None },
            AzureIdentity::CommandLine,
            AzureIdentity::ClientSecret {
                tenant: "t".to_owned(),
                client: "c".to_owned(),
                secret: Secret::new("s"),
                authority: None,
            },
        ] {
            opened(&url, &AzureAccess { identity: Some(identity), ..account.clone() }).unwrap();
        }
        assert!(!format!("{key:?}").contains("a2V5"));
    }
}
