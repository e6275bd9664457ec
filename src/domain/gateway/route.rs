//! Which requests a route takes: a method and a path, or everything that no other route takes.
//! The notation is the one that people know: `GET /users/{id}`, `ANY /{rest+}`.

use std::fmt;
use std::str::FromStr;

use super::authentication::Authentication;
use crate::domain::invalid::InvalidValue;

/// A method of HTTP that a route or a CORS policy can name (RFC 9110 section 9, RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpMethod {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl HttpMethod {
    /// Every method, in alphabetical order.
    pub const ALL: [Self; 7] = [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put];

    /// The method as it stands in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for HttpMethod {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Some(method) = Self::ALL.into_iter().find(|method| method.as_str() == text) {
            return Ok(method);
        }
        let error = InvalidValue::new("HTTP method", text, "there is no such method");
        let upper = text.to_ascii_uppercase();
        Err(match Self::ALL.into_iter().find(|method| method.as_str() == upper) {
            Some(method) => error.with_hint(format!("did you mean {method}?")),
            None => error.with_hint("use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS"),
        })
    }
}

/// The methods that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteMethod {
    /// Every method.
    Any,
    /// One method.
    One(HttpMethod),
}

impl fmt::Display for RouteMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("ANY"),
            Self::One(method) => method.fmt(formatter),
        }
    }
}

impl FromStr for RouteMethod {
    type Err = InvalidValue;

    /// Reads `ANY` or a method.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "ANY" {
            return Ok(Self::Any);
        }
        if text == "*" || text.eq_ignore_ascii_case("any") || text.eq_ignore_ascii_case("all") {
            return Err(InvalidValue::new("HTTP method", text, "there is no such method")
                .with_hint("write ANY, or leave the method out"));
        }
        text.parse().map(Self::One)
    }
}

/// A part of a route's path between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathSegment {
    /// Text that must stand there as it is.
    Literal(String),
    /// `{name}`: any one segment.
    Parameter(String),
    /// `{name+}`: all that is left of the path; only last.
    Greedy(String),
}

/// A route's path: `/`, `/health`, `/users/{id}`, `/files/{path+}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoutePath {
    segments: Vec<PathSegment>,
}

impl RoutePath {
    /// `/`.
    pub fn root() -> Self {
        Self { segments: vec![] }
    }

    /// `/{proxy+}`: every path but `/`.
    pub fn everything() -> Self {
        Self { segments: vec![PathSegment::Greedy("proxy".into())] }
    }

    /// The segments from left to right; none for `/`.
    pub fn segments(&self) -> &[PathSegment] {
        &self.segments
    }

    /// Whether a request for `path` (without query) falls under this route's path.
    pub fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/').skip(1).filter(|segment| !segment.is_empty());
        for segment in &self.segments {
            match (segment, given.next()) {
                (PathSegment::Greedy(_), Some(_)) => return true,
                (PathSegment::Parameter(_), Some(_)) => {}
                (PathSegment::Literal(text), Some(given)) if text == given => {}
                _ => return false,
            }
        }
        given.next().is_none()
    }

    /// The path with its parameters' names left out: two paths of one shape take the same
    /// requests, and no gateway accepts both.
    pub fn shape(&self) -> String {
        self.written(|_| "")
    }

    fn written(&self, name: impl Fn(&str) -> &str) -> String {
        if self.segments.is_empty() {
            return "/".into();
        }
        self.segments
            .iter()
            .map(|segment| match segment {
                PathSegment::Literal(text) => format!("/{text}"),
                PathSegment::Parameter(parameter) => format!("/{{{}}}", name(parameter)),
                PathSegment::Greedy(parameter) => format!("/{{{}+}}", name(parameter)),
            })
            .collect()
    }
}

impl FromStr for RoutePath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: String| InvalidValue::new("route path", text, reason);
        let Some(rest) = text.strip_prefix('/') else {
            let error = refuse("it doesn't start with '/'".into());
            return Err(error.with_hint(if text.contains("://") {
                "write the path alone, without scheme and host".to_owned()
            } else {
                format!("did you mean \"/{text}\"?")
            }));
        };
        if rest.is_empty() {
            return Ok(Self { segments: vec![] });
        }
        if rest.ends_with('/') {
            return Err(refuse("it ends with '/'".into()).with_hint(format!("write {:?}", text.trim_end_matches('/'))));
        }
        let mut segments: Vec<PathSegment> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for part in rest.split('/') {
            if matches!(segments.last(), Some(PathSegment::Greedy(_))) {
                return Err(refuse("a part such as {rest+} takes all that follows".into()).with_hint("put it last"));
            }
            if part.is_empty() {
                return Err(refuse("two slashes stand together".into()));
            }
            if let Some(inner) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                let name = inner.strip_suffix('+').unwrap_or(inner);
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
                    return Err(refuse(format!("{part:?} has no valid name in it"))
                        .with_hint("name it with letters, digits, '_', '-' and '.', such as {id}"));
                }
                if names.contains(&name) {
                    return Err(refuse(format!("the name {name:?} stands there twice")));
                }
                names.push(name);
                segments.push(if inner.ends_with('+') {
                    PathSegment::Greedy(name.into())
                } else {
                    PathSegment::Parameter(name.into())
                });
                continue;
            }
            if part.contains(['{', '}']) {
                return Err(
                    refuse("a parameter must be a whole part of the path".into()).with_hint("such as /users/{id}")
                );
            }
            if let Some(name) = part.strip_prefix(':') {
                return Err(
                    refuse("parameters stand in braces".into()).with_hint(format!("write {{{name}}} for :{name}"))
                );
            }
            if part.contains('*') {
                return Err(refuse("'*' has no meaning in a path".into())
                    .with_hint("write {rest+} as the last part for all that follows"));
            }
            if let Some(wrong) = part.chars().find(|c| !is_path_character(*c)) {
                return Err(refuse(format!("{wrong:?} can't stand in a path"))
                    .with_hint("use letters, digits and -._~!$&'()+,;=:@; encode others with %"));
            }
            if !percent_is_encoding(part) {
                return Err(refuse("a '%' doesn't begin an encoded character".into()).with_hint("write %25 for a '%'"));
            }
            segments.push(PathSegment::Literal(part.into()));
        }
        Ok(Self { segments })
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written(|name| name))
    }
}

