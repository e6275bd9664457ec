//! Holds a tree against the configuration's shape and finds everything that doesn't fit, not only
//! the first: unknown and missing keys, wrong kinds of value, values that their types refuse.

use crate::domain::violation::FieldPath;

use crate::adapters::configuration::document::problem::Problem;
use crate::adapters::configuration::document::source::Span;
use crate::adapters::configuration::document::suggest;
use crate::adapters::configuration::document::tree::{Content, Node, Scalar, ScalarKind};
use crate::adapters::configuration::shape::{Choice, MapShape, ObjectShape, Shape, TextShape};

/// All that keeps `node`, the field at `path`, from being what `shape` says.
pub fn check(node: &Node, shape: &Shape, path: &FieldPath) -> Vec<Problem> {
    let mut checker = Checker { problems: Vec::new() };
    checker.check(node, shape, path);
    checker.problems
}

struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    fn report(&mut self, problem: Problem, path: &FieldPath, span: Span, label: impl Into<String>) {
        self.problems.push(problem.in_field(path).at(span, label));
    }

    fn check(&mut self, node: &Node, shape: &Shape, path: &FieldPath) {
        let single = matches!(shape, Shape::Text(_) | Shape::WholeNumber { .. } | Shape::Boolean | Shape::WordOr(..));
        if single && node.is_reference() {
            // Checked when the value is known.
            return;
        }
        match shape {
            Shape::Object(object) => self.object(node, object, path, false),
            Shape::Partial(object) => self.object(node, object, path, true),
            Shape::Choice(choice) => self.choice(node, choice, path, false),
            Shape::PartialChoice(choice) => self.choice(node, choice, path, true),
            Shape::Map(map) => self.map(node, map, path, false),
            Shape::List { items, at_least } => self.list(node, items, *at_least, path),
            Shape::Text(text) => self.text(node, text, path),
            Shape::AnythingOr(_, object) if matches!(node.content, Content::Map(_)) => {
                self.object(node, object, path, false);
            }
            Shape::Anything(_) | Shape::AnythingOr(..) => self.anything(node, path),
            Shape::WholeNumber { from, to } => self.whole_number(node, *from, *to, path),
            Shape::Boolean => self.boolean(node, path),
            Shape::WordOr(word, other) => self.word_or(node, word, other, path),
        }
    }

    fn object(&mut self, node: &Node, shape: &'static ObjectShape, path: &FieldPath, partial: bool) {
        let entries = match &node.content {
            Content::Map(entries) => entries.as_slice(),
            // A key whose entries are all left out or commented out.
            Content::Null => &[],
            _ => return self.wrong_kind(node, "a mapping", path),
        };
        let keys: Vec<&str> = shape.fields.iter().map(|field| field.key).collect();
        let mut meant = Vec::new();
        for entry in entries {
            let field_path = path.clone().key(&entry.key);
            let Some(field) = shape.field(&entry.key) else {
                let reserved = shape.reserved.iter().find(|(key, _)| *key == entry.key);
                let hint = match reserved {
                    Some((_, hint)) => (*hint).to_owned(),
                    None => suggest::hint(&entry.key, &keys),
                };
                meant.extend(suggest::nearest(&entry.key, keys.iter().copied()));
                let message = format!("the key {:?} is not known here", entry.key);
                let problem = Problem::new("config/unknown-key", message).with_hint(hint);
                self.report(problem, &field_path, entry.key_span, "unknown key");
                continue;
            };
            // In what an environment changes, an empty value removes what was there.
            if partial && !field.required && entry.value.content == Content::Null {
                continue;
            }
            // What an environment changes about an object may be a part of it as well.
            match (partial, &field.shape) {
                (true, Shape::Map(map)) => self.map(&entry.value, map, &field_path, true),
                (true, Shape::Object(object)) => self.object(&entry.value, object, &field_path, true),
                (true, Shape::WordOr(_, Shape::Object(object))) if matches!(entry.value.content, Content::Map(_)) => {
                    self.object(&entry.value, object, &field_path, true);
                }
                (_, shape) => self.check(&entry.value, shape, &field_path),
            }
        }
        if partial {
            return;
        }
        for field in shape.fields.iter().filter(|field| field.required) {
            // Whoever misspelt a key has been told so.
            if node.get(field.key).is_none() && !meant.contains(&field.key) {
                let problem = Problem::new("config/missing-key", format!("the key {:?} is missing", field.key))
                    .with_hint(self::example_of(field.key, &field.shape));
                self.report(problem, &path.clone().key(field.key), node.span, format!("has no {:?}", field.key));
            }
        }
        let present: Vec<_> = entries.iter().filter(|entry| shape.exactly_one.contains(&entry.key.as_str())).collect();
        let choice = shape.exactly_one.join("\" or \"");
        match present.as_slice() {
            [] if !shape.exactly_one.is_empty() && !shape.exactly_one.iter().any(|key| meant.contains(key)) => {
                let problem = Problem::new("config/missing-key", format!("one of \"{choice}\" is missing"));
                let field = shape.exactly_one.first().and_then(|key| shape.field(key));
                let problem = match field {
                    Some(field) => problem.with_hint(self::example_of(field.key, &field.shape)),
                    None => problem,
                };
                self.report(
                    problem,
                    path,
                    node.span,
                    format!("has neither \"{}\"", shape.exactly_one.join("\" nor \"")),
                );
            }
            [first, second, ..] => {
                let problem = Problem::new("config/contradiction", format!("only one of \"{choice}\" can be given"))
                    .related_to(first.key_span, "given here")
                    .with_hint("keep one of them");
                self.report(problem, path, second.key_span, "and here");
            }
            _ => {}
        }
    }

    fn choice(&mut self, node: &Node, choice: &Choice, path: &FieldPath, partial: bool) {
        let named = match node.get(choice.key).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => choice.form(&scalar.text),
            _ => None,
        };
        if let Some(form) = named {
            return self.object(node, form, path, partial);
        }
        // Which form is meant isn't said, or not in words that are known: it is held against the one that it fits best.
        let found = (choice.forms)().into_iter().map(|(_, form)| {
            let mut checker = Self { problems: Vec::new() };
            checker.object(node, form, path, partial);
            checker.problems
        });
        self.problems.extend(found.min_by_key(Vec::len).unwrap_or_default());
    }

    fn map(&mut self, node: &Node, shape: &MapShape, path: &FieldPath, partial: bool) {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Null => return,
            _ => return self.wrong_kind(node, "a mapping", path),
        };
        for entry in entries {
            let entry_path = path.clone().key(&entry.key);
            if let Err(error) = (shape.keys.check)(&entry.key) {
                self.report(Problem::invalid(&error), &entry_path, entry.key_span, format!("not {}", shape.keys.what));
            }
            if partial && entry.value.content == Content::Null {
                continue;
            }
            self.check(&entry.value, &shape.values, &entry_path);
        }
    }

    fn list(&mut self, node: &Node, items: &Shape, at_least: usize, path: &FieldPath) {
        let given = match &node.content {
            Content::List(given) => given.as_slice(),
            Content::Null if at_least == 0 => &[],
            Content::Null => return self.no_value(node, path),
            Content::Scalar(scalar) => {
                let problem = Problem::new("config/wrong-kind", "expected a list, found a single value")
                    .with_hint(format!("write [{}]", scalar.text));
                return self.report(problem, path, node.span, "not a list");
            }
            Content::Map(_) => return self.wrong_kind(node, "a list", path),
        };
        if given.len() < at_least {
            let problem = Problem::new("config/invalid-value", "the list is empty")
                .with_hint("leave the key out, or give at least one item");
            self.report(problem, path, node.span, "nothing in it");
        }
        for (index, item) in given.iter().enumerate() {
            self.check(item, items, &path.clone().index(index));
        }
    }

    fn text(&mut self, node: &Node, shape: &TextShape, path: &FieldPath) {
        let scalar = match &node.content {
            Content::Scalar(scalar) => scalar,
            Content::Null => return self.no_value(node, path),
            _ => return self.wrong_kind(node, shape.what, path),
        };
        if let Err(error) = (shape.check)(&scalar.text) {
            let near = suggest::nearest(&scalar.text, shape.choices.iter().copied());
            let problem = Problem::invalid(&error);
            let problem = match near {
                Some(word) if word != scalar.text && !shape.choices.is_empty() => {
                    problem.with_hint(suggest::hint(&scalar.text, shape.choices))
                }
                _ => problem,
            };
            return self.report(problem, path, node.span, format!("not {}", shape.what));
        }
        // Text that other readers of YAML, and editors with the schema, take for something else.
        if !matches!(scalar.kind, ScalarKind::Text | ScalarKind::Configured) {
            let problem = Problem::new(
                "config/unquoted-text",
                format!("expected text, found {}: {}", node.describe(), scalar.text),
            )
            .with_hint(format!("put it into quotes: {:?}", scalar.text));
            self.report(problem, path, node.span, "needs quotes");
        }
    }

    fn anything(&mut self, node: &Node, path: &FieldPath) {
        match &node.content {
            Content::Scalar(scalar) if scalar.text.contains('\0') => {
                let problem = Problem::new(
                    "config/invalid-value",
                    "there is a NUL character in the value, which no environment can carry",
                );
                self.report(problem, path, node.span, "NUL in it");
            }
            Content::Scalar(_) => {}
            Content::Null => self.no_value(node, path),
            Content::List(_) | Content::Map(_) => {
                let problem =
                    Problem::new("config/wrong-kind", format!("expected a single value, found {}", node.describe()))
                        .with_hint("put it into quotes if it is meant as text");
                self.report(problem, path, node.span, "not a single value");
            }
        }
    }

    fn whole_number(&mut self, node: &Node, from: u32, to: u32, path: &FieldPath) {
        let number = match &node.content {
            Content::Scalar(Scalar { text, kind }) => match (kind, text.parse::<u32>()) {
                (ScalarKind::Number | ScalarKind::Configured, Ok(number))
                    if (from..=to).contains(&number) && !text.starts_with('+') =>
                {
                    return;
                }
                (ScalarKind::Text, Ok(_)) => {
                    let problem = Problem::new("config/wrong-kind", "expected a number, found text")
                        .with_hint(format!("write {text} without quotes"));
                    return self.report(problem, path, node.span, "not a number");
                }
                _ => text,
            },
            Content::Null => return self.no_value(node, path),
            _ => return self.wrong_kind(node, "a number", path),
        };
        let range = if to == u32::MAX {
            format!("a whole number of at least {from}")
        } else {
            format!("a whole number from {from} to {to}")
        };
        let problem = Problem::new("config/invalid-value", format!("{number:?} is not {range}"));
        self.report(problem, path, node.span, format!("not {range}"));
    }

    fn boolean(&mut self, node: &Node, path: &FieldPath) {
        let Content::Scalar(scalar) = &node.content else {
            return match node.content {
                Content::Null => self.no_value(node, path),
                _ => self.wrong_kind(node, "true or false", path),
            };
        };
        if scalar.truth().is_some() {
            return;
        }
        let meant = match scalar.text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "true" | "1" => Some("true"),
            "no" | "n" | "off" | "false" | "0" => Some("false"),
            _ => None,
        };
        let problem = Problem::new("config/wrong-kind", format!("expected true or false, found {:?}", scalar.text));
        let problem = match meant {
            Some(word) => problem.with_hint(format!("write {word}, without quotes")),
            None => problem,
        };
        self.report(problem, path, node.span, "neither true nor false");
    }

    fn word_or(&mut self, node: &Node, word: &str, other: &Shape, path: &FieldPath) {
        match &node.content {
            Content::Scalar(scalar) if scalar.text == word => {}
            Content::Scalar(scalar) => {
                let problem = Problem::new(
                    "config/invalid-value",
                    format!("expected {word} or a mapping, found {:?}", scalar.text),
                );
                let problem = match suggest::nearest(&scalar.text, [word]) {
                    Some(word) => problem.with_hint(format!("did you mean {word}?")),
                    None => problem,
                };
                self.report(problem, path, node.span, format!("neither {word} nor a mapping"));
            }
            Content::Null => self.no_value(node, path),
            _ => self.check(node, other, path),
        }
    }

    fn no_value(&mut self, node: &Node, path: &FieldPath) {
        let problem = Problem::new("config/missing-value", "a value is missing")
            .with_hint("give it a value (text that is empty or says null goes into quotes), or remove the line");
        self.report(problem, path, node.span, "has no value");
    }

    fn wrong_kind(&mut self, node: &Node, expected: &str, path: &FieldPath) {
        let problem = Problem::new("config/wrong-kind", format!("expected {expected}, found {}", node.describe()));
        self.report(problem, path, node.span, format!("not {expected}"));
    }
}

/// How the key could be written.
fn example_of(key: &str, shape: &Shape) -> String {
    match shape {
        Shape::Text(text) => match text.examples.first() {
            Some(example) => format!("for example `{key}: {example}`"),
            None => format!("add `{key}: …`"),
        },
        Shape::List { items: Shape::Text(text), .. } => {
            format!("for example `{key}: [{}]`", text.examples.first().unwrap_or(&"…"))
        }
        Shape::WholeNumber { .. } => format!("for example `{key}: 100`"),
        Shape::Boolean => format!("write `{key}: true` or `{key}: false`"),
        _ => format!("add `{key}:` and its entries"),
    }
}
