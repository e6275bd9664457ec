//! Changes to YAML and JSON texts in place. Each function gives the whole new text; whoever calls it reads that again and
//! makes sure that it says what it should, so that a layout that isn't foreseen here can't do harm.

use std::ops::Range;

use serde_json::Value;

use super::document::{Content, Entry, Node, SyntaxError, parse};
use super::render;

/// Why a change can't be made in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

impl From<SyntaxError> for Refused {
    fn from(error: SyntaxError) -> Self {
        Self(error.message)
    }
}

/// Puts a value where the keys lead, with the maps that it takes; `value` is the last key's.
pub(super) fn set(text: &str, keys: &[&str], value: &Value) -> Result<String, Refused> {
    let Some((first, _)) = keys.split_first() else { return Err(Refused("the whole can't be replaced".to_owned())) };
    let root = parse(text)?;
    let Some(root) = root.filter(|root| !is_null(root)) else {
        let nested = nest(&keys[1..], value);
        let newline = newline_of(text);
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
        return Ok(format!("{text}{gap}{}{newline}", render::entry(first, &nested, 0).join(newline)));
    };
    let mut node = &root;
    for (depth, key) in keys.iter().enumerate() {
        check_not_shared(node)?;
        let Content::Map(_) = &node.content else { return Err(Refused(format!("what holds '{key}' isn't a map"))) };
        let Some(entry) = node.entry(key) else {
            return add(text, node, key, &nest(&keys[depth + 1..], value));
        };
        let is_last = depth + 1 == keys.len();
        if is_last || !matches!(entry.value.content, Content::Map(_)) || is_empty(&entry.value) {
            return replace(text, node, entry, &nest(&keys[depth + 1..], value));
        }
        node = &entry.value;
    }
    Err(Refused("the path leads nowhere".to_owned()))
}

/// Removes the entry that the keys lead to. The text as it was when there is none.
pub(super) fn remove(text: &str, keys: &[&str]) -> Result<String, Refused> {
    let Some(root) = parse(text)? else { return Ok(text.to_owned()) };
    let Some((last, parents)) = keys.split_last() else { return Ok(text.to_owned()) };
    let (mut map, mut holder): (&Node, Option<(&Node, &Entry)>) = (&root, None);
    for key in parents {
        let Some(entry) = map.entry(key) else { return Ok(text.to_owned()) };
        check_not_shared(map)?;
        holder = Some((map, entry));
        map = &entry.value;
    }
    let Some(entry) = map.entry(last) else { return Ok(text.to_owned()) };
    check_not_shared(map)?;
    if map.is_flow {
        return Ok(without_flow_entry(text, map, entry));
    }
    if map.entries().len() == 1
        && let Some((outer, holder)) = holder
    {
        return replace(text, outer, holder, &Value::Object(serde_json::Map::new()));
    }
    let lines = lines_of(text, entry.key_span.start..entry_end(entry));
    // In a list's item, the first key stands behind the dash.
    if !text[line_start(text, entry.key_span.start)..entry.key_span.start].trim().is_empty() {
        return Err(Refused(format!("'{last}' isn't at the start of its line")));
    }
    Ok(splice(text, lines, ""))
}

fn is_null(node: &Node) -> bool {
    matches!(node.content, Content::Scalar(Value::Null))
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.content, Content::Map(entries) if entries.is_empty())
}

fn check_not_shared(node: &Node) -> Result<(), Refused> {
    match node.is_shared {
        true => Err(Refused("it uses an anchor or alias there".to_owned())),
        false => Ok(()),
    }
}

/// The value within the maps of the keys.
fn nest(keys: &[&str], value: &Value) -> Value {
    keys.iter().rev().fold(value.clone(), |value, key| serde_json::json!({ *key: value }))
}

/// Adds an entry after a map's last one.
fn add(text: &str, map: &Node, key: &str, value: &Value) -> Result<String, Refused> {
    let newline = newline_of(text);
    if map.is_flow {
        return Ok(with_flow_entry(text, map, key, value));
    }
    let last = map.entries().last().ok_or_else(|| Refused("it is a map without entries".to_owned()))?;
    let indent = indent_of(text, map)?;
    let lines = render::entry(key, value, indent).join(newline);
    let at = line_end(text, entry_end(last));
    let is_terminated = text[..at].ends_with('\n');
    let added = if is_terminated { format!("{lines}{newline}") } else { format!("{newline}{lines}") };
    Ok(splice(text, at..at, &added))
}

