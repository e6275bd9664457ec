//! Changing a state resource by resource, and putting the result in the order that its rules ask for.

use std::collections::{HashMap, HashSet};

use resource_graph::{ResourceRecord, Urn};

use super::deployment::{Deployment, PendingOperation};
use super::resource::Resource;
use crate::codec::value::ValueError;
use crate::secrets::Crypter;

/// Changes a state. The cost of a change doesn't depend on the state's size; [`Editor::finish`] orders it once.
#[derive(Debug)]
pub struct Editor<'d> {
    deployment: &'d mut Deployment,
    /// Positions of the live resource and the leftovers of each name.
    positions: HashMap<Urn, Vec<usize>>,
    removed: HashSet<usize>,
    renamed: HashMap<Urn, Urn>,
}

impl Deployment {
    /// Starts changing the state.
    pub fn edit(&mut self) -> Editor<'_> {
        let mut positions: HashMap<Urn, Vec<usize>> = HashMap::with_capacity(self.resources.len());
        for (index, resource) in self.resources.iter().enumerate() {
            positions.entry(resource.urn.clone()).or_default().push(index);
        }
        Editor { deployment: self, positions, removed: HashSet::new(), renamed: HashMap::new() }
    }
}

impl Editor<'_> {
    fn find(&self, urn: &Urn, test: impl Fn(&Resource) -> bool) -> Option<usize> {
        let positions = self.positions.get(urn)?;
        positions
            .iter()
            .copied()
            .find(|index| !self.removed.contains(index) && test(&self.deployment.resources[*index]))
    }

    /// The live resource of a name.
    pub fn resource(&self, urn: &Urn) -> Option<&Resource> {
        self.find(urn, |resource| !resource.delete).map(|index| &self.deployment.resources[index])
    }

    /// The live resource of a name, to be changed.
    pub fn resource_mut(&mut self, urn: &Urn) -> Option<&mut Resource> {
        let index = self.find(urn, |resource| !resource.delete)?;
        self.deployment.resources.get_mut(index)
    }

    /// Puts a resource at the end.
    pub fn add(&mut self, resource: Resource) {
        let index = self.deployment.resources.len();
        self.positions.entry(resource.urn.clone()).or_default().push(index);
        self.deployment.resources.push(resource);
    }

    /// Records a resource: updates the live one of its name (or the leftover of its id, when the record is one), or
    /// adds it.
    ///
    /// # Errors
    /// As [`Resource::update_from`].
    pub fn upsert(&mut self, record: &ResourceRecord, crypter: &dyn Crypter) -> Result<(), ValueError> {
        let place = self.find(&record.urn, |resource| {
            resource.delete == record.pending_deletion && (!resource.delete || resource.id == record.id)
        });
        match place {
            Some(index) => self.deployment.resources[index].update_from(record, crypter),
            None => {
                self.add(Resource::from_record(record, crypter)?);
                Ok(())
            }
        }
    }

    /// Puts `resource` in the place of the live one of the name `from`, to which others may refer: they refer to the new name
    /// from [`Editor::finish`] on. Says whether there was one.
    pub fn rename(&mut self, from: &Urn, resource: Resource) -> bool {
        let Some(index) = self.find(from, |resource| !resource.delete) else { return false };
        if resource.urn != *from {
            if let Some(positions) = self.positions.get_mut(from) {
                positions.retain(|position| *position != index);
            }
            self.positions.entry(resource.urn.clone()).or_default().push(index);
            self.renamed.insert(from.clone(), resource.urn.clone());
        }
        self.deployment.resources[index] = resource;
        true
    }

    /// Forgets the live resource of a name; says whether there was one.
    pub fn remove(&mut self, urn: &Urn) -> bool {
        let found = self.find(urn, |resource| !resource.delete);
        self.removed.extend(found);
        found.is_some()
    }

    /// Forgets the leftover of a name that `is_it` knows; says whether there was one.
    pub fn remove_leftover(&mut self, urn: &Urn, is_it: impl Fn(&Resource) -> bool) -> bool {
        let found = self.find(urn, |resource| resource.delete && is_it(resource));
        self.removed.extend(found);
        found.is_some()
    }

    /// Forgets the oldest leftover of a name; says whether there was one.
    pub fn remove_any_leftover(&mut self, urn: &Urn) -> bool {
        let found = self.find(urn, |resource| resource.delete);
        self.removed.extend(found);
        found.is_some()
    }

    /// Turns the live resource of a name into a leftover that waits to be deleted; says whether there was one.
    pub fn mark_for_deletion(&mut self, urn: &Urn) -> bool {
        match self.resource_mut(urn) {
            Some(resource) => {
                resource.edit().delete = true;
                true
            }
            None => false,
        }
    }

    /// Sets the operations whose outcome isn't known.
    pub fn set_pending_operations(&mut self, operations: Vec<PendingOperation>) {
        self.deployment.pending_operations = operations;
    }

    /// Takes out what was forgotten and puts the rest in order: root, then each resource after all that it refers to,
    /// leftovers at the end. Resources that are in order already keep their places.
    pub fn finish(self) {
        let Self { deployment, removed, renamed, .. } = self;
        if !renamed.is_empty() {
            deployment.redirect_references(&renamed);
        }
        if !removed.is_empty() {
            let mut index = 0;
            deployment.resources.retain(|_| {
                index += 1;
                !removed.contains(&(index - 1))
            });
        }
        deployment.sort();
    }
}
