//! What a plain YAML scalar is to Pulumi, which reads it with the rules of Go's yaml.v3: integers with Go's prefixes, floats,
//! `true` and `false`. Dates stay the text that was written.

use serde_json::{Number, Value};

/// The value of a scalar without quotes.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
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
        || !matches!(plain(text), Value::String(_))
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
            ("2001-12-14", json!("2001-12-14")),
            ("1.2.3", json!("1.2.3")),
            ("0x", json!("0x")),
            ("-", json!("-")),
            (".", json!(".")),
            ("_1", json!("_1")),
            ("12e", json!("12e")),
        ] {
            assert_eq!(plain(text), value, "{text}");
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
