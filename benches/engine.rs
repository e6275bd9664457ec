//! What the engine itself costs: a deployment of N resources to a cloud that answers at once, over a real store on disk.
//!
//! Prints, for 100, 1,000 and 10,000 resources of the size of a Lambda function: CPU time and wall time of creating them, the
//! state's bytes written against the final checkpoint, and planning and queries when nothing has changed, each in a process
//! of its own, from its start to its end, with its peak memory. Then planning when the cloud has none of the resources any more,
//! and when another program has recorded all of them.
//! Run with `cargo bench --bench engine`; with `-- --check` it fails when a figure is missed. Machines differ.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use resource_graph::{
    Cancellation, Latencies, OperationCost, OutputReference, PropertyMap, Quota, Recorded, ResourceSpec,
    ResourceTypeInfo, ResourceTypes, SystemClock, TypeToken, Urn, Value,
};
use semantest_iac::adapters::clock::MachineClock;
use semantest_iac::adapters::state_store::StateStore;
use semantest_iac::application::steps::calls::Calls;
use semantest_iac::application::{
    self, ApplicationError, Confirmation, DeployRequest, DeploymentResult, Options, Ports, Preview, Refresh,
    StackTarget,
};
use semantest_iac::domain::code::function::ServerlessFunction;
use semantest_iac::domain::component::ComponentKind;
use semantest_iac::domain::deployment::ErrorDetail;
use semantest_iac::domain::names::ComponentName;
use semantest_iac::domain::provider::Provider;
use semantest_iac::ports::latencies::LatencyStore;
use semantest_iac::ports::{
    Account, AdoptionFacts, Blueprint, BlueprintRequest, Blueprints, CallKind, Catalogue, CloudIdentity, Diagnostics,
    Found, HealthChecker, HealthProbe, HealthReport, ImportedId, Invoked, Notice, NoticeHandler, OperationContext,
    PackagedCode, Packager, ProviderError, ResourceProvider, ResourceState,
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
    id_within: &[],
    create: COST,
    update: COST,
    delete: COST,
    read: COST,
    equivalent: resource_graph::resource::resource_type::never_equivalent,
};

struct Things(usize);

struct Thing;

#[async_trait]
impl ResourceProvider for Thing {
    fn info(&self) -> &'static ResourceTypeInfo {
        &INFO
    }
    fn has_generated_id(&self) -> bool {
        false
    }
    fn identifying_inputs(&self) -> &'static [&'static str] {
        &["name"]
    }
    fn adoption_facts(&self) -> AdoptionFacts {
        AdoptionFacts::default()
    }
    fn unmanaged_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }
    fn default_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }
    fn import_id(&self, id: &str, _inputs: &PropertyMap) -> String {
        id.to_owned()
    }
    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError> {
        Ok(ImportedId::Read { id: import_id.to_owned(), inputs: PropertyMap::new() })
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

impl Catalogue for Things {
    fn longest_operation(&self) -> Option<Duration> {
        None
    }

    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        (token.as_str() == TYPE).then(|| Arc::new(Thing) as _)
    }

    fn type_tokens(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        BTreeMap::new()
    }

    fn provider_resource(&self, _: &CloudIdentity) -> (String, PropertyMap) {
        ("default".into(), PropertyMap::new())
    }

    fn mark(&self, _inputs: &mut PropertyMap, _identity: &str) {}

    fn account_of(&self, _record: &dyn Recorded) -> Option<String> {
        None
    }

    fn is_elsewhere(&self, _record: &dyn Recorded) -> bool {
        false
    }
}

