//! Buckets of S3 and of services that speak its protocol.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::{CredentialProvider, ObjectStore};

use super::transport;
use crate::error::{Error, Result};
use crate::store::access::{S3Access, S3Credentials};
use crate::store::refusal::{Refusal, RefusalKind};
use crate::store::url::{S3Encryption, S3Url, StoreUrl};

/// The region that services other than AWS are signed for, where nothing says which.
const ANY_REGION: &str = "us-east-1";

pub(super) fn open(url: &S3Url, access: Option<&S3Access>) -> Result<Arc<dyn ObjectStore>> {
    let refuse = |message: &str, hint: &str| Error::InvalidUrl {
        url: StoreUrl::S3(url.clone()).to_string(),
        message: message.to_owned(),
        hint: hint.to_owned(),
    };
    let Some(access) = access else {
        return Err(refuse("there are no credentials for S3", "give credentials as for every AWS tool"));
    };
    let endpoint = url.endpoint.clone().or_else(|| access.endpoint.clone());
    let region = url.region.clone().or_else(|| access.region.clone());
    let Some(region) = region.or_else(|| endpoint.is_some().then(|| ANY_REGION.to_owned())) else {
        return Err(refuse(
            "the bucket's region isn't known",
            "write ?region=… in the state URL, or set AWS_REGION or the profile's region",
        ));
    };
    let Address { endpoint, virtual_hosted } = address(url, endpoint.as_deref(), &region);
    let connector =
        transport::Connector::new().map_err(|error| Error::read(StoreUrl::S3(url.clone()).to_string(), error))?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&url.bucket)
        .with_region(region)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_allow_http(true)
        .with_credentials(Arc::new(Signer(Arc::clone(&access.credentials))))
        .with_retry(transport::retries())
        .with_http_connector(connector)
        // One object at a time is deleted by what it is named, as `s3:DeleteObject` allows it.
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .with_config(AmazonS3ConfigKey::DisableTagging, "true");
    for (key, value) in encryption(&url.encryption) {
        // The names are those of object_store: a test reads the headers that come of them.
        if let Ok(key) = key.parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    match builder.build() {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(refuse(&error.to_string(), "check the state URL's parameters")),
    }
}

fn encryption(encryption: &S3Encryption) -> Vec<(&'static str, String)> {
    let (kind, key) = match encryption {
        S3Encryption::Unasked => return Vec::new(),
        S3Encryption::Aes256 => ("AES256", None),
        S3Encryption::Kms { key } => ("aws:kms", key.clone()),
        S3Encryption::DoubleKms { key } => ("aws:kms:dsse", key.clone()),
    };
    let mut settings = vec![("aws_server_side_encryption", kind.to_owned())];
    settings.extend(key.map(|key| ("aws_sse_kms_key_id", key)));
    settings
}

/// Where the bucket answers.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// With the bucket in the host's name where it is `virtual_hosted`.
    endpoint: String,
    virtual_hosted: bool,
}

fn address(url: &S3Url, endpoint: Option<&str>, region: &str) -> Address {
    // No certificate fits a host's name that begins with a bucket with dots.
    let in_path = url.path_style || url.bucket.contains('.');
    if let Some(endpoint) = endpoint {
        let endpoint = endpoint.trim_end_matches('/');
        return match endpoint.split_once("://") {
            Some((scheme, host)) if !in_path && has_names_below(endpoint) => {
                Address { endpoint: format!("{scheme}://{}.{host}", url.bucket), virtual_hosted: true }
            }
            _ => Address { endpoint: endpoint.to_owned(), virtual_hosted: false },
        };
    }
    let scheme = if url.plain_http { "http" } else { "https" };
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let dualstack = if url.dualstack { ".dualstack" } else { "" };
    let service = match (url.accelerate, url.fips) {
        (true, _) => format!("s3-accelerate{dualstack}.{domain}"),
        (false, true) => format!("s3-fips{dualstack}.{region}.{domain}"),
        (false, false) => format!("s3{dualstack}.{region}.{domain}"),
    };
    match in_path {
        true => Address { endpoint: format!("{scheme}://{service}"), virtual_hosted: false },
        false => Address { endpoint: format!("{scheme}://{}.{service}", url.bucket), virtual_hosted: true },
    }
}

/// Whether there can be names below an endpoint's host: not below an address, and hardly below the local machine.
fn has_names_below(endpoint: &str) -> bool {
    match url::Url::parse(endpoint) {
        Ok(url) => matches!(url.host(), Some(url::Host::Domain(host)) if host != "localhost"),
        Err(_) => false,
    }
}

/// Gives our credentials in the client's form.
#[derive(Debug)]
struct Signer(Arc<dyn S3Credentials>);

#[async_trait]
impl CredentialProvider for Signer {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        match self.0.keys().await {
            Ok(keys) => Ok(Arc::new(AwsCredential {
                key_id: keys.access_key_id,
                secret_key: keys.secret_access_key.to_string(),
                token: keys.session_token.map(|token| token.to_string()),
            })),
            Err(missing) => {
                transport::note(Refusal {
                    kind: RefusalKind::NoCredentials,
                    server: "S3".to_owned(),
                    detail: missing.message.clone(),
                    advice: missing.hint.clone(),
                });
                Err(object_store::Error::Generic { store: "S3", source: missing.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_answer_at_a_host_of_their_own_where_that_can_be() {
        let bucket = |change: fn(&mut S3Url)| {
            let mut url = S3Url { bucket: "state".to_owned(), ..S3Url::default() };
            change(&mut url);
            url
        };
        for (url, endpoint, region, expected, virtual_hosted) in [
            (bucket(|_| {}), None, "eu-west-1", "https://state.s3.eu-west-1.amazonaws.com", true),
            (bucket(|_| {}), None, "cn-north-1", "https://state.s3.cn-north-1.amazonaws.com.cn", true),
            (bucket(|url| url.path_style = true), None, "eu-west-1", "https://s3.eu-west-1.amazonaws.com", false),
            (bucket(|url| url.bucket = "a.b".to_owned()), None, "x-1", "https://s3.x-1.amazonaws.com", false),
            (bucket(|url| url.plain_http = true), None, "x-1", "http://state.s3.x-1.amazonaws.com", true),
            (bucket(|url| url.accelerate = true), None, "x-1", "https://state.s3-accelerate.amazonaws.com", true),
            (
                bucket(|url| (url.fips, url.dualstack) = (true, true)),
                None,
                "x-1",
                "https://state.s3-fips.dualstack.x-1.amazonaws.com",
                true,
            ),
            (bucket(|_| {}), Some("http://127.0.0.1:4566/"), "x-1", "http://127.0.0.1:4566", false),
            (bucket(|_| {}), Some("http://localhost:4566"), "x-1", "http://localhost:4566", false),
            (bucket(|_| {}), Some("https://minio.example:9000"), "x-1", "https://state.minio.example:9000", true),
            (bucket(|url| url.path_style = true), Some("https://minio.example"), "x-1", "https://minio.example", false),
        ] {
            let found = address(&url, endpoint, region);
            assert_eq!(found, Address { endpoint: expected.to_owned(), virtual_hosted });
        }
    }

    #[test]
    fn the_names_of_the_encryption_settings_are_the_clients() {
        for name in ["aws_server_side_encryption", "aws_sse_kms_key_id"] {
            assert!(name.parse::<AmazonS3ConfigKey>().is_ok(), "{name}");
        }
    }
}
