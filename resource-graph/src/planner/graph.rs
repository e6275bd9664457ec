//! The graph of wanted resources: a directed acyclic graph whose edges lead from a resource to those that need it.
//!
//! A [`ResourceGraph`] is complete by construction: no URN twice, no dependency on a resource that isn't in it, no cycle.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::{ResourceSpec, Urn};

/// Why resources don't form a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two resources have the same name.
    #[error("resource {urn} is defined twice")]
    Duplicate {
        /// The name.
        urn: Urn,
    },
    /// A resource depends on one that isn't there.
    #[error("{from} refers to {to} ({place}), which isn't in the graph")]
    MissingReference {
        /// The resource that refers.
        from: Urn,
        /// The resource that is missing.
        to: Urn,
        /// Where it refers: `parent`, `depends on`, or `input 'role'`.
        place: String,
    },
    /// Resources depend on each other in a circle.
    #[error("resources depend on each other in a cycle: {}", cycle_text(.cycle))]
    Cycle {
        /// The resources, each of which depends on the next one, and the last one on the first.
        cycle: Vec<Urn>,
    },
}

impl GraphError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            GraphError::Duplicate { .. } => "give one of the two another name",
            GraphError::MissingReference { .. } => "add the missing resource, or remove the reference to it",
            GraphError::Cycle { .. } => "remove one of these references, or split one of the resources in two",
        }
    }
}

fn cycle_text(cycle: &[Urn]) -> String {
    let names: Vec<&str> = cycle.iter().chain(cycle.first()).map(Urn::as_str).collect();
    names.join(" → ")
}

/// Wanted resources and their dependencies.
#[derive(Debug, Clone, Default)]
pub struct ResourceGraph {
    graph: DiGraph<Arc<ResourceSpec>, ()>,
    index: HashMap<Urn, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl ResourceGraph {
    /// Puts resources together; their order decides where dependencies leave a choice. Takes resources as they are or
    /// shared ones, which aren't copied.
    ///
    /// # Errors
    /// [`GraphError`] when a URN stands twice, a dependency is missing, or dependencies form a cycle.
    pub fn new<S: Into<Arc<ResourceSpec>>>(specs: impl IntoIterator<Item = S>) -> Result<Self, GraphError> {
        let mut resources = Self::default();
        for spec in specs {
            let spec: Arc<ResourceSpec> = spec.into();
            let urn = spec.urn.clone();
            let node = resources.graph.add_node(spec);
            if resources.index.insert(urn.clone(), node).is_some() {
                return Err(GraphError::Duplicate { urn });
            }
        }
        for node in resources.graph.node_indices() {
            let spec = Arc::clone(&resources.graph[node]);
            for dependency in spec.dependencies() {
                match resources.index.get(&dependency) {
                    Some(needed) => resources.graph.add_edge(*needed, node, ()),
                    None => return Err(missing_reference(&spec, dependency)),
                };
            }
        }
        resources.order = resources.sort()?;
        Ok(resources)
    }

    /// Kahn's algorithm; of several resources that could come next, the one that was added first does.
    fn sort(&self) -> Result<Vec<NodeIndex>, GraphError> {
        let mut missing: Vec<usize> =
            self.graph.node_indices().map(|node| self.dependency_nodes(node).count()).collect();
        let mut ready: BinaryHeap<Reverse<NodeIndex>> =
            self.graph.node_indices().filter(|node| missing[node.index()] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(missing.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for edge in self.graph.edges(node) {
                let count = &mut missing[edge.target().index()];
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(edge.target()));
                }
            }
        }
        if order.len() == missing.len() { Ok(order) } else { Err(GraphError::Cycle { cycle: self.shortest_cycle() }) }
    }

    /// A cycle without detours, from the resource on it that was added first.
    fn shortest_cycle(&self) -> Vec<Urn> {
        // Unlike Tarjan's algorithm in petgraph, this one doesn't recurse: a deep graph can't overflow the stack.
        let component = petgraph::algo::kosaraju_scc(&self.graph)
            .into_iter()
            .filter(|nodes| nodes.len() > 1 || self.graph.contains_edge(nodes[0], nodes[0]))
            .min_by_key(|nodes| nodes.iter().min().copied());
        let Some(start) = component.as_ref().and_then(|nodes| nodes.iter().min()).copied() else { return Vec::new() };
        let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::default();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let mut dependencies: Vec<NodeIndex> = self.dependency_nodes(node).collect();
            dependencies.sort_unstable();
            for next in dependencies {
                if next == start {
                    let mut back = vec![node];
                    while let Some(previous) = back.last().and_then(|last| came_from.get(last)) {
                        back.push(*previous);
                    }
                    return back.into_iter().rev().map(|node| self.graph[node].urn.clone()).collect();
                }
                if let std::collections::hash_map::Entry::Vacant(entry) = came_from.entry(next) {
                    entry.insert(node);
                    queue.push_back(next);
                }
            }
        }
        Vec::new()
    }

    fn dependency_nodes(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        self.graph.neighbors_directed(node, petgraph::Direction::Incoming)
    }

    /// The number of resources.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no resource.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// A resource by its name.
    pub fn get(&self, urn: &Urn) -> Option<&Arc<ResourceSpec>> {
        self.index.get(urn).map(|node| &self.graph[*node])
    }

    /// All resources, each after those that it depends on. The order is the same on every run.
    pub fn in_order(&self) -> impl ExactSizeIterator<Item = &Arc<ResourceSpec>> {
        self.order.iter().map(|node| &self.graph[*node])
    }

    /// The resources that the given one depends on, directly.
    pub fn dependencies<'a>(&'a self, urn: &Urn) -> impl Iterator<Item = &'a Arc<ResourceSpec>> {
        let node = self.index.get(urn).copied();
        node.into_iter().flat_map(|node| self.dependency_nodes(node)).map(|node| &self.graph[node])
    }

    /// The resources that depend on the given one, directly.
    pub fn dependants<'a>(&'a self, urn: &Urn) -> impl Iterator<Item = &'a Arc<ResourceSpec>> {
        let node = self.index.get(urn).copied();
        node.into_iter().flat_map(|node| self.graph.neighbors(node)).map(|node| &self.graph[node])
    }

    /// Positions in [`ResourceGraph::in_order`] of the dependencies of each resource.
    pub(crate) fn dependency_positions(&self) -> Vec<Vec<u32>> {
        let mut position = vec![0_u32; self.len()];
        for (place, node) in self.order.iter().enumerate() {
            position[node.index()] = u32::try_from(place).unwrap_or(u32::MAX);
        }
        self.order
            .iter()
            .map(|node| {
                let mut places: Vec<u32> = self.dependency_nodes(*node).map(|node| position[node.index()]).collect();
                places.sort_unstable();
                places
            })
            .collect()
    }
}

fn missing_reference(spec: &ResourceSpec, to: Urn) -> GraphError {
    let refers = |value: &crate::Value| {
        let mut found = false;
        value.for_each_reference(&mut |reference| found |= reference.urn == to);
        found
    };
    let place = if spec.options.parent.as_ref() == Some(&to) {
        "parent".to_owned()
    } else if spec.options.depends_on.contains(&to) {
        "depends on".to_owned()
    } else {
        let input = spec.inputs.iter().find(|(_, value)| refers(value)).map_or("", |(name, _)| name);
        format!("input '{input}'")
    };
    GraphError::MissingReference { from: spec.urn.clone(), to, place }
}

#[cfg(test)]
mod tests;
