//! Finding the ends of JSON values, quickly: they are checked as any parser checks them, and nothing is taken out of them.
//!
//! A function gives the position after what it has passed, and `None` for anything that isn't right or very unusual: the
//! slower parser then finds the words for it.

use crate::codec::json::string_end;

/// As deep as values may be nested here.
const MOST_LEVELS: u32 = 100;
/// As deep as a file may be nested at all: indented, each level puts four spaces more on each of its lines.
pub(super) const MOST_LEVELS_OF_FILE: usize = 1000;

/// The line and column where a text is nested too deeply, if it is. Doesn't ask whether it is right otherwise.
pub(super) fn too_deep(text: &[u8]) -> Option<(usize, usize)> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            // Its end, or that of the text.
            b'"' => at = string_end(text, at) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST_LEVELS_OF_FILE {
            let before = &text[..at];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            return Some((line, before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1));
        }
        at += 1;
    }
    None
}

/// Passes white space.
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Passes one byte, and white space around it.
pub(super) fn mark(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    let at = space(text, at);
    (*text.get(at)? == byte).then(|| space(text, at + 1))
}

/// The bytes of a word that end a run of plain characters in a string, as high bits: the lowest is exact.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | below(word, 0x20)) & HIGH
}

/// Passes a string, from its opening quote.
pub(super) fn string(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let found = special(u64::from_le_bytes(*word));
            if found != 0 {
                at += (found.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(text, at)?,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn escape(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 6),
        _ => None,
    }
}

fn digits(text: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

fn number(text: &[u8], mut at: usize) -> Option<usize> {
    at += usize::from(text[at] == b'-');
    at = if text.get(at) == Some(&b'0') { at + 1 } else { digits(text, at)? };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(text, at)?;
    }
    Some(at)
}

/// Passes a value, from its first byte.
pub(super) fn value(text: &[u8], mut at: usize) -> Option<usize> {
    // Whether each level is an object, the innermost in the lowest bit.
    let (mut levels, mut depth) = (0_u128, 0);
    loop {
        let byte = *text.get(at)?;
        at = match byte {
            b'"' => string(text, at)?,
            b'{' | b'[' => {
                let is_object = byte == b'{';
                at = space(text, at + 1);
                if *text.get(at)? == byte + 2 {
                    at + 1
                } else {
                    depth += 1;
                    if depth > MOST_LEVELS {
                        return None;
                    }
                    levels = levels << 1 | u128::from(is_object);
                    if is_object {
                        at = mark(text, string(text, at)?, b':')?;
                    }
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => number(text, at)?,
            b't' if text[at..].starts_with(b"true") => at + 4,
            b'n' if text[at..].starts_with(b"null") => at + 4,
            b'f' if text[at..].starts_with(b"false") => at + 5,
            _ => return None,
        };
        // What comes after a value, until another one begins.
        loop {
            if depth == 0 {
                return Some(at);
            }
            at = space(text, at);
            let is_object = levels & 1 == 1;
            match *text.get(at)? {
                b',' => {
                    at = space(text, at + 1);
                    if is_object {
                        at = mark(text, string(text, at)?, b':')?;
                    }
                    break;
                }
                close if close == if is_object { b'}' } else { b']' } => {
                    at += 1;
                    depth -= 1;
                    levels >>= 1;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// What the other parser says of a text.
    fn is_json(text: &str) -> bool {
        serde_json::from_str::<&RawValue>(text).is_ok()
    }

    fn passes(text: &str) -> bool {
        value(text.as_bytes(), space(text.as_bytes(), 0)).is_some_and(|end| space(text.as_bytes(), end) == text.len())
    }

    #[test]
    fn the_end_of_each_kind_of_value_is_found() {
        let texts = [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1.5e+10",
            "1E5",
            "12",
            "\"\"",
            "\"a\"",
            "\"12345678\"",
            "[]",
            "{}",
            "[1,[2],{}]",
            "{\"a\":{\"b\":[\"\\\"}]\",\"\\u00e9\"]},\"c\":null}",
            " { \"a\" : [ 1 , 2 ] } ",
            "\"long text with \\\\ and \\\" in it, longer than a word or two\"",
            "\"é\u{2028}\"",
        ];
        for text in texts {
            assert!(passes(text) && is_json(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_not_passed() {
        let texts = [
            "",
            "nul",
            "tru",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "[1}",
            "{\"a\":1]",
            "[1 2]",
            "\"1234567\u{1}\"",
        ];
        for text in texts {
            assert!(!passes(text) && !is_json(text), "{text}");
        }
    }

    #[test]
    fn depth_is_told_by_line_and_column() {
        let most = "[".repeat(MOST_LEVELS_OF_FILE);
        assert_eq!(too_deep(most.as_bytes()), None);
        assert_eq!(too_deep(format!("{most}\n[").as_bytes()), Some((2, 1)));
        assert_eq!(too_deep(format!("{most}\"[\\\"[\"]]").as_bytes()), None);
        for cut_off in ["\"", "\"\\", "[\"a"] {
            assert_eq!(too_deep(cut_off.as_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn damaged_json_is_judged_as_the_other_parser_does(
            texts in prop::collection::vec("[\\\\\"a-c\u{e9}\n]{0,12}", 1..6), at in 0_usize..200, by in any::<u8>(),
        ) {
            let list: Vec<serde_json::Value> =
                texts.iter().map(|text| serde_json::json!({ text: [text, 1.5, null, true, -3] })).collect();
            let whole = serde_json::to_string(&list).unwrap();
            prop_assert!(passes(&whole));
            let mut bytes = whole.into_bytes();
            let at = at % bytes.len();
            bytes[at] = by & 0x7f;
            if let Ok(text) = String::from_utf8(bytes) {
                prop_assert_eq!(passes(&text), is_json(&text), "{}", text);
            }
        }
    }
}
