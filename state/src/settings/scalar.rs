//! What a plain YAML scalar is to Pulumi, which reads it with the rules of Go's yaml.v3 (`resolve.go`): integers with Go's prefixes,
//! floats, `true` and `false`, dates. `tests/interop` compares it with the CLI.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone as _};
use serde_json::{Number, Value};

/// A number that JSON doesn't have, so that Pulumi refuses the file: `.nan`, `.inf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotANumber;

/// The value of a scalar without quotes.
///
/// # Errors
/// [`NotANumber`]
pub(super) fn plain(text: &str) -> Result<Value, NotANumber> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Err(NotANumber),
        _ if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") => return Err(NotANumber),
        _ => match (time(text), number(text)) {
            (Some(time), _) => Value::String(time),
            (None, Some(number)) => Value::Number(number),
            (None, None) => Value::String(text.to_owned()),
        },
    })
}

/// A date or time as Go writes it: the format of its `time.Time.String`.
fn time(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-').filter(|(year, _)| year.len() == 4)?;
    let (month, rest) = rest.split_once('-')?;
    let day_ends = rest.find(|other: char| !other.is_ascii_digit()).unwrap_or(rest.len());
    let (day, rest) = rest.split_at(day_ends);
    let part = |digits: &str, most: usize| -> Option<u32> {
        let is_part = (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_part.then(|| digits.parse().ok()).flatten()
    };
    let date = NaiveDate::from_ymd_opt(part(year, 4)?.try_into().ok()?, part(month, 2)?, part(day, 2)?)?;
    let utc = FixedOffset::east_opt(0)?;
    let (clock, zone) = match rest.get(..1) {
        None => (NaiveTime::MIN, utc),
        Some("T" | "t") => {
            let at = rest.rfind(['Z', '+', '-'])?;
            let zone = match &rest[at..] {
                "Z" => utc,
                offset => DateTime::parse_from_rfc3339(&format!("2000-01-01T00:00:00{offset}")).ok()?.timezone(),
            };
            (clock(&rest[1..at], &part)?, zone)
        }
        Some(" ") => (clock(&rest[1..], &part)?, utc),
        Some(_) => return None,
    };
    let time = zone.from_local_datetime(&date.and_time(clock)).single()?;
    let seconds = time.format("%Y-%m-%d %H:%M:%S%.f").to_string();
    // Go leaves out the zeros at the end of a fraction.
    let seconds = if seconds.contains('.') { seconds.trim_end_matches('0').trim_end_matches('.') } else { &seconds };
    let offset = time.format("%z").to_string();
    let name = if zone == utc { "UTC" } else { &offset };
    Some(format!("{seconds} {offset} {name}"))
}

/// A time of day: hours, minutes and seconds of one or two digits, and a fraction.
fn clock(text: &str, part: &impl Fn(&str, usize) -> Option<u32>) -> Option<NaiveTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let [hours, minutes, seconds] = whole.split(':').collect::<Vec<_>>().try_into().ok()?;
    let nanoseconds = part(fraction, 9)? * 10_u32.pow(9 - u32::try_from(fraction.len()).ok()?);
    NaiveTime::from_hms_nano_opt(part(hours, 2)?, part(minutes, 2)?, part(seconds, 2)?, nanoseconds)
}

/// A value as Pulumi writes it down: JSON with Go's numbers.
pub(super) fn spelled(value: &Value) -> String {
    let mut written = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut written, GoNumbers);
    let result = serde::Serialize::serialize(value, &mut serializer);
    match (result, String::from_utf8(written)) {
        (Ok(()), Ok(text)) => text,
        // Values without keys that aren't texts can't fail.
        _ => value.to_string(),
    }
}

/// A number that stands for itself.
pub(super) fn spelled_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => go_float(float),
        _ => number.to_string(),
    }
}

struct GoNumbers;

