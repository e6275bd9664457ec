//! Which cloud, and where in it. The model knows that there are several; what each of them can
//! do stands in its adapter.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::invalid::InvalidValue;

/// The name of a cloud that components can be deployed to, as it stands in commands, stack names and the configuration: a
/// lower-case word such as `aws`. Which clouds there are is no matter of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Provider(Cow<'static, str>);

impl Provider {
    /// The longest name: with an environment's it must fit into a stack's.
    const LONGEST: usize = 20;

    /// The provider of that name, checked when the program is built.
    ///
    /// # Panics
    /// When no provider can have this name.
    pub const fn known(name: &'static str) -> Self {
        assert!(is_word(name.as_bytes()), "a provider's name is a lower-case word");
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_word(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        let is_digit = name[index].is_ascii_digit() && index > 0;
        if !is_digit && !name[index].is_ascii_lowercase() {
            return false;
        }
        index += 1;
    }
    index > 0 && index <= Provider::LONGEST
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        if is_word(name.as_bytes()) {
            return Ok(Self(Cow::Owned(name.to_owned())));
        }
        Err(InvalidValue::new("provider", name, "a provider's name is a lower-case word")
            .with_hint("write it as stack names begin, such as aws"))
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
        let provider = Provider::known("aws");
        assert_eq!(provider.to_string().parse::<Provider>().unwrap(), provider);
        assert!("a2".parse::<Provider>().is_ok());
        assert!("AWS".parse::<Provider>().is_err());
        for bad in ["", "2a", "a-b", "a b", "abcdefghijklmnopqrstu"] {
            assert!(bad.parse::<Provider>().is_err(), "{bad:?} was accepted");
        }
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
