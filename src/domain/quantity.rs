//! Amounts with their unit, as people write them: memory (`512MB`, `1GB`) and time (`30s`,
//! `1h30m`, `500ms`). A number without a unit is refused, because nobody knows what it means.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::invalid::InvalidValue;

/// An amount of memory in megabytes of 1024 × 1024 bytes, as the clouds count it. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Memory(u32);

impl Memory {
    /// An amount of `megabytes`.
    ///
    /// # Errors
    /// When it is zero.
    pub fn from_megabytes(megabytes: u32) -> Result<Self, InvalidValue> {
        if megabytes == 0 {
            return Err(InvalidValue::new("amount of memory", "0MB", "it is zero"));
        }
        Ok(Self(megabytes))
    }

    /// The amount in megabytes.
    pub fn megabytes(self) -> u32 {
        self.0
    }
}

impl FromStr for Memory {
    type Err = InvalidValue;

    /// Reads `512MB`, `1GB`, `1.5GB`; `MiB` and `GiB` mean the same.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const WHAT: &str = "amount of memory";
        const UNITS: &str = "write a number and its unit, MB or GB, such as 512MB or 1GB";
        let (number, unit) = split_unit(text.trim());
        let refuse = |reason: String| InvalidValue::new(WHAT, text, reason);
        let per_unit: u64 = match unit {
            "MB" | "MiB" => 1,
            "GB" | "GiB" => 1024,
            "" => {
                let error = refuse("the unit is missing".into());
                return Err(match number.parse::<u64>() {
                    Ok(number) => error.with_hint(format!("{UNITS}; did you mean {number}MB?")),
                    Err(_) => error.with_hint(UNITS),
                });
            }
            other => {
                let error = refuse(format!("{other:?} is not a unit of memory"));
                let meant = match other.to_ascii_lowercase().as_str() {
                    "m" | "mb" | "mib" => Some("MB"),
                    "g" | "gb" | "gib" => Some("GB"),
                    _ => None,
                };
                return Err(error.with_hint(match meant {
                    Some(unit) if !number.is_empty() => format!("did you mean {number}{unit}?"),
                    _ => UNITS.to_owned(),
                }));
            }
        };
        let thousandths = thousandths(number)
            .ok_or_else(|| refuse(format!("{number:?} is not a number of at most 3 decimals")).with_hint(UNITS))?;
        let total = thousandths.checked_mul(per_unit).ok_or_else(|| refuse("it is too large".into()))?;
        if total % 1000 != 0 {
            return Err(refuse("it is not a whole number of megabytes".into()));
        }
        let megabytes = u32::try_from(total / 1000).map_err(|_| refuse("it is too large".into()))?;
        if megabytes == 0 {
            return Err(refuse("it is zero".into()));
        }
        Ok(Self(megabytes))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1024) {
            write!(formatter, "{}GB", self.0 / 1024)
        } else {
            write!(formatter, "{}MB", self.0)
        }
    }
}

/// A length of time, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpan(Duration);

/// The longest span that can be written: a hundred years. Longer ones are slips of the pen.
const LONGEST_SPAN: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Units of time, from the longest to the shortest, with their length in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TimeSpan {
    /// The span as the standard library's type.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for TimeSpan {
    type Err = InvalidValue;

    /// Reads `500ms`, `30s`, `1.5s`, `2m`, `1h30m`, `14d`: each unit once, longest first.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const WHAT: &str = "length of time";
        const UNITS: &str = "write a number and its unit, ms, s, m, h or d, such as 500ms, 30s, 2m, 1h or 14d";
        let refuse = |reason: String| InvalidValue::new(WHAT, text, reason);
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(refuse("it is empty".into()).with_hint(UNITS));
        }
        let mut milliseconds: u64 = 0;
        let mut last_unit = usize::MAX;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let after = after.trim_start();
            let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            if number.is_empty() {
                return Err(refuse(format!("a number must stand before {rest:?}")).with_hint(UNITS));
            }
            if unit.is_empty() {
                let error = refuse("the unit is missing".into());
                return Err(error.with_hint(format!("{UNITS}; did you mean {number}s?")));
            }
            let Some(position) = TIME_UNITS.iter().position(|(name, _)| *name == unit) else {
                let error = refuse(format!("{unit:?} is not a unit of time"));
                let meant = match unit.to_ascii_lowercase().as_str() {
                    "sec" | "secs" | "second" | "seconds" | "s" => Some("s"),
                    "min" | "mins" | "minute" | "minutes" => Some("m"),
                    "hour" | "hours" | "hr" | "hrs" | "h" => Some("h"),
                    "day" | "days" | "d" => Some("d"),
                    "millisecond" | "milliseconds" | "msec" | "ms" => Some("ms"),
                    _ => None,
                };
                return Err(error.with_hint(match meant {
                    Some(unit) => format!("did you mean {number}{unit}?"),
                    None => UNITS.to_owned(),
                }));
            };
            if last_unit != usize::MAX && position <= last_unit {
                return Err(refuse("each unit may stand once, the longest first".into()).with_hint("for example 1h30m"));
            }
            last_unit = position;
            let part = thousandths(number)
                .ok_or_else(|| refuse(format!("{number:?} is not a number of at most 3 decimals")).with_hint(UNITS))?;
            let part = part.checked_mul(TIME_UNITS[position].1).ok_or_else(|| refuse("it is too long".into()))?;
            if part % 1000 != 0 {
                return Err(refuse("it is not a whole number of milliseconds".into()));
            }
            milliseconds = milliseconds.checked_add(part / 1000).ok_or_else(|| refuse("it is too long".into()))?;
            rest = after.trim_start();
        }
        let span = Duration::from_millis(milliseconds);
        if span > LONGEST_SPAN {
            return Err(refuse("it is longer than a hundred years".into()));
        }
        Ok(Self(span))
    }
}

