//! Property values: everything that Pulumi's states can hold (SPEC.md section 2), and references to outputs that aren't
//! known yet.

use std::fmt;

use crate::{Interpolation, OutputReference, PropertyMap};

/// The value of a property.
///
/// The rarer kinds are boxed, so that a value takes no more than 32 bytes.
#[derive(Clone)]
pub enum Value {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number: an IEEE double, as in Pulumi (SPEC.md section 2.7).
    Number(f64),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(PropertyMap),
    /// A value that must not be shown or stored in the clear.
    Secret(Secret),
    /// A file's content.
    Asset(Box<Asset>),
    /// A tree of files.
    Archive(Box<Archive>),
    /// A reference to a resource, as Pulumi programs pass it around.
    Resource(Box<ResourceReference>),
    /// Bytes that aren't UTF-8.
    Bytes(Vec<u8>),
    /// A value that will be known only after something has been made.
    Unknown,
    /// An output of another resource, to be put in when that resource is done.
    Output(Box<OutputReference>),
    /// A text that holds outputs of other resources.
    Interpolation(Box<Interpolation>),
}

/// A value that must not be shown: `Debug` hides it, and it has no `Display` and no serialisation.
#[derive(Clone, PartialEq)]
pub struct Secret(Box<Value>);

impl Secret {
    /// Wraps a value; a secret within a secret stays as it is.
    pub fn new(value: impl Into<Value>) -> Self {
        Self(Box::new(value.into()))
    }

    /// The protected value. Whoever calls this must not let it get anywhere that is shown or stored in the clear.
    pub fn expose(&self) -> &Value {
        &self.0
    }

    /// Takes the protected value out.
    pub fn into_exposed(self) -> Value {
        *self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where an asset's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetSource {
    /// The text itself.
    Text(String),
    /// A file.
    Path(String),
    /// An address.
    Uri(String),
}

/// A file's content. Two assets are equal when their hashes are (SPEC.md section 2.5).
#[derive(Clone, Debug)]
pub struct Asset {
    /// Lower-case hex SHA-256 of the content.
    pub hash: Option<String>,
    /// Where the content comes from.
    pub source: AssetSource,
}

impl PartialEq for Asset {
    fn eq(&self, other: &Self) -> bool {
        match (&self.hash, &other.hash) {
            (Some(a), Some(b)) => a == b,
            _ => self.hash == other.hash && self.source == other.source,
        }
    }
}

/// Where an archive's files come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ArchiveSource {
    /// Named assets and archives.
    Assets(PropertyMap),
    /// A folder or an archive file.
    Path(String),
    /// An address.
    Uri(String),
}

/// A tree of files. Two archives are equal when their hashes are (SPEC.md section 2.5).
#[derive(Clone, Debug)]
pub struct Archive {
    /// Lower-case hex SHA-256 as of SPEC.md section 2.6.
    pub hash: Option<String>,
    /// Where the files come from.
    pub source: ArchiveSource,
}

impl PartialEq for Archive {
    fn eq(&self, other: &Self) -> bool {
        match (&self.hash, &other.hash) {
            (Some(a), Some(b)) => a == b,
            _ => self.hash == other.hash && self.source == other.source,
        }
    }
}

/// A reference to a resource as a value (SPEC.md section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceReference {
    /// The resource's URN.
    pub urn: String,
    /// Absent for a component; an empty text means an id that isn't known.
    pub id: Option<String>,
    /// The version of the package that made it; may be empty.
    pub package_version: String,
}

impl Value {
    /// Marks a value as secret.
    pub fn secret(value: impl Into<Value>) -> Self {
        match value.into() {
            already @ Value::Secret(_) => already,
            value => Value::Secret(Secret::new(value)),
        }
    }

    /// The value itself, or what a secret protects.
    pub fn exposed(&self) -> &Value {
        match self {
            Value::Secret(secret) => secret.expose().exposed(),
            value => value,
        }
    }

