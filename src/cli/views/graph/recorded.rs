//! What depends on what in a state, drawn as `pulumi stack graph` draws it (Graphviz).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use resource_graph::Urn;

use crate::ports::GraphNode;

/// How it is drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Without lines to parents.
    pub ignore_parents: bool,
    /// Without lines of dependencies.
    pub ignore_dependencies: bool,
    /// The colour of dependencies.
    pub dependency_color: String,
    /// The colour of lines to parents.
    pub parent_color: String,
    /// Names instead of URNs.
    pub short_names: bool,
    /// A piece of DOT to be put in at the top.
    pub fragment: String,
}

struct Line<'n> {
    to: &'n Urn,
    color: &'n str,
    label: String,
}

/// Resources of one name are one node, as with Pulumi; those that aren't there aren't drawn.
pub fn recorded(nodes: &[GraphNode], drawing: &Drawing) -> String {
    let known: BTreeSet<&Urn> = nodes.iter().map(|node| &node.urn).collect();
    let mut lines: BTreeMap<&Urn, Vec<Line<'_>>> = BTreeMap::new();
    for node in nodes {
        let dependencies =
            node.dependencies.iter().filter(|(urn, _)| !drawing.ignore_dependencies && known.contains(urn));
        for (urn, inputs) in dependencies {
            let line = Line { to: &node.urn, color: &drawing.dependency_color, label: inputs.join(", ") };
            lines.entry(urn).or_default().push(line);
        }
        if let Some(parent) = node.parent.as_ref().filter(|urn| !drawing.ignore_parents && known.contains(urn)) {
            let line = Line { to: parent, color: &drawing.parent_color, label: String::new() };
            lines.entry(&node.urn).or_default().push(line);
        }
    }
    let mut text = String::from("strict digraph {\n");
    if !drawing.fragment.is_empty() {
        let _ = writeln!(text, "{}", drawing.fragment);
    }
    let mut ids: BTreeMap<&Urn, usize> = BTreeMap::new();
    let mut id_of = |urn| {
        let next = ids.len();
        format!("Resource{}", *ids.entry(urn).or_insert(next))
    };
    for urn in known {
        let id = id_of(urn);
        let label = if drawing.short_names { urn.name() } else { urn.as_str() };
        let _ = writeln!(text, "    {id} [label=\"{label}\"];");
        for line in lines.get(urn).into_iter().flatten() {
            let mut attributes = Vec::new();
            if !line.color.is_empty() {
                attributes.push(format!("color = \"{}\"", line.color));
            }
            if !line.label.is_empty() {
                attributes.push(format!("label = \"{}\"", line.label));
            }
            let attributes =
                if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
            let _ = writeln!(text, "    {id} -> {}{attributes};", id_of(line.to));
        }
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;

    #[test]
    fn it_is_drawn_as_pulumi_draws_it() {
        let urn = |name: &str| Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name);
        let nodes = [
            GraphNode { urn: urn("b"), parent: None, dependencies: Vec::new() },
            GraphNode {
                urn: urn("a"),
                parent: Some(urn("b")),
                dependencies: vec![(urn("b"), vec!["x".into(), "y".into()]), (urn("gone"), Vec::new())],
            },
        ];
        let drawing = Drawing {
            ignore_parents: false,
            ignore_dependencies: false,
            dependency_color: "#1".into(),
            parent_color: "#2".into(),
            short_names: true,
            fragment: String::new(),
        };
        assert_eq!(
            recorded(&nodes, &drawing),
            "strict digraph {\n    Resource0 [label=\"a\"];\n    Resource0 -> Resource1 [color = \"#2\"];\n    Resource1 \
             [label=\"b\"];\n    Resource1 -> Resource0 [color = \"#1\", label = \"x, y\"];\n}\n"
        );
    }
}
