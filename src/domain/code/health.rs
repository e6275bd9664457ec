//! How a deployed component is asked whether it works.

use std::fmt;
use std::str::FromStr;

use crate::domain::gateway::route::percent_is_encoding;
use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::Timeout;

/// The path, and perhaps query, of a request: starts with `/`, nothing in it that a request
/// line can't carry, no fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestPath(String);

impl RequestPath {
    /// The path with its query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }
}

impl FromStr for RequestPath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| InvalidValue::new("request path", text, reason);
        if !text.starts_with('/') {
            return Err(refuse("it doesn't start with '/'").with_hint(if text.contains("://") {
                "write the path alone, without scheme and host".to_owned()
            } else {
                format!("did you mean \"/{text}\"?")
            }));
        }
        if text.starts_with("//") {
            return Err(refuse("it starts with two slashes, which would name a host"));
        }
        if text.contains('#') {
            return Err(refuse("a fragment is never sent"));
        }
        if text.contains(['{', '}']) {
            return Err(refuse("a request goes to one path").with_hint("write a path without {…}"));
        }
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`|".contains(*c)) {
            return Err(InvalidValue::new("request path", text, format!("{wrong:?} can't stand in it"))
                .with_hint("encode it with %"));
        }
        if !percent_is_encoding(text) {
            return Err(refuse("a '%' doesn't begin an encoded character").with_hint("write %25 for a '%'"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A request that must be answered with success before a deployment counts as done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for.
    pub path: RequestPath,
    /// How long the component may take until it first answers well.
    pub timeout: Timeout,
}

/// What a function is invoked with: a JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonEvent(String);

impl JsonEvent {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JsonEvent {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(InvalidValue::new("event", text, format!("it is no JSON: {error}"))
                .with_hint("write JSON in single quotes, such as '{\"ping\": true}'")),
        }
    }
}

/// An invocation that must end without an error before a deployment counts as done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// What it is invoked with.
    pub event: JsonEvent,
    /// How long the component may take until it first answers well.
    pub timeout: Timeout,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json() {
        assert_eq!("{\"ping\": true}".parse::<JsonEvent>().unwrap().as_str(), "{\"ping\": true}");
        for bad in ["", "{", "ping", "{} {}"] {
            assert!(bad.parse::<JsonEvent>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn paths_are_what_a_request_can_carry() {
        let path: RequestPath = "/health?deep=1".parse().unwrap();
        assert_eq!((path.as_str(), path.path()), ("/health?deep=1", "/health"));
        for bad in ["", "health", "//evil.example", "/a b", "/a#b", "/{id}", "/é", "http://a/b", "/a\nb", "/%", "/%2"]
        {
            assert!(bad.parse::<RequestPath>().is_err(), "{bad:?} was accepted");
        }
    }
}
