//! From JSON text to values: plain ones, and the objects that carry a signature (SPEC.md section 2.2).

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use foldhash::fast::RandomState;
use resource_graph::{Archive, ArchiveSource, Asset, AssetSource, PropertyMap, ResourceReference, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::{ARCHIVE, ASSET, BYTES, FLOAT, OUTPUT, Properties, RESOURCE, SECRET, SIGNATURE, UNKNOWN, ValueError};
use crate::codec::json::{Json, members, without_lone_surrogates};
use crate::secrets::{Crypter, SecretsError};

/// Reads values. Keep one for a whole state: equal property names are shared between all that it reads.
pub struct ValueDecoder<'c> {
    /// Absent where secrets are to stay hidden.
    crypter: Option<Access<'c>>,
    names: Mutex<HashSet<Arc<str>, RandomState>>,
}

enum Access<'c> {
    Borrowed(&'c dyn Crypter),
    Shared(Arc<dyn Crypter>),
}

impl Access<'_> {
    fn crypter(&self) -> &dyn Crypter {
        match self {
            Self::Borrowed(crypter) => *crypter,
            Self::Shared(crypter) => &**crypter,
        }
    }
}

impl fmt::Debug for ValueDecoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueDecoder").field("reveals", &self.crypter.is_some()).finish_non_exhaustive()
    }
}

/// The cipher inside a secret: what stands there has been encrypted as a whole (SPEC.md section 2.3).
pub(crate) struct Bare;

impl Crypter for Bare {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        Ok(plaintext.to_owned())
    }
    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        Ok(Zeroizing::new(ciphertext.to_owned()))
    }
}

impl<'c> ValueDecoder<'c> {
    /// Decrypts secrets that it meets; needs no key where there are none.
    pub fn revealing(crypter: &'c dyn Crypter) -> Self {
        Self { crypter: Some(Access::Borrowed(crypter)), names: Mutex::default() }
    }

