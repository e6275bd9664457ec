//! Reads, decodes and writes a large checkpoint and prints milliseconds and peak memory.
//!
//! `cargo bench -p state --bench large_state -- [resources] [what] [folder]`, where `what` is `read` (no rules checked), `heads` (what `status` needs),
//! `inputs` (what planning needs), `all` (every value) or `write`; `generate` makes
//! the state in a folder and leaves it there. Each is run in a process of its own, so that the peak is its own.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use resource_graph::recorded::Recorded;
use resource_graph::{PropertyMap, ResourceRecord, TypeToken, Urn, Value};
use state::{
    Checkpoint, Deployment, LockOptions, Manifest, Owner, Passphrase, PassphraseSecrets, RecordedResource,
    SecretsManager, StackId, StackStore, StoreOptions, SystemProcesses, ValueDecoder,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let count: usize = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match arguments.as_slice() {
        [_, what, folder] if what == "generate" => return runtime.block_on(generate(count, Path::new(folder))),
        [_, what, folder] => return runtime.block_on(measure(what, Path::new(folder))),
        _ => {}
    }
    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(generate(count, folder.path()));
    let program = std::env::current_exe().expect("the program");
    let wanted = arguments.get(1).map(String::as_str);
    for what in ["read", "heads", "inputs", "all", "write"] {
        if wanted.is_none_or(|wanted| wanted == what) {
            let mut command = std::process::Command::new(&program);
            command.arg(count.to_string()).arg(what).arg(folder.path());
            assert!(command.status().expect("the measurement").success());
        }
    }
}

fn id() -> StackId {
    StackId::new("bench", "aws-local").expect("a name")
}

fn store(folder: &Path) -> StackStore {
    StackStore::open_folder(folder, StoreOptions::default()).expect("a store")
}

/// Functions, roles, log groups and routes as a deployment of many components has them.
async fn generate(count: usize, folder: &Path) {
    let secrets = PassphraseSecrets::create(Arc::new(|| Ok(Passphrase::new("p")))).expect("secrets");
    let manifest = Manifest::new("2026-01-02T03:04:05Z", "v3.259.0");
    let mut deployment = Deployment::new(manifest, Some(secrets.provider()));
    let mut editor = deployment.edit();
    let root = Urn::root("aws-local", "bench");
    let mut stack = ResourceRecord::new(root.clone(), false);
    stack.outputs = [("api", Value::Map([("url", "https://example.com")].into()))].into();
    editor.upsert(&stack, &secrets).expect("a record");
    let provider = Urn::new("aws-local", "bench", None, &TypeToken::provider("aws"), "default_7_48_0");
    let mut record = ResourceRecord::new(provider.clone(), true);
    record.id = Some("3f0c7b52-2f10-4c6e-9a57-0f6f4f1f9a01".to_owned());
    editor.upsert(&record, &secrets).expect("a record");
    let reference = format!("{provider}::3f0c7b52-2f10-4c6e-9a57-0f6f4f1f9a01");
    let mut before: Option<Urn> = None;
    for number in 0..count.saturating_sub(2) {
        let kind = ["aws:lambda/function:Function", "aws:iam/role:Role", "aws:apigatewayv2/route:Route"][number % 3];
        let urn = Urn::new("aws-local", "bench", None, &TypeToken::new(kind), &format!("component-{number}"));
        let mut record = ResourceRecord::new(urn.clone(), true);
        record.id = Some(format!("bench-component-{number}"));
        record.inputs = properties(number, 8);
        record.outputs = properties(number, 22);
        record.parent = Some(root.clone());
        record.provider = Some(reference.clone());
        record.dependencies = before.iter().cloned().collect();
        record.property_dependencies =
            vec![("name".to_owned(), Vec::new()), ("role".to_owned(), record.dependencies.clone())];
        record.created = Some("2026-01-02T03:04:05.678901234Z".to_owned());
        record.modified = record.created.clone();
        editor.upsert(&record, &secrets).expect("a record");
        before = Some(urn);
    }
    editor.finish();
    let owner = Owner::this_process("bench", "bench", &SystemProcesses);
    let store = store(folder);
    let lock = store.lock(&id(), &owner, &LockOptions::default()).await.expect("the lock");
    store.save(&lock, &Checkpoint::new(&id(), deployment), None).await.expect("a checkpoint");
    lock.release().await.expect("released");
    let size = store.stacks(None).await.expect("stacks")[0].size;
    println!("{count} resources, {:.1} MB, {} bytes each", size as f64 / 1e6, size / count as u64);
}