impl Blueprints for Things {
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        let group = ComponentKind::RestApi.group_urn(&request.project, &request.stack, "things");
        let urn = |index: usize| {
            Urn::new(&request.stack, &request.project, None, &TypeToken::new(TYPE), &format!("thing-{index}"))
        };
        let resources = (0..self.0).map(|index| {
            let tags: PropertyMap = ["project", "stack", "component", "owner"]
                .map(|name| (format!("semantest:{name}"), Value::from("some value of usual length")))
                .into_iter()
                .collect();
            let variables: PropertyMap = (0..14)
                .map(|number| {
                    (format!("VARIABLE_{number}"), Value::from(format!("what the server reads, number {number}")))
                })
                .collect();
            let mut inputs = PropertyMap::from([
                ("environment", PropertyMap::from([("variables", variables)]).into()),
                ("name", Value::from(format!("bench-thing-{index}"))),
                ("description", Value::from("what this thing is for, in a sentence of usual length")),
                ("memorySize", Value::from(512.0)),
                ("tags", Value::Map(tags)),
            ]);
            // Chains of ten, as components have.
            if index % 10 != 0 {
                inputs.insert("previous", OutputReference::new(urn(index - 1), "arn"));
            }
            let mut thing = ResourceSpec::new(urn(index), inputs);
            thing.options.parent = Some(group.clone());
            thing
        });
        // What belongs to no component of ours would be taken for another program's.
        let resources = std::iter::once(ResourceSpec::component(group.clone())).chain(resources).collect();
        Ok(Blueprint { resources, outputs: Vec::new() })
    }
}

#[async_trait]
impl Account for Things {
    fn provider(&self) -> Provider {
        Provider::known("aws")
    }

    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        Ok(CloudIdentity { account: "1".into(), principal: "me".into(), region: "here".into() })
    }
}

#[async_trait]
impl Diagnostics for Things {
    async fn invoke(&self, _: &PropertyMap, _: &str, _: Duration) -> Result<Invoked, ProviderError> {
        Ok(Invoked::Well("null".into()))
    }

    async fn recent_output(&self, _outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }

    fn health_headers(&self, _identity: &CloudIdentity) -> Vec<(String, String)> {
        Vec::new()
    }
}

struct Nothing;

