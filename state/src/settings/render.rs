//! How new values are written: in blocks as Pulumi writes them, or in brackets where what is around them is.

use serde_json::Value;

use super::scalar::needs_quotes;

/// Spaces by which each level of a block is indented.
pub(super) const STEP: usize = 2;

/// A text as YAML: plain where that can't be misread, else in double quotes, which are JSON's.
pub(super) fn text(text: &str) -> String {
    if needs_quotes(text) { quoted(text) } else { text.to_owned() }
}

/// A text in double quotes that YAML and JSON read alike.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for character in Value::from(text).to_string().chars() {
        match character {
            // Breaks and marks to YAML, or to some of its readers.
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => quoted.push(other),
        }
    }
    quoted
}

/// A value on one line, with brackets: JSON.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A value that fits behind a key on its line; `None` for lists and maps that have something in them.
pub(super) fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(content) => Some(text(content)),
        Value::Array(items) if !items.is_empty() => None,
        Value::Object(map) if !map.is_empty() => None,
        other => Some(other.to_string()),
    }
}

/// The lines of a list or map in a block, each indented by `indent` spaces and more.
pub(super) fn block(value: &Value, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(map) => map.iter().flat_map(|(key, value)| entry(key, value, indent)).collect(),
        Value::Array(items) => {
            let lines = items.iter().flat_map(|item| match inline(item) {
                Some(content) => vec![format!("{margin}- {content}")],
                None => {
                    let mut lines = block(item, indent + STEP);
                    if let Some(first) = lines.first_mut() {
                        *first = format!("{margin}- {}", first.trim_start());
                    }
                    lines
                }
            });
            lines.collect()
        }
        other => vec![format!("{margin}{}", inline(other).unwrap_or_default())],
    }
}

/// The lines of a key and its value.
pub(super) fn entry(key: &str, value: &Value, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let key = text(key);
    match inline(value) {
        Some(content) => vec![format!("{margin}{key}: {content}")],
        None => std::iter::once(format!("{margin}{key}:")).chain(block(value, indent + STEP)).collect(),
    }
}
