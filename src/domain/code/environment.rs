//! The environment variables of a function: names, and values that may have to stay secret.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::str::FromStr;

use super::config_text::{ConfigText, Template};
use crate::domain::invalid::InvalidValue;

/// The name of an environment variable: letters, digits and `_`, not starting with a digit
/// (POSIX, Base Definitions 8.1, and lower case as every platform accepts it).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableName(String);

impl VariableName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: String| {
            InvalidValue::new("environment variable name", text, reason)
                .with_hint("use letters, digits and '_', and start with a letter or '_'")
        };
        if text.is_empty() {
            return Err(refuse("it is empty".into()));
        }
        if let Some(wrong) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
            return Err(refuse(format!("{wrong:?} is not allowed in it")));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(refuse("it starts with a digit".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The value of an environment variable: plain, made of configuration values, or a secret that is taken from a variable of
/// the deploying command itself. What it holds is reached by [`VariableValue::expose`] only, and not
/// shown by `Debug` or `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct VariableValue {
    text: String,
    /// The variable that the secret is taken from, and whether it was.
    source: Option<(VariableName, bool)>,
    /// The text with its references to configuration values.
    template: Option<Template>,
}

impl VariableValue {
    /// A value that stands in the configuration for everybody to read.
    ///
    /// # Errors
    /// When there is a NUL in it, which no environment can carry.
    pub fn plain(value: impl Into<String>) -> Result<Self, InvalidValue> {
        let text = value.into();
        if text.contains('\0') {
            return Err(InvalidValue::new("environment variable value", "…", "there is a NUL character in it"));
        }
        Ok(Self { text, source: None, template: None })
    }

    /// A value that stands in the configuration, and may refer to a stack's configuration values.
    ///
    /// # Errors
    /// As [`VariableValue::plain`], and when a reference isn't one.
    pub fn written(value: &str) -> Result<Self, InvalidValue> {
        let template = Template::parse(value).map_err(|reason| {
            InvalidValue::new("environment variable value", value, reason)
                .with_hint("write ${config.<name>}, or $${config. for the characters themselves")
        })?;
        let text = template.as_ref().map_or_else(|| value.to_owned(), Template::text);
        Ok(Self { template, ..Self::plain(text)? })
    }

    /// A secret that is to be taken from the variable `name` of the deploying command; empty until then.
    pub fn secret_from(name: VariableName) -> Self {
        Self { text: String::new(), source: Some((name, false)), template: None }
    }

    /// Takes the secret out of the variables that `lookup` knows, if it is one; whether it is there now.
    pub fn take(&mut self, lookup: impl Fn(&str) -> Option<String>) -> bool {
        let Some((name, taken)) = &mut self.source else { return true };
        if let Some(text) = lookup(name.as_str()) {
            (self.text, *taken) = (text, true);
        }
        *taken
    }

    /// The configuration values that it refers to.
    pub fn config_names(&self) -> impl Iterator<Item = &str> {
        self.template.iter().flat_map(Template::names)
    }

    /// The configuration values that it refers to and that aren't known.
    pub fn unknown_config(&self) -> impl Iterator<Item = &str> {
        self.template.iter().flat_map(Template::unknown)
    }

    /// Puts in the configuration values that `lookup` knows.
    pub fn fill(&mut self, lookup: &dyn Fn(&str) -> Option<ConfigText>) {
        if let Some(template) = &mut self.template {
            template.fill(lookup);
            self.text = template.text();
        }
    }

    /// The variable that a secret is to be taken from and wasn't yet.
    pub fn missing(&self) -> Option<&VariableName> {
        self.source.as_ref().filter(|(_, taken)| !taken).map(|(name, _)| name)
    }

    /// The value itself, for the call that sets it and for nothing that is shown.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether the value has to be kept secret wherever it goes.
    pub fn is_secret(&self) -> bool {
        self.source.is_some() || self.template.as_ref().is_some_and(Template::is_secret)
    }
}

impl fmt::Debug for VariableValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VariableValue(…)")
    }
}

/// The environment variables of a function, each name once, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<VariableName, VariableValue>);

impl Environment {
    /// Sets a variable and gives back what it was before.
    pub fn insert(&mut self, name: VariableName, value: VariableValue) -> Option<VariableValue> {
        self.0.insert(name, value)
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&VariableValue> {
        self.0.iter().find_map(|(known, value)| (known.as_str() == name).then_some(value))
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> btree_map::Iter<'_, VariableName, VariableValue> {
        self.0.iter()
    }

    /// Takes the secrets out of the variables that `lookup` knows; those that aren't there stay missing.
    pub fn take_secrets(&mut self, lookup: &dyn Fn(&str) -> Option<String>) {
        for value in self.0.values_mut() {
            value.take(lookup);
        }
    }

    /// Puts in the configuration values that `lookup` knows.
    pub fn fill_config(&mut self, lookup: &dyn Fn(&str) -> Option<ConfigText>) {
        for value in self.0.values_mut() {
            value.fill(lookup);
        }
    }

    /// The configuration values that it refers to.
    pub fn config_names(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(VariableValue::config_names)
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no variable.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Environment {
    type Item = (&'a VariableName, &'a VariableValue);
    type IntoIter = btree_map::Iter<'a, VariableName, VariableValue>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(VariableName, VariableValue)> for Environment {
    fn from_iter<I: IntoIterator<Item = (VariableName, VariableValue)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_posix() {
        for good in ["A", "_HANDLER", "apiVersion", "X_2"] {
            assert_eq!(good.parse::<VariableName>().unwrap().as_str(), good);
        }
        for bad in ["", "2X", "A-B", "A B", "A=B", "É"] {
            assert!(bad.parse::<VariableName>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn values_are_not_shown_by_accident() {
        let value = VariableValue::plain("hunter2").unwrap();
        let environment: Environment = [("PASSWORD".parse().unwrap(), value)].into_iter().collect();
        assert!(!format!("{environment:?}").contains("hunter2"));
        assert_eq!(environment.get("PASSWORD").unwrap().expose(), "hunter2");
        assert!(VariableValue::plain("a\0b").is_err());
    }

    #[test]
    fn a_secret_is_missing_until_it_is_taken() {
        let mut value = VariableValue::secret_from("TOKEN".parse().unwrap());
        assert!(value.is_secret() && !value.take(|_| None));
        assert_eq!((value.missing().map(VariableName::as_str), value.expose()), (Some("TOKEN"), ""));
        assert!(value.take(|name| (name == "TOKEN").then(|| "hunter2".to_owned())));
        assert_eq!((value.missing(), value.expose()), (None, "hunter2"));
        assert!(value.is_secret() && !format!("{value:?}").contains("hunter2"));
        let mut plain = VariableValue::plain("v1").unwrap();
        assert!(plain.take(|_| None) && plain.missing().is_none() && !plain.is_secret());
    }
}
