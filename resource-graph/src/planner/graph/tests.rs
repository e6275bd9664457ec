use super::*;
use crate::{OutputReference, PropertyMap, TypeToken};

fn urn(name: &str) -> Urn {
    Urn::new("dev", "shop", None, &TypeToken::new("t:m:T"), name)
}

fn spec(name: &str, depends_on: &[&str]) -> ResourceSpec {
    let mut spec = ResourceSpec::new(urn(name), PropertyMap::new());
    spec.options.depends_on = depends_on.iter().map(|name| urn(name)).collect();
    spec
}

fn names(specs: &[Urn]) -> Vec<&str> {
    specs.iter().map(Urn::name).collect()
}

#[test]
fn the_order_respects_dependencies_and_otherwise_the_order_of_adding() {
    let graph =
        ResourceGraph::new([spec("d", &["c"]), spec("b", &[]), spec("c", &["a"]), spec("a", &[]), spec("e", &[])])
            .unwrap();
    let order: Vec<&str> = graph.in_order().map(|spec| spec.urn.name()).collect();
    assert_eq!(order, ["b", "a", "c", "d", "e"]);
    assert_eq!(graph.dependencies(&urn("d")).map(|spec| spec.urn.name()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(graph.dependants(&urn("a")).map(|spec| spec.urn.name()).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let error = ResourceGraph::new([spec("a", &[]), spec("a", &[])]).unwrap_err();
    assert_eq!(error, GraphError::Duplicate { urn: urn("a") });
}

#[test]
fn a_missing_reference_names_both_ends_and_the_place() {
    let mut from = spec("a", &[]);
    from.inputs.insert("role", OutputReference::new(urn("b"), "arn"));
    let error = ResourceGraph::new([from]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} refers to {} (input 'role'), which isn't in the graph", urn("a"), urn("b"))
    );
    let mut child = spec("a", &[]);
    child.options.parent = Some(urn("p"));
    assert!(ResourceGraph::new([child]).unwrap_err().to_string().contains("(parent)"));
    assert!(ResourceGraph::new([spec("a", &["x"])]).unwrap_err().to_string().contains("(depends on)"));
}

#[test]
fn a_cycle_is_named_as_a_whole_and_without_detours() {
    let error =
        ResourceGraph::new([spec("z", &["a"]), spec("a", &["b"]), spec("b", &["z", "c"]), spec("c", &["a", "z"])])
            .unwrap_err();
    let GraphError::Cycle { cycle } = &error else { panic!("{error}") };
    assert_eq!(names(cycle), ["z", "a", "b"]);
    assert!(error.to_string().ends_with(&format!("{} → {} → {} → {}", urn("z"), urn("a"), urn("b"), urn("z"))));
}

#[test]
fn a_deep_graph_with_a_cycle_is_no_problem() {
    let mut specs = vec![spec("0", &["20000"])];
    specs.extend((1..=20_000).map(|index: usize| spec(&index.to_string(), &[&(index - 1).to_string()])));
    let GraphError::Cycle { cycle } = ResourceGraph::new(specs).unwrap_err() else { panic!() };
    assert_eq!(cycle.len(), 20_001);
}

#[test]
fn a_resource_that_depends_on_itself_is_a_cycle() {
    let error = ResourceGraph::new([spec("b", &[]), spec("a", &["a"])]).unwrap_err();
    assert_eq!(error, GraphError::Cycle { cycle: vec![urn("a")] });
}
