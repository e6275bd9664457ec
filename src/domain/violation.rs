//! What a cloud's rules have to say about a component before anything is called: which field
//! breaks which rule, how badly, and where the rule is written down.

use std::fmt;

/// Whether a violated rule stops a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The cloud would refuse it, or it could never work.
    Error,
    /// It works today, but not for long or not as one would expect.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One step from a component to one of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldStep {
    /// Into the field or entry of that name.
    Key(String),
    /// Into the item at that position of a list, from 0.
    Index(usize),
}

/// The way from a component to one of its fields, in the words of the configuration, such as
/// `gateway.routes[0].path`. The empty path is the component itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Vec<FieldStep>);

impl FieldPath {
    /// The component itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The field reached through `keys`.
    pub fn of<const N: usize>(keys: [&str; N]) -> Self {
        Self(keys.into_iter().map(|key| FieldStep::Key(key.into())).collect())
    }

    /// The field `key` of this one.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(FieldStep::Key(key.into()));
        self
    }

    /// The item at `index` of this list.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(FieldStep::Index(index));
        self
    }

    /// The steps from the component on.
    pub fn steps(&self) -> &[FieldStep] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                FieldStep::Key(key) if position == 0 => formatter.write_str(key)?,
                FieldStep::Key(key) => write!(formatter, ".{key}")?,
                FieldStep::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A rule of a cloud that a component breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A stable name of the rule, such as `aws/memory-range`.
    pub code: &'static str,
    /// Whether the deployment may go on.
    pub severity: Severity,
    /// The field that breaks it.
    pub field: FieldPath,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The page of the cloud's documentation that has the rule.
    pub source_url: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_as_one_would_write_them() {
        let path = FieldPath::of(["gateway", "routes"]).index(0).key("path");
        assert_eq!(path.to_string(), "gateway.routes[0].path");
        assert_eq!(FieldPath::root().to_string(), "");
    }
}