    /// As [`Self::revealing`], for decoders that outlive the borrow of a manager.
    pub fn shared(crypter: Arc<dyn Crypter>) -> ValueDecoder<'static> {
        ValueDecoder { crypter: Some(Access::Shared(crypter)), names: Mutex::default() }
    }

    /// Leaves secrets alone: each becomes a secret whose value is [`Value::Unknown`]. Never needs a key.
    /// [`super::ValueEncoder`] writes such a secret back as it was.
    pub fn hiding() -> Self {
        Self { crypter: None, names: Mutex::default() }
    }

    /// Reads all properties.
    ///
    /// # Errors
    /// When the text isn't an object of values, or a secret can't be decrypted.
    pub fn properties(&self, properties: &Properties) -> Result<PropertyMap, ValueError> {
        match properties.json() {
            None => Ok(PropertyMap::new()),
            Some(json) => match self.value(json)? {
                Value::Map(map) => Ok(map),
                Value::Null => Ok(PropertyMap::new()),
                _ => Err(ValueError::Malformed("expected an object of properties".to_owned())),
            },
        }
    }

    /// Reads one property; the others aren't decoded.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn property(&self, properties: &Properties, name: &str) -> Result<Option<Value>, ValueError> {
        let Some(json) = properties.json() else { return Ok(None) };
        let members = members(json.as_str()).map_err(malformed)?;
        let found = members.iter().rev().find(|(member, _)| member == name);
        found.map(|(_, text)| self.text(text)).transpose()
    }

    /// Reads the value at a path of names (and list indices), through secrets; only its top-level property is decoded.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn value_at(&self, properties: &Properties, path: &[String]) -> Result<Option<Value>, ValueError> {
        let Some(first) = path.first() else { return Ok(None) };
        let Some(value) = self.property(properties, first)? else { return Ok(None) };
        if path.len() == 1 {
            return Ok(Some(value));
        }
        Ok(PropertyMap::from([(first.as_str(), value)]).get_path(path).cloned())
    }

    /// Reads one value.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn value(&self, json: &Json) -> Result<Value, ValueError> {
        self.text(json.as_str())
    }

    pub(crate) fn text(&self, text: &str) -> Result<Value, ValueError> {
        let result = self.parse(text);
        if !matches!(result, Err(ValueError::Malformed(_))) {
            return result;
        }
        match without_lone_surrogates(text) {
            Some(mended) => self.parse(&Zeroizing::new(mended)),
            None => result,
        }
    }

    fn parse(&self, text: &str) -> Result<Value, ValueError> {
        let context = Context {
            decoder: self,
            names: RefCell::new(self.names.lock().unwrap_or_else(PoisonError::into_inner)),
            failure: RefCell::default(),
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Seed(&context).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
        value.map_err(|error| context.failure.take().unwrap_or_else(|| malformed(error)))
    }

    /// What an object with a signature stands for.
    fn special(&self, mut map: PropertyMap) -> Result<Value, ValueError> {
        let signature = match map.remove(SIGNATURE) {
            Some(Value::String(text)) => text,
            _ => return Err(ValueError::Malformed("the signature of a special value is not a string".to_owned())),
        };
        match signature.as_str() {
            SECRET => self.secret(&mut map),
            ASSET => {
                let hash = text(&mut map, "hash")?;
                // As in Pulumi an empty text is as good as none.
                let source = source_of(&mut map)?.unwrap_or(AssetSource::Text(String::new()));
                Ok(Value::Asset(Box::new(Asset { hash, source })))
            }
            ARCHIVE => {
                let hash = text(&mut map, "hash")?;
                let source = match (source_of(&mut map)?, map.remove("assets")) {
                    (Some(AssetSource::Path(path)), _) => ArchiveSource::Path(path),
                    (Some(AssetSource::Uri(uri)), _) => ArchiveSource::Uri(uri),
                    (_, Some(Value::Map(assets))) => ArchiveSource::Assets(assets),
                    (None, None | Some(Value::Null)) => ArchiveSource::Assets(PropertyMap::new()),
                    _ => {
                        return Err(ValueError::Malformed(
                            "malformed archive: one of `assets`, `path` or `uri` must be supplied".to_owned(),
                        ));
                    }
                };
                Ok(Value::Archive(Box::new(Archive { hash, source })))
            }
            RESOURCE => {
                let urn = text(&mut map, "urn")?
                    .ok_or_else(|| ValueError::Malformed("malformed resource reference: missing urn".to_owned()))?;
                let package_version = text(&mut map, "packageVersion")?.unwrap_or_default();
                let id = reference_id(map.remove("id"))?;
                Ok(Value::Resource(Box::new(ResourceReference { urn, id, package_version })))
            }
            BYTES => {
                let value = text(&mut map, "value")?.and_then(|text| STANDARD.decode(text).ok());
                value
                    .map(|bytes| {
                        String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::String)
                    })
                    .ok_or_else(|| ValueError::Malformed("malformed byte string: `value` is not base64".to_owned()))
            }
            FLOAT => {
                let bits = text(&mut map, "value")?.and_then(|text| u64::from_str_radix(&text, 16).ok());
                bits.map(|bits| Value::Number(f64::from_bits(bits)))
                    .ok_or_else(|| ValueError::Malformed("malformed float: `value` is not 16 hex digits".to_owned()))
            }
            OUTPUT => Err(ValueError::Malformed("an output value can't stand in a state".to_owned())),
            _ => Err(ValueError::UnknownSignature(signature)),
        }
    }

    fn secret(&self, map: &mut PropertyMap) -> Result<Value, ValueError> {
        let mut form = |name: &str| match map.remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Unknown) => Some(UNKNOWN.to_owned()),
            _ => None,
        };
        let (ciphertext, plaintext) = (form("ciphertext"), form("plaintext"));
        if ciphertext.is_some() == plaintext.is_some() || ciphertext.iter().chain(&plaintext).any(String::is_empty) {
            return Err(ValueError::MalformedSecret);
        }
        let Some(access) = &self.crypter else { return Ok(Value::secret(Value::Unknown)) };
        let plaintext = match (plaintext, ciphertext) {
            (Some(plaintext), _) => Zeroizing::new(plaintext),
            (None, ciphertext) => access.crypter().decrypt(&ciphertext.unwrap_or_default())?,
        };
        let inside = ValueDecoder::revealing(&Bare);
        match inside.text(&plaintext) {
            Ok(value) => Ok(Value::secret(value)),
            // The parser's message could quote the secret.
            Err(ValueError::Malformed(_)) => {
                Err(ValueError::Malformed("the decrypted text of a secret is not a JSON value".to_owned()))
            }
            Err(other) => Err(other),
        }
    }
}

