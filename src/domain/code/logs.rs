//! How long a component's logs are kept.

use std::fmt;
use std::str::FromStr;

use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::TimeSpan;

/// How long logs are kept: a number of whole days, or forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRetention {
    /// Deleted after so many days, at least one.
    Days(u32),
    /// Never deleted.
    Forever,
}

impl FromStr for LogRetention {
    type Err = InvalidValue;

    /// Reads `14d` or `forever`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const DAY: u128 = 86_400_000;
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let refuse = |reason: String| {
            InvalidValue::new("log retention", text, reason).with_hint("write whole days, such as 14d, or forever")
        };
        if let Ok(days) = text.parse::<u32>() {
            return Err(InvalidValue::new("log retention", text, "the unit is missing")
                .with_hint(format!("did you mean {days}d?")));
        }
        let span: TimeSpan = text.parse().map_err(|error: InvalidValue| refuse(error.reason().to_owned()))?;
        let milliseconds = span.duration().as_millis();
        if milliseconds == 0 || !milliseconds.is_multiple_of(DAY) {
            return Err(refuse("it is not a whole number of days".into()));
        }
        let days = u32::try_from(milliseconds / DAY).map_err(|_| refuse("it is too long".into()))?;
        Ok(Self::Days(days))
    }
}

impl fmt::Display for LogRetention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(formatter, "{days}d"),
            Self::Forever => formatter.write_str("forever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_kept_for_whole_days() {
        assert_eq!("14d".parse::<LogRetention>().unwrap(), LogRetention::Days(14));
        assert_eq!("48h".parse::<LogRetention>().unwrap(), LogRetention::Days(2));
        assert_eq!("forever".parse::<LogRetention>().unwrap(), LogRetention::Forever);
        assert_eq!("14".parse::<LogRetention>().unwrap_err().hint(), Some("did you mean 14d?"));
        for bad in ["", "0d", "36h", "14 weeks", "-1d", "Forever"] {
            assert!(bad.parse::<LogRetention>().is_err(), "{bad:?} was accepted");
        }
    }
}
