//! A version of the Pulumi CLI, as far as versions are compared.

use std::fmt;

/// Major, minor and patch number; what stands behind them (`-alpha.1`, `+dirty`) doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Patch number.
    pub patch: u32,
}

impl Version {
    /// Reads what `pulumi version` prints: `v3.259.0`, `v3.260.0-dev.0`.
    pub(super) fn parse(text: &str) -> Option<Version> {
        let numbers = text.trim().strip_prefix('v')?.split(['-', '+']).next()?;
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let version = Version { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cli_prints_is_read() {
        let version = |text| Version::parse(text).map(|version| version.to_string());
        assert_eq!(version("v3.259.0\n").as_deref(), Some("3.259.0"));
        assert_eq!(version("v3.260.1-dev.0+dirty").as_deref(), Some("3.260.1"));
        for text in ["", "3.259.0", "v3.259", "v3.259.0.1", "vx.y.z", "usage: pulumi"] {
            assert_eq!(version(text), None, "{text}");
        }
        assert!(Version::parse("v3.1000.0") > Version::parse("v3.259.9"));
    }
}
