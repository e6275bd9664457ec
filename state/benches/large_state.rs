//! Reads, decodes and writes a large checkpoint and prints milliseconds and peak memory.
//!
//! `cargo bench -p state --bench large_state -- [resources] [what] [folder]`, where `what` is `read` (no rules checked), `heads` (what `status` needs),
//! `inputs` (what planning needs), `all` (every value), `write`, `seal` (every file of the stack, read back) or `sealed` (`read`
//! of what is sealed then, with deriving the key); `generate` makes the state in a folder and leaves it there. Each is run in a process of its own, so that the peak is its own.
//!
//! `cargo bench -p state --bench large_state -- --check` holds a state of 30,000 resources and 85 MB, secrets among them,
//! against its figures, unpacked, as gzip and as zstd: read, verified and written back in 2 s, with no more memory than six
//! times its size. It fails when one is missed.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use resource_graph::resource::recorded::Recorded;
use resource_graph::{PropertyMap, ResourceRecord, TypeToken, Urn, Value};
use state::{
    Checkpoint, Compression, Deployment, LockOptions, Manifest, Owner, Passphrase, PassphraseSecrets, RecordedResource,
    Resource, SealOptions, SecretsAccess, SecretsManager, StackId, StackStore, StoreOptions, SystemProcesses,
    ValueDecoder,
};

/// What `--check` holds a state against.
const CHECKED_RESOURCES: usize = 30_000;
const CHECKED_BYTES: usize = 85_000_000;
const MOST_SECONDS: f64 = 2.0;
const MOST_TIMES_THE_SIZE: f64 = 6.0;

/// What a state that is made looks like.
#[derive(Clone, Copy, Default)]
struct Shape {
    compression: Compression,
    /// The size of each resource; nothing for as long as it gets.
    bytes_each: Option<usize>,
    /// Whether every tenth resource holds a secret.
    secrets: bool,
}

/// What a measurement gave.
struct Figures {
    seconds: f64,
    /// Of the seconds, those until the state was read.
    reading: f64,
    processor_seconds: f64,
    peak_bytes: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let count: usize = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    match arguments.as_slice() {
        [_, what, folder] if what == "generate" => {
            runtime.block_on(generate(count, Path::new(folder), Shape::default()));
            return;
        }
        [_, what, folder] => {
            let figures = runtime.block_on(measure(what, Path::new(folder)));
            // The program that checks reads them.
            return if has("--figures") {
                println!("{} {}", figures.seconds, figures.peak_bytes)
            } else {
                show(what, &figures)
            };
        }
        _ if has("--check") => return check(&runtime),
        _ => {}
    }
    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(generate(count, folder.path(), Shape::default()));
    let wanted = arguments.get(1).map(String::as_str);
    for what in ["read", "heads", "inputs", "all", "write", "seal", "sealed"] {
        if wanted.is_none_or(|wanted| wanted == what) {
            assert!(measurement(count, what, folder.path()).status().expect("the measurement").success());
        }
    }
}

/// A process that measures.
fn measurement(count: usize, what: &str, folder: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().expect("the program"));
    command.arg(count.to_string()).arg(what).arg(folder);
    command
}

fn check(runtime: &tokio::runtime::Runtime) {
    let mut missed = false;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let folder = tempfile::tempdir().expect("a folder");
        let shape = Shape { compression, bytes_each: Some(CHECKED_BYTES / CHECKED_RESOURCES), secrets: true };
        let size = runtime.block_on(generate(CHECKED_RESOURCES, folder.path(), shape));
        let output = measurement(CHECKED_RESOURCES, "write", folder.path()).arg("--figures").output();
        let text = String::from_utf8(output.expect("the measurement").stdout).expect("figures");
        let figures: Vec<f64> = text.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        let [seconds, peak] = figures[..] else { panic!("not the figures: {text}") };
        let times = peak / size as f64;
        println!(
            "{compression:?}: read, verified and written in {seconds:.2} s (at most {MOST_SECONDS} s) with {:.0} MB, {times:.1} \
             times the state's {:.1} MB (at most {MOST_TIMES_THE_SIZE})",
            peak / 1e6,
            size as f64 / 1e6
        );
        missed |= seconds > MOST_SECONDS || times > MOST_TIMES_THE_SIZE;
    }
    assert!(!missed, "a figure was missed");
}

fn id() -> StackId {
    StackId::new("bench", "aws-local").expect("a name")
}

fn store(folder: &Path, compression: Option<Compression>) -> StackStore {
    let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("p")));
    let seal = SealOptions { access: Some(access), ..SealOptions::default() };
    StackStore::open_folder(folder, StoreOptions { compression, seal, ..StoreOptions::default() }).expect("a store")
}

/// Functions, roles, log groups and routes as a deployment of many components has them. Gives the state's size, unpacked.
async fn generate(count: usize, folder: &Path, shape: Shape) -> usize {
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
    let mut padding: Option<String> = None;
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
        if shape.secrets && number % 10 == 0 {
            record.inputs.insert("environment", Value::secret(PropertyMap::from([("PASSWORD", "hunter2")])));
        }
        if let Some(bytes) = shape.bytes_each {
            let padding = padding.get_or_insert_with(|| {
                let length = Resource::from_record(&record, &secrets).expect("a resource").to_json().as_str().len();
                "p".repeat(bytes.saturating_sub(length))
            });
            record.outputs.insert("policy", padding.as_str());
        }
        editor.upsert(&record, &secrets).expect("a record");
        before = Some(urn);
    }
    editor.finish();
    let owner = Owner::this_process("bench", "bench", &SystemProcesses);
    let store = store(folder, Some(shape.compression));
    let lock = store.lock(&id(), &owner, &LockOptions::default()).await.expect("the lock");
    let checkpoint = Checkpoint::new(&id(), deployment);
    let size = checkpoint.to_bytes().len();
    store.save(&lock, &checkpoint, None).await.expect("a checkpoint");
    lock.release().await.expect("released");
    println!("{count} resources, {:.1} MB, {} bytes each", size as f64 / 1e6, size / count);
    size
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

async fn measure(what: &str, folder: &Path) -> Figures {
    let start = Instant::now();
    let store = store(folder, None);
    let loaded =
        if matches!(what, "read" | "sealed") { store.load_unverified(&id()).await } else { store.load(&id()).await };
    let loaded = loaded.expect("a state").expect("a stack");
    let read = start.elapsed();
    let deployment = loaded.checkpoint.latest.as_ref().expect("resources");
    let decoder = Arc::new(ValueDecoder::hiding());
    match what {
        "read" | "sealed" => {}
        "seal" => {
            let owner = Owner::this_process("bench", "bench", &SystemProcesses);
            let lock = store.lock(&id(), &owner, &LockOptions::default()).await.expect("the lock");
            store.encrypt_stack(&lock).await.expect("a sealed stack");
            lock.release().await.expect("released");
        }
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
    Figures {
        seconds: start.elapsed().as_secs_f64(),
        reading: read.as_secs_f64(),
        processor_seconds: processor_time(),
        peak_bytes: peak_memory(),
    }
}

fn show(what: &str, figures: &Figures) {
    println!(
        "{what:>7}: {:6.1} ms ({:.1} ms of it reading), {:.1} ms of processor time, peak memory {:.1} MB",
        figures.seconds * 1e3,
        figures.reading * 1e3,
        figures.processor_seconds * 1e3,
        figures.peak_bytes / 1e6
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
