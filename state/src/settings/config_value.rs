//! Configuration values: texts, numbers, truth values, lists and maps, any of whose leaves may be encrypted.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::scalar::{spelled, spelled_number};
use super::{PathStep, PropertyPath, SettingsError};
use crate::secrets::{Crypter, SecretsError};

/// The only key of a map that stands for an encrypted text.
const SECURE: &str = "secure";

/// A value in the form of its file: an encrypted text is the map `{"secure": "<ciphertext>"}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigValue(Value);

impl ConfigValue {
    /// Takes a value in the form of its file.
    pub fn from_json(json: Value) -> Self {
        Self(json)
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Value::String(text.into()))
    }

    /// An encrypted text.
    pub fn secure(ciphertext: &str) -> Self {
        Self(serde_json::json!({ SECURE: ciphertext }))
    }

    /// What a text becomes inside a list or map: `true` and `false` truth values, whole numbers without leading zeros
    /// numbers, all else text.
    pub fn coerced(text: &str) -> Self {
        let is_whole = !text.starts_with('+') && (text.len() == 1 || !text.starts_with('0'));
        Self(match text {
            "true" => true.into(),
            "false" => false.into(),
            _ => match (text.parse::<i64>(), text.parse::<u64>()) {
                (Ok(number), _) if is_whole => number.into(),
                (_, Ok(number)) if is_whole => number.into(),
                _ => text.into(),
            },
        })
    }

    /// The value in the form of its file.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// The value as a record of it keeps it (SPEC.md section 4.7): numbers and truth values as text at the top.
    pub fn to_record(&self) -> Value {
        match &self.0 {
            Value::Number(_) | Value::Bool(_) => as_text(&self.0).into(),
            other => other.clone(),
        }
    }

    /// Whether any part of it is encrypted.
    pub fn is_secret(&self) -> bool {
        let mut found = false;
        // Nothing is changed; the closure never fails.
        let _ = each_secret(&mut self.0.clone(), &mut |_| {
            found = true;
            Ok::<_, SettingsError>(None)
        });
        found
    }

    /// Whether it is a list or map.
    pub fn is_object(&self) -> bool {
        matches!(self.0, Value::Array(_) | Value::Object(_)) && secure_text(&self.0).is_none()
    }

    /// The value as text, its encrypted parts decrypted: a text as it is, a list or map as JSON.
    ///
    /// # Errors
    /// When a secret can't be decrypted.
    pub fn reveal(&self, crypter: &dyn Crypter) -> Result<Zeroizing<String>, SecretsError> {
        if let Some(ciphertext) = secure_text(&self.0) {
            return crypter.decrypt(ciphertext);
        }
        let mut plain = self.0.clone();
        let result = each_secret(&mut plain, &mut |ciphertext| {
            Ok(Some(Value::String(crypter.decrypt(ciphertext)?.to_string())))
        });
        let text = result.map(|()| Zeroizing::new(as_text(&plain)));
        wipe(&mut plain);
        text
    }

    /// The value as text with `[secret]` in the place of each encrypted part.
    pub fn blinded(&self) -> String {
        if secure_text(&self.0).is_some() {
            return "[secret]".to_owned();
        }
        let mut shown = self.0.clone();
        let _ = each_secret(&mut shown, &mut |_| Ok::<_, SecretsError>(Some("[secret]".into())));
        as_text(&shown)
    }

    /// The decrypted texts of its encrypted parts.
    ///
    /// # Errors
    /// When one can't be decrypted.
    pub fn secrets(&self, crypter: &dyn Crypter) -> Result<Vec<Zeroizing<String>>, SecretsError> {
        let mut secrets = Vec::new();
        each_secret(&mut self.0.clone(), &mut |ciphertext| {
            secrets.push(crypter.decrypt(ciphertext)?);
            Ok::<_, SecretsError>(None)
        })?;
        Ok(secrets)
    }

    /// The value with its encrypted parts encrypted by another manager.
    ///
    /// # Errors
    /// When one can't be decrypted or encrypted.
    pub fn re_encrypted(&self, old: &dyn Crypter, new: &dyn Crypter) -> Result<Self, SecretsError> {
        let mut value = self.0.clone();
        each_secret(&mut value, &mut |ciphertext| {
            let encrypted = new.encrypt(&old.decrypt(ciphertext)?)?;
            Ok::<_, SecretsError>(Some(serde_json::json!({ SECURE: encrypted })))
        })?;
        Ok(Self(value))
    }

    /// The part that a path leads to; `None` when there is none.
    pub fn get(&self, path: &PropertyPath) -> Option<Self> {
        let mut value = &self.0;
        for step in &path.0 {
            value = match (step, value) {
                (PathStep::Key(key), Value::Object(map)) if secure_text(value).is_none() => map.get(key)?,
                (PathStep::Index(index), Value::Array(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(Self(value.clone()))
    }

    /// Puts a value where a path leads, with the lists and maps that it takes. A single value at the top gives way; further
    /// down it doesn't.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPlace`]
    pub fn set(&mut self, path: &PropertyPath, new: Self) -> Result<(), SettingsError> {
        let mut value = &mut self.0;
        for (position, step) in path.0.iter().enumerate() {
            let bad = |reason| {
                let walked = PropertyPath(path.0[..=position].to_vec()).to_string();
                SettingsError::InvalidPlace { path: walked, reason }
            };
            let is_container = matches!(value, Value::Array(_) | Value::Object(_)) && secure_text(value).is_none();
            if !is_container {
                if !value.is_null() && position > 0 {
                    return Err(bad(match step {
                        PathStep::Index(_) => "expected an array",
                        PathStep::Key(_) => "expected a map",
                    }));
                }
                *value = match step {
                    PathStep::Index(_) => Value::Array(Vec::new()),
                    PathStep::Key(_) => Value::Object(Map::new()),
                };
            }
            value = match (step, value) {
                (PathStep::Index(index), Value::Array(list)) => {
                    if *index == list.len() {
                        list.push(Value::Null);
                    }
                    list.get_mut(*index).ok_or_else(|| bad("array index out of range"))?
                }
                (PathStep::Key(key), Value::Object(map)) => {
                    let is_last = position + 1 == path.0.len();
                    if is_last && map.is_empty() && key == SECURE && new.0.is_string() {
                        return Err(bad("maps with the single key \"secure\" are reserved"));
                    }
                    map.entry(key.clone()).or_insert(Value::Null)
                }
                (PathStep::Key(_), _) => return Err(bad("key for an array must be an int")),
                (PathStep::Index(_), _) => return Err(bad("key for a map must be a string")),
            };
        }
        *value = new.0;
        Ok(())
    }

    /// Removes the part that a path leads to. Whether there was one.
    ///
    /// # Errors
    /// [`SettingsError::InvalidPlace`] when what is left would be taken for an encrypted text.
    pub fn remove(&mut self, path: &PropertyPath) -> Result<bool, SettingsError> {
        let Some((last, parents)) = path.0.split_last() else { return Ok(false) };
        let mut value = &mut self.0;
        for step in parents {
            let next = match (step, value) {
                (PathStep::Key(key), Value::Object(map)) => map.get_mut(key),
                (PathStep::Index(index), Value::Array(list)) => list.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None => return Ok(false),
            }
        }
        if secure_text(value).is_some() {
            return Ok(false);
        }
        match (last, &mut *value) {
            (PathStep::Key(key), Value::Object(map)) => {
                let Some(removed) = map.remove(key) else { return Ok(false) };
                if secure_text(&Value::Object(map.clone())).is_some() {
                    map.insert(key.clone(), removed);
                    let reason = "maps with the single key \"secure\" are reserved";
                    return Err(SettingsError::InvalidPlace { path: path.to_string(), reason });
                }
                Ok(true)
            }
            (PathStep::Index(index), Value::Array(list)) if *index < list.len() => {
                list.remove(*index);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// The ciphertext of an encrypted text.
fn secure_text(value: &Value) -> Option<&str> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.get(SECURE)?.as_str()
}

/// Calls `change` with each ciphertext in a value, and puts what it gives in its place.
fn each_secret<E>(value: &mut Value, change: &mut impl FnMut(&str) -> Result<Option<Value>, E>) -> Result<(), E> {
    if let Some(ciphertext) = secure_text(value) {
        if let Some(new) = change(ciphertext)? {
            *value = new;
        }
        return Ok(());
    }
    match value {
        Value::Array(list) => list.iter_mut().try_for_each(|value| each_secret(value, change)),
        Value::Object(map) => map.values_mut().try_for_each(|value| each_secret(value, change)),
        _ => Ok(()),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => spelled_number(number),
        other => spelled(other),
    }
}

fn wipe(value: &mut Value) {
    use zeroize::Zeroize as _;
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secrets::testing::Letter;

    fn path(text: &str) -> PropertyPath {
        PropertyPath::parse(text).unwrap()
    }

    #[test]
    fn secrets_are_revealed_blinded_and_encrypted_anew() {
        let value =
            ConfigValue::from_json(json!({ "a": [1, { "secure": "xpass" }], "b": "t", "secure": { "secure": "xin" } }));
        assert!(value.is_secret() && value.is_object());
        assert_eq!(&*value.reveal(&Letter('x')).unwrap(), r#"{"a":[1,"pass"],"b":"t","secure":"in"}"#);
        assert_eq!(value.blinded(), r#"{"a":[1,"[secret]"],"b":"t","secure":"[secret]"}"#);
        assert!(value.reveal(&Letter('y')).is_err());
        let anew = value.re_encrypted(&Letter('x'), &Letter('y')).unwrap();
        assert_eq!(anew.reveal(&Letter('y')).unwrap(), value.reveal(&Letter('x')).unwrap());
        assert_eq!(value.secrets(&Letter('x')).unwrap().len(), 2);
        let plain = ConfigValue::secure("xpass");
        assert!(!plain.is_object() && plain.blinded() == "[secret]");
        assert_eq!(&*plain.reveal(&Letter('x')).unwrap(), "pass");
        assert_eq!(ConfigValue::from_json(json!(true)).to_record(), json!("true"));
    }

    #[test]
    fn paths_lead_into_values() {
        let mut value = ConfigValue::text("gives way");
        value.set(&path("a.b[0]"), ConfigValue::coerced("8080")).unwrap();
        value.set(&path("a.b[1]"), ConfigValue::coerced("007")).unwrap();
        value.set(&path("a.c"), ConfigValue::secure("x")).unwrap();
        assert_eq!(value.as_json(), &json!({ "a": { "b": [8080, "007"], "c": { "secure": "x" } } }));
        assert_eq!(value.get(&path("a.b[1]")).unwrap(), ConfigValue::text("007"));
        for nowhere in ["a.b[2]", "a.x", "a[0]", "a.c.secure", "a.b[0].x"] {
            assert!(value.get(&path(nowhere)).is_none(), "{nowhere}");
            assert!(!value.remove(&path(nowhere)).unwrap(), "{nowhere}");
        }
        for (wrong, reason) in [
            ("a.b[3]", "array index out of range"),
            ("a.b.c", "key for an array must be an int"),
            ("a[0]", "key for a map must be a string"),
            ("a.b[0].c", "expected a map"),
            ("a.c[0]", "expected an array"),
            ("a.b[2].secure", "maps with the single key \"secure\" are reserved"),
        ] {
            let error = value.clone().set(&path(wrong), ConfigValue::text("x")).unwrap_err();
            assert!(error.to_string().ends_with(reason), "{wrong}: {error}");
        }
        assert!(value.remove(&path("a.b[0]")).unwrap());
        assert_eq!(value.as_json(), &json!({ "a": { "b": ["007"], "c": { "secure": "x" } } }));
        let mut reserved = ConfigValue::from_json(json!({ "o": { "secure": "x", "other": 1 } }));
        assert!(reserved.remove(&path("o.other")).is_err());
    }
}
