//! Which other origins' pages may call an API from a browser (the Fetch standard's CORS protocol,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::route::HttpMethod;
use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::TimeSpan;

/// Everything, or some of it by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed<T> {
    /// `*`
    Any,
    /// These and no others.
    These(BTreeSet<T>),
}

impl<T: Ord> Allowed<T> {
    /// Nothing at all.
    pub fn none() -> Self {
        Self::These(BTreeSet::new())
    }

    /// Whether everything is allowed.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::These(these) if these.is_empty())
    }
}

impl<T: fmt::Display> Allowed<T> {
    /// What clouds' APIs take: `["*"]`, or each by name in a fixed order.
    pub fn to_strings(&self) -> Vec<String> {
        match self {
            Self::Any => vec!["*".into()],
            Self::These(these) => these.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The origin of a page: scheme, host and perhaps port, without a path (RFC 6454 section 6.2),
/// such as `https://semantest.com` or `chrome-extension://abcdef`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin as a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| InvalidValue::new("origin", text, reason);
        const FORM: &str = "write scheme and host, such as https://semantest.com, or \"*\" for every origin";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refuse("it has no scheme").with_hint(
                if text.contains('.') && !text.contains(char::is_whitespace) {
                    format!("did you mean https://{}?", text.trim_end_matches('/'))
                } else {
                    FORM.to_owned()
                },
            ));
        };
        let scheme_is_valid = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
        if !scheme_is_valid {
            return Err(refuse("its scheme is not a lower-case word").with_hint(FORM));
        }
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if host_end < rest.len() {
            return Err(refuse("an origin ends with its host or port")
                .with_hint(format!("write {scheme}://{}", rest[..host_end].to_ascii_lowercase())));
        }
        if rest.contains('@') {
            return Err(refuse("an origin has no user in it").with_hint(FORM));
        }
        if rest.contains('*') {
            return Err(refuse("a part of an origin can't be '*'")
                .with_hint("list each origin, or write \"*\" alone for every origin"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        let plain =
            !host.is_empty() && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c));
        if !bracketed && !plain {
            let lower = host.to_ascii_lowercase();
            let error = refuse("its host is not one that a browser would send");
            return Err(if lower != host && lower.is_ascii() {
                error.with_hint(format!("did you mean {scheme}://{}?", rest.to_ascii_lowercase()))
            } else {
                error.with_hint(FORM)
            });
        }
        if let Some(port) = port
            && (port.starts_with('0') || port.parse::<u16>().is_err())
        {
            return Err(refuse("its port is not a number from 1 to 65535"));
        }
        if matches!((scheme, port), ("https", Some("443")) | ("http", Some("80"))) {
            return Err(
                refuse("browsers leave out the scheme's own port").with_hint(format!("write {scheme}://{host}"))
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of an HTTP header (RFC 9110 section 5.1), kept in lower case, as names are compared
/// without case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(String);

impl HeaderName {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let is_token =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'+-.^_`|~".contains(c));
        if is_token {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let error = InvalidValue::new("header name", text, "there are characters in it that no header's name has");
        Err(match text.split_once(':') {
            Some((name, _)) if !name.is_empty() => error.with_hint(format!("write the name alone: {name}")),
            _ => error,
        })
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a [`CorsPolicy`] is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRules {
    /// Whose pages may call.
    pub origins: Allowed<Origin>,
    /// With which methods.
    pub methods: Allowed<HttpMethod>,
    /// With which request headers beyond the ordinary ones.
    pub headers: Allowed<HeaderName>,
    /// Which response headers a page may read beyond the ordinary ones.
    pub expose_headers: Allowed<HeaderName>,
    /// How long a browser may remember the answer.
    pub max_age: Option<TimeSpan>,
    /// Whether cookies and the like are sent along.
    pub credentials: bool,
}

/// A policy that browsers can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsPolicy(CorsRules);

impl CorsPolicy {
    /// Checks the rules against each other.
    ///
    /// # Errors
    /// When no origin is allowed (then there is no policy), or when credentials are allowed
    /// together with a `*`, which browsers refuse or read as the literal name `*`
    /// (<https://fetch.spec.whatwg.org/#cors-protocol-and-credentials>).
    pub fn new(rules: CorsRules) -> Result<Self, InvalidValue> {
        if rules.origins.is_empty() {
            return Err(InvalidValue::new("list of origins", "[]", "no origin is allowed by it")
                .with_hint("name the origins whose pages may call, or leave cors out"));
        }
        if rules.credentials {
            let wildcard = [
                ("origins", rules.origins.is_any()),
                ("methods", rules.methods.is_any()),
                ("headers", rules.headers.is_any()),
                ("expose-headers", rules.expose_headers.is_any()),
            ];
            if let Some((field, _)) = wildcard.into_iter().find(|(_, any)| *any) {
                return Err(InvalidValue::contradiction(
                    "CORS policy",
                    format!(
                        "credentials can't be allowed together with \"*\" in {field}: browsers refuse such answers"
                    ),
                )
                .with_hint(format!("list the {field} by name, or set credentials to false")));
            }
        }
        Ok(Self(rules))
    }

    /// The rules, which are consistent.
    pub fn rules(&self) -> &CorsRules {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> CorsRules {
        CorsRules {
            origins: Allowed::These(["https://semantest.com".parse().unwrap()].into()),
            methods: Allowed::These([HttpMethod::Get].into()),
            headers: Allowed::none(),
            expose_headers: Allowed::none(),
            max_age: None,
            credentials: true,
        }
    }

    #[test]
    fn credentials_and_a_wildcard_exclude_each_other() {
        assert!(CorsPolicy::new(rules()).is_ok());
        for wildcard in [
            CorsRules { origins: Allowed::Any, ..rules() },
            CorsRules { methods: Allowed::Any, ..rules() },
            CorsRules { headers: Allowed::Any, ..rules() },
            CorsRules { expose_headers: Allowed::Any, ..rules() },
        ] {
            assert!(CorsPolicy::new(wildcard.clone()).is_err());
            assert!(CorsPolicy::new(CorsRules { credentials: false, ..wildcard }).is_ok());
        }
        assert!(CorsPolicy::new(CorsRules { origins: Allowed::none(), ..rules() }).is_err());
    }

    #[test]
    fn origins_are_what_a_browser_sends() {
        for good in [
            "https://semantest.com",
            "http://localhost:3000",
            "chrome-extension://abcdef",
            "http://[::1]:8080",
            "https://a.b-c.example:8443",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        let hint = |text: &str| text.parse::<Origin>().unwrap_err().hint().unwrap().to_owned();
        assert_eq!(hint("https://semantest.com/"), "write https://semantest.com");
        assert_eq!(hint("semantest.com"), "did you mean https://semantest.com?");
        assert_eq!(hint("https://Semantest.com"), "did you mean https://semantest.com?");
        assert_eq!(hint("https://semantest.com:443"), "write https://semantest.com");
        for bad in [
            "",
            "null",
            "https://",
            "https://*.semantest.com",
            "https://a:0",
            "https://a:99999",
            "https://u@a",
            "https://a b",
            "HTTPS://a",
            "https://[zz]",
            "://a",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn header_names_have_no_case() {
        assert_eq!("Content-Type".parse::<HeaderName>().unwrap().as_str(), "content-type");
        for bad in ["", "a b", "ü", "x: y", "*"] {
            assert!(bad.parse::<HeaderName>().is_err(), "{bad:?} was accepted");
        }
    }
}
