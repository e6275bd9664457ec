//! What the configuration says beyond components: where state is kept, and where in a cloud an
//! environment lies and as whom it is deployed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use crate::domain::invalid::InvalidValue;
use crate::domain::names::EnvironmentName;
use crate::domain::provider::Region;

/// Where the state of deployments is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A folder on this machine.
    Folder(PathBuf),
}

impl StateLocation {
    /// Reads a URL; a relative `file://` one is seen from the folder `base`.
    ///
    /// # Errors
    /// When it is no `file://` URL, or names no folder.
    pub fn new(text: &str, base: &Path) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| InvalidValue::new("state URL", text, reason);
        const KNOWN: &str = "use file://, such as file://./.semantest";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refuse("it has no scheme").with_hint(if text.starts_with(['/', '.']) {
                format!("did you mean file://{text}?")
            } else {
                KNOWN.to_owned()
            }));
        };
        match scheme {
            "file" => {
                if rest.is_empty() {
                    return Err(refuse("it names no folder").with_hint(KNOWN));
                }
                if rest.starts_with('~') {
                    return Err(refuse("the home folder has no short form here")
                        .with_hint("write the whole path, such as file:///home/name/state"));
                }
                if rest.chars().any(char::is_control) {
                    return Err(refuse("there is a control character in it"));
                }
                let parts = Path::new(rest).components().filter(|part| !matches!(part, std::path::Component::CurDir));
                Ok(Self::Folder(base.join(parts.collect::<PathBuf>())))
            }
            "s3" | "azblob" | "gs" => {
                Err(refuse("this version keeps state in a folder, and not in an object store").with_hint(KNOWN))
            }
            _ => Err(refuse("there is no store of that scheme").with_hint(KNOWN)),
        }
    }

    pub(super) fn check(text: &str) -> Result<(), InvalidValue> {
        Self::new(text, Path::new("/")).map(drop)
    }

    /// The location as a URL.
    pub fn url(&self) -> String {
        match self {
            Self::Folder(path) => format!("file://{}", path.display()),
        }
    }
}

/// Where a cloud's API answers, if not at its public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The embedded local cloud, started when it is needed.
    Local,
    /// A server that already runs.
    Url(Url),
}

impl FromStr for Endpoint {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let refuse = |reason: &str| {
            InvalidValue::new("endpoint", text, reason)
                .with_hint("write local for the embedded local cloud, or a URL such as http://127.0.0.1:4566")
        };
        let url = Url::parse(text).map_err(|_| refuse("it is neither local nor a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it is not an http or https URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("an endpoint has neither query nor fragment"));
        }
        Ok(Self::Url(url))
    }
}

/// The number of an AWS account: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let error = InvalidValue::new("account id", text, "an account's id has 12 digits");
        Err(if digits.len() == 12 {
            error.with_hint(format!("did you mean {digits:?}?"))
        } else {
            error.with_hint("`aws sts get-caller-identity` shows yours")
        })
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of a profile in the AWS configuration files: any text of one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(InvalidValue::new("profile name", text, "it is empty or has a control character in it"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where in AWS an environment lies, and as whom it is deployed. What is missing comes from the
/// AWS environment variables and profile, as everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// Another address than the public one.
    pub endpoint: Option<Endpoint>,
    /// The region.
    pub region: Option<Region>,
    /// The profile.
    pub profile: Option<ProfileName>,
    /// The only account that may be deployed to.
    pub account: Option<AccountId>,
}

/// An environment: its name and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Its name.
    pub name: EnvironmentName,
    /// Where in AWS; `None` where nothing is said about AWS.
    pub aws: Option<AwsSettings>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lies_in_a_folder() {
        let base = Path::new("/project");
        let location = |text: &str| StateLocation::new(text, base);
        assert_eq!(location("file://./.semantest").unwrap(), StateLocation::Folder("/project/.semantest".into()));
        assert_eq!(location("file:///var/state").unwrap(), StateLocation::Folder("/var/state".into()));
        assert_eq!(location("file://../state").unwrap().url(), "file:///project/../state");
        assert!(location("s3://bucket/a").unwrap_err().to_string().contains("object store"));
        assert_eq!(location("./state").unwrap_err().hint(), Some("did you mean file://./state?"));
        for bad in ["", "file://", "file://~/x", "s3://", "gs://bucket", "http://a/b", "state"] {
            assert!(location(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn endpoints_and_accounts_have_their_forms() {
        assert_eq!("local".parse::<Endpoint>().unwrap(), Endpoint::Local);
        assert!(matches!("http://127.0.0.1:4566".parse(), Ok(Endpoint::Url(_))));
        for bad in ["", "Local", "127.0.0.1:4566", "ftp://a", "http://a/?b"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?} was accepted");
        }
        assert!("123456789012".parse::<AccountId>().is_ok());
        assert_eq!("1234-5678-9012".parse::<AccountId>().unwrap_err().hint(), Some("did you mean \"123456789012\"?"));
        assert!("12345678901".parse::<AccountId>().is_err());
        assert!(" ".parse::<ProfileName>().is_err());
    }
}
