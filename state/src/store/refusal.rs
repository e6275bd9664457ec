//! Why a bucket or container didn't do what was asked for: what its answer means, told without the inner workings of the
//! client.

use std::fmt;

/// Why a store refused, or didn't answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of failure.
    pub kind: RefusalKind,
    /// Who refused: a host, with its port where that isn't the usual one.
    pub server: String,
    /// What it said, or what came in between; may be empty.
    pub detail: String,
    /// What to do about it, where whoever failed has said so.
    pub advice: Option<String>,
}

/// The kind of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// There is no connection to the server, or it was cut.
    Unreachable,
    /// The server didn't answer in time.
    TimedOut,
    /// There are no credentials.
    NoCredentials,
    /// The credentials aren't the server's.
    BadCredentials,
    /// Temporary credentials have run out.
    Expired,
    /// This machine's clock is wrong.
    Clock,
    /// The credentials are good, but don't allow it.
    Denied,
    /// The bucket or container isn't there.
    NoContainer,
    /// The bucket is in another region.
    WrongRegion {
        /// The one that it is in, where the server has said so.
        region: Option<String>,
    },
    /// The server doesn't encrypt as it was asked to.
    Encryption,
    /// The server has too much to do, or fails.
    Busy,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What an answer with an error's status means. `code` and `message` are the server's, as far as it has given them.
    pub(crate) fn of_answer(server: String, status: u16, code: &str, message: &str, region: Option<String>) -> Self {
        let kind = match code {
            "NoSuchBucket" | "ContainerNotFound" | "ContainerBeingDeleted" => RefusalKind::NoContainer,
            "ExpiredToken" | "TokenRefreshRequired" => RefusalKind::Expired,
            "RequestTimeTooSkewed" => RefusalKind::Clock,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "NoAuthenticationInformation" => RefusalKind::BadCredentials,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => RefusalKind::WrongRegion { region },
            "NotImplemented" | "ServerSideEncryptionConfigurationNotFoundError" if message.contains("ncryption") => {
                RefusalKind::Encryption
            }
            _ if code.starts_with("KMS.") => RefusalKind::Encryption,
            "SlowDown" | "ServerBusy" | "ServiceUnavailable" | "InternalError" => RefusalKind::Busy,
            _ => match status {
                301 | 307 => RefusalKind::WrongRegion { region },
                401 => RefusalKind::BadCredentials,
                403 => RefusalKind::Denied,
                429 | 500..=599 => RefusalKind::Busy,
                _ => RefusalKind::Other,
            },
        };
        // Azure adds the request's id and its time in lines of their own.
        let message = message.lines().next().unwrap_or_default().trim();
        let detail = match (code.is_empty(), message.is_empty()) {
            (true, true) => format!("status {status}"),
            (true, false) => message.to_owned(),
            (false, true) => code.to_owned(),
            (false, false) => format!("{code}: {message}"),
        };
        Self { kind, server, detail, advice: None }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        if let Some(advice) = &self.advice {
            return advice.clone();
        }
        match &self.kind {
            RefusalKind::Unreachable | RefusalKind::TimedOut => {
                "check the network, a proxy (HTTPS_PROXY) and the state URL's endpoint; nothing is lost: the next run goes on from \
                 what is in the store"
            }
            RefusalKind::NoCredentials => {
                "give credentials: for s3:// as for every AWS tool (environment, profile, SSO), for azblob:// with \
                 AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING or `az login`"
            }
            RefusalKind::BadCredentials => {
                "the store doesn't know these credentials: check the keys, and that they belong to the account that the bucket or \
                 container is in"
            }
            RefusalKind::Expired => "log in again (`aws sso login`, `az login`), or renew the temporary credentials",
            RefusalKind::Clock => "set this machine's clock: requests are signed with the time",
            RefusalKind::Denied => {
                "the credentials must be allowed to list the bucket or container and to read, write and delete its objects; for a \
                 bucket that is encrypted with a key of KMS, also to use that key"
            }
            RefusalKind::NoContainer => "create it first, or correct the state URL: it isn't made by itself",
            RefusalKind::WrongRegion { region: Some(region) } => {
                return format!("the bucket is in {region}: write ?region={region} in the state URL");
            }
            RefusalKind::WrongRegion { region: None } => "write the bucket's region in the state URL: ?region=…",
            RefusalKind::Encryption => {
                "choose how objects are encrypted with ?ssetype=AES256, or ?ssetype=aws:kms&kmskeyid=…, or leave it to the service \
                 with ?ssetype=none"
            }
            RefusalKind::Busy => "run the command again in a while; nothing is lost",
            RefusalKind::Other => "nothing is lost: what was written before is in the store",
        }
        .to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, server, detail, .. } = self;
        match kind {
            RefusalKind::Unreachable => write!(f, "{server} can't be reached")?,
            RefusalKind::TimedOut => write!(f, "{server} didn't answer in time")?,
            RefusalKind::NoCredentials => f.write_str("no credentials")?,
            RefusalKind::BadCredentials => write!(f, "{server} refuses the credentials")?,
            RefusalKind::Expired => f.write_str("the credentials have expired")?,
            RefusalKind::Clock => f.write_str("this machine's clock differs too much from the server's")?,
            RefusalKind::Denied => f.write_str("access denied")?,
            RefusalKind::NoContainer => f.write_str("the bucket or container isn't there")?,
            RefusalKind::WrongRegion { .. } => f.write_str("the bucket is in another region")?,
            RefusalKind::Encryption => write!(f, "{server} can't encrypt as it was asked to")?,
            RefusalKind::Busy => write!(f, "{server} is busy or failing")?,
            RefusalKind::Other => write!(f, "{server} refused it")?,
        }
        if detail.is_empty() { Ok(()) } else { write!(f, " ({detail})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_their_meaning() {
        let of = |status, code: &str, message: &str, region: Option<&str>| {
            let refusal = Refusal::of_answer("s3.test".to_owned(), status, code, message, region.map(str::to_owned));
            (refusal.to_string(), refusal.hint())
        };
        for ((status, code, message, region), text, hint) in [
            ((404, "NoSuchBucket", "gone", None), "isn't there (NoSuchBucket: gone)", "create it first"),
            (
                (403, "AccessDenied", "Access Denied", None),
                "access denied (AccessDenied: Access Denied)",
                "list the bucket",
            ),
            ((403, "", "", None), "access denied (status 403)", "list the bucket"),
            ((400, "ExpiredToken", "too old", None), "have expired", "aws sso login"),
            ((301, "", "", Some("eu-west-1")), "another region", "?region=eu-west-1"),
            ((400, "AuthorizationHeaderMalformed", "m", None), "another region", "?region=…"),
            ((403, "RequestTimeTooSkewed", "m", None), "clock", "clock"),
            (
                (403, "AuthenticationFailed", "Server failed.\nRequestId:1\nTime:2", None),
                "(AuthenticationFailed: Server failed.)",
                "keys",
            ),
            (
                (501, "NotImplemented", "Server side encryption specified but KMS is not configured", None),
                "can't encrypt",
                "ssetype=none",
            ),
            ((503, "SlowDown", "m", None), "busy", "again"),
            ((400, "InvalidArgument", "odd", None), "s3.test refused it (InvalidArgument: odd)", "nothing is lost"),
        ] {
            let found = of(status, code, message, region);
            assert!(found.0.contains(text), "{found:?}");
            assert!(found.1.contains(hint), "{found:?}");
        }
    }
}
