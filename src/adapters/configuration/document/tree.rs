//! YAML as a tree that knows where each part was written. Reports what YAML allows and a
//! configuration can't mean: keys given twice, keys that aren't text, foreign tags, a second
//! document. Aliases and merge keys are resolved here, within a bound.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::problem::Problem;
use super::source::{SourceFile, Span};
use super::syntax;
use crate::domain::violation::{FieldPath, FieldStep};

/// How many values a configuration may have once its aliases are resolved.
const MOST_VALUES: usize = 20_000;

/// How deeply collections may be nested.
const DEEPEST_NESTING: usize = 48;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What to point at: the value itself, or the key before it where the value spans lines.
    pub span: Span,
    /// The value.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing: `~`, `null`, or no value after a key.
    Null,
    /// Text, a number or a truth value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, each key once, in the order written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A single value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, with escapes resolved and nothing else changed: `007` stays `007`.
    pub text: String,
    /// What YAML 1.2's core schema reads it as.
    pub kind: ScalarKind,
}

impl Scalar {
    /// The truth value that it is, or that a configuration value is taken for.
    pub fn truth(&self) -> Option<bool> {
        match self.kind {
            ScalarKind::Boolean(truth) => Some(truth),
            ScalarKind::Configured => self.text.parse().ok(),
            _ => None,
        }
    }
}

/// What a scalar is to YAML 1.2 (core schema, section 10.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// Text, by quotes or because it is nothing else.
    Text,
    /// `true` or `false` without quotes.
    Boolean(bool),
    /// A number without quotes.
    Number,
    /// Text that refers to configuration values: what it is to be isn't known yet.
    Reference,
    /// What a configuration value says, which is a text, a number or a truth value as it is wanted.
    Configured,
}

impl Node {
    /// Whether it is a single value that refers to configuration values.
    pub fn is_reference(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.kind == ScalarKind::Reference)
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of a mapping, to be changed; none of anything else.
    pub fn entries_mut(&mut self) -> &mut [Entry] {
        match &mut self.content {
            Content::Map(entries) => entries,
            _ => &mut [],
        }
    }

    /// The value of `key`, to be changed, if this is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.entries_mut().iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    /// The field of that path, to be changed.
    pub fn at_mut(&mut self, field: &FieldPath) -> Option<&mut Self> {
        let mut node = self;
        for step in field.steps() {
            node = match (step, &mut node.content) {
                (FieldStep::Key(key), Content::Map(entries)) => {
                    &mut entries.iter_mut().find(|entry| entry.key == *key)?.value
                }
                (FieldStep::Index(index), Content::List(items)) => items.get_mut(*index)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// The items of a sequence; none of anything else.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// What it is, for a message.
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Scalar(scalar) => match scalar.kind {
                ScalarKind::Text | ScalarKind::Configured => "text",
                ScalarKind::Reference => "a reference to a configuration value",
                ScalarKind::Boolean(_) => "a truth value",
                ScalarKind::Number => "a number",
            },
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.content {
            Content::Null | Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Map(entries) => entries.iter().map(|entry| 1 + entry.value.size()).sum(),
        }
    }
}

/// Reads the file's one document. Gives the tree as far as it could be built, with all that is
/// wrong with it; no tree where the text is not YAML or there is nothing in it.
pub fn parse(source: &SourceFile) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(
            source.text(),
            granit_parser::options! {
                emit_comments: false,
                flow_nesting_limit: DEEPEST_NESTING,
                block_nesting_limit: DEEPEST_NESTING,
            },
        ),
        source,
        anchors: HashMap::new(),
        values: 0,
        problems: Vec::new(),
    };
    let tree = match builder.document() {
        Ok(tree) => tree,
        Err(problem) => {
            builder.problems.push(problem);
            None
        }
    };
    (tree, builder.problems)
}

