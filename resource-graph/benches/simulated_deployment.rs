//! Simulated deployments on a virtual clock: how close they come to the lower bound, and what the engine itself costs.
//!
//! `cargo bench -p resource-graph --bench simulated_deployment`; fails when a ratio is above 1.05.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::clock::Stalled;
use resource_graph::{
    Executor, Plan, PlanOptions, ResourceGraph, ResourceRecord, ResourceSpec, RunOptions, RunReport, Scheduler, Step,
    StepContext, StepResult, VirtualClock, lower_bound, plan,
};

mod shapes;

/// Each call takes 100 ms.
struct Calls;

#[async_trait]
impl Executor for Calls {
    type Error = ();

    async fn execute(&self, step: &Step, context: &StepContext) -> Result<StepResult, ()> {
        for cost in step.calls {
            for _ in 0..cost.calls {
                context.call(cost.quota, || context.sleep(Duration::from_millis(100))).await;
            }
        }
        Ok(StepResult::Done)
    }
}

fn made(specs: Vec<ResourceSpec>) -> Result<Plan, Box<dyn std::error::Error>> {
    let records: [ResourceRecord; 0] = [];
    Ok(plan(&ResourceGraph::new(specs)?, &records, &shapes::Types::new(), &PlanOptions::default())?)
}

fn destroyed(specs: Vec<ResourceSpec>) -> Result<Plan, Box<dyn std::error::Error>> {
    let records: Vec<ResourceRecord> = specs.iter().map(shapes::record).collect();
    Ok(plan(&ResourceGraph::default(), &records, &shapes::Types::new(), &PlanOptions::default())?)
}

/// All names change, and with them every resource is replaced.
fn replaced(mut specs: Vec<ResourceSpec>) -> Result<Plan, Box<dyn std::error::Error>> {
    let records: Vec<ResourceRecord> = specs.iter().map(shapes::record).collect();
    specs.iter_mut().for_each(|spec| drop(spec.inputs.insert("name", "another")));
    Ok(plan(&ResourceGraph::new(specs)?, &records, &shapes::Types::new(), &PlanOptions::default())?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut worst: f64 = 0.0;
    println!(
        "{:<34} {:>6} {:>10} {:>10} {:>7}  {:<34} {:>10}",
        "graph", "steps", "bound", "took", "ratio", "bound by", "CPU a step"
    );
    for (name, plan) in [
        ("100 REST APIs", made(shapes::rest_apis(100))?),
        ("10 REST APIs", made(shapes::rest_apis(10))?),
        ("1 REST API", made(shapes::rest_apis(1))?),
        ("40 REST APIs of 16 routes", made(shapes::large_apis(40, 15))?),
        ("100 REST APIs destroyed", destroyed(shapes::rest_apis(100))?),
        ("50 REST APIs replaced", replaced(shapes::rest_apis(50))?),
        ("1,000 log groups side by side", made(shapes::wide(1000))?),
        ("1,000 roles in a row", made(shapes::deep(1000))?),
        ("1 API of 500 routes, 500 groups", made(shapes::one_api(1000))?),
        ("1,000 functions in 20 layers", made(shapes::layers(1000, 50))?),
        ("1,000 REST APIs", made(shapes::rest_apis(1000))?),
    ] {
        let bound = lower_bound(&plan, &shapes::quotas(), |_| true);
        // Often enough for CPU time, which is counted in ticks, to mean something.
        let repetitions = (50_000 / plan.steps().len()).max(1);
        let (reports, cpu) = shapes::measured(|| -> Result<Vec<RunReport<()>>, Stalled> {
            (0..repetitions)
                .map(|_| {
                    let clock = VirtualClock::new();
                    let scheduler = Scheduler::new(Arc::new(clock.clone()), shapes::quotas());
                    clock.run(scheduler.run(&plan, &Calls, &RunOptions::default()))
                })
                .collect()
        });
        let report = &reports?[0];
        assert!(report.is_success(), "all steps are done");
        let ratio = report.elapsed.as_secs_f64() / bound.duration.as_secs_f64();
        worst = worst.max(ratio);
        println!(
            "{name:<34} {:>6} {:>9.2}s {:>9.2}s {ratio:>7.4}  {:<34} {:>6.1} µs",
            plan.steps().len(),
            bound.duration.as_secs_f64(),
            report.elapsed.as_secs_f64(),
            bound.binding.to_string().chars().take(34).collect::<String>(),
            cpu.as_secs_f64() * 1e6 / (plan.steps().len() * repetitions) as f64,
        );
    }
    if worst > 1.05 { Err(format!("a deployment took {worst:.4} × its lower bound").into()) } else { Ok(()) }
}
