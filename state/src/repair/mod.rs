//! Repairing a state whose rules are broken: putting resources in order and dropping references that lead nowhere, as
//! `pulumi state repair` does, with a list of what is done.

mod dropping;
mod renaming;

use std::fmt;

use resource_graph::Urn;

use crate::model::deployment::Deployment;
use crate::model::integrity::IntegrityProblem;
use crate::model::order::order;
pub(crate) use dropping::drop_references;
pub use dropping::{DroppedReference, ReferenceKind};

/// What a repair of a state would do, and the state that it would leave. Nothing is changed by making one.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// Resources that move; the others stay in their order.
    pub moved: Vec<MovedResource>,
    /// Names of which an entry is there twice, equal in every field: the second goes.
    pub copies: Vec<Urn>,
    /// Resources that change.
    pub changed: Vec<ChangedResource>,
    /// What can't be repaired, as [`Deployment::verify`] says it of the state afterwards. While there is anything, the
    /// state shouldn't be written.
    pub remaining: Vec<IntegrityProblem>,
    /// The state afterwards.
    pub deployment: Deployment,
}

/// A resource that gets another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedResource {
    /// Its name.
    pub urn: Urn,
    /// Whether it waits to be deleted.
    pub leftover: bool,
}

/// A resource that loses references, gets another name, or follows others that do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedResource {
    /// Its name before.
    pub urn: Urn,
    /// Its name afterwards, where that is another: the types of parents are a part of a name.
    pub renamed: Option<Urn>,
    /// Whether it waits to be deleted.
    pub leftover: bool,
    /// References that led nowhere.
    pub dropped: Vec<DroppedReference>,
    /// Names that it refers to and that are others now: before and afterwards.
    pub redirected: Vec<(Urn, Urn)>,
}

impl ChangedResource {
    /// Adds what has become of a resource to what is known already.
    fn note(self, changed: &mut Vec<Self>) {
        match changed.iter_mut().find(|known| known.urn == self.urn && known.leftover == self.leftover) {
            Some(known) => {
                known.renamed = self.renamed.or(known.renamed.take());
                known.dropped.extend(self.dropped);
                known.redirected.extend(self.redirected);
            }
            None => changed.push(self),
        }
    }
}

impl Repair {
    /// Whether there was nothing to repair.
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.copies.is_empty() && self.changed.is_empty() && self.remaining.is_empty()
    }

    /// Whether the state keeps all rules afterwards.
    pub fn is_complete(&self) -> bool {
        self.remaining.is_empty()
    }
}

impl Deployment {
    /// Works out how the state can be made to keep its rules: puts each resource after all that it refers to, drops
    /// references to resources that aren't there, and second copies of an entry. A resource whose parent isn't there gets
    /// the name that it would have without one, and all that refers to it follows.
    ///
    /// What would be a guess is left and told in [`Repair::remaining`]: two live resources of one name that differ, a
    /// provider that isn't there, resources that refer to each other in a ring. A state that keeps its rules isn't
    /// touched.
    pub fn repair(&self) -> Repair {
        let mut repair = Repair {
            moved: Vec::new(),
            copies: Vec::new(),
            changed: Vec::new(),
            remaining: Vec::new(),
            deployment: self.clone(),
        };
        if self.verify().is_ok() {
            return repair;
        }
        let deployment = &mut repair.deployment;
        repair.copies = drop_copies(deployment);
        let order = order(&deployment.resources, 0..deployment.resources.len());
        match order.cycle {
            Some(cycle) => repair.remaining.push(ring(deployment, &cycle)),
            None => {
                let moves = out_of_order(&order.positions);
                repair.moved = moves.into_iter().map(|index| moved(deployment, index)).collect();
                deployment.arrange(order.positions);
            }
        }
        loop {
            dropping::drop_missing(deployment, &mut repair.changed);
            renaming::rename_orphans(deployment, &mut repair.changed);
            // What differed in nothing but lost references has become equal.
            let copies = drop_copies(deployment);
            if copies.is_empty() {
                break;
            }
            repair.copies.extend(copies);
        }
        repair.remaining.extend(deployment.verify().err().into_iter().flat_map(|error| error.problems));
        if repair.remaining.is_empty() {
            deployment.clear_integrity_error();
        }
        repair
    }
}

fn moved(deployment: &Deployment, index: usize) -> MovedResource {
    let resource = &deployment.resources[index];
    MovedResource { urn: resource.urn.clone(), leftover: resource.delete }
}

/// Takes out live resources that are equal to an earlier one in every field: nothing is lost with them.
fn drop_copies(deployment: &mut Deployment) -> Vec<Urn> {
    let mut copies = Vec::new();
    let mut kept: std::collections::HashMap<Urn, Vec<crate::Resource>> = std::collections::HashMap::new();
    deployment.resources.retain(|resource| {
        if resource.delete {
            return true;
        }
        let before = kept.entry(resource.urn.clone()).or_default();
        let is_copy = before.contains(resource);
        if is_copy {
            copies.push(resource.urn.clone());
        } else {
            before.push(resource.clone());
        }
        !is_copy
    });
    copies
}

fn ring(deployment: &Deployment, cycle: &[usize]) -> IntegrityProblem {
    let urns: Vec<&Urn> = cycle.iter().map(|index| &deployment.resources[*index].urn).collect();
    let path: Vec<&str> = urns.iter().chain(urns.first()).map(|urn| urn.as_str()).collect();
    IntegrityProblem {
        urn: urns.first().map(|urn| (*urn).clone()),
        message: format!("snapshot has cyclic dependencies: {}", path.join(" -> ")),
    }
}

/// The fewest values that must move so that the others are in rising order already.
fn out_of_order(positions: &[usize]) -> Vec<usize> {
    // The longest rising subsequence stays: `ends[n]` is where the best one of n + 1 values ends.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; positions.len()];
    for (at, value) in positions.iter().enumerate() {
        let length = ends.partition_point(|end| positions[*end] < *value);
        before[at] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() { ends.push(at) } else { ends[length] = at }
    }
    let mut stays = vec![false; positions.len()];
    let mut at = ends.last().copied();
    while let Some(place) = at {
        stays[place] = true;
        at = before[place];
    }
    positions.iter().zip(stays).filter(|(_, stays)| !stays).map(|(value, _)| *value).collect()
}

impl fmt::Display for Repair {
    /// What is done, in the words of `pulumi state repair`; without what can't be done.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |leftover: bool| if leftover { " (deleted)" } else { "" };
        let mut between = "";
        if !self.moved.is_empty() {
            f.write_str("The following resources will be reordered to appear before their dependents:\n\n")?;
            for MovedResource { urn, leftover } in &self.moved {
                writeln!(f, "* {urn}{}", mark(*leftover))?;
            }
            between = "\n";
        }
        if !self.copies.is_empty() {
            write!(
                f,
                "{between}The following resources are there twice, and their second copies will be removed:\n\n"
            )?;
            for urn in &self.copies {
                writeln!(f, "- {urn}")?;
            }
            between = "\n";
        }
        if !self.changed.is_empty() {
            write!(f, "{between}The following resources will be modified to remove missing dependencies:\n\n")?;
            for change in &self.changed {
                writeln!(f, "~ {}{}", change.urn, mark(change.leftover))?;
                if let Some(urn) = &change.renamed {
                    writeln!(f, "  ~ {urn} [urn]")?;
                }
                for dropped in &change.dropped {
                    writeln!(f, "  - {} [{}]", dropped.target, dropped.kind)?;
                }
                for (before, after) in &change.redirected {
                    writeln!(f, "  ~ {before} => {after}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
