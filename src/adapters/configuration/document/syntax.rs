//! What the YAML parser's errors mean to somebody who writes a configuration.

use granit_parser::{ErrorKind, ScanError};

use super::problem::Problem;
use super::source::{SourceFile, Span};

/// The parser's error as a problem with its place and, for the slips that happen, the remedy.
pub fn problem(source: &SourceFile, error: &ScanError) -> Problem {
    let text = source.text();
    let mut start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    // An error at the end of the text is shown at the last thing that was written.
    if text[start..].trim().is_empty() {
        start = text[..start].trim_end().len();
        start -= text[..start].chars().next_back().map_or(0, char::len_utf8);
    }
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    let span = Span { start, end: start + length };
    if matches!(error.kind(), ErrorKind::MappingValueNotAllowed)
        && let Some(line) = line_without_colon(text, start)
    {
        return Problem::new("config/syntax", "a ':' and a space are missing after the key in this line")
            .at(line, "neither a mapping's entry nor complete")
            .with_hint("write `key: value`");
    }
    let (message, hint) = explain(error.kind(), &text[start..]);
    let problem = Problem::new("config/syntax", message).at(span, "here");
    match hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// The line before the one at `offset`, if it is a key that lacks its ':'. YAML reads it as the
/// beginning of a text that goes on in the next line, and stumbles over the ':' there.
fn line_without_colon(text: &str, offset: usize) -> Option<Span> {
    let line_start = text[..offset].rfind('\n')?;
    let before = text[..line_start].trim_end();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = &before[start..];
    let content = line.split(" #").next().unwrap_or_default().trim();
    let lacks_colon = !content.is_empty()
        && !content.starts_with(['#', '-', '[', '{', '"', '\''])
        && !content.contains(": ")
        && !content.ends_with(':');
    lacks_colon.then(|| {
        let start = start + line.len() - line.trim_start().len();
        Span { start, end: start + content.len() }
    })
}

fn explain(kind: &ErrorKind, at: &str) -> (String, Option<&'static str>) {
    use ErrorKind as K;
    let said = |message: &str, hint| (message.to_owned(), Some(hint));
    match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabAtBlockScalarStart
        | K::TabInPlainScalar => said("a tab stands where YAML allows spaces only", "indent with spaces"),
        _ if at.starts_with('\t') => said("a tab stands where YAML allows spaces only", "indent with spaces"),
        K::UnclosedQuotedScalar => said("a quote is opened and never closed", "close it on the same line"),
        K::UnclosedFlowCollection { open } => (
            format!("{open:?} is opened and never closed"),
            Some("close it, or write one entry a line without brackets"),
        ),
        K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator => said(
            "a ',' or a closing bracket is missing",
            "separate entries within [ ] and { } with ',' and close the bracket",
        ),
        K::MismatchedFlowCollectionEnd { open, close } => {
            (format!("{open:?} is closed by {close:?}"), Some("close each bracket with its own kind"))
        }
        K::MappingValueNotAllowed | K::InvalidColonPlacement => said(
            "a ':' stands where no value can follow",
            "put the key on its own line, or put the text into quotes if the ':' belongs to it",
        ),
        K::ExpectedBlockMappingKey | K::InvalidIndentation | K::MappingKeyNotAllowed => said(
            "this doesn't fit the lines before it",
            "indent the entries of one mapping by the same number of spaces",
        ),
        K::ExpectedBlockSequenceEntry | K::BlockSequenceEntryNotAllowed => {
            said("this doesn't fit the list before it", "start each item with '- ' at the same number of spaces")
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            said("a ':' is missing after this key", "write `key: value`, with a space after the ':'")
        }
        K::InvalidMappingValueWhitespace | K::FlowMappingValueAdjacentCollection => {
            said("a space is missing after ':'", "write `key: value`")
        }
        K::UnexpectedCharacter { character } => {
            (format!("text can't start with {character:?}"), Some("put the text into quotes"))
        }
        K::UnknownAnchor => said(
            "this alias stands for nothing",
            "define it before with &name, or put text that starts with '*' into quotes",
        ),
        K::MissingAnchorOrAliasName => said(
            "a name is missing after '&' or '*'",
            "put text that starts with '&' or '*' into quotes, such as \"*\"",
        ),
        K::UnknownQuotedScalarEscape => {
            said("this escape doesn't exist", "write \\\\ for a backslash, or use single quotes")
        }
        K::RecursionLimitExceeded => ("collections are nested too deeply".to_owned(), None),
        K::BomInsideDocument => {
            said("an invisible byte-order mark stands in the text", "delete the line and write it again")
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            said("text follows a closing quote", "put quotes around the whole text, and write a quote within '…' as ''")
        }
        K::UndeclaredTagHandle
        | K::ExpectedTagBang
        | K::InvalidGlobalTagCharacter
        | K::InvalidTagTerminator
        | K::MissingTagUri => said("text that starts with '!' is read as a tag", "put the text into quotes"),
        other => (format!("this is not valid YAML: {other}"), None),
    }
}
