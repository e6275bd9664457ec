//! The order of a state's resources: what one refers to comes before it (SPEC.md section 1.9).
//!
//! A name may stand for several resources, the live one and leftovers of replacements. As in Pulumi a leftover refers to
//! leftovers where there are some (what is live now wasn't there yet), and a live resource to the live one.

use std::collections::HashMap;

use super::deployment::Deployment;
use super::integrity::{parse_reference, provider_id};
use super::resource::Resource;

impl Deployment {
    /// Puts each resource after all that it refers to, the root first and leftovers at the end; otherwise the order
    /// stays. References to what isn't there don't matter, and a cycle stays as it is.
    pub fn sort(&mut self) {
        // Live ones before leftovers, the root before all.
        let mut wanted: Vec<usize> = (0..self.resources.len()).collect();
        wanted.sort_by_key(|index| (self.resources[*index].delete, !self.resources[*index].is_root()));
        let order = order(&self.resources, wanted).positions;
        self.arrange(order);
    }

    /// Puts the resources at the given positions in this order.
    pub(crate) fn arrange(&mut self, order: Vec<usize>) {
        let mut slots: Vec<Option<Resource>> = std::mem::take(&mut self.resources).into_iter().map(Some).collect();
        self.resources = order.into_iter().filter_map(|index| slots[index].take()).collect();
    }
}

/// Positions of resources, each after those that it refers to.
pub(crate) struct Order {
    pub positions: Vec<usize>,
    /// Resources that refer to each other in a ring, the first one found.
    pub cycle: Option<Vec<usize>>,
}

/// Orders resources; those that don't depend on each other come as in `wanted`.
pub(crate) fn order(resources: &[Resource], wanted: impl IntoIterator<Item = usize>) -> Order {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::with_capacity(resources.len());
    for (index, resource) in resources.iter().enumerate() {
        by_name.entry(resource.urn.as_str()).or_default().push(index);
    }
    let mut walk = Walk {
        resources,
        by_name,
        state: vec![Visit::New; resources.len()],
        order: Order { positions: Vec::with_capacity(resources.len()), cycle: None },
    };
    for start in wanted {
        walk.visit(start);
    }
    walk.order
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

struct Walk<'r> {
    resources: &'r [Resource],
    by_name: HashMap<&'r str, Vec<usize>>,
    state: Vec<Visit>,
    order: Order,
}

impl Walk<'_> {
    /// Depth first without recursion: chains of parents may be long.
    fn visit(&mut self, start: usize) {
        if self.state[start] != Visit::New {
            return;
        }
        let mut path = Vec::new();
        self.open(start, &mut path);
        while let Some((index, targets)) = path.last_mut() {
            let index = *index;
            match targets.next() {
                Some(target) if self.state[target] == Visit::New => self.open(target, &mut path),
                Some(target) if self.state[target] == Visit::Open && self.order.cycle.is_none() => {
                    let ring = path.iter().map(|(index, _)| *index).skip_while(|index| *index != target);
                    self.order.cycle = Some(ring.collect());
                }
                Some(_) => {}
                None => {
                    self.state[index] = Visit::Done;
                    self.order.positions.push(index);
                    path.pop();
                }
            }
        }
    }

    fn open(&mut self, index: usize, path: &mut Vec<(usize, std::vec::IntoIter<usize>)>) {
        self.state[index] = Visit::Open;
        path.push((index, self.references(&self.resources[index]).into_iter()));
    }

    /// Positions of what a resource refers to.
    fn references(&self, resource: &Resource) -> Vec<usize> {
        let mut targets = Vec::new();
        if let Some((urn, id)) = resource.provider.as_deref().and_then(|provider| parse_reference(provider).ok()) {
            let positions = self.by_name.get(urn).map(Vec::as_slice).unwrap_or_default();
            let is_it = |index: &usize| provider_id(&self.resources[*index]) == id;
            targets.extend(positions.iter().copied().find(is_it));
        }
        let mut add = |urn: &str| {
            if urn != resource.urn.as_str()
                && let Some(positions) = self.by_name.get(urn)
            {
                let fits = |index: &usize| self.resources[*index].delete == resource.delete;
                targets.extend(positions.iter().copied().find(fits).or_else(|| positions.first().copied()));
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
}
