use std::collections::HashMap;

use resource_graph::{PropertyMap, ResourceGraph, ResourceSpec, TypeToken, Urn};

use super::{dot, mermaid, svg};

fn urn(name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("t:m:T"), name)
}

fn spec(name: &str, depends_on: &[&str]) -> ResourceSpec {
    let mut spec = ResourceSpec::new(urn(name), PropertyMap::new());
    spec.options.depends_on = depends_on.iter().map(|name| urn(name)).collect();
    spec
}

/// A component of two resources, of which the second needs the first and one outside.
fn with_component() -> ResourceGraph {
    let mut component = ResourceSpec::component(urn("api \"one\""));
    component.options.depends_on = vec![urn("base")];
    let child = |name: &str, depends_on: &[&str]| {
        let mut child = spec(name, depends_on);
        child.options.parent = Some(component.urn.clone());
        child
    };
    let children = [child("a<b>", &[]), child("c", &["a<b>", "base"])];
    ResourceGraph::new([spec("base", &[]), component.clone()].into_iter().chain(children)).unwrap()
}

#[test]
fn dot_draws_components_as_clusters() {
    let dot = dot(&with_component());
    assert_eq!(
        dot,
        r#"digraph resources {
  rankdir=LR;
  compound=true;
  node [shape=box, style=rounded, fontname="sans-serif"];
  n0 [label="base\nt:m:T", tooltip="URN::base"];
  subgraph cluster_1 {
    label="api \"one\"\nt:m:T"; tooltip="URN::api \"one\"";
    n2 [label="a<b>\nt:m:T", tooltip="URN::a<b>"];
    n3 [label="c\nt:m:T", tooltip="URN::c"];
  }
  n2 -> n0 [ltail=cluster_1];
  n3 -> n0;
  n3 -> n2;
}
"#
        .replace("\\\\", "\\")
        .replace("URN", "urn:pulumi:dev::shop::t:m:T")
    );
}

#[test]
fn mermaid_draws_components_as_subgraphs_and_escapes_names() {
    let mermaid = mermaid(&with_component());
    assert_eq!(
        mermaid,
        "flowchart LR
  n0[\"base<br/>t:m:T\"]
  subgraph n1 [\"api #34;one#34;<br/>t:m:T\"]
    n2[\"a#60;b#62;<br/>t:m:T\"]
    n3[\"c<br/>t:m:T\"]
  end
  n1 --> n0
  n3 --> n0
  n3 --> n2
"
    );
}

/// `x`, `y`, `width`, `height` of each rectangle, by the name in its title.
fn rectangles(svg: &str) -> HashMap<String, [f64; 4]> {
    let attribute = |line: &str, name: &str| -> f64 {
        line.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
    };
    svg.lines()
        .filter(|line| line.starts_with("<g>"))
        .map(|line| {
            let title = line.split("</title>").next().unwrap().rsplit("::").next().unwrap().to_owned();
            (title, ["x", "y", "width", "height"].map(|name| attribute(line, name)))
        })
        .collect()
}

#[test]
fn the_picture_puts_what_is_needed_to_the_right_and_children_inside_their_box() {
    let svg = svg(&with_component());
    let places = rectangles(&svg);
    let [a, c, base] = ["a&lt;b&gt;", "c", "base"].map(|name| places[name]);
    let outer = places["api &quot;one&quot;"];
    assert!(c[0] + c[2] < a[0] && outer[0] + outer[2] < base[0], "{places:?}");
    for inner in [a, c] {
        assert!(inner[0] > outer[0] && inner[1] > outer[1]);
        assert!(inner[0] + inner[2] < outer[0] + outer[2] && inner[1] + inner[3] < outer[1] + outer[3]);
    }
    assert_eq!(svg.matches("class=\"arrow\"").count(), 3);
}

#[test]
fn no_two_resources_overlap_in_the_picture() {
    let specs = (0..40_usize).map(|index| {
        let needs: Vec<String> =
            (0..index).filter(|other| (index * 7 + other * 3) % 11 == 0).map(|n| n.to_string()).collect();
        spec(&index.to_string(), &needs.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let places: Vec<[f64; 4]> = rectangles(&svg(&ResourceGraph::new(specs).unwrap())).into_values().collect();
    assert_eq!(places.len(), 40);
    for (index, a) in places.iter().enumerate() {
        for b in &places[..index] {
            let apart = a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
            assert!(apart, "{a:?} and {b:?} overlap");
        }
    }
}
