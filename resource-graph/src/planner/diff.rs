//! Comparing the inputs that are wanted with those that are recorded, so that each difference explains itself: where it
//! is, what it was, what it will be, and whether it forces a replacement.
//!
//! Null and absent are one (bridged providers write many nulls); names that begin with `__` belong to the machinery and
//! are neither compared nor shown, at any level (SPEC.md section 6.3); secrets are compared by what they protect and
//! never shown (2.5); files by their hashes.

use std::fmt;

use crate::value::property_path::{InvalidPathPattern, PathPattern, PathSegment, PropertyPath};
use crate::{PropertyMap, ResourceOptions, ResourceTypeInfo, Value};

/// What happens to a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It wasn't set and will be.
    Added,
    /// It is set and won't be.
    Removed,
    /// It will have another value.
    Changed,
    /// Its value comes from a resource that isn't done yet; it may turn out to be the same.
    KnownAfterApply,
}

/// A difference of one property.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyChange {
    /// Where.
    pub path: PropertyPath,
    /// What happens.
    pub kind: ChangeKind,
    /// The recorded value. Secret when either of the two is.
    pub old: Option<Value>,
    /// The wanted value; a reference where it isn't known yet. Secret when either of the two is.
    pub new: Option<Value>,
    /// Whether the resource must be replaced for it.
    pub forces_replacement: bool,
}

impl PropertyChange {
    /// Whether the property is sure to change, not only perhaps.
    pub fn is_certain(&self) -> bool {
        self.kind != ChangeKind::KnownAfterApply
    }
}

impl fmt::Display for PropertyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map_or("unset".to_owned(), |value| render(value, LONGEST));
        write!(f, "{} {} → {}", self.path, side(&self.old), side(&self.new))?;
        if self.forces_replacement { f.write_str(" (forces replacement)") } else { Ok(()) }
    }
}

/// Longest text of a value within a sentence, in characters.
const LONGEST: usize = 60;

/// A value as text for people, cut after `longest` characters. A secret at any level is `[secret]`, names that begin
/// with `__` are left out, and what isn't known yet is `(known after apply)`.
pub fn render(value: &Value, longest: usize) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    match text.char_indices().nth(longest) {
        Some((end, _)) => {
            text.truncate(end);
            text.push('…');
            text
        }
        None => text,
    }
}

fn write_value(value: &Value, text: &mut String) {
    use fmt::Write as _;
    let result = match value {
        Value::Null => write!(text, "null"),
        Value::Bool(truth) => write!(text, "{truth}"),
        Value::Number(number) => write!(text, "{number}"),
        Value::String(string) => write!(text, "{string:?}"),
        Value::List(list) => {
            text.push('[');
            for (index, value) in list.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write_value(value, text);
            }
            write!(text, "]")
        }
        Value::Map(map) => {
            text.push('{');
            for (index, (name, value)) in map.iter().filter(|(name, _)| !is_internal(name)).enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(name);
                text.push_str(": ");
                write_value(value, text);
            }
            write!(text, "}}")
        }
        Value::Secret(_) => write!(text, "[secret]"),
        Value::Asset(asset) => write!(text, "asset {}", short_hash(asset.hash.as_deref())),
        Value::Archive(archive) => write!(text, "archive {}", short_hash(archive.hash.as_deref())),
        Value::Resource(resource) => write!(text, "resource {}", resource.urn),
        Value::Bytes(bytes) => write!(text, "{} bytes", bytes.len()),
        Value::Unknown | Value::Output(_) | Value::Interpolation(_) => write!(text, "(known after apply)"),
    };
    // Writing into a String can't fail.
    debug_assert!(result.is_ok());
}

fn short_hash(hash: Option<&str>) -> &str {
    hash.map_or("without hash", |hash| hash.get(..12).unwrap_or(hash))
}

/// Whether a property belongs to the machinery of a provider, never to be compared or shown.
pub fn is_internal(name: &str) -> bool {
    name.starts_with("__")
}

/// What decides whether a difference counts and whether it forces a replacement.
#[derive(Clone, Debug, Default)]
pub struct DiffRules<'a> {
    type_info: Option<&'a ResourceTypeInfo>,
    ignored: Vec<PathPattern>,
    replacing: Vec<PathPattern>,
}

impl<'a> DiffRules<'a> {
    /// The rules of a type and of a resource's options.
    ///
    /// # Errors
    /// [`InvalidPathPattern`] when one of `ignore_changes` or `replace_on_changes` isn't a property path.
    pub fn new(type_info: Option<&'a ResourceTypeInfo>, options: &ResourceOptions) -> Result<Self, InvalidPathPattern> {
        let parse = |patterns: &[String]| -> Result<Vec<PathPattern>, InvalidPathPattern> {
            patterns.iter().map(|text| PathPattern::parse(text)).collect()
        };
        Ok(Self { type_info, ignored: parse(&options.ignore_changes)?, replacing: parse(&options.replace_on_changes)? })
    }

    /// Puts the recorded values of ignored properties into the wanted inputs. Whoever sends inputs to a provider must
    /// send the result, or the ignored change would happen after all.
    pub fn apply_ignored(&self, old: &PropertyMap, new: &mut PropertyMap) {
        self.ignored.iter().for_each(|pattern| pattern.restore(old, new));
    }

    /// Whether any property is ignored.
    pub fn ignores_changes(&self) -> bool {
        !self.ignored.is_empty()
    }

    /// The differences between recorded and wanted inputs, in byte order of the names. Ignored properties must have
    /// been put back before ([`DiffRules::apply_ignored`]). Allocates nothing when there is no difference.
    pub fn diff(&self, old: &PropertyMap, new: &PropertyMap) -> Vec<PropertyChange> {
        let mut comparison = Comparison { rules: self, path: Vec::new(), changes: Vec::new() };
        comparison.maps(old, new);
        comparison.changes
    }

