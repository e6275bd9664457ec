//! What is drawn of a graph: boxes within boxes, and arrows.

use std::collections::HashMap;

use resource_graph::{ResourceGraph, ResourceSpec, Urn};

/// Resources by the component that they belong to.
pub(super) struct Tree<'a> {
    pub specs: Vec<&'a ResourceSpec>,
    pub position: HashMap<&'a Urn, usize>,
    pub children: Vec<Vec<usize>>,
    pub roots: Vec<usize>,
}

impl<'a> Tree<'a> {
    pub fn new(graph: &'a ResourceGraph) -> Self {
        let specs: Vec<&ResourceSpec> = graph.in_order().map(|spec| &**spec).collect();
        let position: HashMap<&Urn, usize> = specs.iter().enumerate().map(|(index, spec)| (&spec.urn, index)).collect();
        let mut children = vec![Vec::new(); specs.len()];
        let mut roots = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            match spec.options.parent.as_ref().and_then(|parent| position.get(parent)) {
                Some(parent) => children[*parent].push(index),
                None => roots.push(index),
            }
        }
        Self { specs, position, children, roots }
    }

    pub fn is_box(&self, index: usize) -> bool {
        !self.children[index].is_empty()
    }

    /// A node that isn't a box: the resource itself, or the first one inside it.
    pub fn leaf(&self, mut index: usize) -> usize {
        while let Some(first) = self.children[index].first() {
            index = *first;
        }
        index
    }

    /// Who needs whom, without what being inside a box says already.
    pub fn arrows(&self, graph: &ResourceGraph) -> Vec<(usize, usize)> {
        let mut arrows = Vec::new();
        for (from, spec) in self.specs.iter().enumerate() {
            for needed in graph.dependencies(&spec.urn) {
                if let Some(to) = self.position.get(&needed.urn)
                    && !self.is_inside(from, *to)
                {
                    arrows.push((from, *to));
                }
            }
        }
        arrows.sort_unstable();
        arrows
    }

    /// The boxes around a resource from the outermost inwards, and the resource itself.
    pub fn way(&self, mut index: usize) -> Vec<usize> {
        let mut way = vec![index];
        while let Some(parent) = self.specs[index].options.parent.as_ref().and_then(|parent| self.position.get(parent))
        {
            way.push(*parent);
            index = *parent;
        }
        way.reverse();
        way
    }

    fn is_inside(&self, index: usize, outer: usize) -> bool {
        index != outer && self.way(index).contains(&outer)
    }
}
