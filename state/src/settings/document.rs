//! YAML (and JSON, which is YAML) as a tree that knows the bytes of each part, so that parts can be changed in place.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle};
use serde_json::Value;

use super::scalar;

/// How deeply collections may be nested.
const DEEPEST_NESTING: usize = 48;
/// How many values a file may have once its aliases are resolved.
const MOST_VALUES: usize = 50_000;

/// A value and the bytes that it is written in.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From its first to its last byte, comments and line breaks after it left out. Empty for a value that isn't written.
    pub(super) span: Range<usize>,
    pub(super) content: Content,
    /// Written with brackets, as JSON is.
    pub(super) is_flow: bool,
    /// It has an anchor, or is an alias: what is changed in it changes elsewhere, too.
    pub(super) is_shared: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

/// What isn't YAML, or YAML that can't be settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Node {
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value without its places.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// Line and column, both from 1, of a byte of a text.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads the one document of a text; `None` when there is nothing in it.
///
/// # Errors
/// When it isn't YAML, or has keys given twice, keys that aren't text, or several documents.
pub(super) fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEEPEST_NESTING,
        block_nesting_limit: DEEPEST_NESTING,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    Reader { parser, text, anchors: HashMap::new(), values: 0 }.document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    anchors: HashMap<usize, Node>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), SyntaxError> {
        let end = self.text.len();
        match self.parser.next() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(end..end);
                let start = range.start.min(end);
                Ok((event, start..range.end.clamp(start, end)))
            }
            Some(Err(error)) => Err(SyntaxError {
                offset: error.marker().byte_offset().unwrap_or(end).min(end),
                message: format!("this is not valid YAML: {}", error.kind()),
            }),
            None => Ok((Event::StreamEnd, end..end)),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, SyntaxError> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(..) if tree.is_some() => {
                    let message = "the file has more than one YAML document".to_owned();
                    return Err(SyntaxError { offset: span.start, message });
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    tree = Some(self.node(event, span)?);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Range<usize>) -> Result<Node, SyntaxError> {
        self.values += 1;
        let (node, anchor) = match event {
            Event::Alias(id) => {
                let found = self.anchors.get(&id).cloned();
                let message = || "an alias stands inside what it stands for".to_owned();
                let found = found.ok_or_else(|| SyntaxError { offset: span.start, message: message() })?;
                self.values += found.size();
                (Node { span: span.clone(), is_flow: true, is_shared: true, ..found }, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is = |kind: &str| tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag(kind));
                let is_plain = style == ScalarStyle::Plain && !is("str") || is("int") || is("float") || is("bool");
                let value = match is_plain {
                    true => scalar::plain(&text).map_err(|_| SyntaxError {
                        offset: span.start,
                        message: format!("{text} is a number that Pulumi refuses; put it into quotes for a text"),
                    })?,
                    false => Value::String(text.into_owned()),
                };
                let written = self.trimmed(&span);
                (Node { span: written, content: Content::Scalar(value), is_flow: true, is_shared: anchor != 0 }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => (self.list(style, &span, anchor != 0)?, anchor),
            Event::MappingStart(style, anchor, _) => (self.map(style, &span, anchor != 0)?, anchor),
            _ => {
                let content = Content::Scalar(Value::Null);
                (Node { span: span.start..span.start, content, is_flow: true, is_shared: false }, 0)
            }
        };
        if self.values > MOST_VALUES {
            let message = format!("the file has more than {MOST_VALUES} values");
            return Err(SyntaxError { offset: node.span.start, message });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// A span without the white space at its end: block texts reach to the next line.
    fn trimmed(&self, span: &Range<usize>) -> Range<usize> {
        let written = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + written.trim_end().len()
    }

    fn list(&mut self, style: StructureStyle, start: &Range<usize>, is_shared: bool) -> Result<Node, SyntaxError> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let last = items.last().map(|item| item.span.end);
                let span = collection_span(style, start, &span, last);
                let is_flow = matches!(style, StructureStyle::Flow);
                return Ok(Node { span, content: Content::List(items), is_flow, is_shared });
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self, style: StructureStyle, start: &Range<usize>, is_shared: bool) -> Result<Node, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut is_merged = false;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                let span = collection_span(style, start, &span, last);
                merged.retain(|entry| !entries.iter().any(|own| own.key == entry.key));
                let is_shared = is_shared || !merged.is_empty();
                entries.append(&mut merged);
                let is_flow = matches!(style, StructureStyle::Flow);
                return Ok(Node { span, content: Content::Map(entries), is_flow, is_shared });
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = match &event {
                Event::Scalar(text, ..) => text.to_string(),
                _ => {
                    let message = "a key must be text".to_owned();
                    return Err(SyntaxError { offset: span.start, message });
                }
            };
            let key_span = self.trimmed(&span);
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            if is_merge {
                if std::mem::replace(&mut is_merged, true) {
                    let message =
                        "the key \"<<\" is given twice: merge several in one list, <<: [*one, *two]".to_owned();
                    return Err(SyntaxError { offset: key_span.start, message });
                }
                let shared =
                    |entry: &Entry| Entry { value: Node { is_shared: true, ..entry.value.clone() }, ..entry.clone() };
                let sources = match &value.content {
                    Content::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(&value),
                };
                for entry in sources.iter().flat_map(Node::entries) {
                    // The first of a list wins (<https://yaml.org/type/merge.html>).
                    if !merged.iter().any(|known| known.key == entry.key) {
                        merged.push(shared(entry));
                    }
                }
                continue;
            }
            if entries.iter().any(|entry| entry.key == key) {
                let message = format!("the key {key:?} is given twice");
                return Err(SyntaxError { offset: key_span.start, message });
            }
            entries.push(Entry { key, key_span, value });
        }
    }
}

/// The bytes of a collection: one in brackets up to the closing one, else up to the end of its last part.
fn collection_span(
    style: StructureStyle,
    start: &Range<usize>,
    end: &Range<usize>,
    last: Option<usize>,
) -> Range<usize> {
    match style {
        StructureStyle::Flow => start.start..end.end.max(start.end),
        StructureStyle::Block => start.start..last.unwrap_or(start.start).max(start.start),
    }
}