    fn forces_replacement(&self, path: &PropertyPath) -> bool {
        let by_type = self.type_info.zip(path.root()).is_some_and(|(info, root)| info.replace_on.contains(&root));
        by_type || self.replacing.iter().any(|pattern| pattern.touches(path))
    }
}

struct Comparison<'r, 'a> {
    rules: &'r DiffRules<'a>,
    path: Vec<Step<'r>>,
    changes: Vec<PropertyChange>,
}

/// A step of the path that borrows, so that comparing equal properties allocates nothing but this stack.
#[derive(Clone, Copy)]
enum Step<'r> {
    Name(&'r str),
    Index(usize),
}

impl<'r> Comparison<'r, '_> {
    /// Walks two sorted maps side by side.
    fn maps(&mut self, old: &'r PropertyMap, new: &'r PropertyMap) {
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let before = if order.is_le() { old.next() } else { None };
            let now = if order.is_ge() { new.next() } else { None };
            let Some(name) = before.or(now).map(|(name, _)| name) else { return };
            if !is_internal(name) {
                self.inside(Step::Name(name), before.map(|(_, value)| value), now.map(|(_, value)| value));
            }
        }
    }

    fn inside(&mut self, step: Step<'r>, old: Option<&'r Value>, new: Option<&'r Value>) {
        self.path.push(step);
        self.values(old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
        self.path.pop();
    }

    fn values(&mut self, old: &'r Value, new: &'r Value) {
        let before = self.changes.len();
        match (old, new) {
            (Value::Map(a), Value::Map(b)) => self.maps(a, b),
            (Value::List(a), Value::List(b)) => self.lists(a, b),
            _ if is_unresolved(new) => self.report(ChangeKind::KnownAfterApply, old, new),
            _ if same(old, new) => {}
            (Value::Null, _) => self.report(ChangeKind::Added, old, new),
            (_, Value::Null) => self.report(ChangeKind::Removed, old, new),
            _ => self.report(ChangeKind::Changed, old, new),
        }
        // Types are asked about whole top-level inputs only, and only about known ones that differ.
        if self.changes.len() > before && self.at_top() && !contains_unresolved(new) && self.equivalent(old, new) {
            self.changes.truncate(before);
        }
    }

    fn lists(&mut self, old: &'r [Value], new: &'r [Value]) {
        for index in 0..old.len().max(new.len()) {
            let (before, now) = (old.get(index), new.get(index));
            if let (Some(_), Some(_)) = (before, now) {
                self.inside(Step::Index(index), before, now);
            } else {
                // A null element counts: it makes the list longer.
                self.path.push(Step::Index(index));
                let kind = if before.is_none() { ChangeKind::Added } else { ChangeKind::Removed };
                let kind = if now.is_some_and(is_unresolved) { ChangeKind::KnownAfterApply } else { kind };
                self.report_sides(kind, before, now);
                self.path.pop();
            }
        }
    }

    fn at_top(&self) -> bool {
        self.path.len() == 1
    }

    fn equivalent(&self, old: &Value, new: &Value) -> bool {
        match (self.rules.type_info, self.path.first()) {
            (Some(info), Some(Step::Name(name))) => (info.equivalent)(name, old.exposed(), new.exposed()),
            _ => false,
        }
    }

    fn report(&mut self, kind: ChangeKind, old: &Value, new: &Value) {
        let side = |value| if matches!(value, &Value::Null) { None } else { Some(value) };
        self.report_sides(kind, side(old), side(new));
    }

    fn report_sides(&mut self, kind: ChangeKind, old: Option<&Value>, new: Option<&Value>) {
        let path = PropertyPath(
            self.path
                .iter()
                .map(|step| match step {
                    Step::Name(name) => PathSegment::Name((*name).into()),
                    Step::Index(index) => PathSegment::Index(*index),
                })
                .collect(),
        );
        // A value that is secret on one side may be the same text on the other.
        let is_secret = [old, new].iter().flatten().any(|value| matches!(value, Value::Secret(_)));
        let keep = |value: Option<&Value>| {
            value.map(|value| if is_secret { Value::secret(value.clone()) } else { value.clone() })
        };
        let (old, new) = (keep(old), keep(new));
        let forces_replacement = self.rules.forces_replacement(&path);
        self.changes.push(PropertyChange { path, kind, old, new, forces_replacement });
    }
}

/// Whether the value as a whole waits for something that isn't done.
fn is_unresolved(value: &Value) -> bool {
    matches!(value.exposed(), Value::Unknown | Value::Output(_) | Value::Interpolation(_))
        || matches!(value, Value::Secret(secret) if contains_unresolved(secret.expose()))
        || matches!(value, Value::Archive(_)) && contains_unresolved(value)
}

fn contains_unresolved(value: &Value) -> bool {
    value.any(&mut |value| matches!(value, Value::Unknown | Value::Output(_) | Value::Interpolation(_)))
}

/// Equality that looks inside secrets, holds null and absent for one and leaves out what belongs to the machinery.
pub fn same(old: &Value, new: &Value) -> bool {
    match (old.exposed(), new.exposed()) {
        // An unknown that a failed update left in the state equals nothing.
        (Value::Unknown, _) | (_, Value::Unknown) => false,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            let covers = |a: &PropertyMap, b: &PropertyMap| {
                a.iter().all(|(name, value)| is_internal(name) || same(value, b.get(name).unwrap_or(&Value::Null)))
            };
            covers(a, b) && b.iter().all(|(name, value)| is_internal(name) || value.is_null() || a.contains_key(name))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests;
