//! Names of resources that have lost their parents, and of all below them: the types of parents are a part of a name.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use resource_graph::Urn;

use super::{ChangedResource, ReferenceKind};
use crate::model::deployment::Deployment;
use crate::model::resource::{Resource, ResourceFields};

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
        let redirected: RefCell<Vec<(Urn, Urn)>> = RefCell::default();
        fields.map_references(|urn| {
            let Some(new) = self.of(urn, leftover) else { return urn.clone() };
            let pair = (urn.clone(), new.clone());
            let mut redirected = redirected.borrow_mut();
            if !redirected.contains(&pair) {
                redirected.push(pair);
            }
            new.clone()
        });
        let redirected = redirected.into_inner();
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
