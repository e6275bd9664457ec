//! The graph as text for other tools: DOT (Graphviz) and Mermaid. Components are drawn as boxes around what belongs to
//! them; arrows lead from a resource to what it needs.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::ResourceGraph;
use crate::{ResourceSpec, Urn};

impl ResourceGraph {
    /// The graph in Graphviz's language.
    pub fn to_dot(&self) -> String {
        let mut text = String::from(
            "digraph resources {\n  rankdir=LR;\n  compound=true;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        );
        let tree = Tree::new(self);
        for root in &tree.roots {
            dot_node(&tree, *root, 1, &mut text);
        }
        for (from, to) in tree.arrows(self) {
            // Graphviz draws arrows between nodes only; `ltail` and `lhead` cut them at a box's border.
            let mut attributes = Vec::new();
            if tree.is_box(from) {
                attributes.push(format!("ltail=cluster_{from}"));
            }
            if tree.is_box(to) {
                attributes.push(format!("lhead=cluster_{to}"));
            }
            let attributes =
                if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
            let _ = writeln!(text, "  n{} -> n{}{attributes};", tree.leaf(from), tree.leaf(to));
        }
        text.push_str("}\n");
        text
    }

    /// The graph as a Mermaid flowchart.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        let tree = Tree::new(self);
        for root in &tree.roots {
            mermaid_node(&tree, *root, 1, &mut text);
        }
        for (from, to) in tree.arrows(self) {
            let _ = writeln!(text, "  n{from} --> n{to}");
        }
        text
    }
}

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
    fn leaf(&self, mut index: usize) -> usize {
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

fn dot_node(tree: &Tree<'_>, index: usize, depth: usize, text: &mut String) {
    let spec = tree.specs[index];
    let indent = "  ".repeat(depth);
    let escape = |label: &str| label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let (name, kind, urn) = (escape(spec.urn.name()), escape(spec.type_token.as_str()), escape(spec.urn.as_str()));
    if tree.is_box(index) {
        let _ = writeln!(
            text,
            "{indent}subgraph cluster_{index} {{\n{indent}  label=\"{name}\\n{kind}\"; tooltip=\"{urn}\";"
        );
        tree.children[index].iter().for_each(|child| dot_node(tree, *child, depth + 1, text));
        let _ = writeln!(text, "{indent}}}");
    } else {
        let _ = writeln!(text, "{indent}n{index} [label=\"{name}\\n{kind}\", tooltip=\"{urn}\"];");
    }
}

fn mermaid_node(tree: &Tree<'_>, index: usize, depth: usize, text: &mut String) {
    let spec = tree.specs[index];
    let indent = "  ".repeat(depth);
    // Mermaid reads labels as Markdown with HTML entities (written with '#').
    let escape = |label: &str| {
        let mut escaped = String::with_capacity(label.len());
        for character in label.chars() {
            match character {
                '"' | '#' | '<' | '>' | '&' | '`' | '\n' => {
                    let _ = write!(escaped, "#{};", u32::from(character));
                }
                _ => escaped.push(character),
            }
        }
        escaped
    };
    let (name, kind) = (escape(spec.urn.name()), escape(spec.type_token.as_str()));
    if tree.is_box(index) {
        let _ = writeln!(text, "{indent}subgraph n{index} [\"{name}<br/>{kind}\"]");
        tree.children[index].iter().for_each(|child| mermaid_node(tree, *child, depth + 1, text));
        let _ = writeln!(text, "{indent}end");
    } else {
        let _ = writeln!(text, "{indent}n{index}[\"{name}<br/>{kind}\"]");
    }
}
