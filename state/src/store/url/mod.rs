//! URLs of state stores, as Pulumi writes them (SPEC.md sections 4.8, 4.9).

mod azure;
mod file;
mod parameters;
mod s3;

use std::fmt;
use std::path::{Path, PathBuf};

pub use azure::AzureUrl;
use parameters::Parameters;
pub use s3::{S3Encryption, S3Url};

use crate::error::{Error, Result};

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A folder of this machine.
    File {
        /// The folder.
        folder: PathBuf,
    },
    /// A bucket of S3, or of a service that speaks its protocol.
    S3(S3Url),
    /// A container of Azure's blob storage.
    Azure(AzureUrl),
}

impl StoreUrl {
    /// Reads a URL. `file://./x` starts at `base`, `file://~` at `home`.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when the scheme or a parameter isn't known, or something is missing.
    pub fn parse(url: &str, base: &Path, home: Option<&Path>) -> Result<Self> {
        let invalid = |reason: Invalid| Error::InvalidUrl {
            url: url.to_owned(),
            message: reason.message,
            hint: reason.hint.unwrap_or_else(|| FORMS.to_owned()),
        };
        let Some((scheme, rest)) = url.split_once("://") else {
            let reason = Invalid::new("it has no scheme");
            return Err(invalid(match url.starts_with(['/', '.', '~']) {
                true => reason.with_hint(format!("did you mean file://{url}?")),
                false => reason,
            }));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = Parameters::parse(query);
        match scheme {
            "file" => file::folder(place, parameters, base, home).map(|folder| Self::File { folder }),
            "s3" => S3Url::parse(place, parameters).map(Self::S3),
            "azblob" => AzureUrl::parse(place, parameters).map(Self::Azure),
            _ => Err(unsupported(scheme)),
        }
        .map_err(invalid)
    }
}

/// The place without parameters, for people.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, container, prefix) = match self {
            Self::File { folder } => return write!(f, "file://{}", folder.display()),
            Self::S3(url) => ("s3", &url.bucket, &url.prefix),
            Self::Azure(url) => ("azblob", &url.container, &url.prefix),
        };
        write!(f, "{scheme}://{container}")?;
        if prefix.is_empty() { Ok(()) } else { write!(f, "/{prefix}") }
    }
}

const FORMS: &str = "use file:///absolute/path, file://./relative/path, file://~/path, s3://bucket/prefix?region=… or \
                     azblob://container/prefix?storage_account=…";

/// Why a URL can't be used.
#[derive(Debug)]
struct Invalid {
    message: String,
    hint: Option<String>,
}

impl Invalid {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

fn unsupported(scheme: &str) -> Invalid {
    match scheme {
        "https" | "http" => Invalid::new("Pulumi Cloud keeps its state to itself and can't be used").with_hint(
            "move the stack to a store of your own, with `pulumi stack export` there and `pulumi stack import` into the new \
             store, and give that store's URL here",
        ),
        "gs" | "postgres" | "postgresql" => {
            let kind = if scheme == "gs" { "Google Cloud Storage" } else { "PostgreSQL" };
            Invalid::new(format!("stores in {kind} are not supported")).with_hint(format!(
                "move the stack with `pulumi stack export` and `pulumi stack import` to a store that both programs know: {FORMS}"
            ))
        }
        _ => Invalid::new(format!("stores of the kind '{scheme}' are not supported")),
    }
}

/// The bucket or container and the prefix within it.
fn container_and_prefix(place: &str, what: &str) -> std::result::Result<(String, String), Invalid> {
    let (container, prefix) = place.split_once('/').unwrap_or((place, ""));
    if container.is_empty() {
        return Err(Invalid::new(format!("it names no {what}")));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$');
    if !container.bytes().all(allowed) {
        return Err(Invalid::new(format!("'{container}' can't be the name of a {what}")));
    }
    let prefix = file::decoded(prefix).ok_or_else(|| Invalid::new("its percent-encoding is broken"))?;
    let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(Invalid::new("there is a '.' or '..' in its path"));
    }
    Ok((container.to_owned(), parts.join("/")))
}

#[cfg(test)]
mod tests;
