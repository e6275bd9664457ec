//! Who may call a route: anybody, or the bearer of a JSON Web Token of a given issuer.

use crate::domain::invalid::InvalidValue;

/// How a gateway decides whether a request may pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authentication {
    /// Every request passes.
    None,
    /// A request passes with a valid token.
    Jwt(JwtAuthentication),
}

impl Authentication {
    /// Whether every request passes.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Tokens of one issuer, meant for one of the given audiences.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JwtAuthentication {
    issuer: Issuer,
    audience: Vec<Audience>,
}

impl JwtAuthentication {
    /// Tokens of `issuer` for at least one of `audience`.
    ///
    /// # Errors
    /// When there is no audience (then a token meant for anyone else would pass) or one stands
    /// twice.
    pub fn new(issuer: Issuer, audience: Vec<Audience>) -> Result<Self, InvalidValue> {
        if audience.is_empty() {
            return Err(InvalidValue::new(
                "list of audiences",
                "[]",
                "without an audience, a token that the issuer gave for any other service would pass",
            )
            .with_hint("name the audience that your tokens carry in \"aud\""));
        }
        for (position, one) in audience.iter().enumerate() {
            if audience[..position].contains(one) {
                return Err(InvalidValue::new("list of audiences", one.as_str(), "it stands there twice"));
            }
        }
        Ok(Self { issuer, audience })
    }

    /// Who gives the tokens.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// For whom the tokens are meant; at least one.
    pub fn audience(&self) -> &[Audience] {
        &self.audience
    }
}

/// The URL of a token issuer, compared character by character with the token's `iss`
/// (RFC 8414 section 2: an `http` or `https` URL without query or fragment).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Issuer(String);

impl Issuer {
    /// Takes the URL as it is written: a trailing slash counts.
    ///
    /// # Errors
    /// When it is not an absolute `http(s)` URL, or has a query, a fragment or a user in it.
    pub fn new(url: impl Into<String>) -> Result<Self, InvalidValue> {
        let url = url.into();
        let refuse = |reason: &str| {
            InvalidValue::new("token issuer", &url, reason)
                .with_hint("write the issuer's URL exactly as it stands in \"iss\" of your tokens, such as https://id.example.com/")
        };
        let parsed = url::Url::parse(&url).map_err(|_| refuse("it is not an absolute URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse("it is not an http or https URL"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(refuse("an issuer has neither query nor fragment"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refuse("an issuer has no user name or password in it"));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(refuse("there is white space in it"));
        }
        Ok(Self(url))
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether tokens' keys are fetched over TLS.
    pub fn is_https(&self) -> bool {
        self.parsed().is_some_and(|url| url.scheme() == "https")
    }

    /// Whether the issuer runs on this machine (`localhost`, `127.0.0.0/8`, `::1`).
    pub fn is_loopback(&self) -> bool {
        self.parsed().is_some_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        })
    }

    fn parsed(&self) -> Option<url::Url> {
        url::Url::parse(&self.0).ok()
    }
}

/// One audience (`aud`) that a token may be meant for: any text without line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(String);

impl Audience {
    /// Takes the audience as it is written.
    ///
    /// # Errors
    /// When it is blank or has control characters in it.
    pub fn new(audience: impl Into<String>) -> Result<Self, InvalidValue> {
        let audience = audience.into();
        if audience.trim().is_empty() {
            return Err(InvalidValue::new("audience", audience, "it is empty"));
        }
        if audience.chars().any(char::is_control) {
            return Err(InvalidValue::new("audience", audience, "there is a control character in it"));
        }
        Ok(Self(audience))
    }

    /// The audience as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_plain_urls() {
        let issuer = Issuer::new("https://id.example.com/").unwrap();
        assert!(issuer.is_https() && !issuer.is_loopback());
        for loopback in ["http://127.0.0.1:8080", "http://localhost/realm", "http://[::1]:9"] {
            let issuer = Issuer::new(loopback).unwrap();
            assert!(issuer.is_loopback() && !issuer.is_https(), "{loopback}");
        }
        for bad in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "https://a/?x=1",
            "https://a/#x",
            "https://user@a/",
            "https://",
            "https://a b/",
        ] {
            assert!(Issuer::new(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn tokens_are_always_meant_for_somebody() {
        let issuer = Issuer::new("https://id.example.com/").unwrap();
        assert!(JwtAuthentication::new(issuer.clone(), vec![]).is_err());
        let audience = Audience::new("semantest").unwrap();
        assert!(JwtAuthentication::new(issuer.clone(), vec![audience.clone(); 2]).is_err());
        assert!(JwtAuthentication::new(issuer, vec![audience]).is_ok());
        assert!(Audience::new(" ").is_err());
    }
}
