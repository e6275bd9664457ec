//! Errors of other crates in words: an error of theirs often says only that something went wrong, and its cause what.

use std::error::Error;
use std::fmt::Write as _;

/// An error's message with those of its causes that it doesn't hold already.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            let _ = write!(text, ": {message}");
        }
        source = cause.source();
    }
    text
}

/// The message of the innermost cause alone: where those around it only repeat what was tried.
pub fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn each_cause_is_said_once() {
        let error = Told("outer", Some(Box::new(Told("the outer", Some(Box::new(Told("inner", None)))))));
        assert_eq!(with_causes(&error), "outer: the outer: inner");
        assert_eq!(innermost(&error), "inner");
        assert_eq!(with_causes(&Told("it failed: inner", Some(Box::new(Told("inner", None))))), "it failed: inner");
    }
}
