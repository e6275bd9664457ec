//! The parts of a deployment: resources, pending operations, manifest, secrets provider.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use resource_graph::{CustomTimeouts, TypeToken, Urn};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Reader;
use crate::codec::json::{Json, Name, members};
use crate::codec::value::Properties;
use crate::model::deployment::{Manifest, PendingOperation};
use crate::model::resource::{Resource, ResourceFields};
use crate::secrets::SecretsProvider;

/// A string's content; nothing for `null`.
fn text<'de>(raw: &'de str) -> Result<Option<Cow<'de, str>>, serde_json::Error> {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if memchr::memchr(b'\\', inside.as_bytes()).is_none() => Ok(Some(Cow::Borrowed(inside))),
        _ => Ok(serde_json::from_str::<Option<String>>(raw)?.map(Cow::Owned)),
    }
}

/// A string that counts as absent when it is empty.
fn optional(raw: &str) -> Result<Option<String>, serde_json::Error> {
    Ok(text(raw)?.filter(|text| !text.is_empty()).map(Cow::into_owned))
}

fn truth(raw: &str) -> Result<bool, serde_json::Error> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Ok(serde_json::from_str::<Option<bool>>(raw)?.unwrap_or_default()),
    }
}

fn texts(raw: &str) -> Result<Vec<String>, serde_json::Error> {
    Ok(serde_json::from_str::<Option<Vec<String>>>(raw)?.unwrap_or_default())
}

impl<'de> Reader<'_, 'de> {
    fn urn(&self, text: Cow<'de, str>) -> Result<Urn, String> {
        let parse = |text: &str| Urn::parse(text).map_err(|error| error.to_string());
        match text {
            Cow::Borrowed(text) => {
                let mut urns = self.urns.borrow_mut();
                match urns.get(text) {
                    Some(urn) => Ok(urn.clone()),
                    None => {
                        let urn = parse(text)?;
                        urns.insert(text, urn.clone());
                        Ok(urn)
                    }
                }
            }
            Cow::Owned(text) => parse(&text),
        }
    }

    fn optional_urn(&self, raw: &'de str) -> Result<Option<Urn>, String> {
        let text = text(raw).map_err(|error| error.to_string())?;
        text.filter(|text| !text.is_empty()).map(|text| self.urn(text)).transpose()
    }

    fn urns(&self, raw: &'de str) -> Result<Vec<Urn>, String> {
        let list: Option<Vec<Name<'de>>> = serde_json::from_str(raw).map_err(|error| error.to_string())?;
        // As in Pulumi an empty text refers to nothing.
        let texts = list.unwrap_or_default().into_iter().map(|Name(text)| text).filter(|text| !text.is_empty());
        texts.map(|text| self.urn(text)).collect()
    }

    fn provider(&self, raw: &'de str) -> Result<Option<Arc<str>>, serde_json::Error> {
        Ok(match text(raw)?.filter(|text| !text.is_empty()) {
            Some(Cow::Borrowed(text)) => {
                Some(Arc::clone(self.providers.borrow_mut().entry(text).or_insert_with(|| text.into())))
            }
            Some(Cow::Owned(text)) => Some(text.into()),
            None => None,
        })
    }

    fn type_token(&self, text: Cow<'de, str>) -> TypeToken {
        match text {
            Cow::Borrowed(text) => self.types.borrow_mut().entry(text).or_insert_with(|| TypeToken::new(text)).clone(),
            Cow::Owned(text) => TypeToken::new(text),
        }
    }
}

/// Reads one resource.
pub(super) struct ResourceSeed<'r, 'o, 'de> {
    pub reader: &'r Reader<'o, 'de>,
    pub index: usize,
    /// The list that it stands in.
    pub of: &'static str,
}

impl<'de> DeserializeSeed<'de> for ResourceSeed<'_, '_, 'de> {
    type Value = Resource;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Resource, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// What has no place in the fields while a resource is read.
#[derive(Default)]
struct Found<'de> {
    urn: Option<Cow<'de, str>>,
    type_token: Option<Cow<'de, str>>,
}

impl<'de> Visitor<'de> for ResourceSeed<'_, '_, 'de> {
    type Value = Resource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Resource, A::Error> {
        let reader = self.reader;
        let mut reading = self.begin();
        let (mut first, mut last) = (None, None);
        while let Some(Name(name)) = map.next_key()? {
            let raw = map.next_value::<&'de RawValue>()?.get();
            if last.is_none() {
                first = match &name {
                    Cow::Borrowed(name) => Some(*name),
                    Cow::Owned(_) => None,
                };
            }
            last = Some(raw);
            reading.member(&name, raw)?;
        }
        let whole = first.zip(last).and_then(|(first, last)| reader.object_around(first, last));
        reading.finish(whole)
    }
}

/// A resource that is being read.
pub(super) struct Reading<'r, 'o, 'de> {
    seed: ResourceSeed<'r, 'o, 'de>,
    fields: ResourceFields,
    found: Found<'de>,
}