/// `pchar` of RFC 3986 section 3.3, without `*`.
fn is_path_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()+,;=:@%".contains(c)
}

/// Whether every `%` is followed by two hexadecimal digits (RFC 3986 section 2.1).
pub(in crate::domain) fn percent_is_encoding(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let mut digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().is_some() && digits.next().is_some()
    })
}

/// Which requests a route takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteKey {
    /// Everything that no other route takes.
    Default,
    /// Requests of a method to a path.
    Path(RouteMethod, RoutePath),
}

impl RouteKey {
    /// What two routes must not have in common: the key without its parameters' names.
    pub fn shape(&self) -> String {
        match self {
            Self::Default => self.to_string(),
            Self::Path(method, path) => format!("{method} {}", path.shape()),
        }
    }
}

impl fmt::Display for RouteKey {
    /// `$default`, `ANY /{rest+}`, `GET /health`: the notation of API Gateway, which OpenAPI
    /// shares but for the greedy part.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("$default"),
            Self::Path(method, path) => write!(formatter, "{method} {path}"),
        }
    }
}

impl FromStr for RouteKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "$default" {
            return Ok(Self::Default);
        }
        let (method, path) = text.split_once(' ').ok_or_else(|| {
            InvalidValue::new("route key", text, "it is not a method and a path")
                .with_hint("write it as in GET /health, ANY /{rest+} or $default")
        })?;
        Ok(Self::Path(method.parse()?, path.parse()?))
    }
}

/// A route: which requests it takes and who may send them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which requests it takes.
    pub key: RouteKey,
    /// Who may send them; `None` leaves it to the gateway.
    pub authentication: Option<Authentication>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_read_and_match_what_they_say() {
        let path = |text: &str| text.parse::<RoutePath>().unwrap();
        for text in ["/", "/health", "/users/{id}", "/a/{b}/c/{rest+}", "/v1.0/~x", "/caf%C3%A9"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert!(path("/").matches("/"));
        assert!(path("/health").matches("/health"));
        assert!(!path("/health").matches("/healthy"));
        assert!(!path("/health").matches("/health/deep"));
        assert!(path("/users/{id}").matches("/users/7"));
        assert!(!path("/users/{id}").matches("/users"));
        assert!(path("/{rest+}").matches("/a/b/c"));
        assert!(!path("/{rest+}").matches("/"));
        assert_eq!(path("/users/{id}").shape(), path("/users/{name}").shape());
        assert_ne!(path("/users/{id}").shape(), path("/users/{id+}").shape());
    }

    #[test]
    fn wrong_paths_are_refused_with_the_right_form() {
        let hint = |text: &str| text.parse::<RoutePath>().unwrap_err().hint().unwrap().to_owned();
        assert_eq!(hint("health"), "did you mean \"/health\"?");
        assert_eq!(hint("/users/"), "write \"/users\"");
        assert_eq!(hint("/users/:id"), "write {id} for :id");
        assert!(hint("/api/*").contains("{rest+}"));
        assert_eq!(hint("/{rest+}/more"), "put it last");
        for bad in [
            "",
            "//",
            "/a//b",
            "/{}",
            "/{+}",
            "/{a}/{a}",
            "/a{b}",
            "/a b",
            "/ü",
            "/a?x=1",
            "/100%",
            "/%zz",
            "/{a b}",
            "https://example.com/a",
            "/{a",
        ] {
            assert!(bad.parse::<RoutePath>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn methods_and_keys_read_back() {
        for method in HttpMethod::ALL {
            assert_eq!(method.to_string().parse::<HttpMethod>().unwrap(), method);
        }
        assert_eq!("get".parse::<RouteMethod>().unwrap_err().hint(), Some("did you mean GET?"));
        assert!("*".parse::<RouteMethod>().unwrap_err().hint().unwrap().contains("ANY"));
        for key in ["$default", "ANY /{proxy+}", "GET /health"] {
            assert_eq!(key.parse::<RouteKey>().unwrap().to_string(), key);
        }
        assert!("GET".parse::<RouteKey>().is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_path_is_shown_as_it_was_written(text in "(/[a-z{}+:*.]{0,6}){0,4}") {
            if let Ok(path) = text.parse::<RoutePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
