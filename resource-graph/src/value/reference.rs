//! References to outputs of other resources, and putting values in their place.

use crate::{Archive, ArchiveSource, PropertyMap, Urn, Value};

/// An output of another resource: its id, or one of its output properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputReference {
    /// The resource.
    pub urn: Urn,
    /// Names of properties from the outermost inwards; `["id"]` is the resource's cloud id.
    pub path: Vec<String>,
}

impl OutputReference {
    /// A reference to a top-level output property (`id` for the resource's cloud id).
    pub fn new(urn: Urn, property: impl Into<String>) -> Self {
        Self { urn, path: vec![property.into()] }
    }
}

/// A text made of literal parts and outputs, such as an ARN with a suffix.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolation {
    /// Strings and references in order; each resolves to a string or number.
    pub parts: Vec<Value>,
}

impl Interpolation {
    /// Joins the parts.
    pub fn new(parts: impl IntoIterator<Item = Value>) -> Self {
        Self { parts: parts.into_iter().collect() }
    }
}

/// What a reference stands for at the moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// The value is there.
    Known(Value),
    /// It will be known when the resource has been made or changed.
    Unknown,
    /// The resource is there, but has no such output.
    Missing,
}

/// A reference that can't be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The resource has no such output.
    #[error("{urn} has no output '{path}'")]
    MissingOutput {
        /// The resource that is referred to.
        urn: Urn,
        /// The property's path, joined with dots.
        path: String,
    },
    /// A part of a text turned out to be a list, a map or the like.
    #[error("output '{path}' of {urn} is part of a text, but isn't a text or a number")]
    NotText {
        /// The resource that is referred to.
        urn: Urn,
        /// The property's path, joined with dots.
        path: String,
    },
}

impl Value {
    /// Calls `visit` for each reference in the value.
    pub fn for_each_reference<'a>(&'a self, visit: &mut impl FnMut(&'a OutputReference)) {
        match self {
            Value::Output(output) => visit(output),
            Value::Interpolation(text) => text.parts.iter().for_each(|part| part.for_each_reference(visit)),
            Value::List(list) => list.iter().for_each(|value| value.for_each_reference(visit)),
            Value::Map(map) => map.values().for_each(|value| value.for_each_reference(visit)),
            Value::Secret(secret) => secret.expose().for_each_reference(visit),
            Value::Archive(archive) => {
                if let ArchiveSource::Assets(assets) = &archive.source {
                    assets.values().for_each(|value| value.for_each_reference(visit));
                }
            }
            _ => {}
        }
    }

    /// Puts values in the place of references. A reference that isn't known yet becomes [`Value::Unknown`], a text with
    /// an unknown part becomes unknown as a whole, and a text with a secret part becomes secret.
    ///
    /// # Errors
    /// [`ResolveError`] when a resource lacks the output, or a part of a text isn't a text.
    pub fn resolve(&self, lookup: &mut impl FnMut(&OutputReference) -> Resolved) -> Result<Value, ResolveError> {
        self.replace_references(lookup, Unresolved::MakeUnknown)
    }

    /// As [`Value::resolve`], but references that aren't known yet stay where they are, to be resolved later. A text
    /// keeps its known parts too.
    ///
    /// # Errors
    /// As [`Value::resolve`].
    pub fn resolve_known<'a>(
        &'a self,
        lookup: &mut impl FnMut(&'a OutputReference) -> Resolved,
    ) -> Result<Value, ResolveError> {
        self.replace_references(lookup, Unresolved::Keep)
    }

    fn replace_references<'a>(
        &'a self,
        lookup: &mut impl FnMut(&'a OutputReference) -> Resolved,
        unresolved: Unresolved,
    ) -> Result<Value, ResolveError> {
        Ok(match self {
            Value::Output(output) => match (lookup(output), unresolved) {
                (Resolved::Known(value), _) => value,
                (Resolved::Unknown, Unresolved::MakeUnknown) => Value::Unknown,
                (Resolved::Unknown, Unresolved::Keep) => self.clone(),
                (Resolved::Missing, _) => {
                    return Err(ResolveError::MissingOutput { urn: output.urn.clone(), path: output.path.join(".") });
                }
            },
            Value::Interpolation(text) => join_text(text, lookup, unresolved)?,
            Value::List(list) => Value::List(
                list.iter().map(|value| value.replace_references(lookup, unresolved)).collect::<Result<_, _>>()?,
            ),
            Value::Map(map) => Value::Map(map.replace_references(lookup, unresolved)?),
            Value::Secret(secret) => match secret.expose().replace_references(lookup, unresolved)? {
                Value::Unknown => Value::Unknown,
                value => Value::secret(value),
            },
            Value::Archive(archive) => match &archive.source {
                ArchiveSource::Assets(assets) => Value::Archive(Box::new(Archive {
                    hash: archive.hash.clone(),
                    source: ArchiveSource::Assets(assets.replace_references(lookup, unresolved)?),
                })),
                _ => self.clone(),
            },
            _ => self.clone(),
        })
    }

    /// Whether a reference stands anywhere in the value.
    pub fn contains_reference(&self) -> bool {
        self.any(&mut |value| matches!(value, Value::Output(_)))
    }
}