impl<'r, 'o, 'de> ResourceSeed<'r, 'o, 'de> {
    /// Begins to read it, member by member.
    pub fn begin(self) -> Reading<'r, 'o, 'de> {
        static NAMELESS: LazyLock<ResourceFields> = LazyLock::new(|| ResourceFields::new(Urn::root("", ""), false));
        // The real name is put in at the end.
        Reading { seed: self, fields: NAMELESS.clone(), found: Found::default() }
    }
}

impl<'de> Reading<'_, '_, 'de> {
    /// Takes a member.
    pub fn member<E: serde::de::Error>(&mut self, name: &str, raw: &'de str) -> Result<(), E> {
        let Self { seed, fields, found } = self;
        seed.field(fields, found, name, raw).map_err(|message| {
            let of = found.urn.as_deref().unwrap_or_default();
            let place = format!("{}[{}].{name} {of}", seed.of, seed.index);
            seed.reader.malformed(place.trim_end(), message)
        })
    }

    /// The resource, when all members were taken; `whole` is its text.
    pub fn finish<E: serde::de::Error>(self, whole: Option<&'de str>) -> Result<Resource, E> {
        let Self { seed: ResourceSeed { reader, index, of }, mut fields, found } = self;
        let place = || format!("{of}[{index}]");
        let Some(urn) = found.urn.filter(|urn| !urn.is_empty()) else {
            let message = format!("resource at index {index} missing required 'urn' field");
            return Err(reader.malformed(place(), message));
        };
        let Some(type_token) = found.type_token.filter(|token| !token.is_empty()) else {
            return Err(reader.malformed(place(), format!("resource '{urn}' missing required 'type' field")));
        };
        fields.type_token = reader.type_token(type_token);
        fields.urn = reader.urn(urn).map_err(|message| reader.malformed(place(), message))?;
        Ok(Resource::read(fields, whole.map(|text| reader.slice(text))))
    }
}

impl<'de> ResourceSeed<'_, '_, 'de> {
    fn field(
        &self,
        fields: &mut ResourceFields,
        found: &mut Found<'de>,
        name: &str,
        raw: &'de str,
    ) -> Result<(), String> {
        let wrong = |error: serde_json::Error| error.to_string();
        let reader = self.reader;
        let json = || Some(reader.json(raw)).filter(|json| json.as_str() != "null");
        let list_or_map = || json().filter(|json| !matches!(json.as_str(), "[]" | "{}"));
        match name {
            "urn" => found.urn = text(raw).map_err(wrong)?,
            "custom" => fields.custom = truth(raw).map_err(wrong)?,
            "delete" => fields.delete = truth(raw).map_err(wrong)?,
            "id" => fields.id = optional(raw).map_err(wrong)?,
            "type" => found.type_token = text(raw).map_err(wrong)?,
            "inputs" => fields.inputs = self.properties(raw)?,
            "outputs" => fields.outputs = self.properties(raw)?,
            "parent" => fields.parent = reader.optional_urn(raw)?,
            "protect" => fields.protect = truth(raw).map_err(wrong)?,
            "external" => fields.external = truth(raw).map_err(wrong)?,
            "dependencies" => fields.dependencies = reader.urns(raw)?,
            "initErrors" => fields.rare_mut().init_errors = texts(raw).map_err(wrong)?,
            "provider" => fields.provider = reader.provider(raw).map_err(wrong)?,
            "propertyDependencies" => fields.property_dependencies = list_or_map(),
            "pendingReplacement" => fields.pending_replacement = truth(raw).map_err(wrong)?,
            "additionalSecretOutputs" => fields.rare_mut().additional_secret_outputs = texts(raw).map_err(wrong)?,
            "customTimeouts" => {
                let (timeouts, unknown) = reader.timeouts(raw).map_err(wrong)?;
                let rare = fields.rare_mut();
                rare.custom_timeouts = Some(timeouts).filter(|timeouts| *timeouts != CustomTimeouts::default());
                rare.unknown_timeouts = unknown;
            }
            "retainOnDelete" => fields.retain_on_delete = truth(raw).map_err(wrong)?,
            "created" => fields.created = optional(raw).map_err(wrong)?,
            "modified" => fields.modified = optional(raw).map_err(wrong)?,
            "taint" | "refreshBeforeUpdate" => {
                if truth(raw).map_err(wrong)? {
                    let rare = fields.rare_mut();
                    *if name == "taint" { &mut rare.taint } else { &mut rare.refresh_before_update } = true;
                }
            }
            "aliases" => fields.rare_mut().aliases = reader.urns(raw)?,
            "importID" => fields.rare_mut().import_id = optional(raw).map_err(wrong)?,
            "deletedWith" => fields.rare_mut().deleted_with = reader.optional_urn(raw)?,
            "replaceWith" => fields.rare_mut().replace_with = reader.urns(raw)?,
            "sourcePosition" => fields.rare_mut().source_position = optional(raw).map_err(wrong)?,
            "stackTrace" => fields.rare_mut().stack_trace = list_or_map(),
            "ignoreChanges" => fields.rare_mut().ignore_changes = texts(raw).map_err(wrong)?,
            "hideDiff" => fields.rare_mut().hide_diff = list_or_map(),
            "replaceOnChanges" => fields.rare_mut().replace_on_changes = texts(raw).map_err(wrong)?,
            "replacementTrigger" => fields.rare_mut().replacement_trigger = json(),
            "viewOf" => fields.rare_mut().view_of = reader.optional_urn(raw)?,
            "resourceHooks" => fields.rare_mut().resource_hooks = list_or_map(),
            "extensionRef" => fields.rare_mut().extension_ref = optional(raw).map_err(wrong)?,
            "snippetID" => fields.rare_mut().snippet_id = optional(raw).map_err(wrong)?,
            _ => fields.rare_mut().unknown.push((name.to_owned(), reader.json(raw))),
        }
        Ok(())
    }

