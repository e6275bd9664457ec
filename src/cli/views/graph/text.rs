//! The graph as text for other tools: DOT (Graphviz) and Mermaid. Components are drawn as boxes around what belongs to
//! them; arrows lead from a resource to what it needs.

use std::fmt::Write as _;

use resource_graph::ResourceGraph;

use super::tree::Tree;

/// The graph in Graphviz's language.
pub fn dot(graph: &ResourceGraph) -> String {
    let mut text = String::from(
        "digraph resources {\n  rankdir=LR;\n  compound=true;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    let tree = Tree::new(graph);
    for root in &tree.roots {
        dot_node(&tree, *root, 1, &mut text);
    }
    for (from, to) in tree.arrows(graph) {
        // Graphviz draws arrows between nodes only; `ltail` and `lhead` cut them at a box's border.
        let mut attributes = Vec::new();
        if tree.is_box(from) {
            attributes.push(format!("ltail=cluster_{from}"));
        }
        if tree.is_box(to) {
            attributes.push(format!("lhead=cluster_{to}"));
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(text, "  n{} -> n{}{attributes};", tree.leaf(from), tree.leaf(to));
    }
    text.push_str("}\n");
    text
}

/// The graph as a Mermaid flowchart.
pub fn mermaid(graph: &ResourceGraph) -> String {
    let mut text = String::from("flowchart LR\n");
    let tree = Tree::new(graph);
    for root in &tree.roots {
        mermaid_node(&tree, *root, 1, &mut text);
    }
    for (from, to) in tree.arrows(graph) {
        let _ = writeln!(text, "  n{from} --> n{to}");
    }
    text
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
