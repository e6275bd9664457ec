//! JSON text as it stands in a file: slices of one shared buffer, and a writer in Go's layout.
//!
//! States are mostly text that nobody looks at: keeping it as text makes reading cheap and rewriting exact. The writer
//! produces what Go's encoder produces without HTML escaping, compact or indented by four spaces (SPEC.md section 1.1).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde_json::value::RawValue;

/// Valid JSON text of one value, with whatever layout it came in. Cloning shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Bytes);

impl Json {
    /// Takes text that has been checked by a parser.
    pub(crate) fn checked(text: Bytes) -> Self {
        Self(text)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// When it isn't JSON.
    pub fn new(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        let text: String = text.into();
        serde_json::from_str::<&RawValue>(&text)?;
        Ok(Self(Bytes::from(text)))
    }

    /// The text of a value, as states are written.
    pub fn of(value: &serde_json::Value) -> Self {
        let mut writer = Writer::new(Layout::Compact, 0);
        writer.json_text(&value.to_string());
        writer.into_json()
    }

    /// The empty object, `{}`.
    pub fn empty_object() -> Self {
        Self(Bytes::from_static(b"{}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text's bytes, given away.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Reads the text as a type.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// Whether this is an object without members, or `null`.
    pub fn is_empty(&self) -> bool {
        let mut rest = self.0.iter().filter(|byte| !byte.is_ascii_whitespace());
        matches!((rest.next(), rest.next()), (Some(b'{'), Some(b'}')) | (Some(b'n'), _))
    }

    /// Lets go of a larger buffer that this text is a part of.
    pub fn detach(&mut self) {
        self.0 = Bytes::copy_from_slice(&self.0);
    }
}

impl fmt::Debug for Json {
    /// Secrets may stand in the text in the clear, so only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of JSON", self.0.len())
    }
}

/// A member's name, borrowed where it holds no escapes.
pub(crate) struct Name<'de>(pub Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// The members of an object in order, values as text.
pub(crate) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, serde_json::Error> {
    struct MembersVisitor;
    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = Vec<(Cow<'de, str>, &'de str)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(Name(name)) = map.next_key()? {
                members.push((name, map.next_value::<&'de RawValue>()?.get()));
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_any(MembersVisitor)?;
    deserializer.end()?;
    Ok(members)
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One line without spaces, as checkpoints are since Pulumi 3.238.0.
    Compact,
    /// Indented by four spaces, as `pulumi stack export` prints.
    Indented,
}

/// Writes JSON in Go's layout.
pub(crate) struct Writer {
    out: Vec<u8>,
    layout: Layout,
    depth: usize,
    needs_comma: bool,
}

impl Writer {
    pub fn new(layout: Layout, capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity), layout, depth: 0, needs_comma: false }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub fn into_json(self) -> Json {
        Json(Bytes::from(self.out))
    }

    fn new_line(&mut self) {
        if self.layout == Layout::Indented {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 4 * self.depth, b' ');
        }
    }

    /// Opens an object or a list (`{` or `[`).
    pub fn begin(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.needs_comma = false;
    }

    /// Closes an object or a list (`}` or `]`).
    pub fn end(&mut self, bracket: u8) {
        self.depth -= 1;
        if self.needs_comma {
            self.new_line();
        }
        self.out.push(bracket);
        self.needs_comma = true;
    }

    /// Goes to the next item of a list.
    pub fn item(&mut self) {
        if self.needs_comma {
            self.out.push(b',');
        }
        self.new_line();
        self.needs_comma = true;
    }

    /// Goes to the next member of an object; its value must follow.
    pub fn key(&mut self, name: &str) {
        self.item();
        write_string(&mut self.out, name, false);
        self.colon();
    }

    /// As [`Self::key`], with the name escaped as [`Self::html_safe_string`] does.
    pub fn html_safe_key(&mut self, name: &str) {
        self.item();
        write_string(&mut self.out, name, true);
        self.colon();
    }

    fn colon(&mut self) {
        self.out.extend_from_slice(if self.layout == Layout::Compact { b":" } else { b": " });
    }

    pub fn string(&mut self, text: &str) {
        write_string(&mut self.out, text, false);
        self.needs_comma = true;
    }

    /// Writes a string with `<`, `>` and `&` escaped, as Go does where a text is to be hashed or encrypted.
    pub fn html_safe_string(&mut self, text: &str) {
        write_string(&mut self.out, text, true);
        self.needs_comma = true;
    }

    pub fn literal(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.needs_comma = true;
    }

    /// Puts text in as it is.
    pub fn verbatim(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        self.needs_comma = true;
    }

    pub fn new_line_at_end(&mut self) {
        self.out.push(b'\n');
    }

    /// Writes valid JSON text in this writer's layout; numbers stay as they are.
    pub fn json(&mut self, json: &Json) {
        self.relaid(json.as_bytes());
    }

    /// As [`Self::json`], for text that is known to be valid.
    pub fn json_text(&mut self, text: &str) {
        self.relaid(text.as_bytes());
    }

    fn relaid(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                b'{' | b'[' => {
                    self.out.push(byte);
                    at += 1 + text[at + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                    match text.get(at) {
                        Some(&close @ (b'}' | b']')) => {
                            self.out.push(close);
                            at += 1;
                        }
                        _ => {
                            self.depth += 1;
                            self.new_line();
                        }
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.new_line();
                    self.out.push(byte);
                    at += 1;
                }
                b',' => {
                    self.out.push(b',');
                    self.new_line();
                    at += 1;
                }
                b':' => {
                    self.colon();
                    at += 1;
                }
                b'"' => {
                    let end = string_end(text, at);
                    self.relaid_string(&text[at..end]);
                    at = end;
                }
                _ => {
                    let length = text[at..]
                        .iter()
                        .take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
                        .count();
                    self.out.extend_from_slice(&text[at..at + length]);
                    at += length.max(1);
                }
            }
        }
        self.needs_comma = true;
    }

    fn relaid_string(&mut self, token: &[u8]) {
        let plain = memchr::memchr(b'\\', token).is_none() && line_separator(token).is_none();
        match if plain { None } else { serde_json::from_slice::<String>(token).ok() } {
            Some(text) => write_string(&mut self.out, &text, false),
            // An escaped half of a surrogate pair can't be decoded, only carried along.
            None => self.out.extend_from_slice(token),
        }
    }
}

/// The position after the string that starts at `start`.
pub(crate) fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// The text with each escaped half of a surrogate pair that has no other half replaced, as Go reads it; nothing where there
/// is none.
pub(crate) fn without_lone_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (mut mended, mut done, mut at) = (String::new(), 0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(&text[done..at]);
                mended.push_str("\\ufffd");
                at += 6;
                done = at;
            }
            _ => at += 2,
        }
    }
    (done > 0).then(|| mended + &text[done..])
}

/// Whether U+2028 or U+2029 stand in the text: Go always escapes them.
fn line_separator(text: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, b"\xe2\x80\xa8").or_else(|| memchr::memmem::find(text, b"\xe2\x80\xa9"))
}

