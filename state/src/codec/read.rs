//! Reading checkpoints and exports: one pass over one buffer, from which properties and whole resources stay slices.

mod fields;
mod quick;
mod scan;
mod upgrade;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use resource_graph::{TypeToken, Urn};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::NEWEST_VERSION;
use super::compression::unpack;
use super::json::{Json, Name};
use crate::error::{Error, Result};
use crate::model::deployment::{BYTE_STRING, Checkpoint, Deployment, Export, KNOWN_FEATURES};
use fields::ResourceSeed;

/// What is being read, for errors.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// The file.
    pub file: &'o str,
    /// The stack that it belongs to.
    pub stack: &'o str,
}

impl Checkpoint {
    /// Reads a checkpoint of any version, compressed or not. Its rules aren't checked: see [`Deployment::verify`].
    ///
    /// # Errors
    /// When it is empty, cut off, of an unknown version or not a checkpoint.
    pub fn read(content: Bytes, origin: Origin<'_>) -> Result<Self> {
        let head = read_head(content, origin)?;
        let no_version = head.version == 0;
        let (stack, latest, unknown, around) = match head.checkpoint {
            // An unversioned file has its members at the top; the member `checkpoint` is then ignored.
            Some(body) if no_version && body.latest.is_some() => {
                return Err(malformed(
                    origin,
                    format!(
                        "the checkpoint of '{}' is marked as version 0, so that Pulumi takes it for an empty stack, \
                         but it holds a state",
                        body.stack
                    ),
                ));
            }
            Some(body) if head.latest.is_none() => (body.stack, body.latest, body.unknown, head.unknown),
            None if no_version && head.latest.is_none() && head.stack.as_deref().unwrap_or_default().is_empty() => {
                return Err(not_a_state(origin, "it has neither `version` nor `checkpoint`"));
            }
            _ if no_version => (head.stack.unwrap_or_default(), head.latest, head.unknown, Vec::new()),
            _ => {
                let message = if head.has_deployment {
                    "it is an export (it has `deployment`), not a checkpoint: `semantest-iac stack import` takes it"
                } else {
                    "it has no `checkpoint`"
                };
                return Err(not_a_state(origin, message));
            }
        };
        Ok(Self { stack, latest, unknown, around })
    }
}

impl Export {
    /// Reads what `stack export` wrote, in any version, compressed or not. Its rules aren't checked: see
    /// [`Deployment::verify`].
    ///
    /// # Errors
    /// When it is empty, cut off, of an unknown version or not an export.
    pub fn read(content: Bytes, origin: Origin<'_>) -> Result<Self> {
        let head = read_head(content, origin)?;
        if head.version == 0 {
            return Err(Error::TooOld { stack: origin.stack.to_owned() });
        }
        if !head.has_deployment {
            let message = if head.checkpoint.is_some() {
                "it is a checkpoint (it has `checkpoint`), not an export: `semantest-iac stack export` prints one"
            } else {
                "it has no `deployment`"
            };
            return Err(not_a_state(origin, message));
        }
        Ok(Self { deployment: head.deployment, unknown: head.unknown })
    }
}

impl crate::Resource {
    /// Reads one resource from its own text, as [`crate::Resource::to_json`] gives it.
    ///
    /// # Errors
    /// When it isn't one.
    pub fn from_json(json: Json) -> Result<Self> {
        let origin = Origin { file: "a resource", stack: "" };
        let content = json.into_bytes();
        let reader = Reader::new(origin, &content, std::str::from_utf8(&content).unwrap_or_default());
        let mut deserializer = serde_json::Deserializer::from_str(reader.text);
        let resource = ResourceSeed { reader: &reader, index: 0, of: "resource" }.deserialize(&mut deserializer);
        reader.result(resource)
    }
}

fn not_a_state(origin: Origin<'_>, message: &str) -> Error {
    Error::NotAState { file: origin.file.to_owned(), message: message.to_owned() }
}

fn malformed(origin: Origin<'_>, message: String) -> Error {
    Error::Malformed { file: origin.file.to_owned(), place: "version".to_owned(), message }
}

/// A file's top level.
#[derive(Default)]
struct Head {
    version: u64,
    features: Vec<String>,
    checkpoint: Option<CheckpointBody>,
    has_deployment: bool,
    deployment: Option<Deployment>,
    /// Of unversioned files.
    stack: Option<String>,
    /// Of unversioned files.
    latest: Option<Deployment>,
    unknown: Vec<(String, Json)>,
}

