//! What the engine itself costs: a deployment of N resources to a cloud that answers at once, over a real store on disk.
//!
//! Prints, for 100, 1,000 and 10,000 resources: CPU time and wall time of creating them, the state's bytes written against
//! the final checkpoint, and planning and queries when nothing has changed, with the process's peak memory.
//! Run with `cargo bench --bench engine`; `-- plan <N>` does the unchanged part alone in a process of its own.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use resource_graph::{
    Cancellation, Latencies, OperationCost, OutputReference, PropertyMap, Quota, ResourceSpec, ResourceTypeInfo,
    ResourceTypes, TypeToken, Urn, Value,
};
use semantest_iac::adapters::clock::MachineClock;
use semantest_iac::adapters::state_store::StateStore;
use semantest_iac::application::gate::Calls;
use semantest_iac::application::{
    self, ApplicationError, Confirmation, DeployRequest, DeploymentResult, Options, Ports, Preview, Refresh,
    StackTarget,
};
use semantest_iac::domain::component::Component;
use semantest_iac::domain::deployment::ErrorDetail;
use semantest_iac::domain::provider::Provider;
use semantest_iac::ports::latencies::LatencyStore;
use semantest_iac::ports::{
    Blueprint, BlueprintRequest, CallKind, Cloud, CloudIdentity, Found, HealthChecker, HealthProbe, HealthReport,
    Notice, NoticeHandler, OperationContext, PackagedCode, Packager, ProviderError, ResourceProvider, ResourceState,
    StackStore,
};
use state::{LockOptions, Owner, Passphrase, SystemProcesses};

const TYPE: &str = "sim:index:Thing";
const COST: OperationCost = OperationCost::new(&[resource_graph::CallCost { quota: "sim", calls: 1 }], 1);
static INFO: ResourceTypeInfo = ResourceTypeInfo {
    token: TYPE,
    replace_on: &["name"],
    stable_outputs: &["id", "arn"],
    delete_before_replace: false,
    conflict_input: None,
    conflict_scope: "",
    create: COST,
    update: COST,
    delete: COST,
    read: COST,
    equivalent: resource_graph::resource_type::never_equivalent,
};

struct Things(usize);

struct Thing;

#[async_trait]
impl ResourceProvider for Thing {
    fn info(&self) -> &'static ResourceTypeInfo {
        &INFO
    }
    fn identifying_inputs(&self) -> &'static [&'static str] {
        &["name"]
    }
    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let _permit = context.gate.acquire("sim", CallKind::Write).await?;
        let mut outputs = inputs.clone();
        let name = inputs.string("name").unwrap_or_default();
        outputs.insert("arn", format!("arn:sim:::{name}"));
        for index in 0..12 {
            outputs.insert(format!("output{index}"), format!("a value that the cloud has made up, number {index}"));
        }
        Ok(ResourceState { id: name.to_owned(), inputs: inputs.clone(), outputs })
    }
    async fn read(
        &self,
        _: &OperationContext,
        _: &str,
        _: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError> {
        Ok(None)
    }
    async fn update(
        &self,
        context: &OperationContext,
        _: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        self.create(context, inputs).await
    }
    async fn delete(&self, _: &OperationContext, _: &ResourceState) -> Result<(), ProviderError> {
        Ok(())
    }
    async fn find(&self, _: &OperationContext, _: &PropertyMap) -> Result<Option<Found>, ProviderError> {
        Ok(None)
    }
}

impl ResourceTypes for Things {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        (token.as_str() == TYPE).then_some(&INFO)
    }
}

#[async_trait]
impl Cloud for Things {
    fn provider(&self) -> Provider {
        Provider::Aws
    }
    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        BTreeMap::new()
    }
    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        Ok(CloudIdentity { account: "1".into(), principal: "me".into(), region: "here".into() })
    }
    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        (token.as_str() == TYPE).then(|| Arc::new(Thing) as _)
    }
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        let urn = |index: usize| {
            Urn::new(&request.stack, &request.project, None, &TypeToken::new(TYPE), &format!("thing-{index}"))
        };
        let resources = (0..self.0).map(|index| {
            let tags: PropertyMap = ["project", "stack", "component", "owner"]
                .map(|name| (format!("semantest:{name}"), Value::from("some value of usual length")))
                .into_iter()
                .collect();
            let mut inputs = PropertyMap::from([
                ("name", Value::from(format!("bench-thing-{index}"))),
                ("description", Value::from("what this thing is for, in a sentence of usual length")),
                ("memorySize", Value::from(512.0)),
                ("tags", Value::Map(tags)),
            ]);
            // Chains of ten, as components have.
            if index % 10 != 0 {
                inputs.insert("previous", OutputReference::new(urn(index - 1), "arn"));
            }
            ResourceSpec::new(urn(index), inputs)
        });
        Ok(Blueprint { resources: resources.collect(), outputs: Vec::new() })
    }
    fn provider_resource(&self, _: &CloudIdentity) -> (String, PropertyMap) {
        ("default".into(), PropertyMap::new())
    }
    fn component_urn(&self, project: &str, stack: &str, component: &str) -> Urn {
        Urn::new(stack, project, None, &TypeToken::new("sim:index:Group"), component)
    }
}

struct Nothing;

#[async_trait]
impl Packager for Nothing {
    async fn package(&self, _: &Component, _: &dyn NoticeHandler) -> Result<PackagedCode, ErrorDetail> {
        unreachable!("there are no components")
    }
}