/// What becomes of a reference that isn't known yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unresolved {
    MakeUnknown,
    Keep,
}

fn join_text<'a>(
    text: &'a Interpolation,
    lookup: &mut impl FnMut(&'a OutputReference) -> Resolved,
    unresolved: Unresolved,
) -> Result<Value, ResolveError> {
    let (mut joined, mut secret, mut unknown) = (String::new(), false, false);
    let mut parts = Vec::with_capacity(text.parts.len());
    for part in &text.parts {
        let value = part.replace_references(lookup, unresolved)?;
        secret |= value.contains_secret();
        match value.exposed() {
            Value::String(text) => joined.push_str(text),
            Value::Number(number) => joined.push_str(&number.to_string()),
            Value::Bool(truth) => joined.push_str(if *truth { "true" } else { "false" }),
            Value::Unknown | Value::Output(_) | Value::Interpolation(_) => unknown = true,
            _ => {
                let (urn, path) = match part {
                    Value::Output(output) => (output.urn.clone(), output.path.join(".")),
                    _ => (Urn::root("?", "?"), "literal".to_owned()),
                };
                return Err(ResolveError::NotText { urn, path });
            }
        }
        parts.push(value);
    }
    Ok(match (unknown, unresolved, secret) {
        (true, Unresolved::MakeUnknown, _) => Value::Unknown,
        (true, Unresolved::Keep, _) => Interpolation { parts }.into(),
        (false, _, true) => Value::secret(joined),
        (false, _, false) => Value::String(joined),
    })
}

impl PropertyMap {
    /// [`Value::resolve`] for each property.
    ///
    /// # Errors
    /// As [`Value::resolve`].
    pub fn resolve(&self, lookup: &mut impl FnMut(&OutputReference) -> Resolved) -> Result<PropertyMap, ResolveError> {
        self.replace_references(lookup, Unresolved::MakeUnknown)
    }

    /// [`Value::resolve_known`] for each property.
    ///
    /// # Errors
    /// As [`Value::resolve`].
    pub fn resolve_known<'a>(
        &'a self,
        lookup: &mut impl FnMut(&'a OutputReference) -> Resolved,
    ) -> Result<PropertyMap, ResolveError> {
        self.replace_references(lookup, Unresolved::Keep)
    }

    fn replace_references<'a>(
        &'a self,
        lookup: &mut impl FnMut(&'a OutputReference) -> Resolved,
        unresolved: Unresolved,
    ) -> Result<PropertyMap, ResolveError> {
        let mut replaced = self.clone_names();
        for ((_, place), value) in replaced.iter_mut().zip(self.values()) {
            *place = value.replace_references(lookup, unresolved)?;
        }
        Ok(replaced)
    }

    /// Calls `visit` for each reference in the properties.
    pub fn for_each_reference<'a>(&'a self, visit: &mut impl FnMut(&'a OutputReference)) {
        self.values().for_each(|value| value.for_each_reference(visit));
    }

    /// Follows a path of property names (and list indices) inwards, through secrets.
    pub fn get_path(&self, path: &[String]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.get(first)?, |value, name| match value.exposed() {
            Value::Map(map) => map.get(name),
            Value::List(list) => list.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypeToken;

    fn urn() -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), "x")
    }

    fn text() -> Value {
        Interpolation::new(["arn:".into(), OutputReference::new(urn(), "id").into(), "/*".into()]).into()
    }

    #[test]
    fn a_text_is_joined_when_its_parts_are_known() {
        let known = text().resolve(&mut |_| Resolved::Known("42".into())).unwrap();
        assert_eq!(known, Value::from("arn:42/*"));
    }

    #[test]
    fn a_text_with_an_unknown_part_is_unknown_and_with_a_secret_part_secret() {
        assert_eq!(text().resolve(&mut |_| Resolved::Unknown).unwrap(), Value::Unknown);
        let secret = text().resolve(&mut |_| Resolved::Known(Value::secret("k"))).unwrap();
        assert_eq!(secret, Value::secret("arn:k/*"));
    }

    #[test]
    fn what_is_not_known_yet_can_stay_to_be_resolved_later() {
        let partly: Value = Interpolation::new([text(), "-".into(), OutputReference::new(urn(), "arn").into()]).into();
        let first = partly
            .resolve_known(&mut |output| match output.path[0].as_str() {
                "id" => Resolved::Known(Value::secret("42")),
                _ => Resolved::Unknown,
            })
            .unwrap();
        assert!(first.contains_reference() && first.contains_secret());
        let then = first.resolve_known(&mut |_| Resolved::Known("a".into())).unwrap();
        assert_eq!(then, Value::secret("arn:42/*-a"));
    }

    #[test]
    fn a_missing_output_is_an_error_that_names_it() {
        let error = text().resolve(&mut |_| Resolved::Missing).unwrap_err();
        assert_eq!(error, ResolveError::MissingOutput { urn: urn(), path: "id".into() });
    }

    #[test]
    fn references_are_found_inside_secrets_and_lists() {
        let value = Value::List(vec![Value::secret(text()), Value::Null]);
        let mut found = 0;
        value.for_each_reference(&mut |_| found += 1);
        assert_eq!(found, 1);
    }
}