struct Builder<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    source: &'a SourceFile,
    anchors: HashMap<usize, Node>,
    values: usize,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                let end = self.source.text().len();
                let range = span.byte_range().unwrap_or(end..end);
                // The parser's offsets start after a byte-order mark's first appearance in the
                // text, at its byte 0; they need no shift.
                let span = Span { start: range.start.min(end), end: range.end.clamp(range.start.min(end), end) };
                Ok((event, span))
            }
            Some(Err(error)) => Err(syntax::problem(self.source, &error)),
            None => Ok((Event::StreamEnd, self.end())),
        }
    }

    fn end(&self) -> Span {
        let end = self.source.text().len();
        Span { start: end, end }
    }

    fn document(&mut self) -> Result<Option<Node>, Problem> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(..) if tree.is_some() => {
                    return Err(Problem::new("config/several-documents", "the file has more than one YAML document")
                        .at(span, "a second one starts here")
                        .with_hint("keep one; differences between environments go under `environments`"));
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    tree = Some(self.node(event, span)?);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Problem> {
        self.values += 1;
        self.check_size(span)?;
        let (node, anchor) = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned().ok_or_else(|| {
                    Problem::new("config/endless-alias", "an alias stands inside what it stands for")
                        .at(span, "refers to a value that contains it")
                })?;
                self.values += node.size();
                self.check_size(span)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, tag.as_deref(), span), anchor),
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span);
                (self.list(style, span)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span);
                (self.map(style, span)?, anchor)
            }
            _ => (Node { span, content: Content::Null }, 0),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn check_size(&self, span: Span) -> Result<(), Problem> {
        if self.values > MOST_VALUES {
            return Err(Problem::new(
                "config/too-large",
                format!("the configuration has more than {MOST_VALUES} values once its aliases are resolved"),
            )
            .at(span, "too much by here"));
        }
        Ok(())
    }

    fn list(&mut self, style: StructureStyle, start: Span) -> Result<Node, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let span = collection_span(style, start, span, items.first().map(|item: &Node| item.span));
                return Ok(Node { span, content: Content::List(items) });
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self, style: StructureStyle, start: Span) -> Result<Node, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: HashMap<String, Span> = HashMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let first = entries.first().map(|entry| entry.key_span);
                // What a merge key brings in never replaces what stands in the mapping itself.
                merged.retain(|entry| !places.contains_key(&entry.key));
                entries.append(&mut merged);
                return Ok(Node { span: collection_span(style, start, span, first), content: Content::Map(entries) });
            }
            let plain_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, span)?;
            let (event, value_span) = self.next()?;
            let mut value = self.node(event, value_span)?;
            if plain_merge {
                match places.insert("<<".to_owned(), span) {
                    Some(first) => self
                        .problems
                        .push(duplicate("<<", span, first).with_hint("merge several in one list: <<: [*one, *two]")),
                    None => self.merge(&value, span, &mut merged),
                }
                continue;
            }
            if self.spans_lines(&value) {
                value.span = key.span;
            }
            let Content::Scalar(text) = key.content else {
                self.problems.push(
                    Problem::new("config/invalid-key", format!("a key must be text, but this is {}", key.describe()))
                        .at(key.span, "not a key"),
                );
                continue;
            };
            if let Some(first) = places.insert(text.text.clone(), key.span) {
                self.problems.push(duplicate(&text.text, key.span, first).with_hint("keep one of them"));
                continue;
            }
            entries.push(Entry { key: text.text, key_span: key.span, value });
        }
    }

    /// Adds what `<<: *alias` or `<<: [*a, *b]` brings in; the first of a list wins
    /// (<https://yaml.org/type/merge.html>).
    fn merge(&mut self, value: &Node, key_span: Span, merged: &mut Vec<Entry>) {
        let sources: &[Node] = match &value.content {
            Content::List(items) => items,
            _ => std::slice::from_ref(value),
        };
        for source in sources {
            let Content::Map(entries) = &source.content else {
                self.problems.push(
                    Problem::new("config/invalid-merge", "only a mapping can be merged in")
                        .at(key_span, format!("this is {}", source.describe())),
                );
                continue;
            };
            for entry in entries {
                if !merged.iter().any(|known| known.key == entry.key) {
                    merged.push(entry.clone());
                }
            }
        }
    }

    fn spans_lines(&self, node: &Node) -> bool {
        match &node.content {
            Content::Null => true,
            Content::Scalar(_) => false,
            Content::List(_) | Content::Map(_) => {
                let text = self.source.slice(node.span);
                text.contains('\n') || !text.starts_with(['[', '{'])
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if let Some(tag) = tag
            && tag.core_suffix().is_none()
        {
            self.foreign_tag(tag, span);
        }
        let content = if style == ScalarStyle::Plain && !as_text {
            match text {
                "" | "~" | "null" | "Null" | "NULL" => Content::Null,
                _ => Content::Scalar(Scalar { text: text.to_owned(), kind: plain_kind(text) }),
            }
        } else {
            Content::Scalar(Scalar { text: text.to_owned(), kind: ScalarKind::Text })
        };
        Node { span, content }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, expected: &str, span: Span) {
        if let Some(tag) = tag
            && !tag.is_yaml_core_schema_tag(expected)
        {
            self.foreign_tag(tag, span);
        }
    }

    fn foreign_tag(&mut self, tag: &Tag, span: Span) {
        self.problems.push(
            Problem::new("config/unknown-tag", format!("the tag {tag} has no meaning here"))
                .at(span, "tagged value")
                .with_hint("remove the tag"),
        );
    }
}

/// What to point at for a collection: a flow collection as a whole, else its first part.
fn collection_span(style: StructureStyle, start: Span, end: Span, first: Option<Span>) -> Span {
    match style {
        StructureStyle::Flow => Span { start: start.start, end: end.end.max(start.end) },
        StructureStyle::Block => first.unwrap_or(start),
    }
}

/// What a plain scalar is in YAML 1.2's core schema.
fn plain_kind(text: &str) -> ScalarKind {
    match text {
        "true" | "True" | "TRUE" => ScalarKind::Boolean(true),
        "false" | "False" | "FALSE" => ScalarKind::Boolean(false),
        _ if is_number(text) => ScalarKind::Number,
        _ => ScalarKind::Text,
    }
}

fn is_number(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.parse::<f64>().is_ok()
}

/// A key that stands in a mapping twice. YAML asks for keys that are unique, the merge key among them
/// (<https://yaml.org/spec/1.2.2/#3213-node-comparison>).
fn duplicate(key: &str, again: Span, first: Span) -> Problem {
    Problem::new("config/duplicate-key", format!("the key {key:?} is given twice"))
        .at(again, "given again here")
        .related_to(first, "given before here")
}
