//! The one error of the domain's value objects: what was expected, what was given, why it was
//! refused, and apart from that what to write instead. Callers add where the value stood.

use std::fmt;

/// A value that its type refuses.
///
/// The message (`Display`) says what is wrong; the [`hint`](InvalidValue::hint) says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct InvalidValue {
    what: &'static str,
    given: Option<String>,
    reason: String,
    hint: Option<String>,
}

impl InvalidValue {
    /// An error for the value `given`, which should have been a `what` (such as `"component name"`).
    pub fn new(what: &'static str, given: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { what, given: Some(given.into()), reason: reason.to_string(), hint: None }
    }

    /// An error for values that are valid by themselves and can't stand together in a `what`;
    /// `reason` is the whole message.
    pub fn contradiction(what: &'static str, reason: impl fmt::Display) -> Self {
        Self { what, given: None, reason: reason.to_string(), hint: None }
    }

    fn message(&self) -> String {
        match &self.given {
            Some(given) => format!("{given:?} is not a valid {}: {}", self.what, self.reason),
            None => self.reason.clone(),
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the value should have been, such as `component name`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Why it was refused, without the value.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What to write instead, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
