//! The language runtime that a function needs, said without any cloud's word for it. Which ones
//! a cloud offers, and until when, stands in that cloud's adapter.

use std::fmt;
use std::str::FromStr;

use crate::domain::invalid::InvalidValue;

/// A language that functions can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Node.js.
    NodeJs,
}

/// A language and its major version, written `nodejs22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Runtime {
    language: Language,
    major: u16,
}

impl Runtime {
    /// Node.js of a major version.
    pub const fn node_js(major: u16) -> Self {
        Self { language: Language::NodeJs, major }
    }

    /// The language.
    pub fn language(self) -> Language {
        self.language
    }

    /// The major version.
    pub fn major(self) -> u16 {
        self.major
    }
}

impl FromStr for Runtime {
    type Err = InvalidValue;

    /// Reads `nodejs22`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const FORM: &str = "write nodejs and the major version, such as nodejs22";
        let refuse = |reason: &str| InvalidValue::new("runtime", text, reason);
        if let Some(version) = text.strip_prefix("nodejs")
            && let Some(major) = major_version(version)
        {
            return Ok(Self::node_js(major));
        }
        let digits: String = text
            .to_ascii_lowercase()
            .trim_start_matches("nodejs")
            .trim_start_matches("node.js")
            .trim_start_matches("node")
            .trim_start_matches(['-', '@', ':', ' ', 'v'])
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Err(match major_version(&digits) {
            Some(major) => {
                refuse("it is not written as a runtime is").with_hint(format!("did you mean nodejs{major}?"))
            }
            None => refuse("only Node.js is known").with_hint(FORM),
        })
    }
}

/// A major version without sign, leading zeros or anything after it.
fn major_version(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::NodeJs => write!(formatter, "nodejs{}", self.major),
        }
    }
}

/// The processor that code runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit Arm.
    Arm64,
    /// 64-bit x86.
    #[default]
    X86_64,
}

impl Architecture {
    /// All names.
    pub const NAMES: [&'static str; 2] = ["arm64", "x86_64"];

    /// As it is written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl FromStr for Architecture {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "arm64" => Ok(Self::Arm64),
            "x86_64" => Ok(Self::X86_64),
            _ => Err(InvalidValue::new("architecture", text, "there is no such processor").with_hint(
                match text.to_ascii_lowercase().as_str() {
                    "aarch64" | "arm" | "arm_64" | "graviton" => "did you mean arm64?",
                    "x64" | "amd64" | "x86-64" | "intel" => "did you mean x86_64?",
                    _ => "write arm64 or x86_64",
                },
            )),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_read_back_and_slips_are_answered() {
        assert_eq!("nodejs22".parse::<Runtime>().unwrap(), Runtime::node_js(22));
        assert_eq!(Runtime::node_js(24).to_string(), "nodejs24");
        for (slip, meant) in [
            ("nodejs22.x", "nodejs22"),
            ("node20", "nodejs20"),
            ("Node.js 24", "nodejs24"),
            ("22", "nodejs22"),
            ("nodejs-18", "nodejs18"),
        ] {
            let error = slip.parse::<Runtime>().unwrap_err();
            assert_eq!(error.hint(), Some(format!("did you mean {meant}?").as_str()), "{slip}");
        }
        for bad in ["", "python3.12", "nodejs", "nodejs022", "nodejs99999"] {
            assert!(bad.parse::<Runtime>().is_err(), "{bad:?} was accepted");
        }
    }
}
