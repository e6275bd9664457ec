//! What planning costs: 10,000 resources in which nothing changes, one input of each changes, or nothing is recorded.
//!
//! `cargo bench -p resource-graph --bench planning`. Reading the state isn't part of it; the records are in memory.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use resource_graph::{PlanOptions, ResourceGraph, ResourceRecord, Value, plan};

mod shapes;

const COMPONENTS: usize = 1000;

/// The most memory that the process had so far, in MB, where the system tells.
fn most_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let (result, took) = shapes::measured(work);
    let memory = most_memory().map_or(String::new(), |memory| format!("   {memory:>6.1} MB at most so far"));
    println!("{name:<44} {:>8.1} ms CPU{memory}", took.as_secs_f64() * 1e3);
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let types = shapes::Types::new();
    let options = PlanOptions::default();
    let specs = timed("making 10,000 specs", || shapes::rest_apis(COMPONENTS));
    let records: Vec<ResourceRecord> = timed("making 10,000 records", || specs.iter().map(shapes::record).collect());
    let mut changed = specs.clone();
    let graph = timed("putting the graph together", || ResourceGraph::new(specs))?;
    let unchanged = timed("planning: nothing changes", || plan(&graph, &records, &types, &options))?;
    assert!(unchanged.is_empty() && unchanged.counts().same == COMPONENTS * 10, "nothing changes");
    let nothing: [ResourceRecord; 0] = [];
    let creates = timed("planning: everything is made", || plan(&graph, &nothing, &types, &options))?;
    assert_eq!(creates.counts().create, COMPONENTS * 10);
    for spec in &mut changed {
        spec.inputs.insert("description", Value::from("changed"));
    }
    let changed = ResourceGraph::new(changed)?;
    let updates = timed("planning: everything is updated", || plan(&changed, &records, &types, &options))?;
    assert_eq!(updates.counts().update, COMPONENTS * 10);
    let removals =
        timed("planning: everything is removed", || plan(&ResourceGraph::default(), &records, &types, &options))?;
    assert_eq!(removals.counts().delete, COMPONENTS * 10);
    Ok(())
}
