//! Going through the pages of a listing: each answer names the next page, until one doesn't.

use crate::ports::{ProviderError, ProviderErrorKind};

/// Where a listing stands.
#[derive(Default)]
pub(in crate::adapters::aws) struct Pages {
    token: Option<String>,
}

impl Pages {
    /// The token of the page to ask for; none for the first.
    pub(in crate::adapters::aws) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Goes on to the page that the answer names; whether there is one.
    ///
    /// # Errors
    /// When the answer names the page that it is itself: the listing of `what` would never end.
    pub(in crate::adapters::aws) fn go_on(&mut self, next: Option<String>, what: &str) -> Result<bool, ProviderError> {
        let next = next.filter(|token| !token.is_empty());
        if next.is_some() && next == self.token {
            let message = format!("the listing of {what} doesn't end: a page names itself as the next");
            return Err(ProviderError::new(ProviderErrorKind::Internal, message));
        }
        self.token = next;
        Ok(self.token.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_ends_with_its_last_page_and_an_endless_one_with_an_error() {
        let token = |text: &str| Some(text.to_owned());
        let mut pages = Pages::default();
        assert_eq!(pages.token(), None);
        assert!(pages.go_on(token("a"), "things").unwrap());
        assert_eq!(pages.token(), token("a"));
        assert!(pages.go_on(token("b"), "things").unwrap());
        assert!(!pages.go_on(token(""), "things").unwrap());

        assert!(pages.go_on(token("c"), "things").unwrap());
        let error = pages.go_on(token("c"), "things").unwrap_err();
        assert!(error.message.contains("the listing of things doesn't end"), "{error}");
    }
}
