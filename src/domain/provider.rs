//! Which cloud, and where in it. The model knows that there are several; what each of them can
//! do stands in its adapter.

use std::fmt;
use std::str::FromStr;

use super::invalid::InvalidValue;

/// A cloud that components can be deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
}

impl Provider {
    /// Every provider there is.
    pub const ALL: [Self; 2] = [Self::Aws, Self::Azure];

    /// The name used in commands, stack names and the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == name).ok_or_else(|| {
            InvalidValue::new("provider", name, "there is no provider of that name")
                .with_hint("the providers are: aws, azure")
        })
    }
}

/// The name of a region, as its cloud writes it (`eu-west-1`, `westeurope`): lower-case letters,
/// digits and single hyphens. Whether the cloud has it is the adapter's business.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// The region's name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        let shaped = !name.is_empty()
            && name.len() <= 40
            && name
                .split('-')
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
            && name.starts_with(|c: char| c.is_ascii_lowercase());
        if shaped {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidValue::new(
                "region",
                name,
                "a region's name has lower-case letters, digits and single hyphens only",
            )
            .with_hint("write it as the cloud does, such as eu-west-1 or westeurope"))
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_read_back_from_their_names() {
        for provider in Provider::ALL {
            assert_eq!(provider.to_string().parse::<Provider>().unwrap(), provider);
        }
        assert!("AWS".parse::<Provider>().is_err());
        assert!("gcp".parse::<Provider>().unwrap_err().hint().is_some());
    }

    #[test]
    fn regions_have_the_shape_of_one() {
        for good in ["us-east-1", "us-gov-west-1", "westeurope", "ap-southeast-4"] {
            assert_eq!(good.parse::<Region>().unwrap().as_str(), good);
        }
        for bad in ["", "EU-West-1", "eu west", "eu--west", "-eu", "1eu", "eu_west_1"] {
            assert!(bad.parse::<Region>().is_err(), "{bad:?} was accepted");
        }
    }
}