/// Where an asset's content comes from; nothing when all are absent or empty.
fn source_of(map: &mut PropertyMap) -> Result<Option<AssetSource>, ValueError> {
    let mut filled = |name: &str| Ok::<_, ValueError>(text(map, name)?.filter(|text| !text.is_empty()));
    let (content, path, uri) = (filled("text")?, filled("path")?, filled("uri")?);
    match (content, path, uri) {
        (Some(text), None, None) => Ok(Some(AssetSource::Text(text))),
        (None, Some(path), None) => Ok(Some(AssetSource::Path(path))),
        (None, None, Some(uri)) => Ok(Some(AssetSource::Uri(uri))),
        (None, None, None) => Ok(None),
        _ => Err(ValueError::Malformed("an asset or archive has more than one source".to_owned())),
    }
}

/// The id of a reference: absent for a component, empty where it isn't known.
fn reference_id(id: Option<Value>) -> Result<Option<String>, ValueError> {
    match id {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(Value::Unknown) => Ok(Some(String::new())),
        // One old CLI (2.18.0) wrote the id wrapped in an object, and an unknown one in two.
        Some(Value::Map(mut wrapped)) => match wrapped.remove("V") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Map(_) | Value::Unknown) => Ok(Some(String::new())),
            Some(Value::String(id)) => Ok(Some(id)),
            Some(_) => Err(ValueError::Malformed("malformed resource reference: id must be a string".to_owned())),
        },
        Some(_) => Err(ValueError::Malformed("malformed resource reference: id must be a string".to_owned())),
    }
}

fn text(map: &mut PropertyMap, name: &str) -> Result<Option<String>, ValueError> {
    match map.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Unknown) => Ok(Some(UNKNOWN.to_owned())),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(ValueError::Malformed(format!("`{name}` of a special value is not a string"))),
    }
}

fn malformed(error: impl fmt::Display) -> ValueError {
    let message = error.to_string();
    if message.starts_with("recursion limit exceeded") {
        return ValueError::Malformed("values are nested more than 127 levels deep".to_owned());
    }
    ValueError::Malformed(message)
}

/// What the visitors of one text share.
struct Context<'a, 'c> {
    decoder: &'a ValueDecoder<'c>,
    names: RefCell<MutexGuard<'a, HashSet<Arc<str>, RandomState>>>,
    /// Carries a typed error past the parser, whose own errors are texts.
    failure: RefCell<Option<ValueError>>,
}

#[derive(Clone, Copy)]
struct Seed<'x, 'a, 'c>(&'x Context<'a, 'c>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if text == UNKNOWN { Value::Unknown } else { Value::String(text.to_owned()) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            list.push(value);
        }
        list.shrink_to_fit();
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut map = PropertyMap::new();
        let mut special = false;
        while let Some(name) = items.next_key_seed(NameSeed(self.0))? {
            special |= &*name == SIGNATURE;
            map.insert(name, items.next_value_seed(self)?);
        }
        if special {
            return self.0.decoder.special(map).map_err(|error| {
                let message = error.to_string();
                self.0.failure.replace(Some(error));
                A::Error::custom(message)
            });
        }
        map.shrink_to_fit();
        Ok(Value::Map(map))
    }
}

struct NameSeed<'x, 'a, 'c>(&'x Context<'a, 'c>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_, '_, '_> {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_, '_, '_> {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Arc<str>, E> {
        let mut names = self.0.names.borrow_mut();
        Ok(match names.get(text) {
            Some(name) => Arc::clone(name),
            None => {
                let name: Arc<str> = text.into();
                names.insert(Arc::clone(&name));
                name
            }
        })
    }
}