/// Replaces the value of an entry. A comment behind the key or a value of one line stays.
fn replace(text: &str, map: &Node, entry: &Entry, value: &Value) -> Result<String, Refused> {
    check_not_shared(&entry.value)?;
    let newline = newline_of(text);
    let colon = colon_after(text, entry.key_span.end)?;
    let is_written = !entry.value.span.is_empty();
    let old = if is_written { entry.value.span.clone() } else { colon..colon };
    if map.is_flow {
        let space = if is_written { "" } else { " " };
        return Ok(splice(text, old, &format!("{space}{}", render::flow(value))));
    }
    let is_one_line = !text[colon..old.end].contains('\n');
    let indent = indent_of(text, map)?;
    match (render::inline(value), is_one_line) {
        (Some(content), true) => Ok(splice(text, colon..old.end, &format!(" {content}"))),
        (Some(content), false) => {
            // The old value's lines go; what stands behind the key stays, unless it begins the value.
            let head = line_end_content(text, colon);
            let comment = comment_in(&text[colon..head]).map(|at| text[colon + at..head].to_owned());
            let tail = line_end_content(text, old.end);
            let kept = comment.map(|comment| format!(" {comment}")).unwrap_or_default();
            Ok(splice(text, colon..tail, &format!(" {content}{kept}")))
        }
        (None, _) => {
            let lines = render::block(value, indent + render::STEP).join(newline);
            let first_line_end = line_end_content(text, colon);
            let comment = match is_one_line {
                true => text[old.end..first_line_end].trim().to_owned(),
                false => comment_in(&text[colon..first_line_end])
                    .map_or(String::new(), |at| text[colon + at..first_line_end].to_owned()),
            };
            let kept = if comment.is_empty() { String::new() } else { format!(" {comment}") };
            let tail = line_end_content(text, old.end.max(colon));
            Ok(splice(text, colon..tail, &format!("{kept}{newline}{lines}")))
        }
    }
}

/// Where a comment begins in what follows a key on its line, if nothing but that and an indicator is there.
fn comment_in(rest: &str) -> Option<usize> {
    let at = rest.find(" #").map(|at| at + 1)?;
    let before = rest[..at].trim();
    (before.is_empty() || before.starts_with(['|', '>'])).then_some(at)
}

fn with_flow_entry(text: &str, map: &Node, key: &str, value: &Value) -> String {
    let entry = format!("{}: {}", render::flow(&Value::from(key)), render::flow(value));
    match map.entries().last() {
        None => splice(text, map.span.clone(), &format!("{{{entry}}}")),
        Some(last) => {
            let at = entry_end(last);
            // One entry a line stays one entry a line.
            let start = line_start(text, last.key_span.start);
            let margin = &text[start..last.key_span.start];
            let added = match start > map.span.start && margin.trim().is_empty() {
                true => format!(",{}{margin}{entry}", newline_of(text)),
                false => format!(", {entry}"),
            };
            splice(text, at..at, &added)
        }
    }
}

fn without_flow_entry(text: &str, map: &Node, entry: &Entry) -> String {
    let entries = map.entries();
    let position = entries.iter().position(|other| other.key == entry.key).unwrap_or_default();
    let range = match (position.checked_sub(1).map(|before| &entries[before]), entries.get(position + 1)) {
        (_, Some(next)) => entry.key_span.start..next.key_span.start,
        (Some(before), None) => entry_end(before)..entry_end(entry),
        (None, None) => map.span.start + 1..map.span.end - 1,
    };
    splice(text, range, "")
}

fn entry_end(entry: &Entry) -> usize {
    match entry.value.span.is_empty() {
        true => entry.key_span.end,
        false => entry.value.span.end,
    }
}

/// The offset behind the colon after a key.
fn colon_after(text: &str, key_end: usize) -> Result<usize, Refused> {
    let rest = &text[key_end..];
    let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    match rest[gap..].starts_with(':') {
        true => Ok(key_end + gap + 1),
        false => Err(Refused("a key there is written with '?'".to_owned())),
    }
}

/// By how many spaces the entries of a block map are indented.
fn indent_of(text: &str, map: &Node) -> Result<usize, Refused> {
    let first = map.entries().first().ok_or_else(|| Refused("it is a map without entries".to_owned()))?;
    let before = &text[line_start(text, first.key_span.start)..first.key_span.start];
    match before.trim_start_matches('\u{feff}').bytes().all(|byte| byte == b' ') {
        true => Ok(before.trim_start_matches('\u{feff}').len()),
        false => Err(Refused("the map begins behind a list's dash".to_owned())),
    }
}

fn newline_of(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The start of the next line.
fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |newline| offset + newline + 1)
}

/// The end of the line, its break left out.
fn line_end_content(text: &str, offset: usize) -> usize {
    let line = text[offset..].split('\n').next().unwrap_or_default();
    offset + line.trim_end_matches('\r').len()
}

fn lines_of(text: &str, range: Range<usize>) -> Range<usize> {
    line_start(text, range.start)..line_end(text, range.end)
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}
