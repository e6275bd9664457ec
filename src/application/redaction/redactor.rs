//! The redactor that stands before every sink: it knows the secret values of the run and takes them out of whatever is
//! about to be written, in the forms in which they may turn up.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use serde_json::Value;

/// What stands where a secret was.
pub const REDACTED: &str = "[secret]";

/// The shortest secret that is looked for, in bytes. A shorter one would be found in ordinary words and numbers, and
/// taking it out there would both spoil the text and give the secret away.
const SHORTEST: usize = 4;

/// The shortest secret whose Base64 form is looked for, in bytes; that of a shorter one is too common.
const SHORTEST_ENCODED: usize = 8;

/// Knows the secret values of a run.
#[derive(Debug, Default)]
pub struct Redactor {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    secrets: BTreeSet<String>,
    public: BTreeSet<String>,
    /// Built when something is written after the sets have changed.
    finder: Option<AhoCorasick>,
    is_stale: bool,
}

impl Redactor {
    /// From now on this value is taken out of everything that is written.
    pub fn add_secret(&self, secret: &str) {
        let secret = secret.trim_matches(['\r', '\n']);
        if secret.len() < SHORTEST {
            return;
        }
        self.change(|state| state.secrets.insert(secret.to_owned()));
    }

    /// A name that everybody may see: a project, a stack, a component. A secret that is part of one can't be kept by
    /// taking it out; the names would become unreadable and the secret known.
    pub fn add_public(&self, name: &str) {
        self.change(|state| state.public.insert(name.to_owned()));
    }

    fn change(&self, add: impl FnOnce(&mut State) -> bool) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if add(&mut state) {
            state.is_stale = true;
        }
    }

    /// The state with a finder that knows all of it.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if !state.is_stale {
            return state;
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.is_stale) {
            state.finder = state.build();
        }
        drop(state);
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let state = self.state();
        match &state.finder {
            Some(finder) if finder.is_match(text) => {
                let replacements = vec![REDACTED; finder.patterns_len()];
                finder.replace_all(text, &replacements).into()
            }
            _ => text.into(),
        }
    }

    /// A JSON text without secrets in its values. It stays JSON, whatever the secrets are, and byte for byte the same
    /// when there are none in it.
    pub fn json<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let redacted = self.text(text);
        if matches!(redacted, std::borrow::Cow::Borrowed(_)) {
            return redacted;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                self.value(&mut value);
                value.to_string().into()
            }
            // It wasn't JSON: then there is no form to keep.
            Err(_) => redacted,
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let std::borrow::Cow::Owned(redacted) = self.text(text) {
                    *text = redacted;
                }
            }
            Value::Number(number) => {
                // A number is secret as a whole or not at all: digits of it may be anything.
                let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
                if state.secrets.contains(&number.to_string()) {
                    *value = REDACTED.into();
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.value(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl State {
    fn build(&self) -> Option<AhoCorasick> {
        let kept = self.secrets.iter().filter(|secret| !self.public.iter().any(|name| name.contains(secret.as_str())));
        let forms: BTreeSet<String> = kept.flat_map(|secret| forms(secret)).collect();
        if forms.is_empty() {
            return None;
        }
        // It fails only with more than 2³¹ bytes of secrets.
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms).ok()
    }
}

/// A secret as it is, escaped as in JSON and in quoted text, percent-encoded as in a URL, and in Base64.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let quoted = Value::from(secret).to_string();
    forms.push(quoted[1..quoted.len() - 1].to_owned());
    forms.push(secret.escape_debug().to_string());
    forms.push(percent_encoded(secret));
    // A secret of several lines (a private key) is also shown line by line.
    forms.extend(secret.lines().filter(|line| line.len() >= 2 * SHORTEST_ENCODED).map(str::to_owned));
    if secret.len() >= SHORTEST_ENCODED {
        forms.push(base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret));
    }
    forms
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        secrets.iter().for_each(|secret| redactor.add_secret(secret));
        redactor
    }

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let redactor = redactor(&["p\"ss w/rd\n2"]);
        for text in ["a p\"ss w/rd\n2 b", r#"a p\"ss w/rd\n2 b"#, "a p%22ss%20w%2Frd%0A2 b", "a cCJzcyB3L3JkCjI b"] {
            assert_eq!(redactor.text(text), "a [secret] b", "{text}");
        }
    }

    #[test]
    fn the_longest_secret_wins_and_the_mark_stays_whole() {
        let redactor = redactor(&["secret", "hunter", "hunter2000"]);
        assert_eq!(redactor.text("hunter2000 and hunter"), "[secret] and [secret]");
    }

    #[test]
    fn json_stays_json_with_all_its_keys() {
        let redactor = redactor(&["true", "errors", "12345", "\",\"x"]);
        let text = r#"{"ok":true,"errors":["errors: 12345"],"n":12345,"m":123456,"t":"a\",\"xb"}"#;
        let value: Value = serde_json::from_str(&redactor.json(text)).unwrap();
        let expected = serde_json::json!({
            "ok": true, "errors": ["[secret]: [secret]"], "n": "[secret]", "m": 123456, "t": "a[secret]b"
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn what_holds_no_secret_is_left_byte_for_byte() {
        let text = r#"{ "b" : 1.0, "a": [ ] }"#;
        assert!(matches!(redactor(&["hunter2"]).json(text), std::borrow::Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn public_names_and_tiny_secrets_stay_readable() {
        let redactor = redactor(&["shop", "abc"]);
        redactor.add_public("shop-eu");
        assert_eq!(redactor.text("shop-eu abc shop"), "shop-eu abc shop");
    }

    #[test]
    fn a_line_break_at_the_end_of_a_file_is_no_part_of_a_secret() {
        assert_eq!(redactor(&["hunter2\n"]).text("x hunter2 y"), "x [secret] y");
    }

    #[test]
    fn the_lines_of_a_private_key_are_found_apart() {
        let redactor = redactor(&["-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END KEY-----\n"]);
        assert_eq!(redactor.text("saw MIIEvQIBADANBgkqhkiG9w0!"), "saw [secret]!");
    }
}
