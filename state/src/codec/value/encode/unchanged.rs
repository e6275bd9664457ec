//! What stood at a value's place before: whether that says the same, so that its text can be kept.

use std::borrow::Cow;
use std::collections::HashMap;

use resource_graph::{Archive, ArchiveSource, Value};
use serde_json::value::RawValue;

use crate::codec::json::members;
use crate::codec::value::decode::ValueDecoder;
use crate::codec::value::{SECRET, SIGNATURE};

/// The members of a plain map, as text.
pub(crate) struct OldMap<'t>(HashMap<Cow<'t, str>, &'t str>);

impl<'t> OldMap<'t> {
    /// Nothing where it isn't a map, or stands for a special value.
    pub fn read(text: &'t str) -> Option<Self> {
        if !text.trim_start().starts_with('{') {
            return None;
        }
        // Of several members of one name the last counts.
        let map: HashMap<_, _> = members(text).ok()?.into_iter().collect();
        (!map.contains_key(SIGNATURE)).then_some(Self(map))
    }

    pub fn get(&self, name: &str) -> Option<&'t str> {
        self.0.get(name).copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The items of a list, as text.
pub(crate) struct OldList<'t>(Vec<&'t RawValue>);

impl<'t> OldList<'t> {
    pub fn read(text: &'t str) -> Option<Self> {
        if !text.trim_start().starts_with('[') {
            return None;
        }
        serde_json::from_str(text).ok().map(Self)
    }

    pub fn get(&self, index: usize) -> Option<&'t str> {
        self.0.get(index).map(|raw| raw.get())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// A secret, with what stands beside its value.
pub(crate) struct OldSecret<'t> {
    pub whole: &'t str,
    pub ciphertext: Option<String>,
    pub plaintext: Option<String>,
}

impl<'t> OldSecret<'t> {
    pub fn read(whole: &'t str) -> Option<Self> {
        let members: HashMap<_, _> = members(whole).ok()?.into_iter().collect();
        let text = |name: &str| serde_json::from_str::<String>(members.get(name)?).ok();
        (text(SIGNATURE)? == SECRET).then(|| Self {
            whole,
            ciphertext: text("ciphertext"),
            plaintext: text("plaintext"),
        })
    }
}

/// Whether a text says the same as a value that is neither a map, a list nor a secret.
pub(crate) fn is_same(decoder: &ValueDecoder<'_>, value: &Value, text: &str) -> bool {
    // Most values are plain strings, and most are still what they were.
    if let Value::String(string) = value
        && let Some(inside) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        && !inside.contains('\\')
    {
        return inside == string;
    }
    decoder.text(text).is_ok_and(|old| identical(&old, value))
}

/// Stricter than equality, which leaves the sources of assets and the sign of zero out of account.
pub(crate) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.to_bits() == b.to_bits(),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && identical(a.1, b.1))
        }
        (Value::Secret(a), Value::Secret(b)) => identical(a.expose(), b.expose()),
        (Value::Asset(a), Value::Asset(b)) => a.hash == b.hash && a.source == b.source,
        (Value::Archive(a), Value::Archive(b)) => a.hash == b.hash && same_source(a, b),
        _ => a == b,
    }
}

fn same_source(a: &Archive, b: &Archive) -> bool {
    match (&a.source, &b.source) {
        (ArchiveSource::Assets(a), ArchiveSource::Assets(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && identical(a.1, b.1))
        }
        (a, b) => a == b,
    }
}