fn properties(number: usize, count: usize) -> PropertyMap {
    let names = [
        "name",
        "role",
        "handler",
        "runtime",
        "memorySize",
        "timeout",
        "environment",
        "tags",
        "arn",
        "invokeArn",
        "qualifiedArn",
        "version",
        "lastModified",
        "sourceCodeHash",
        "sourceCodeSize",
        "architectures",
        "layers",
        "loggingConfig",
        "packageType",
        "publish",
        "reservedConcurrentExecutions",
        "tracingConfig",
    ];
    let value = |index: usize| match index % 5 {
        0 => Value::from(format!("arn:aws:lambda:eu-west-1:123456789012:function:component-{number}-{index}")),
        1 => Value::from(256.0),
        2 => Value::Map(
            [("Component", format!("component-{number}")), ("Project", "bench".to_owned())].into_iter().collect(),
        ),
        3 => Value::from(vec!["x86_64"]),
        _ => Value::from(true),
    };
    names.iter().take(count).enumerate().map(|(index, name)| (*name, value(index))).collect()
}

async fn measure(what: &str, folder: &Path) {
    let start = Instant::now();
    let store = store(folder);
    let loaded = if what == "read" { store.load_unverified(&id()).await } else { store.load(&id()).await };
    let loaded = loaded.expect("a state").expect("a stack");
    let read = start.elapsed();
    let deployment = loaded.checkpoint.latest.as_ref().expect("resources");
    let decoder = Arc::new(ValueDecoder::hiding());
    match what {
        "read" => {}
        "heads" => {
            let root = deployment.root().expect("a root");
            assert!(!decoder.properties(&root.outputs).expect("outputs").is_empty());
        }
        "inputs" => {
            let resources: Vec<RecordedResource> = deployment
                .resources
                .iter()
                .map(|resource| RecordedResource::new(resource.clone(), Arc::clone(&decoder)))
                .collect();
            let total: usize = resources.iter().map(|resource| resource.inputs().expect("inputs").len()).sum();
            assert!(total > 0);
        }
        "all" => {
            let records: Vec<ResourceRecord> =
                deployment.resources.iter().map(|resource| resource.to_record(&decoder).expect("a record")).collect();
            assert!(!records.is_empty());
        }
        _ => {
            let owner = Owner::this_process("bench", "bench", &SystemProcesses);
            let lock = store.lock(&id(), &owner, &LockOptions::default()).await.expect("the lock");
            store.save(&lock, &loaded.checkpoint, Some(&loaded.revision)).await.expect("a checkpoint");
            lock.release().await.expect("released");
        }
    }
    println!(
        "{what:>7}: {:6.1} ms ({:.1} ms of it reading), {:.1} ms of processor time, peak memory {:.1} MB",
        start.elapsed().as_secs_f64() * 1e3,
        read.as_secs_f64() * 1e3,
        processor_time() * 1e3,
        peak_memory() / 1e6
    );
}

/// Seconds that all threads have run so far; zero where the system doesn't say.
fn processor_time() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let run = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.filter_map(|task| run(task.path())).sum::<f64>() / 1e9
}

/// The largest size of this process in memory, in bytes; zero where the system doesn't say.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() * 1024.0
}
