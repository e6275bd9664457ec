//! `s3://bucket/prefix?…` URLs.

use super::{Invalid, Parameters, container_and_prefix};

/// A bucket of S3, or of a service that speaks its protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with; empty, or without slashes at its ends.
    pub prefix: String,
    /// `region`: the bucket's region.
    pub region: Option<String>,
    /// `profile`: the profile of the AWS configuration files whose credentials are used.
    pub profile: Option<String>,
    /// `endpoint`: where the service answers, with its scheme. `disable_https` (`disableSSL`) has gone into that.
    pub endpoint: Option<String>,
    /// `disable_https` without an endpoint: AWS itself by plain HTTP.
    pub plain_http: bool,
    /// `use_path_style` (`s3ForcePathStyle`): the bucket is part of the path, not of the host's name.
    pub path_style: bool,
    /// `accelerate`: through S3's transfer acceleration.
    pub accelerate: bool,
    /// `dualstack`: by IPv6, too.
    pub dualstack: bool,
    /// `fips`: at the endpoints with FIPS 140 cryptography.
    pub fips: bool,
    /// `ssetype` and `kmskeyid`: how S3 encrypts what is written.
    pub encryption: S3Encryption,
}

/// How S3 encrypts an object where it lies.
///
/// What a write asks for counts more than what the bucket is set to, and policies may refuse it; so nothing is asked for
/// unasked. S3 encrypts every object by itself, with its own keys where the bucket names none
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum S3Encryption {
    /// As the bucket is set to do: the default, and `none`.
    #[default]
    Unasked,
    /// `AES256`: with keys of S3 itself.
    Aes256,
    /// `aws:kms`: with a key of KMS.
    Kms {
        /// The key's id, ARN or alias; without one it is the account's own key for S3.
        key: Option<String>,
    },
    /// `aws:kms:dsse`: twice, with a key of KMS.
    DoubleKms {
        /// As for [`Self::Kms`].
        key: Option<String>,
    },
}

impl S3Url {
    pub(super) fn parse(place: &str, mut parameters: Parameters) -> Result<Self, Invalid> {
        let (bucket, prefix) = container_and_prefix(place, "bucket")?;
        let region = parameters.text("region");
        let profile = parameters.text("profile");
        let endpoint = parameters.text("endpoint");
        let plain_http = parameters.flag_of(["disable_https", "disableSSL"])?.unwrap_or_default();
        let path_style = parameters.flag_of(["use_path_style", "s3ForcePathStyle"])?.unwrap_or_default();
        let encryption = encryption(parameters.text("ssetype"), parameters.text("kmskeyid"))?;
        let accelerate = parameters.flag("accelerate")?.unwrap_or_default();
        let dualstack = parameters.flag("dualstack")?.unwrap_or_default();
        let fips = parameters.flag("fips")?.unwrap_or_default();
        // What they choose between is one and the same here: there is one client, which always sends a checksum.
        parameters.ignore(&[
            "awssdk",
            "hostname_immutable",
            "rate_limiter_capacity",
            "request_checksum_calculation",
            "response_checksum_validation",
        ]);
        parameters.end()?;
        let endpoint = endpoint.map(|endpoint| self::endpoint(&endpoint, plain_http)).transpose()?;
        if accelerate && (endpoint.is_some() || path_style || bucket.contains('.')) {
            return Err(Invalid::new(
                "'accelerate' works neither with 'endpoint' nor with 'use_path_style' nor with a bucket with dots in its name",
            ));
        }
        let plain_http = plain_http && endpoint.is_none();
        Ok(Self {
            bucket,
            prefix,
            region,
            profile,
            endpoint,
            plain_http,
            path_style,
            accelerate,
            dualstack,
            fips,
            encryption,
        })
    }
}

/// An endpoint with its scheme and without a slash at its end.
fn endpoint(text: &str, plain_http: bool) -> Result<String, Invalid> {
    let refuse = || Invalid::new(format!("its endpoint '{text}' is no host and no http or https URL"));
    let whole = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None => format!("{}://{text}", if plain_http { "http" } else { "https" }),
    };
    let url = url::Url::parse(&whole).map_err(|_| refuse())?;
    let is_plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(refuse());
    }
    Ok(whole.trim_end_matches('/').to_owned())
}

fn encryption(kind: Option<String>, key: Option<String>) -> Result<S3Encryption, Invalid> {
    match (kind.as_deref(), key) {
        (None | Some("aws:kms"), Some(key)) => Ok(S3Encryption::Kms { key: Some(key) }),
        (Some("aws:kms:dsse"), key) => Ok(S3Encryption::DoubleKms { key }),
        (Some("aws:kms"), None) => Ok(S3Encryption::Kms { key: None }),
        (Some("AES256"), None) => Ok(S3Encryption::Aes256),
        (None | Some("none"), None) => Ok(S3Encryption::Unasked),
        (Some(kind @ ("AES256" | "none")), Some(_)) => {
            Err(Invalid::new(format!("a key of KMS ('kmskeyid') is not used with ssetype={kind}"))
                .with_hint("write ssetype=aws:kms"))
        }
        (Some(kind), _) => Err(Invalid::new(format!(
            "its parameter 'ssetype' can be AES256, aws:kms, aws:kms:dsse or none, not '{kind}'"
        ))),
    }
}