    fn properties(&self, raw: &'de str) -> Result<Properties, String> {
        match raw.as_bytes().first() {
            Some(b'{' | b'n') => Ok(Properties::new(self.reader.json(raw))),
            _ => Err("expected an object of properties".to_owned()),
        }
    }
}

impl<'de> Reader<'_, 'de> {
    /// The text of the object whose first member's name and last member's value are given: both are parts of the buffer.
    fn object_around(&self, first: &'de str, last: &'de str) -> Option<&'de str> {
        let offset = |part: &str| (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let bytes = self.text.as_bytes();
        let before = bytes.get(..offset(first)?.checked_sub(1)?)?;
        let start = before.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
        let after = offset(last)? + last.len();
        let end = after + bytes.get(after..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let text = self.text.get(start..=end)?;
        (text.starts_with('{') && text.ends_with('}')).then_some(text)
    }
}

impl<'de> Reader<'_, 'de> {
    /// The times that are known, and the members that aren't.
    fn timeouts(&self, raw: &'de str) -> Result<(CustomTimeouts, Vec<(String, Json)>), serde_json::Error> {
        let (mut timeouts, mut unknown) = (CustomTimeouts::default(), Vec::new());
        for (name, value) in members(raw)? {
            let seconds = match &*name {
                "create" => &mut timeouts.create,
                "update" => &mut timeouts.update,
                "delete" => &mut timeouts.delete,
                "read" => &mut timeouts.read,
                _ => {
                    unknown.push((name.into_owned(), self.json(value)));
                    continue;
                }
            };
            // As in Pulumi zero is as good as none.
            *seconds = serde_json::from_str::<Option<f64>>(value)?.filter(|seconds| *seconds != 0.0);
        }
        Ok((timeouts, unknown))
    }
}

pub(super) fn operation<'de, E: serde::de::Error>(
    reader: &Reader<'_, 'de>,
    index: usize,
    raw: &'de str,
) -> Result<PendingOperation, E> {
    let place = || format!("pending_operations[{index}]");
    let mut resource = None;
    let (mut kind, mut unknown) = (String::new(), Vec::new());
    for (name, value) in members(raw).map_err(|error| reader.malformed(place(), error))? {
        match &*name {
            "resource" => {
                let mut deserializer = serde_json::Deserializer::from_str(value);
                let seed = ResourceSeed { reader, index, of: "pending_operations" };
                resource = Some(seed.deserialize(&mut deserializer).map_err(E::custom)?);
            }
            "type" => kind = serde_json::from_str(value).map_err(|error| reader.malformed(place(), error))?,
            _ => unknown.push((name.into_owned(), reader.json(value))),
        }
    }
    let resource = resource.ok_or_else(|| reader.malformed(place(), "it has no `resource`"))?;
    Ok(PendingOperation { resource, kind, unknown })
}

pub(super) fn manifest<'de, E: serde::de::Error>(reader: &Reader<'_, 'de>, raw: &'de str) -> Result<Manifest, E> {
    let wrong = |error: serde_json::Error| reader.malformed("manifest", error);
    let mut manifest = Manifest::default();
    for (name, value) in members(raw).map_err(wrong)? {
        let known = match &*name {
            "time" => &mut manifest.time,
            "magic" => &mut manifest.magic,
            "version" => &mut manifest.version,
            _ => {
                manifest.unknown.push((name.into_owned(), reader.json(value)));
                continue;
            }
        };
        *known = text(value).map_err(wrong)?.unwrap_or_default().into_owned();
    }
    Ok(manifest)
}

pub(super) fn secrets_provider<'de, E: serde::de::Error>(
    reader: &Reader<'_, 'de>,
    raw: &'de str,
) -> Result<Option<SecretsProvider>, E> {
    let wrong = |error: serde_json::Error| reader.malformed("secrets_providers", error);
    let members = members(raw).map_err(wrong)?;
    if members.is_empty() {
        return Ok(None);
    }
    let mut provider = SecretsProvider { kind: String::new(), state: None, unknown: Vec::new() };
    for (name, value) in members {
        match &*name {
            "type" => provider.kind = text(value).map_err(wrong)?.unwrap_or_default().into_owned(),
            "state" => provider.state = Some(reader.json(value)).filter(|json: &Json| json.as_str() != "null"),
            _ => provider.unknown.push((name.into_owned(), reader.json(value))),
        }
    }
    Ok(Some(provider))
}
