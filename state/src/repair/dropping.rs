//! Dropping references to resources that aren't there.

use std::collections::HashSet;
use std::fmt;

use resource_graph::Urn;

use super::ChangedResource;
use crate::model::deployment::Deployment;
use crate::model::integrity::{parse_reference, provider_id};
use crate::model::resource::ResourceFields;

/// A reference that led nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedReference {
    /// How the resource referred to it.
    pub kind: ReferenceKind,
    /// The name that isn't there.
    pub target: Urn,
}

/// How a resource refers to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// As its parent.
    Parent,
    /// As something that it depends on.
    Dependency,
    /// As something that this input depends on.
    PropertyDependency(String),
    /// As what it is deleted with.
    DeletedWith,
    /// As what it is replaced with.
    ReplaceWith,
}

impl fmt::Display for ReferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent => f.write_str("parent"),
            Self::Dependency => f.write_str("dependency"),
            Self::PropertyDependency(name) => write!(f, "property dependency: {name}"),
            Self::DeletedWith => f.write_str("deleted with"),
            Self::ReplaceWith => f.write_str("replace with"),
        }
    }
}

/// The names of a state's resources.
struct Names {
    known: HashSet<Urn>,
    /// Those of several entries.
    several: HashSet<Urn>,
}

impl Names {
    fn of(deployment: &Deployment) -> Self {
        let mut names = Self { known: HashSet::with_capacity(deployment.resources.len()), several: HashSet::new() };
        for resource in &deployment.resources {
            if !names.known.insert(resource.urn.clone()) {
                names.several.insert(resource.urn.clone());
            }
        }
        names
    }

    /// Whether an entry of the name is there other than the one that refers to it.
    fn has(&self, urn: &Urn, from: &Urn) -> bool {
        if urn == from { self.several.contains(urn) } else { self.known.contains(urn) }
    }
}

/// Drops references to names that no other entry has.
pub(super) fn drop_missing(deployment: &mut Deployment, changed: &mut Vec<ChangedResource>) {
    let names = Names::of(deployment);
    for resource in &mut deployment.resources {
        let mut fields = ResourceFields::clone(resource);
        let dropped = drop_references(&mut fields, &|urn| names.has(urn, &resource.urn));
        if !dropped.is_empty() {
            let (urn, leftover) = (fields.urn.clone(), fields.delete);
            *resource.edit() = fields;
            ChangedResource { urn, renamed: None, leftover, dropped, redirected: Vec::new() }.note(changed);
        }
    }
}

/// Drops references to what isn't there from a resource, and says which.
pub(crate) fn drop_references(fields: &mut ResourceFields, is_there: &dyn Fn(&Urn) -> bool) -> Vec<DroppedReference> {
    let mut dropped = Vec::new();
    let mut keep = |kind: ReferenceKind, urn: &Urn| {
        let is_there = is_there(urn);
        if !is_there {
            dropped.push(DroppedReference { kind, target: urn.clone() });
        }
        is_there
    };
    fields.parent = fields.parent.take().filter(|urn| keep(ReferenceKind::Parent, urn));
    fields.dependencies.retain(|urn| keep(ReferenceKind::Dependency, urn));
    if !fields.property_dependencies_are(|urn| Urn::parse(urn).is_ok_and(|urn| is_there(&urn))) {
        let mut dependencies = fields.property_dependencies();
        for (name, urns) in &mut dependencies {
            urns.retain(|urn| keep(ReferenceKind::PropertyDependency(name.clone()), urn));
        }
        if dependencies != fields.property_dependencies() {
            fields.set_property_dependencies(&dependencies);
        }
    }
    if fields.has_rare() {
        let rare = fields.rare_mut();
        rare.deleted_with = rare.deleted_with.take().filter(|urn| keep(ReferenceKind::DeletedWith, urn));
        rare.replace_with.retain(|urn| keep(ReferenceKind::ReplaceWith, urn));
        fields.forget_empty_rare();
    }
    dropped
}

impl Deployment {
    /// Drops all references to resources that aren't there, those to providers too, and says what was dropped: a last
    /// resort, for when refusing to write the state would lose more. Names stay as they are.
    pub fn drop_dangling_references(&mut self) -> Vec<String> {
        let names = Names::of(self);
        let providers: HashSet<String> = self
            .resources
            .iter()
            .filter(|resource| resource.type_token.is_provider())
            .map(|resource| format!("{}::{}", resource.urn, provider_id(resource)))
            .collect();
        let mut dropped = Vec::new();
        for resource in &mut self.resources {
            let mut fields = ResourceFields::clone(resource);
            let mut missing: Vec<String> = Vec::new();
            for reference in drop_references(&mut fields, &|urn| names.has(urn, &resource.urn)) {
                if !missing.iter().any(|missing| missing == reference.target.as_str()) {
                    missing.push(reference.target.to_string());
                }
            }
            let provider = fields.provider.take_if(|provider| {
                // One that is to be made again needs no provider.
                let may_be_gone = fields.pending_replacement && parse_reference(provider).is_ok();
                !(may_be_gone || providers.contains(&**provider))
            });
            missing.extend(provider.as_deref().map(str::to_owned));
            if !missing.is_empty() {
                dropped.push(format!("{} refers to {}", resource.urn, missing.join(", ")));
                *resource.edit() = fields;
            }
        }
        dropped
    }
}