#[async_trait]
impl Packager for Nothing {
    async fn package(
        &self,
        _: &ComponentName,
        _: &ServerlessFunction,
        _: &dyn NoticeHandler,
    ) -> Result<PackagedCode, ErrorDetail> {
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
    fn takes_time(&self) -> bool {
        false
    }

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

fn bench(folder: &Path, count: usize) -> Bench {
    let store = state::StackStore::open_folder(folder, state::StoreOptions::default()).expect("a folder");
    let owner = Owner::this_process("bench", "here", &SystemProcesses);
    let access = state::SecretsAccess::with_passphrase(|| Ok(Passphrase::new("bench")));
    let stack = StateStore::new(store.clone(), "bench", "sim", owner, LockOptions::default(), access).expect("names");
    let monotonic = Arc::new(SystemClock::new());
    let ports = Ports {
        calls: Arc::new(Calls::new(&Things(count), Arc::clone(&monotonic) as _)),
        monotonic,
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
        adopt: Vec::new(),
        replace_adopted: false,
        reclaim: false,
        lock_timeout: Duration::ZERO,
        user: "bench".into(),
        message: String::new(),
        source: BTreeMap::new(),
        correlation_id: None,
        cancellation: Cancellation::new(),
    };
    Bench { store, ports, request: DeployRequest { options, components: Vec::new() } }
}

async fn create(folder: &Path, count: usize) -> (Duration, f64) {
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
    (cpu, written as f64 / checkpoint as f64)
}

async fn plan(folder: &Path, count: usize) {
    let Bench { ports, request, .. } = bench(folder, count);
    let report = application::deploy(&ports, &request, &Nothing).await.expect("it plans");
    assert_eq!(report.changes.same, count);
    assert!(report.changes.is_empty() && report.deployment_id.is_none(), "{:?}", report.changes);
}

/// Planning when a refresh finds none of the resources in the cloud, which holds nothing here.
async fn gone(folder: &Path, count: usize) {
    let Bench { ports, mut request, .. } = bench(folder, count);
    request.options.refresh = Refresh::All;
    let report = application::preview(&ports, &request, &|_| {}).await.expect("it plans");
    assert_eq!(report.changes.create, count);
}

/// Planning when another program has recorded all resources, under the names that it gives them and outside of our component.
async fn taken_over(folder: &Path, count: usize) {
    let Bench { ports, request, .. } = bench(folder, count);
    let report = application::preview(&ports, &request, &|_| {}).await.expect("it plans");
    assert_eq!((report.adopted.len(), report.changes.create), (count, 0));
}

/// Lets another program have recorded what was created.
fn disguise(folder: &Path) {
    let file = folder.join(".pulumi/stacks/bench/sim.json");
    let text = std::fs::read_to_string(&file).expect("a checkpoint");
    let mut checkpoint: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let resources = checkpoint["checkpoint"]["latest"]["resources"].as_array_mut().expect("resources");
    resources.retain(|resource| resource["type"] != "sim:index:Group");
    let is_root = |resource: &&serde_json::Value| resource["type"] == resource_graph::resource::urn::STACK_TYPE;
    let root = resources.iter().find(is_root).expect("a root")["urn"].clone();
    for resource in resources.iter_mut().filter(|resource| resource["type"] == TYPE) {
        resource["parent"] = root.clone();
    }
    let text = serde_json::to_string(&checkpoint).expect("JSON").replace("::thing-", "::their-");
    std::fs::write(&file, text).expect("it is written");
}

async fn status(folder: &Path, count: usize) {
    let Bench { ports, .. } = bench(folder, count);
    let status = application::queries::status(ports.store.as_ref(), "bench", "sim").await.expect("a status");
    assert!(status.resources.len() > count);
}

async fn outputs(folder: &Path, count: usize) {
    let Bench { ports, .. } = bench(folder, count);
    application::queries::stack_outputs(ports.store.as_ref()).await.expect("outputs");
}

/// Runs one part in a process of its own: what it took, and its peak memory.
fn run_apart(what: &str, folder: &Path, count: usize) -> (Duration, u64) {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args([what, &folder.to_string_lossy(), &count.to_string()]);
    // The first run finds the file where the next ones do.
    let mut best = (Duration::MAX, 0);
    for _ in 0..5 {
        let wall = Instant::now();
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let peak = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
        best = best.min((wall.elapsed(), peak));
    }
    best
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [what, folder, count] = arguments.as_slice() {
        let (folder, count) = (Path::new(folder), count.parse().expect("a number"));
        match what.as_str() {
            "plan" => runtime.block_on(plan(folder, count)),
            "status" => runtime.block_on(status(folder, count)),
            "outputs" => runtime.block_on(outputs(folder, count)),
            "gone" => runtime.block_on(gone(folder, count)),
            "taken-over" => runtime.block_on(taken_over(folder, count)),
            // What the others need, for looking at one of them with a profiler.
            "create" => drop(runtime.block_on(create(folder, count))),
            _ => panic!("create, plan, status, outputs, gone or taken-over, not {what}"),
        }
        println!("{}", peak_memory());
        return ExitCode::SUCCESS;
    }
    let checks = arguments.iter().any(|argument| argument == "--check");
    arguments.retain(|argument| argument != "--check");
    assert!(arguments.is_empty(), "only --check is known, not {arguments:?}");
    let mut missed = Vec::new();
    let mut check = |holds: bool, figure: &str| {
        if !holds {
            missed.push(figure.to_owned());
        }
    };
    for count in [100, 1_000, 10_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let (cpu, ratio) = runtime.block_on(create(folder.path(), count));
        check(ratio <= 3.0, "state bytes written: at most 3 x the final checkpoint");
        check(count > 1_000 || cpu <= Duration::from_millis(200), "1,000 steps: at most 0.2 s of CPU time");
        for (what, most) in [("plan", 250), ("status", 50), ("outputs", 50), ("gone", 1_000), ("taken-over", 1_000)] {
            if what == "taken-over" {
                disguise(folder.path());
            }
            let (wall, peak) = run_apart(what, folder.path(), count);
            println!(
                "{what:<10} {count:>6}: {:>6.1} ms for the whole process, peak {peak} MB",
                wall.as_secs_f64() * 1e3
            );
            check(wall <= Duration::from_millis(most), &format!("{what} of {count}: at most {most} ms"));
            check(what != "plan" || peak <= 100, "planning: at most 100 MB");
        }
    }
    missed.iter().for_each(|figure| println!("missed: {figure}"));
    if checks && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