#[derive(Default)]
struct CheckpointBody {
    stack: String,
    latest: Option<Deployment>,
    unknown: Vec<(String, Json)>,
}

fn read_head(content: Bytes, origin: Origin<'_>) -> Result<Head> {
    let content = unpack(content, origin.file)?;
    if content.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Empty { file: origin.file.to_owned() });
    }
    let text = match std::str::from_utf8(&content) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let before = &content[..error.valid_up_to()];
            return Err(Error::NotJson {
                file: origin.file.to_owned(),
                message: "a byte that is not UTF-8".to_owned(),
                line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
                column: before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1,
            });
        }
    };
    if let Some(quick::Found { of_checkpoint, resources, list }) = quick::resources(origin, &content, text) {
        // What is around the list is little.
        let rest = Bytes::from([&text[..list.start], "[]", &text[list.end..]].concat());
        let head = parse_head(origin, &rest, std::str::from_utf8(&rest).unwrap_or_default());
        if let Some(head) = head.ok().and_then(|head| head.with_resources(resources, of_checkpoint)) {
            return Ok(head.upgraded());
        }
    }
    parse_head(origin, &content, text).map(Head::upgraded)
}

fn parse_head(origin: Origin<'_>, buffer: &Bytes, text: &str) -> Result<Head> {
    let reader = Reader::new(origin, buffer, text);
    if let Some((line, column)) = scan::too_deep(text.as_bytes()) {
        let levels = scan::MOST_LEVELS_OF_FILE;
        return Err(not_a_state(
            origin,
            &format!("objects and lists are nested more than {levels} levels deep (line {line}, column {column})"),
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let head = deserializer.deserialize_any(HeadVisitor(&reader)).and_then(|head| deserializer.end().map(|()| head));
    reader.result(head)
}

impl Head {
    /// Puts in the resources, which were read apart from the rest; nothing where the rest has some, too.
    fn with_resources(mut self, resources: Vec<crate::Resource>, of_checkpoint: bool) -> Option<Self> {
        let place = match of_checkpoint {
            true => self.checkpoint.as_mut()?.latest.as_mut()?,
            false => self.deployment.as_mut()?,
        };
        if !place.resources.is_empty() || self.version == 0 {
            return None;
        }
        place.resources = resources;
        Some(self)
    }

    /// With what the version and its features say of the states in it.
    fn upgraded(mut self) -> Self {
        let in_checkpoint = self.checkpoint.as_mut().and_then(|body| body.latest.as_mut());
        let states = in_checkpoint.into_iter().chain(&mut self.deployment).chain(&mut self.latest);
        let byte_strings = self.version == NEWEST_VERSION && self.features.iter().any(|name| name == BYTE_STRING);
        for state in states {
            state.declares_byte_strings = byte_strings;
            upgrade::upgrade(state, self.version);
        }
        self
    }
}

/// Names of members that must be there once: of two it couldn't be told which is meant, and one would be lost.
#[derive(Default)]
struct Once(Vec<Box<str>>);

impl Once {
    fn take<E: serde::de::Error>(&mut self, name: &str, reader: &Reader<'_, '_>) -> std::result::Result<(), E> {
        if self.0.iter().any(|taken| **taken == *name) {
            return Err(reader.malformed(name, format!("`{name}` is there twice")));
        }
        self.0.push(name.into());
        Ok(())
    }
}

/// What the visitors share.
struct Reader<'o, 'de> {
    origin: Origin<'o>,
    buffer: &'de Bytes,
    text: &'de str,
    /// Names that have occurred, so that equal ones are kept once.
    urns: RefCell<HashMap<&'de str, Urn, RandomState>>,
    types: RefCell<HashMap<&'de str, TypeToken, RandomState>>,
    providers: RefCell<HashMap<&'de str, Arc<str>, RandomState>>,
    /// Carries a typed error past the parser, whose own errors are texts.
    failure: RefCell<Option<Error>>,
}

impl<'o, 'de> Reader<'o, 'de> {
    fn new(origin: Origin<'o>, buffer: &'de Bytes, text: &'de str) -> Self {
        // A resource takes some 2 KB.
        let urns = HashMap::with_capacity_and_hasher(buffer.len() / 2048, RandomState::default());
        Self {
            origin,
            buffer,
            text,
            urns: RefCell::new(urns),
            types: RefCell::default(),
            providers: RefCell::default(),
            failure: RefCell::default(),
        }
    }

    fn result<T>(&self, parsed: std::result::Result<T, serde_json::Error>) -> Result<T> {
        parsed.map_err(|error| {
            self.failure.take().unwrap_or_else(|| Error::json(self.origin.file, self.buffer.len(), &error))
        })
    }

    /// A part of the buffer.
    fn slice(&self, text: &'de str) -> Bytes {
        self.buffer.slice_ref(text.as_bytes())
    }

    fn json(&self, text: &'de str) -> Json {
        Json::checked(self.slice(text))
    }

    fn fail<E: serde::de::Error>(&self, error: Error) -> E {
        let message = error.to_string();
        self.failure.replace(Some(error));
        E::custom(message)
    }

    fn malformed<E: serde::de::Error>(&self, place: impl Into<String>, message: impl fmt::Display) -> E {
        self.fail(Error::Malformed {
            file: self.origin.file.to_owned(),
            place: place.into(),
            message: message.to_string(),
        })
    }

    /// Refuses versions and features that aren't known, before anything else is looked at.
    fn check_version<E: serde::de::Error>(&self, head: &Head) -> std::result::Result<(), E> {
        if head.version > NEWEST_VERSION {
            return Err(self.fail(Error::TooNew { stack: self.origin.stack.to_owned(), version: head.version }));
        }
        let unknown = |feature: &&String| !KNOWN_FEATURES.contains(&feature.as_str());
        let features: Vec<String> = head.features.iter().filter(unknown).cloned().collect();
        if head.version == NEWEST_VERSION && !features.is_empty() {
            return Err(self.fail(Error::UnsupportedFeatures { stack: self.origin.stack.to_owned(), features }));
        }
        Ok(())
    }
}

macro_rules! expecting {
    ($what:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($what)
        }
    };
}

struct HeadVisitor<'r, 'o, 'de>(&'r Reader<'o, 'de>);

impl<'de> Visitor<'de> for HeadVisitor<'_, '_, 'de> {
    type Value = Head;
    expecting!("an object with `version` and `deployment` or `checkpoint`");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Head, A::Error> {
        let reader = self.0;
        let mut head = Head::default();
        // Bodies that come before the version wait for it.
        let mut waiting: Vec<(String, &'de RawValue)> = Vec::new();
        let mut version_seen = false;
        let mut once = Once::default();
        while let Some(Name(name)) = map.next_key()? {
            if matches!(&*name, "version" | "features" | "checkpoint" | "deployment" | "latest" | "stack") {
                once.take(&name, reader)?;
            }
            match &*name {
                "version" => {
                    head.version = map.next_value::<Option<u64>>()?.unwrap_or_default();
                    version_seen = true;
                    if head.version > NEWEST_VERSION {
                        reader.check_version(&head)?;
                    }
                }
                "features" => head.features = map.next_value::<Option<Vec<String>>>()?.unwrap_or_default(),
                "checkpoint" if version_seen => {
                    reader.check_version(&head)?;
                    head.checkpoint = map.next_value_seed(Nullable(CheckpointVisitor(reader)))?;
                }
                "deployment" if version_seen => {
                    reader.check_version(&head)?;
                    head.has_deployment = true;
                    head.deployment = map.next_value_seed(Nullable(DeploymentVisitor(reader)))?;
                }
                "checkpoint" | "deployment" | "latest" | "stack" | "target" => {
                    waiting.push((name.into_owned(), map.next_value()?));
                }
                _ => head.unknown.push((name.into_owned(), reader.json(map.next_value::<&'de RawValue>()?.get()))),
            }
        }
        reader.check_version(&head)?;
        for (name, raw) in waiting {
            let text = raw.get();
            let mut body = serde_json::Deserializer::from_str(text);
            match name.as_str() {
                "checkpoint" => {
                    head.checkpoint =
                        Nullable(CheckpointVisitor(reader)).deserialize(&mut body).map_err(A::Error::custom)?;
                }
                "deployment" => {
                    head.has_deployment = true;
                    head.deployment =
                        Nullable(DeploymentVisitor(reader)).deserialize(&mut body).map_err(A::Error::custom)?;
                }
                "latest" if head.version == 0 => {
                    head.latest =
                        Nullable(DeploymentVisitor(reader)).deserialize(&mut body).map_err(A::Error::custom)?;
                }
                "stack" | "target" if head.version == 0 => {
                    head.stack = serde_json::from_str(text).map_err(A::Error::custom)?;
                }
                _ => head.unknown.push((name, reader.json(text))),
            }
        }
        Ok(head)
    }
}

/// Gives a visitor an object, or nothing for `null`.
struct Nullable<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Nullable<V> {
    type Value = Option<V::Value>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Nullable<V> {
    type Value = Option<V::Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_none<E>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self.0).map(Some)
    }
}

struct CheckpointVisitor<'r, 'o, 'de>(&'r Reader<'o, 'de>);

impl<'de> Visitor<'de> for CheckpointVisitor<'_, '_, 'de> {
    type Value = CheckpointBody;
    expecting!("a checkpoint: an object with `stack` and `latest`");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<CheckpointBody, A::Error> {
        let mut body = CheckpointBody::default();
        let mut once = Once::default();
        while let Some(Name(name)) = map.next_key()? {
            if matches!(&*name, "stack" | "latest") {
                once.take(&name, self.0)?;
            }
            match &*name {
                "stack" => body.stack = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "latest" => body.latest = map.next_value_seed(Nullable(DeploymentVisitor(self.0)))?,
                _ => body.unknown.push((name.into_owned(), self.0.json(map.next_value::<&'de RawValue>()?.get()))),
            }
        }
        Ok(body)
    }
}

struct DeploymentVisitor<'r, 'o, 'de>(&'r Reader<'o, 'de>);

impl<'de> Visitor<'de> for DeploymentVisitor<'_, '_, 'de> {
    type Value = Deployment;
    expecting!("a deployment: an object with `manifest` and `resources`");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Deployment, A::Error> {
        let reader = self.0;
        const MEMBERS: [&str; 7] =
            ["manifest", "secrets_providers", "resources", "pending_operations", "metadata", "snippets", "extensions"];
        let mut deployment = Deployment::default();
        let known = |text: &'de str| Some(reader.json(text)).filter(|json| json.as_str() != "null");
        let mut once = Once::default();
        while let Some(Name(name)) = map.next_key()? {
            if MEMBERS.contains(&&*name) {
                once.take(&name, reader)?;
            }
            match &*name {
                "resources" => {
                    deployment.resources =
                        map.next_value_seed(Nullable(Resources { reader, pending: false }))?.unwrap_or_default().0;
                }
                "pending_operations" => {
                    let operations = map.next_value_seed(Nullable(Resources { reader, pending: true }))?;
                    deployment.pending_operations = operations.unwrap_or_default().1;
                }
                _ => {
                    let text = map.next_value::<&'de RawValue>()?.get();
                    match &*name {
                        "manifest" => deployment.manifest = fields::manifest(reader, text)?,
                        "secrets_providers" => deployment.secrets_provider = fields::secrets_provider(reader, text)?,
                        "metadata" => deployment.metadata = known(text),
                        "snippets" => deployment.snippets = known(text).filter(|json| json.as_str() != "[]"),
                        "extensions" => deployment.extensions = known(text).filter(|json| !json.is_empty()),
                        _ => deployment.unknown.push((name.into_owned(), reader.json(text))),
                    }
                }
            }
        }
        Ok(deployment)
    }
}

/// The list of resources, or that of pending operations.
struct Resources<'r, 'o, 'de> {
    reader: &'r Reader<'o, 'de>,
    pending: bool,
}

impl<'de> Visitor<'de> for Resources<'_, '_, 'de> {
    type Value = (Vec<crate::Resource>, Vec<crate::PendingOperation>);
    expecting!("a list");

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut resources, mut operations) = (Vec::new(), Vec::new());
        if self.pending {
            while let Some(raw) = items.next_element::<&'de RawValue>()? {
                operations.push(fields::operation(self.reader, operations.len(), raw.get())?);
            }
        } else {
            while let Some(resource) = items.next_element_seed(ResourceSeed {
                reader: self.reader,
                index: resources.len(),
                of: "resources",
            })? {
                resources.push(resource);
            }
        }
        Ok((resources, operations))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("invalid type: map, expected a list"))
    }
}