    /// The text of a string, secret or not.
    pub fn as_str(&self) -> Option<&str> {
        match self.exposed() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, secret or not.
    pub fn as_number(&self) -> Option<f64> {
        match self.exposed() {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, secret or not.
    pub fn as_bool(&self) -> Option<bool> {
        match self.exposed() {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The map, secret or not.
    pub fn as_map(&self) -> Option<&PropertyMap> {
        match self.exposed() {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, secret or not.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self.exposed() {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether a secret stands anywhere in the value.
    pub fn contains_secret(&self) -> bool {
        self.any(&mut |value| matches!(value, Value::Secret(_)))
    }

    /// Whether an unknown stands anywhere in the value.
    pub fn contains_unknown(&self) -> bool {
        self.any(&mut |value| matches!(value, Value::Unknown))
    }

    /// Whether `test` holds for the value or one that it holds, inside secrets too.
    pub fn any(&self, test: &mut impl FnMut(&Value) -> bool) -> bool {
        if test(self) {
            return true;
        }
        match self {
            Value::List(list) => list.iter().any(|value| value.any(test)),
            Value::Map(map) => map.values().any(|value| value.any(test)),
            Value::Secret(secret) => secret.expose().any(test),
            Value::Archive(archive) => match &archive.source {
                ArchiveSource::Assets(assets) => assets.values().any(|value| value.any(test)),
                _ => false,
            },
            Value::Interpolation(text) => text.parts.iter().any(|value| value.any(test)),
            _ => false,
        }
    }
}

impl PartialEq for Value {
    /// Structural equality. Numbers are compared by value, but NaN equals NaN: a property that doesn't change must not
    /// look changed.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) | (Value::Unknown, Value::Unknown) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Secret(a), Value::Secret(b)) => a == b,
            (Value::Asset(a), Value::Asset(b)) => a == b,
            (Value::Archive(a), Value::Archive(b)) => a == b,
            (Value::Resource(a), Value::Resource(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Output(a), Value::Output(b)) => a == b,
            (Value::Interpolation(a), Value::Interpolation(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => truth.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::String(text) => text.fmt(f),
            Value::List(list) => list.fmt(f),
            Value::Map(map) => map.fmt(f),
            Value::Secret(secret) => secret.fmt(f),
            Value::Asset(asset) => asset.fmt(f),
            Value::Archive(archive) => archive.fmt(f),
            Value::Resource(resource) => resource.fmt(f),
            Value::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Value::Unknown => f.write_str("[unknown]"),
            Value::Output(output) => output.fmt(f),
            Value::Interpolation(text) => text.fmt(f),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Number(f64::from(number))
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Number(f64::from(number))
    }
}

impl From<PropertyMap> for Value {
    fn from(map: PropertyMap) -> Self {
        Value::Map(map)
    }
}

impl From<Secret> for Value {
    fn from(secret: Secret) -> Self {
        Value::Secret(secret)
    }
}

impl From<OutputReference> for Value {
    fn from(output: OutputReference) -> Self {
        Value::Output(Box::new(output))
    }
}

impl From<Interpolation> for Value {
    fn from(text: Interpolation) -> Self {
        Value::Interpolation(Box::new(text))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Value::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 32);
    }

    #[test]
    fn a_secret_is_hidden_from_debug_output_at_any_depth() {
        let value =
            Value::List(vec![Value::secret("hunter2"), Value::Map([("token", Value::secret("s3cr3t"))].into())]);
        let text = format!("{value:?}");
        assert!(!text.contains("hunter2") && !text.contains("s3cr3t"), "{text}");
        assert!(value.contains_secret());
    }

    #[test]
    fn assets_are_equal_when_their_hashes_are() {
        let asset = |hash: Option<&str>, path: &str| Asset {
            hash: hash.map(str::to_owned),
            source: AssetSource::Path(path.to_owned()),
        };
        assert_eq!(asset(Some("a"), "x"), asset(Some("a"), "y"));
        assert_ne!(asset(Some("a"), "x"), asset(Some("b"), "x"));
        assert_eq!(asset(None, "x"), asset(None, "x"));
        assert_ne!(asset(None, "x"), asset(None, "y"));
    }
}
