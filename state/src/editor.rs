//! Changing a state resource by resource, and putting the result in the order that its rules ask for.

use std::collections::{HashMap, HashSet};

use resource_graph::{ResourceRecord, Urn};

use crate::deployment::{Deployment, PendingOperation};
use crate::integrity::parse_reference;
use crate::resource::Resource;
use crate::secrets::Crypter;
use crate::value_codec::ValueError;

/// Changes a state. The cost of a change doesn't depend on the state's size; [`Editor::finish`] orders it once.
#[derive(Debug)]
pub struct Editor<'d> {
    deployment: &'d mut Deployment,
    /// Positions of the live resource and the leftovers of each name.
    positions: HashMap<Urn, Vec<usize>>,
    removed: HashSet<usize>,
}

impl Deployment {
    /// Starts changing the state.
    pub fn edit(&mut self) -> Editor<'_> {
        let mut positions: HashMap<Urn, Vec<usize>> = HashMap::with_capacity(self.resources.len());
        for (index, resource) in self.resources.iter().enumerate() {
            positions.entry(resource.urn.clone()).or_default().push(index);
        }
        Editor { deployment: self, positions, removed: HashSet::new() }
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
        let Self { deployment, removed, .. } = self;
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

impl Deployment {
    /// Puts each resource after all that it refers to, the root first and leftovers at the end; otherwise the order
    /// stays. References to what isn't there don't matter, and a cycle stays as it is.
    pub fn sort(&mut self) {
        let resources = std::mem::take(&mut self.resources);
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::with_capacity(resources.len());
        for (index, resource) in resources.iter().enumerate() {
            by_name.entry(resource.urn.as_str()).or_default().push(index);
        }
        // Live ones before leftovers, the root before all.
        let mut wanted: Vec<usize> = (0..resources.len()).collect();
        wanted.sort_by_key(|index| (resources[*index].delete, !resources[*index].is_root()));
        let mut order = Vec::with_capacity(resources.len());
        let mut state = vec![Visit::New; resources.len()];
        for start in wanted {
            visit(start, &resources, &by_name, &mut state, &mut order);
        }
        let mut slots: Vec<Option<Resource>> = Vec::new();
        drop(by_name);
        slots.extend(resources.into_iter().map(Some));
        self.resources = order.into_iter().filter_map(|index| slots[index].take()).collect();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

/// Depth first without recursion: chains of parents may be long.
fn visit(
    start: usize,
    resources: &[Resource],
    by_name: &HashMap<&str, Vec<usize>>,
    state: &mut [Visit],
    order: &mut Vec<usize>,
) {
    let mut stack = vec![(start, None::<std::vec::IntoIter<usize>>)];
    while let Some((index, targets)) = stack.last_mut() {
        let index = *index;
        if targets.is_none() {
            if state[index] != Visit::New {
                stack.pop();
                continue;
            }
            state[index] = Visit::Open;
            *targets = Some(references(&resources[index], resources, by_name).into_iter());
        }
        match targets.as_mut().and_then(Iterator::next) {
            Some(target) if state[target] == Visit::New => stack.push((target, None)),
            Some(_) => {}
            None => {
                state[index] = Visit::Done;
                order.push(index);
                stack.pop();
            }
        }
    }
}

/// Positions of what a resource refers to; of several resources of one name the live one.
fn references(resource: &Resource, resources: &[Resource], by_name: &HashMap<&str, Vec<usize>>) -> Vec<usize> {
    let mut targets = Vec::new();
    if let Some((urn, id)) = resource.provider.as_deref().and_then(|provider| parse_reference(provider).ok()) {
        let positions = by_name.get(urn).map(Vec::as_slice).unwrap_or_default();
        targets.extend(positions.iter().copied().find(|index| resources[*index].id.as_deref() == Some(id)));
    }
    let mut add = |urn: &str| {
        if urn != resource.urn.as_str()
            && let Some(positions) = by_name.get(urn)
        {
            targets.extend(positions.iter().copied().min_by_key(|index| resources[*index].delete));
        }
    };
    resource.parent.iter().for_each(|urn| add(urn.as_str()));
    resource.dependencies.iter().for_each(|urn| add(urn.as_str()));
    if resource.property_dependencies.as_ref().is_some_and(|json| json.as_str().contains("urn:")) {
        for (_, urns) in resource.property_dependencies() {
            urns.iter().for_each(|urn| add(urn.as_str()));
        }
    }
    if resource.has_rare() {
        let rare = resource.rare();
        rare.deleted_with.iter().for_each(|urn| add(urn.as_str()));
        rare.replace_with.iter().for_each(|urn| add(urn.as_str()));
    }
    targets
}
