//! URLs of keys: `<scheme>://<key>?<parameter>=<value>&…`.

use percent_encoding::percent_decode_str;
use state::KeyError;
use url::form_urlencoded;

/// The parts of a key's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyUrl {
    /// The URL as it was given.
    pub(super) text: String,
    /// `awskms`, `azurekeyvault`, …
    pub(super) scheme: String,
    /// What stands between scheme and parameters, without slashes around it.
    pub(super) path: String,
    /// The parameters in their order.
    pub(super) parameters: Vec<(String, String)>,
}

impl KeyUrl {
    /// Takes a URL apart. ARNs as hosts are allowed, which strict URLs don't allow.
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let bad = || KeyError {
            message: format!("'{text}' is not the URL of a key"),
            hint: Some("write awskms://<key> or azurekeyvault://<vault>/keys/<key>".to_owned()),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = percent_decode_str(path.trim_matches('/')).decode_utf8().map_err(|_| bad())?.into_owned();
        if path.is_empty() {
            return Err(bad());
        }
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { text: text.to_owned(), scheme: scheme.to_owned(), path, parameters })
    }

    /// Why a parameter isn't understood. Leaving it out might mean another key than Pulumi's.
    pub(super) fn unknown_parameter(&self, name: &str, known: &str) -> KeyError {
        KeyError {
            message: format!("the parameter '{name}' of the key {} is not known", self.text),
            hint: Some(format!("known are {known}")),
        }
    }

    pub(super) fn unsupported(&self) -> KeyError {
        KeyError { message: format!("keys of {}:// can't be used by this program", self.scheme), hint: None }
    }

    /// A failure in words: with the URL of the key that couldn't be used.
    pub(super) fn failed(&self, what: impl std::fmt::Display, hint: Option<String>) -> KeyError {
        KeyError { message: format!("the key {} can't be used: {what}", self.text), hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_keys_are_taken_apart() {
        for (text, path) in [
            ("awskms://alias/shop?region=eu-west-1", "alias/shop"),
            ("awskms:///arn:aws:kms:eu-west-1:1:key/a?region=eu-west-1", "arn:aws:kms:eu-west-1:1:key/a"),
            ("awskms://arn%3Aaws:kms?region=eu-west-1", "arn:aws:kms"),
        ] {
            let url = KeyUrl::parse(text).unwrap();
            assert_eq!((url.path.as_str(), url.scheme.as_str()), (path, "awskms"));
            assert_eq!(url.parameters, [("region".to_owned(), "eu-west-1".to_owned())]);
        }
        for text in ["", "awskms", "awskms://", "awskms:///?region=x"] {
            assert!(KeyUrl::parse(text).is_err(), "{text}");
        }
    }
}
