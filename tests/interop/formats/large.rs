//! A state of 10,000 resources, handed over once in each direction.

use std::time::{Duration, Instant};

use bytes::Bytes;
use state::{Export, Origin};

use crate::interop::stash;
use crate::interop::support::{Pulumi, differences};

const STACK: &str = "organization/shop/dev";
const RESOURCES: usize = 10_000;
/// The CLI takes 4 s for both on two free cores; other tests run beside it.
const WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_resources_are_handed_over_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let backend = folder.path().join("backend");
    std::fs::create_dir(&backend).unwrap();
    let pulumi = Pulumi::on(&format!("file://{}", backend.display()), "shop", folder.path(), "password").await;
    pulumi.succeeds(&["stack", "init", STACK]).await;
    let started = Instant::now();
    let origin = Origin { file: "large", stack: "dev" };
    let ours = stash::state("dev", "shop", RESOURCES);
    let read = Export::read(Bytes::from(ours.to_string()), origin).unwrap();
    pulumi.import(STACK, &serde_json::from_slice(&read.to_bytes()).unwrap()).await.succeeded();
    let text = pulumi.succeeds(&["stack", "export", "--stack", STACK]).await;
    let theirs = Export::read(Bytes::from(text.clone()), origin).unwrap();
    assert_eq!(theirs.deployment.as_ref().unwrap().resources.len(), RESOURCES + 2);
    assert!(theirs.to_bytes() == text.as_bytes(), "not the same bytes");
    assert_eq!(differences(&ours, &serde_json::from_str(&text).unwrap()), [""; 0]);
    super::samples::checkpoint_written_back(&backend.join(".pulumi/stacks/shop/dev.json"));
    let took = started.elapsed();
    println!("{RESOURCES} resources there and back: {:.1} s", took.as_secs_f64());
    assert!(took < WITHIN, "{took:?}");
}