fn write_string(out: &mut Vec<u8>, text: &str, html_safe: bool) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let special = match byte {
            b'"' | b'\\' | 0..=0x1f => true,
            b'<' | b'>' | b'&' => html_safe,
            0xe2 => bytes[at + 1] == 0x80 && matches!(bytes[at + 2], 0xa8 | 0xa9),
            _ => false,
        };
        if !special {
            continue;
        }
        out.extend_from_slice(&bytes[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0xe2 => {
                out.extend_from_slice(if bytes[at + 2] == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                done = at + 3;
            }
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

/// A finite number as Go's encoder writes it: shortest digits, no exponent between 1e-6 and 1e21.
pub(crate) fn number_text(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        }
    } else {
        format!("{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relaid(text: &str, layout: Layout) -> String {
        let mut writer = Writer::new(layout, 0);
        writer.json(&Json::new(text).unwrap());
        String::from_utf8(writer.into_bytes()).unwrap()
    }

    #[test]
    fn text_is_laid_out_anew_with_numbers_as_they_are() {
        let text = r#" {"a" : [ 12345678901234567890123, { } , [ ], true ],"b":{"c":"\u003e\"\n"} } "#;
        assert_eq!(relaid(text, Layout::Compact), r#"{"a":[12345678901234567890123,{},[],true],"b":{"c":">\"\n"}}"#);
        let indented = relaid(text, Layout::Indented);
        assert_eq!(
            indented,
            "{\n    \"a\": [\n        12345678901234567890123,\n        {},\n        [],\n        true\n    ],\n    \"b\": {\n        \"c\": \">\\\"\\n\"\n    }\n}"
        );
        assert_eq!(relaid(&indented, Layout::Compact), relaid(text, Layout::Compact));
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        let mut out = Vec::new();
        write_string(&mut out, "a<b>&\u{1}\u{8}\u{c}\u{7f}\u{2028}\u{2029}é\"\\/", false);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a<b>&\\u0001\\b\\f\u{7f}\\u2028\\u2029é\\\"\\\\/\"");
        let mut out = Vec::new();
        write_string(&mut out, "<é>", true);
        assert_eq!(String::from_utf8(out).unwrap(), "\"\\u003cé\\u003e\"");
    }

    #[test]
    fn numbers_are_written_as_go_does() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (256.0, "256"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-2.5e-9, "-2.5e-9"),
            (9_007_199_254_740_993.0, "9007199254740992"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_carried_along() {
        assert_eq!(relaid(r#"["\ud800"]"#, Layout::Compact), r#"["\ud800"]"#);
    }

    #[test]
    fn half_a_surrogate_pair_is_read_as_go_does() {
        for (text, mended) in [
            (r#"["\ud800"]"#, Some(r#"["\ufffd"]"#)),
            (r#"["\udc00\ud83d\ude00"]"#, Some(r#"["\ufffd\ud83d\ude00"]"#)),
            (r#"["\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffd\ud83d\ude00"]"#)),
            (r#"["\ud83d\u0041"]"#, Some(r#"["\ufffd\u0041"]"#)),
            (r#"["\\ud800 \"\ud83d\ude00é"]"#, None),
            ("[]", None),
        ] {
            assert_eq!(without_lone_surrogates(text).as_deref(), mended);
        }
    }
}
