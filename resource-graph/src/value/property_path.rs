//! Paths to properties, as shown to people (`environment.variables.A`, `rules[0].port`), and the patterns of paths that
//! `ignoreChanges` and `replaceOnChanges` are made of.

use std::fmt;
use std::sync::Arc;

use crate::{PropertyMap, Value};

/// One step inwards.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathSegment {
    /// Into a map.
    Name(Arc<str>),
    /// Into a list, counted from 0.
    Index(usize),
}

/// The way to a property from the outermost level inwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyPath(pub Vec<PathSegment>);

impl PropertyPath {
    /// The name of the outermost property.
    pub fn root(&self) -> Option<&str> {
        match self.0.first() {
            Some(PathSegment::Name(name)) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for PropertyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Index(index) => write!(f, "[{index}]")?,
                // Names that would be mistaken for several are quoted, as Pulumi does.
                PathSegment::Name(name) if name.is_empty() || name.contains(['.', '[', ']', '"']) => {
                    write!(f, "[{name:?}]")?;
                }
                PathSegment::Name(name) if position == 0 => f.write_str(name)?,
                PathSegment::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// A text that isn't a pattern of property paths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{pattern}' is not a property path: {reason} at character {position}")]
pub struct InvalidPathPattern {
    /// The text.
    pub pattern: String,
    /// What is wrong.
    pub reason: &'static str,
    /// Where, counted from 1.
    pub position: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternSegment {
    Name(String),
    Index(usize),
    Any,
}

/// A pattern of property paths in Pulumi's grammar: names joined with dots, `[0]`, `["a.name"]`, and `*` or `[*]` for
/// every name or index. It covers the property it names and all that stands inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Vec<PatternSegment>);

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPathPattern`] for an empty name, an open bracket or quote, or something other than a number, a quoted
    /// name or `*` between brackets.
    pub fn parse(pattern: &str) -> Result<Self, InvalidPathPattern> {
        let error = |rest: &str, reason| InvalidPathPattern {
            pattern: pattern.to_owned(),
            reason,
            position: pattern[..pattern.len() - rest.len()].chars().count() + 1,
        };
        let (mut segments, mut rest, mut after_dot) = (Vec::new(), pattern, true);
        while !rest.is_empty() || after_dot {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (name, tail) = quoted_name(quoted).ok_or_else(|| error(rest, "the quote isn't closed"))?;
                rest = tail.strip_prefix(']').ok_or_else(|| error(tail, "expected ']'"))?;
                segments.push(PatternSegment::Name(name));
            } else if let Some(inner) = rest.strip_prefix('[') {
                let end = inner.find(']').ok_or_else(|| error(rest, "the bracket isn't closed"))?;
                segments.push(match &inner[..end] {
                    "*" => PatternSegment::Any,
                    number => PatternSegment::Index(
                        number.parse().map_err(|_| error(inner, "expected a number, '*' or a quoted name"))?,
                    ),
                });
                rest = &inner[end + 1..];
            } else if !after_dot {
                return Err(error(rest, "expected '.' or '['"));
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                segments.push(match &rest[..end] {
                    "" => return Err(error(rest, "expected a name")),
                    "*" => PatternSegment::Any,
                    name => PatternSegment::Name(name.to_owned()),
                });
                rest = &rest[end..];
            }
            after_dot = match rest.strip_prefix('.') {
                Some(tail) => {
                    rest = tail;
                    true
                }
                None => false,
            };
        }
        Ok(Self(segments))
    }

    /// Whether a change at `path` touches what the pattern names: one of the two lies inside the other.
    pub fn touches(&self, path: &PropertyPath) -> bool {
        self.0.iter().zip(&path.0).all(|(pattern, segment)| match (pattern, segment) {
            (PatternSegment::Any, _) => true,
            (PatternSegment::Name(name), PathSegment::Name(other)) => **name == **other,
            (PatternSegment::Index(index), PathSegment::Index(other)) => index == other,
            _ => false,
        })
    }

    /// Puts the old value of what the pattern names into `new`; where there was none, takes the new one away.
    /// List elements are replaced only where both lists have them, since taking one away would move the others.
    pub fn restore(&self, old: &PropertyMap, new: &mut PropertyMap) {
        restore_map(&self.0, old, new);
    }
}

/// Reads up to the closing quote; `\"` and `\\` stand for the characters themselves.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let (mut name, mut escaped) = (String::new(), false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => {
                name.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((name, &text[index + 1..])),
            _ => name.push(character),
        }
    }
    None
}

fn restore_map(pattern: &[PatternSegment], old: &PropertyMap, new: &mut PropertyMap) {
    let Some((first, rest)) = pattern.split_first() else { return };
    let names: Vec<String> = match first {
        PatternSegment::Name(name) => vec![name.clone()],
        PatternSegment::Any => {
            let mut names: Vec<String> = old.keys().chain(new.keys()).map(str::to_owned).collect();
            names.sort_unstable();
            names.dedup();
            names
        }
        PatternSegment::Index(_) => return,
    };
    for name in names {
        match (old.get(&name), new.get_mut(&name)) {
            (Some(before), _) if rest.is_empty() => {
                let before = before.clone();
                new.insert(name.as_str(), before);
            }
            (None, Some(_)) if rest.is_empty() => {
                new.remove(&name);
            }
            (before, Some(now)) => restore_value(rest, before.unwrap_or(&Value::Null), now),
            _ => {}
        }
    }
}

fn restore_value(pattern: &[PatternSegment], old: &Value, new: &mut Value) {
    let Some(first) = pattern.first() else {
        *new = old.clone();
        return;
    };
    let empty = PropertyMap::new();
    match new {
        Value::Secret(secret) => {
            let mut inner = secret.expose().clone();
            restore_value(pattern, old, &mut inner);
            *new = Value::secret(inner);
        }
        Value::Map(map) => restore_map(pattern, old.as_map().unwrap_or(&empty), map),
        Value::List(list) => {
            let before = old.as_list().unwrap_or_default();
            for (index, (now, before)) in list.iter_mut().zip(before).enumerate() {
                if matches!(first, PatternSegment::Any) || *first == PatternSegment::Index(index) {
                    restore_value(&pattern[1..], before, now);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[&str]) -> PropertyPath {
        PropertyPath(
            segments
                .iter()
                .map(|text| match text.parse() {
                    Ok(index) => PathSegment::Index(index),
                    Err(_) => PathSegment::Name((*text).into()),
                })
                .collect(),
        )
    }

    #[test]
    fn paths_are_shown_as_people_write_them() {
        assert_eq!(path(&["environment", "variables", "A"]).to_string(), "environment.variables.A");
        assert_eq!(path(&["rules", "0", "port"]).to_string(), "rules[0].port");
        assert_eq!(path(&["tags", "a.b"]).to_string(), "tags[\"a.b\"]");
    }

    #[test]
    fn patterns_cover_what_they_name_and_what_is_inside() {
        let touches = |pattern: &str, at: &[&str]| PathPattern::parse(pattern).unwrap().touches(&path(at));
        assert!(touches("environment", &["environment", "variables", "A"]));
        assert!(touches("environment.variables.A", &["environment"]));
        assert!(!touches("environment.variables.A", &["environment", "variables", "B"]));
        assert!(touches("rules[*].port", &["rules", "3", "port"]));
        assert!(!touches("rules[1].port", &["rules", "3", "port"]));
        assert!(touches("tags[\"a.b\"]", &["tags", "a.b"]));
        assert!(touches("*", &["anything"]));
    }

    #[test]
    fn broken_patterns_are_refused_with_the_place() {
        for (pattern, position) in [("", 1), ("a.", 3), ("a[", 2), ("a[x]", 3), ("a[\"b]", 2), ("a[0]b", 5)] {
            let error = PathPattern::parse(pattern).unwrap_err();
            assert_eq!(error.position, position, "{error}");
        }
    }

    #[test]
    fn restoring_puts_back_the_old_value_and_takes_away_what_was_not_there() {
        let inner = |a: &str, b: Option<&str>| {
            let mut map: PropertyMap = [("a", a)].into();
            b.map(|b| map.insert("b", b));
            map
        };
        let old: PropertyMap = [("env", Value::from(inner("old", None))), ("size", 1.0.into())].into();
        let mut new: PropertyMap = [("env", Value::from(inner("new", Some("x")))), ("size", 2.0.into())].into();
        PathPattern::parse("env.a").unwrap().restore(&old, &mut new);
        PathPattern::parse("env.b").unwrap().restore(&old, &mut new);
        PathPattern::parse("size").unwrap().restore(&old, &mut new);
        PathPattern::parse("nowhere.at.all").unwrap().restore(&old, &mut new);
        assert_eq!(new, old);
    }

    #[test]
    fn restoring_reaches_into_lists_and_secrets() {
        let list = |port: f64| Value::List(vec![Value::Map([("port", port)].into())]);
        let old: PropertyMap = [("rules", list(80.0))].into();
        let mut new: PropertyMap = [("rules", Value::secret(list(443.0)))].into();
        PathPattern::parse("rules[*].port").unwrap().restore(&old, &mut new);
        assert_eq!(new.get("rules"), Some(&Value::secret(list(80.0))));
    }
}