impl serde_json::ser::Formatter for GoNumbers {
    fn write_f64<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, value: f64) -> std::io::Result<()> {
        writer.write_all(go_float(value).as_bytes())
    }

    /// What doesn't fit into 64 bits with a sign is a float within a list or map.
    fn write_u64<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, value: u64) -> std::io::Result<()> {
        let text = match i64::try_from(value) {
            Ok(value) => value.to_string(),
            #[expect(clippy::cast_precision_loss, reason = "as Go does")]
            Err(_) => go_float(value as f64),
        };
        writer.write_all(text.as_bytes())
    }
}

/// A float as Go's `encoding/json` writes it: the shortest digits, and an exponent only for very small and very large ones.
fn go_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        _ if value == 0.0 => "0".to_owned(),
        Ok(power) if power >= 21 => format!("{digits}e+{power}"),
        Ok(power) if power < -6 => format!("{digits}e{power}"),
        _ => value.to_string(),
    }
}

/// Whether a text reads as another kind of value, or might to other readers of YAML, unless it is put into quotes.
pub(super) fn needs_quotes(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:+=@-".contains(&byte);
    let first_is_letter = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    !first_is_letter
        || !text.bytes().all(is_plain)
        || text.ends_with(':')
        || !matches!(plain(text), Ok(Value::String(_)))
        || WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn number(text: &str) -> Option<Number> {
    let digits = text.replace('_', "");
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    integer(&digits).or_else(|| is_float(&digits).then(|| digits.parse().ok().and_then(Number::from_f64)).flatten())
}

/// An integer, with the prefixes `0x`, `0o`, `0b` and `0`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2), ("0", 8)];
    let (digits, radix) = prefixed
        .iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix).filter(|rest| !rest.is_empty())?, *radix)))
        .unwrap_or((digits, 10));
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    match (u64::from_str_radix(digits, radix).ok()?, negative) {
        // With a sign, Go reads no more than 63 bits.
        (value, false) if text.starts_with('+') => i64::try_from(value).ok().map(Number::from),
        (value, false) => Some(value.into()),
        (value, true) => i64::try_from(-i128::from(value)).ok().map(Number::from),
    }
}

fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, part)) => is_digits(whole) && is_digits(part) && !(whole.is_empty() && part.is_empty()),
        None => !mantissa.is_empty() && is_digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| !exponent.is_empty() && is_digits(exponent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_read_as_pulumi_reads_them() {
        for (text, value) in [
            ("8080", json!(8080)),
            ("-3", json!(-3)),
            ("1_000", json!(1000)),
            ("0x1F", json!(31)),
            ("010", json!(8)),
            ("0b11", json!(3)),
            ("0", json!(0)),
            ("1.5e3", json!(1500.0)),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("True", json!(true)),
            ("~", Value::Null),
            ("yes", json!("yes")),
            ("2001-12-14", json!("2001-12-14 00:00:00 +0000 UTC")),
            ("2001-12-14t21:59:43.10-05:00", json!("2001-12-14 21:59:43.1 -0500 -0500")),
            ("2001-2-3 4:05:06", json!("2001-02-03 04:05:06 +0000 UTC")),
            ("2001-02-30", json!("2001-02-30")),
            ("1.2.3", json!("1.2.3")),
            ("0x", json!("0x")),
            ("-", json!("-")),
            (".", json!(".")),
            ("_1", json!("_1")),
            ("12e", json!("12e")),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
        for text in [".nan", "-.INF", "+.inf"] {
            assert_eq!(plain(text), Err(NotANumber), "{text}");
        }
    }

    #[test]
    fn text_that_might_be_read_otherwise_is_quoted() {
        for text in
            ["", "true", "8080", "on", "No", "null", "a: b", "a #b", "x:", "- a", "v 1", "2001-12-14", "*a", "é"]
        {
            assert!(needs_quotes(text), "{text}");
        }
        for text in ["eu-west-1", "v1:AAAA:b+/c==", "/usr/bin", "shop:token", "a.b@c"] {
            assert!(!needs_quotes(text), "{text}");
        }
    }
}
