//! Text with references to a stack's configuration values: `${config.name}`, `${config.namespace:name}`. `$${config.` stands
//! for the characters themselves.

use std::fmt;

/// What a reference begins with; the name and a closing brace follow.
const START: &str = "${config.";

/// A configuration value as it gets into a text.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigText {
    /// The value.
    pub text: String,
    /// Whether it has to stay secret wherever it goes.
    pub is_secret: bool,
}

impl fmt::Debug for ConfigText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConfigText(…)")
    }
}

/// A text with references, and what is known of their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference { name: String, value: Option<ConfigText> },
}

impl Template {
    /// Reads a text. `None` when it holds neither references nor escapes, and stands for itself.
    ///
    /// # Errors
    /// Why a reference isn't one.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        let mut is_plain = true;
        while let Some(at) = rest.find(START) {
            is_plain = false;
            let (before, from) = rest.split_at(at);
            let after = &from[START.len()..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str(START);
                rest = after;
                continue;
            }
            literal.push_str(before);
            let (name, after) = after.split_once('}').ok_or_else(|| format!("'{from}' has no closing '}}'"))?;
            if name.is_empty() || name.contains(char::is_whitespace) || name.contains(['{', '$']) {
                return Err(format!("'{START}{name}}}' names no configuration value"));
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference { name: name.to_owned(), value: None });
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok((!is_plain).then_some(Self { parts }))
    }

    /// The names that it refers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The names whose values aren't known.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference { name, value: None } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Puts in the values that `lookup` knows.
    pub fn fill(&mut self, lookup: impl Fn(&str) -> Option<ConfigText>) {
        for part in &mut self.parts {
            if let Part::Reference { name, value } = part
                && let Some(found) = lookup(name)
            {
                *value = Some(found);
            }
        }
    }

    /// The text with the values that are known.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Reference { value, .. } => value.as_ref().map_or("", |value| value.text.as_str()),
        });
        texts.collect()
    }

    /// Whether one of the values has to stay secret: then the whole text has.
    pub fn is_secret(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Reference { value: Some(value), .. } if value.is_secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> (String, bool, Vec<String>) {
        let mut template = Template::parse(text).unwrap().unwrap();
        template.fill(|name| match name {
            "host" => Some(ConfigText { text: "db".to_owned(), is_secret: false }),
            "aws:token" => Some(ConfigText { text: "hunter2".to_owned(), is_secret: true }),
            _ => None,
        });
        let unknown = template.unknown().map(str::to_owned).collect();
        (template.text(), template.is_secret(), unknown)
    }

    #[test]
    fn values_are_put_in_where_the_text_refers_to_them() {
        assert_eq!(filled("${config.host}"), ("db".to_owned(), false, vec![]));
        assert_eq!(filled("a://${config.host}:${config.aws:token}@x"), ("a://db:hunter2@x".to_owned(), true, vec![]));
        assert_eq!(filled("$${config.host} ${config.host}"), ("${config.host} db".to_owned(), false, vec![]));
        assert_eq!(filled("${config.nothing}!"), ("!".to_owned(), false, vec!["nothing".to_owned()]));
    }

    #[test]
    fn other_texts_stand_for_themselves_and_broken_references_are_told() {
        for text in ["", "plain", "${other}", "$${x}", "$config.x"] {
            assert!(Template::parse(text).unwrap().is_none(), "{text}");
        }
        for text in ["${config.x", "${config.}", "${config.a b}", "x ${config.${config.a}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
