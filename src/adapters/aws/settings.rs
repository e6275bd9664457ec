//! What an environment of `semantest-iac.yaml` may say of AWS, and what it says.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::domain::invalid::InvalidValue;
use crate::domain::provider::Region;
use crate::ports::CloudSettings;
use crate::ports::shape::{Field, ObjectShape, Shape, TextShape, reads};

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
pub struct WrittenSettings {
    /// Another address than the public one.
    pub endpoint: Option<Endpoint>,
    /// The region.
    pub region: Option<Region>,
    /// The profile.
    pub profile: Option<ProfileName>,
    /// The only account that may be deployed to.
    pub account: Option<AccountId>,
}

impl WrittenSettings {
    /// What an environment says.
    pub fn of(settings: &CloudSettings) -> Self {
        Self {
            endpoint: settings.read("endpoint"),
            region: settings.read("region"),
            profile: settings.read("profile"),
            account: settings.read("account"),
        }
    }
}

/// The key `aws` of an environment.
pub static SHAPE: ObjectShape = ObjectShape {
    name: "aws",
    description: "Where in AWS, and as whom. What is left out comes from the AWS environment variables and profile, as everywhere.",
    fields: &[
        Field::optional(
            "endpoint",
            Shape::Text(&ENDPOINT),
            "local for the embedded local cloud, or the URL of a server that already runs.",
        ),
        Field::optional("region", Shape::Text(&REGION), "The region."),
        Field::optional("profile", Shape::Text(&PROFILE), "The profile of the AWS configuration files."),
        Field::optional(
            "account",
            Shape::Text(&ACCOUNT),
            "The account's 12 digits, in quotes. With any other account's credentials nothing is deployed.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

static ENDPOINT: TextShape = TextShape::new(
    "an endpoint",
    Some("^(local|https?://.+)$"),
    &["local", "http://127.0.0.1:4566"],
    reads::<Endpoint>,
);
static REGION: TextShape =
    TextShape::new("a region", Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), &["us-east-1", "eu-west-1"], reads::<Region>);
static PROFILE: TextShape = TextShape::new("a profile name", Some("\\S"), &["staging"], reads::<ProfileName>);
static ACCOUNT: TextShape = TextShape::new("an account id", Some("^[0-9]{12}$"), &["123456789012"], reads::<AccountId>);

#[cfg(test)]
mod tests {
    use super::*;

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
