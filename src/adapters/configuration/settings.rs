//! What the configuration says beyond components: where state is kept, and where in a cloud an
//! environment lies and as whom it is deployed.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use state::StoreUrl;

use crate::domain::invalid::InvalidValue;
use crate::domain::names::EnvironmentName;
use crate::domain::provider::Provider;
use crate::domain::quantity::Timeout;
use crate::ports::CloudSettings;

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

/// An environment: its name, where it lies, and what it takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Its name.
    pub name: EnvironmentName,
    /// What it says of clouds, by their names.
    pub clouds: Vec<(Provider, CloudSettings)>,
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
}