#[async_trait]
impl HealthChecker for Nothing {
    async fn check(&self, _: &HealthProbe) -> HealthReport {
        unreachable!("there are no components")
    }
}

impl LatencyStore for Nothing {
    fn load(&self) -> Latencies {
        Latencies::new()
    }
    fn save(&self, _: &Latencies) {}
}

impl NoticeHandler for Nothing {
    fn notice(&self, _: Notice) {}
}

#[async_trait]
impl Confirmation for Nothing {
    async fn confirm(&self, _: &Preview<'_>) -> Result<bool, ApplicationError> {
        Ok(true)
    }
}

/// User and system time of this process so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // Fields 14 and 15 of proc(5); the state letter isn't a number, so they are at 10 and 11 here. A tick is 10 ms.
    let ticks = fields.get(10).copied().unwrap_or_default() + fields.get(11).copied().unwrap_or_default();
    Duration::from_millis(ticks * 10)
}

/// Largest resident size of this process so far, in MB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() / 1024
}

struct Bench {
    store: state::StackStore,
    ports: Ports,
    request: DeployRequest,
}

fn bench(folder: &std::path::Path, count: usize) -> Bench {
    let store = state::StackStore::open_folder(folder, state::StoreOptions::default()).expect("a folder");
    let owner = Owner::this_process("bench", "here", &SystemProcesses);
    let passphrase = || Ok::<_, state::SecretsError>(Passphrase::new("bench"));
    let stack = StateStore::new(store.clone(), "bench", "sim", owner, LockOptions::default(), Arc::new(passphrase))
        .expect("names");
    let ports = Ports {
        calls: Arc::new(Calls::new(&Things(count))),
        cloud: Arc::new(Things(count)),
        store: Arc::new(stack),
        packager: Arc::new(Nothing),
        health: Arc::new(Nothing),
        clock: Arc::new(MachineClock),
        latencies: Arc::new(Nothing),
        notices: Arc::new(Nothing),
        handlers: Vec::new(),
    };
    let options = Options {
        target: StackTarget { project: "bench".into(), environment: "bench".into(), stack: "sim".into() },
        components: Vec::new(),
        targets: Vec::new(),
        refresh: Refresh::Changed,
        parallelism: None,
        lock_timeout: Duration::ZERO,
        user: "bench".into(),
        message: String::new(),
        source: BTreeMap::new(),
        correlation_id: None,
        cancellation: Cancellation::new(),
    };
    Bench { store, ports, request: DeployRequest { options, components: Vec::new() } }
}

async fn create(folder: &std::path::Path, count: usize) {
    let Bench { store, ports, request } = bench(folder, count);
    let (cpu, wall) = (cpu_time(), Instant::now());
    let report = application::deploy(&ports, &request, &Nothing).await.expect("it deploys");
    assert_eq!(report.result, DeploymentResult::Succeeded);
    assert_eq!(report.changes.create, count);
    let (cpu, wall) = (cpu_time() - cpu, wall.elapsed());
    let checkpoint = std::fs::metadata(folder.join(".pulumi/stacks/bench/sim.json")).expect("a checkpoint").len();
    let written = store.bytes_written();
    println!(
        "create {count:>6}: cpu {:>7.3} s ({:>5.1} µs a step), wall {:>7.3} s, checkpoint {:>8.2} MB, written {:>8.2} MB = {:.2} x",
        cpu.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / count as f64,
        wall.as_secs_f64(),
        checkpoint as f64 / 1e6,
        written as f64 / 1e6,
        written as f64 / checkpoint as f64
    );
}

async fn plan(folder: &std::path::Path, count: usize) {
    let Bench { ports, request, .. } = bench(folder, count);
    let wall = Instant::now();
    let report = application::deploy(&ports, &request, &Nothing).await.expect("it plans");
    assert_eq!(report.changes.same, count);
    assert!(report.changes.is_empty() && report.deployment_id.is_none(), "{:?}", report.changes);
    println!("plan   {count:>6}: wall {:>7.3} s, peak {} MB", wall.elapsed().as_secs_f64(), peak_memory());
}

async fn query(folder: &std::path::Path, count: usize) {
    let Bench { ports, .. } = bench(folder, count);
    let store: &dyn StackStore = ports.store.as_ref();
    let wall = Instant::now();
    let status = application::queries::status(store, "bench", "sim").await.expect("a status");
    let status_time = wall.elapsed();
    assert!(status.resources.len() > count);
    let wall = Instant::now();
    application::queries::stack_outputs(store).await.expect("outputs");
    println!(
        "query  {count:>6}: status {:>6.1} ms, outputs {:>6.1} ms, peak {} MB",
        status_time.as_secs_f64() * 1e3,
        wall.elapsed().as_secs_f64() * 1e3,
        peak_memory()
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [what, folder, count] = arguments.as_slice() {
        let (folder, count) = (std::path::Path::new(folder), count.parse().expect("a number"));
        match what.as_str() {
            "plan" => runtime.block_on(plan(folder, count)),
            "query" => runtime.block_on(query(folder, count)),
            _ => panic!("plan or query, not {what}"),
        }
        return;
    }
    for count in [100, 1_000, 10_000] {
        let folder = tempfile::tempdir().expect("a folder");
        runtime.block_on(create(folder.path(), count));
        // In processes of their own, for the sake of their peak memory.
        for what in ["plan", "query"] {
            let program = std::env::current_exe().expect("this program");
            let arguments = [what, &folder.path().to_string_lossy(), &count.to_string()];
            let status = std::process::Command::new(program).args(arguments).status().expect("it starts");
            assert!(status.success());
        }
    }
}
