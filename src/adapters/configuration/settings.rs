//! What the configuration says beyond components: where state is kept, and where in a cloud an
//! environment lies and as whom it is deployed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use state::StoreUrl;
use url::Url;

use crate::domain::invalid::InvalidValue;
use crate::domain::names::EnvironmentName;
use crate::domain::provider::Region;
use crate::domain::quantity::Timeout;

/// Where the state of deployments is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateLocation {
    text: String,
    base: PathBuf,
    is_written: bool,
}

impl StateLocation {
    /// Reads a URL; a relative `file://` one is seen from the folder `base`.
    ///
    /// # Errors
    /// When no store can be at it.
    pub fn new(text: &str, base: &Path) -> Result<Self, InvalidValue> {
        let location = Self { text: text.to_owned(), base: base.to_owned(), is_written: true };
        // Which folder is the home makes no difference to whether the URL is one.
        match location.store_url(Some(Path::new("/"))) {
            Ok(_) => Ok(location),
            Err(state::Error::InvalidUrl { message, hint, .. }) => {
                Err(InvalidValue::new("state URL", text, message).with_hint(hint))
            }
            Err(error) => Err(InvalidValue::new("state URL", text, error)),
        }
    }

    pub(super) fn check(text: &str) -> Result<(), InvalidValue> {
        Self::new(text, Path::new("/")).map(drop)
    }

    /// That of a file whose own can't be read: the folder itself.
    pub(super) fn unread(folder: &Path) -> Self {
        Self { text: "file://.".to_owned(), base: folder.to_owned(), is_written: false }
    }

    /// The same, where nobody has written it: it is the default.
    #[must_use]
    pub(super) fn by_default(self) -> Self {
        Self { is_written: false, ..self }
    }

    /// Whether the file says it, rather than nothing.
    pub fn is_written(&self) -> bool {
        self.is_written
    }

    /// The URL as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that relative `file://` URLs are seen from.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The store's URL; `home` is where `file://~` is.
    ///
    /// # Errors
    /// When the home folder isn't known, but needed.
    pub fn store_url(&self, home: Option<&Path>) -> Result<StoreUrl, state::Error> {
        StoreUrl::parse(&self.text, &self.base, home)
    }
}

/// What of a stack's state is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StateEncryption {
    /// Each secret value by itself, in Pulumi's way.
    #[default]
    Secrets,
    /// Every file as a whole.
    Full,
}

impl FromStr for StateEncryption {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "secrets" => Ok(Self::Secrets),
            "full" => Ok(Self::Full),
            _ => Err(InvalidValue::new("encryption of state", text, "there is none of that name")
                .with_hint("write secrets or full")),
        }
    }
}

impl From<StateEncryption> for state::Encryption {
    fn from(encryption: StateEncryption) -> Self {
        match encryption {
            StateEncryption::Secrets => Self::Secrets,
            StateEncryption::Full => Self::Full,
        }
    }
}

/// How long the lease of a stack's lock runs without being renewed. After that a process on another machine takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSpan(Duration);

impl LeaseSpan {
    const SHORTEST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(600);

    /// The time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for LeaseSpan {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let span = text.parse::<Timeout>()?.duration();
        if (Self::SHORTEST..=Self::LONGEST).contains(&span) {
            return Ok(Self(span));
        }
        Err(InvalidValue::new("lease", text, "it must be between 5s and 10m")
            .with_hint("a lease is renewed three times in its time, and each renewal must reach the store"))
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
    /// Resources that are taken over from another program: ours, and theirs.
    pub adopt: Vec<(String, String)>,
}

/// Whether a text may be a resource's URN, name or id.
pub(super) fn check_resource(text: &str) -> Result<(), InvalidValue> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(InvalidValue::new("resource", text, "it is empty or has a control character in it")
            .with_hint("`semantest-iac graph` names the resources of the configuration"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lies_in_a_folder_a_bucket_or_a_container() {
        let base = Path::new("/project");
        let place = |text: &str| {
            let location = StateLocation::new(text, base).unwrap();
            location.store_url(Some(Path::new("/home/ann"))).unwrap().to_string()
        };
        assert_eq!(place("file://./.semantest"), "file:///project/.semantest");
        assert_eq!(place("file://../state"), "file:///state");
        assert_eq!(place("file://~/state"), "file:///home/ann/state");
        assert_eq!(place("s3://bucket/team?region=eu-west-1"), "s3://bucket/team");
        assert_eq!(place("azblob://container?storage_account=acc"), "azblob://container");
        assert!(
            StateLocation::new("./state", base).unwrap_err().hint().unwrap().contains("did you mean file://./state?")
        );
        for bad in ["", "file://", "s3://", "s3://bucket?regoin=x", "gs://bucket", "http://a/b", "state"] {
            assert!(StateLocation::new(bad, base).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn leases_are_neither_too_short_to_be_renewed_nor_too_long_to_be_waited_for() {
        assert_eq!("30s".parse::<LeaseSpan>().unwrap().duration(), Duration::from_secs(30));
        assert!("5s".parse::<LeaseSpan>().is_ok() && "10m".parse::<LeaseSpan>().is_ok());
        for bad in ["4s", "11m", "0s", "30", "long"] {
            assert!(bad.parse::<LeaseSpan>().is_err(), "{bad:?} was accepted");
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
