//! Paths into configuration values: `outer.inner`, `names[0]`, `["a.b"].c`.

use std::fmt;

use super::{ConfigKey, SettingsError};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// The entry of a map.
    Key(String),
    /// The item of a list, from 0.
    Index(usize),
}

/// A path into a value. The empty path is the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyPath(pub Vec<PathStep>);

impl PropertyPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPath`]
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut steps = Vec::new();
        let mut rest = text;
        let bad = |reason| SettingsError::InvalidPath { text: text.to_owned(), reason };
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = match inside.strip_prefix('"') {
                    Some(quoted) => quoted_key(quoted).ok_or_else(|| bad("a quote or bracket isn't closed"))?,
                    None => {
                        let (digits, after) = inside.split_once(']').ok_or_else(|| bad("a bracket isn't closed"))?;
                        let index = digits.parse().map_err(|_| bad("an index isn't a number"))?;
                        (PathStep::Index(index), after)
                    }
                };
                steps.push(step);
                rest = after;
            } else {
                let name = match rest.strip_prefix('.') {
                    Some(after) if !steps.is_empty() => after,
                    _ => rest,
                };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 {
                    return Err(bad("a name is missing"));
                }
                steps.push(PathStep::Key(name[..end].to_owned()));
                rest = &name[end..];
                if rest == "." {
                    return Err(bad("a name is missing"));
                }
            }
        }
        Ok(Self(steps))
    }

    /// Reads what follows `--path`: a key, and the path into its value. A key without a namespace is the project's.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPath`], [`SettingsError::InvalidKey`]
    pub fn of_key(text: &str, project: &str) -> Result<(ConfigKey, Self), SettingsError> {
        // Only the first part may have a namespace: below it, names may hold colons.
        let top = text.find(['.', '[']).unwrap_or(text.len());
        let (namespace, path) = match text[..top].rsplit_once(':') {
            Some(_) => {
                let key = ConfigKey::parse(&text[..top])?;
                (key.namespace().to_owned(), format!("{}{}", key.name(), &text[top..]))
            }
            None => (project.to_owned(), text.to_owned()),
        };
        let Self(mut steps) = Self::parse(&path)?;
        let bad = |reason| SettingsError::InvalidPath { text: text.to_owned(), reason };
        if steps.is_empty() {
            return Err(bad("a name is missing"));
        }
        match steps.remove(0) {
            PathStep::Key(name) if !name.is_empty() => Ok((ConfigKey::new(namespace, name), Self(steps))),
            _ => Err(bad("the first part isn't a name")),
        }
    }
}

/// The key before `"]`, with `\"` for a quote, and what follows.
fn quoted_key(text: &str) -> Option<(PathStep, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if text[at + 1..].starts_with('"') => {
                characters.next();
                key.push('"');
            }
            '"' => return text[at + 1..].strip_prefix(']').map(|rest| (PathStep::Key(key), rest)),
            other => key.push(other),
        }
    }
    None
}

impl fmt::Display for PropertyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) if key.is_empty() || key.contains(['.', '[', '"']) => {
                    write!(f, "[\"{}\"]", key.replace('"', "\\\""))?;
                }
                PathStep::Key(key) if position == 0 => f.write_str(key)?,
                PathStep::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_shown() {
        use PathStep::{Index, Key};
        let key = |text: &str| Key(text.to_owned());
        for (text, steps) in [
            ("a", vec![key("a")]),
            ("a.b[0].c", vec![key("a"), key("b"), Index(0), key("c")]),
            ("a[\"b.c\"]", vec![key("a"), key("b.c")]),
            ("[\"a \\\" b\"].c", vec![key("a \" b"), key("c")]),
            ("", vec![]),
        ] {
            let path = PropertyPath::parse(text).unwrap();
            assert_eq!(path.0, steps, "{text}");
            assert_eq!(PropertyPath::parse(&path.to_string()).unwrap(), path);
        }
        for text in ["a.", "a..b", "a[", "a[x]", "a[\"b]", "a[-1]", "."] {
            assert!(PropertyPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_first_part_has_a_namespace() {
        let of = |text: &str| {
            let (key, path) = PropertyPath::of_key(text, "shop").unwrap();
            (key.to_string(), path.to_string())
        };
        assert_eq!(of("a"), ("shop:a".to_owned(), String::new()));
        assert_eq!(of("aws:tags.a:b"), ("aws:tags".to_owned(), "a:b".to_owned()));
        assert_eq!(of("[\"a.b\"].c"), ("shop:a.b".to_owned(), "c".to_owned()));
        for text in ["", "[0]", "a:b:c.d", "[\"\"]"] {
            assert!(PropertyPath::of_key(text, "shop").is_err(), "{text}");
        }
    }
}
