//! How requests are shared out between two versions of a function while a new one is tried.

use std::fmt;
use std::str::FromStr;

use super::invalid::InvalidValue;

/// A share of traffic in basis points (hundredths of a percent), from 0 to 10 000, so that
/// shares add up without a float's rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(10_000);

    /// A weight of `basis_points` hundredths of a percent.
    ///
    /// # Errors
    /// When it is above 10 000, which is all of the traffic.
    pub fn from_basis_points(basis_points: u16) -> Result<Self, InvalidValue> {
        if basis_points > Self::ALL.0 {
            return Err(InvalidValue::new(
                "traffic weight",
                format!("{}%", f64::from(basis_points) / 100.0),
                "there is no more than 100% of traffic",
            ));
        }
        Ok(Self(basis_points))
    }

    /// The weight of `percent` percent.
    ///
    /// # Errors
    /// When it is above 100.
    pub fn from_percent(percent: u8) -> Result<Self, InvalidValue> {
        Self::from_basis_points(u16::from(percent) * 100)
    }

    /// Hundredths of a percent.
    pub fn basis_points(self) -> u16 {
        self.0
    }

    /// The weight as a fraction from 0 to 1, as clouds' APIs take it.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// What is left for the other version.
    #[must_use]
    pub fn remainder(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }
}

impl FromStr for Weight {
    type Err = InvalidValue;

    /// Reads `10%` or `0.5%`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| {
            InvalidValue::new("traffic weight", text, reason).with_hint("write a percentage, such as 10% or 0.5%")
        };
        let number = text.strip_suffix('%').ok_or_else(|| refuse("the percent sign is missing"))?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 2 {
            return Err(refuse("it is not a number of at most 2 decimals"));
        }
        let basis_points = format!("{whole}{decimals:0<2}").parse().map_err(|_| refuse("it is too large"))?;
        Self::from_basis_points(basis_points)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", f64::from(self.0) / 100.0)
    }
}

/// A version of a function as its cloud names it: never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionVersion(String);

impl FunctionVersion {
    /// Takes the name that the cloud gave.
    ///
    /// # Errors
    /// When it is blank.
    pub fn new(version: impl Into<String>) -> Result<Self, InvalidValue> {
        let version = version.into();
        if version.trim().is_empty() {
            return Err(InvalidValue::new("function version", version, "it is empty"));
        }
        Ok(Self(version))
    }

    /// The name that the cloud gave.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which version serves how much of the traffic. The shares always add up to all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficSplit {
    primary: FunctionVersion,
    canary: Option<(FunctionVersion, Weight)>,
}

impl TrafficSplit {
    /// All traffic to one version.
    pub fn all_to(version: FunctionVersion) -> Self {
        Self { primary: version, canary: None }
    }

    /// `weight` of the traffic to `canary`, the rest to `primary`. With no or all traffic for the
    /// canary the split is that of one version.
    ///
    /// # Errors
    /// When both are the same version.
    pub fn between(primary: FunctionVersion, canary: FunctionVersion, weight: Weight) -> Result<Self, InvalidValue> {
        if primary == canary {
            return Err(InvalidValue::new(
                "traffic split",
                canary.as_str(),
                "traffic can't be shared between a version and itself",
            ));
        }
        Ok(match weight {
            Weight::NONE => Self::all_to(primary),
            Weight::ALL => Self::all_to(canary),
            _ => Self { primary, canary: Some((canary, weight)) },
        })
    }

    /// The version that serves what the canary doesn't.
    pub fn primary(&self) -> &FunctionVersion {
        &self.primary
    }

    /// The version being tried and its share, if there is one.
    pub fn canary(&self) -> Option<(&FunctionVersion, Weight)> {
        self.canary.as_ref().map(|(version, weight)| (version, *weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weights_are_percentages() {
        assert_eq!("10%".parse::<Weight>().unwrap().basis_points(), 1000);
        assert_eq!("0.5%".parse::<Weight>().unwrap().basis_points(), 50);
        assert_eq!("100%".parse::<Weight>().unwrap(), Weight::ALL);
        for bad in ["", "%", "10", "101%", "-1%", "1.234%", "1.%", ".5%", "999999999%"] {
            assert!(bad.parse::<Weight>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_split_names_two_different_versions_or_one() {
        let version = |name: &str| FunctionVersion::new(name).unwrap();
        let tenth = Weight::from_percent(10).unwrap();
        assert!(TrafficSplit::between(version("1"), version("1"), tenth).is_err());
        let split = TrafficSplit::between(version("1"), version("2"), tenth).unwrap();
        assert_eq!(split.canary(), Some((&version("2"), tenth)));
        let whole = TrafficSplit::between(version("1"), version("2"), Weight::ALL).unwrap();
        assert_eq!(whole, TrafficSplit::all_to(version("2")));
        assert!(FunctionVersion::new("").is_err());
    }

    proptest! {
        #[test]
        fn shares_add_up(basis_points in 0_u16..=10_000) {
            let weight = Weight::from_basis_points(basis_points).unwrap();
            prop_assert_eq!(weight.basis_points() + weight.remainder().basis_points(), 10_000);
            prop_assert_eq!(weight.to_string().parse::<Weight>().unwrap(), weight);
        }
    }
}
