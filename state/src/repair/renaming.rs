//! Names of resources that have lost their parents, and of all below them: the types of parents are a part of a name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use resource_graph::Urn;

use super::{ChangedResource, ReferenceKind};
use crate::deployment::Deployment;
use crate::resource::{Resource, ResourceFields};

/// New names by the old ones; of the live resource of a name and of its leftovers apart.
#[derive(Default)]
struct NewNames {
    names: HashMap<(Urn, bool), Urn>,
    /// Names of several live resources.
    twins: HashSet<Urn>,
    /// Names that one of their resources keeps: what refers to them goes on doing so.
    kept: HashSet<Urn>,
}

/// Gives resources that have just lost their parents the names that they have without, and lets what refers to them follow.
/// Parents come before their children.
pub(super) fn rename_orphans(deployment: &mut Deployment, changed: &mut Vec<ChangedResource>) {
    let lost_parent = |change: &&ChangedResource| change.dropped.iter().any(|it| it.kind == ReferenceKind::Parent);
    let orphans: HashSet<(Urn, bool)> =
        changed.iter().filter(lost_parent).map(|change| (change.urn.clone(), change.leftover)).collect();
    if orphans.is_empty() {
        return;
    }
    let mut names = NewNames::default();
    names.keep_twins(deployment);
    // A name that turns out to be kept may keep others, of children.
    while names.find(deployment, &orphans) {}
    for change in deployment.resources.iter_mut().filter_map(|resource| names.apply(resource)) {
        change.note(changed);
    }
    for operation in &mut deployment.pending_operations {
        names.apply(&mut operation.resource);
    }
}

impl NewNames {
    /// Which of several live resources of one name is meant can't be told, so it stays.
    fn keep_twins(&mut self, deployment: &Deployment) {
        let mut seen = HashSet::new();
        let live = deployment.resources.iter().filter(|resource| !resource.delete);
        self.twins.extend(live.map(|resource| &resource.urn).filter(|urn| !seen.insert(*urn)).cloned());
    }

    /// Works out the new names; says whether more of the old ones are kept than was thought.
    fn find(&mut self, deployment: &Deployment, orphans: &HashSet<(Urn, bool)>) -> bool {
        self.names.clear();
        let kept_before = self.kept.len();
        let mut kept = Vec::new();
        for resource in &deployment.resources {
            let key = (resource.urn.clone(), resource.delete);
            let urn = &resource.urn;
            let parent = resource.parent.as_ref().and_then(|parent| self.of(parent, resource.delete));
            let parent_type = parent.map(Urn::qualified_type);
            let renamed = Urn::new(urn.stack(), urn.project(), parent_type, &urn.type_token(), urn.name());
            let is_twin = !resource.delete && self.twins.contains(urn);
            if (orphans.contains(&key) || parent.is_some()) && renamed != *urn && !is_twin {
                self.names.insert(key, renamed);
            } else {
                kept.push(key.0);
            }
        }
        self.kept.extend(kept);
        self.kept.len() > kept_before && !self.names.is_empty()
    }

    /// The new name of what a live resource, or a leftover, calls by an old one.
    fn of(&self, urn: &Urn, leftover: bool) -> Option<&Urn> {
        if self.kept.contains(urn) {
            return None;
        }
        [leftover, !leftover].into_iter().find_map(|kind| self.names.get(&(urn.clone(), kind)))
    }

    /// Puts new names into a resource, and says which.
    fn apply(&self, resource: &mut Resource) -> Option<ChangedResource> {
        let mut fields = ResourceFields::clone(resource);
        let leftover = fields.delete;
        let mut redirected: Vec<(Urn, Urn)> = Vec::new();
        let mut follow = |urn: &mut Urn| {
            if let Some(new) = self.of(urn, leftover) {
                let old = std::mem::replace(urn, new.clone());
                let pair = (old, new.clone());
                if !redirected.contains(&pair) {
                    redirected.push(pair);
                }
            }
        };
        fields.parent.iter_mut().chain(&mut fields.dependencies).for_each(&mut follow);
        let mut dependencies = fields.property_dependencies();
        dependencies.iter_mut().flat_map(|(_, urns)| urns).for_each(&mut follow);
        if dependencies != fields.property_dependencies() {
            fields.set_property_dependencies(&dependencies);
        }
        if fields.has_rare() {
            let rare = fields.rare_mut();
            let urns = rare.deleted_with.iter_mut().chain(&mut rare.view_of).chain(&mut rare.replace_with);
            urns.for_each(&mut follow);
        }
        if let Some((urn, id)) = fields.provider.as_deref().and_then(|provider| provider.rsplit_once("::"))
            && let Ok(mut urn) = Urn::parse(urn)
        {
            let id = id.to_owned();
            follow(&mut urn);
            fields.provider = Some(Arc::from(format!("{urn}::{id}")));
        }
        let urn = fields.urn.clone();
        let renamed = self.names.get(&(urn.clone(), leftover)).cloned();
        if renamed.is_none() && redirected.is_empty() {
            return None;
        }
        if let Some(renamed) = &renamed {
            fields.urn.clone_from(renamed);
        }
        *resource.edit() = fields;
        Some(ChangedResource { urn, renamed, leftover, dropped: Vec::new(), redirected })
    }
}