impl From<TimeSpan> for Duration {
    fn from(span: TimeSpan) -> Self {
        span.0
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return formatter.write_str("0s");
        }
        for (unit, length) in TIME_UNITS {
            if rest >= length {
                write!(formatter, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

/// How long something may take before it is given up: a length of time above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timeout(TimeSpan);

impl Timeout {
    /// A timeout of `duration`, to the millisecond.
    ///
    /// # Errors
    /// When it is below a millisecond or above a hundred years.
    pub fn new(duration: Duration) -> Result<Self, InvalidValue> {
        let whole = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let span = Duration::from_millis(whole);
        if span.is_zero() || span > LONGEST_SPAN {
            return Err(InvalidValue::new(
                "timeout",
                format!("{duration:?}"),
                "it must be between 1ms and a hundred years",
            ));
        }
        Ok(Self(TimeSpan(span)))
    }

    /// A timeout of `seconds`, which must be more than zero.
    ///
    /// # Errors
    /// When it is zero, or above a hundred years.
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidValue> {
        Self::new(Duration::from_secs(seconds))
    }

    /// The timeout as the standard library's type.
    pub fn duration(self) -> Duration {
        self.0.0
    }

    /// The number of seconds, if it is a whole one.
    pub fn whole_seconds(self) -> Option<u64> {
        (self.duration().subsec_nanos() == 0).then(|| self.duration().as_secs())
    }
}

impl FromStr for Timeout {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let span: TimeSpan = text.parse()?;
        if span.0.is_zero() {
            return Err(InvalidValue::new("timeout", text, "nothing is done in no time"));
        }
        Ok(Self(span))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Splits `512MB` or `512 MB` into number and unit; either may be empty.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+' || c == '_'))
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Reads a decimal number of at most three decimals as thousandths, without a float's rounding.
fn thousandths(number: &str) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty()
        || !whole.bytes().all(|b| b.is_ascii_digit())
        || !decimals.bytes().all(|b| b.is_ascii_digit())
        || decimals.len() > 3
        || (number.contains('.') && decimals.is_empty())
    {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let decimals: u64 = format!("{decimals:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_is_read_with_its_unit() {
        for (text, megabytes) in
            [("512MB", 512), ("1GB", 1024), ("1.5GB", 1536), ("0.125GB", 128), ("128 MiB", 128), ("10GiB", 10240)]
        {
            assert_eq!(text.parse::<Memory>().unwrap().megabytes(), megabytes, "{text}");
        }
        for bad in [
            "",
            "512",
            "MB",
            "-1MB",
            "0MB",
            "1.0001GB",
            "0.3GB",
            "1e3MB",
            "512KB",
            "5TB",
            "1,5GB",
            "99999999999999999999GB",
            "5GB MB",
            "1.GB",
        ] {
            assert!(bad.parse::<Memory>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_slip_in_memory_is_answered_with_what_was_meant() {
        let hint = |text: &str| text.parse::<Memory>().unwrap_err().hint().unwrap().to_owned();
        assert!(hint("512").contains("did you mean 512MB?"));
        assert!(hint("512mb").contains("did you mean 512MB?"));
        assert!(hint("1G").contains("did you mean 1GB?"));
    }

    #[test]
    fn time_is_read_with_its_units() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1h 5s", 3_605_000),
            ("14d", 14 * 86_400_000),
            ("0s", 0),
        ] {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!(span.duration().as_millis(), milliseconds, "{text}");
        }
        for bad in [
            "",
            "30",
            "s",
            "-1s",
            "30s1h",
            "1s1s",
            "1.5",
            "1..5s",
            "1 2s",
            "5min",
            "1w",
            "0.1ms",
            "999999999999999d",
            "99999999999999999999999s",
            "1s,5ms",
        ] {
            assert!(bad.parse::<TimeSpan>().is_err(), "{bad:?} was accepted");
        }
        assert!("0s".parse::<Timeout>().is_err());
        let hint = "5min".parse::<Timeout>().unwrap_err().hint().unwrap().to_owned();
        assert!(hint.contains("did you mean 5m?"));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(milliseconds in 0_u64..10_000_000_000, megabytes in 1_u32..u32::MAX) {
            let span = TimeSpan(Duration::from_millis(milliseconds));
            prop_assert_eq!(span.to_string().parse::<TimeSpan>().unwrap(), span);
            let memory = Memory(megabytes);
            prop_assert_eq!(memory.to_string().parse::<Memory>().unwrap(), memory);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}|[0-9.]{1,30}[a-zA-Z ]{0,5}[0-9.]{0,10}[smhd]{0,3}") {
            drop(text.parse::<Memory>());
            drop(text.parse::<TimeSpan>());
            drop(text.parse::<Timeout>());
        }
    }
}
