//! The same deaths over the real store in a folder: what is on the disk then is enough to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resource_graph::{Recorded, ResourceRecord};
use semantest_iac::adapters::state_store::StateStore;
use semantest_iac::application::DeploymentResult;
use semantest_iac::ports::{StackSnapshot, StackStore};
use state::{LockOptions, Owner, Passphrase, ProcessProbe, SecretsError, StoreOptions};

use crate::faults::{Act, Fault, Kind, Moment};
use crate::lab::{Command, How, Lab};
use crate::program::{PROJECT, Program, REST, RestApi, STACK};

/// Processes that die and are born again under the same number.
#[derive(Default)]
struct Lives(AtomicU64);

impl ProcessProbe for Lives {
    fn boot(&self) -> String {
        "boot".into()
    }

    fn start_time(&self, _: u32) -> Option<String> {
        Some(self.0.load(Ordering::Relaxed).to_string())
    }
}

/// A folder with the state, and the process that works on it.
pub struct Disk {
    folder: tempfile::TempDir,
    lives: Arc<Lives>,
}

impl Disk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), lives: Arc::default() }
    }

    /// The store as the present process sees it.
    pub fn store(&self) -> Arc<dyn StackStore> {
        let store = state::StackStore::open_folder(self.folder.path(), StoreOptions::default()).expect("a folder");
        let owner = Owner::this_process("tester", "here", &*self.lives);
        let lock = LockOptions { processes: Arc::clone(&self.lives) as _, ..LockOptions::default() };
        let passphrase = || Ok::<_, SecretsError>(Passphrase::new("test"));
        Arc::new(StateStore::new(store, PROJECT, STACK, owner, lock, Arc::new(passphrase)).expect("names"))
    }

    /// The process is dead; the next one is another.
    pub fn die(&self) {
        self.lives.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// All records of a snapshot.
pub fn records(snapshot: &StackSnapshot) -> Vec<ResourceRecord> {
    snapshot.resources.iter().map(|record| ResourceRecord::clone(&record.to_record().expect("readable"))).collect()
}

fn changed() -> RestApi {
    RestApi {
        memory: 512,
        secret: Some("hunter2"),
        role: "third-role",
        architecture: "x86",
        protocol: "websocket",
        integration: "mock",
        routes: &["PUT /", "$default"],
        ..REST
    }
}

fn lab_with(before: &[Program]) -> Lab {
    let lab = Lab::on_disk(Disk::new());
    for program in before {
        let report = lab.deploy(program);
        assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    }
    lab
}

/// Kills `command` after every call that changes something, then runs `next`.
fn kill_everywhere(before: &[Program], command: &Command, next: &Command) {
    let probe = lab_with(before);
    probe.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = probe.points();
    let mut wrong = Vec::new();
    for at in (0..points.len()).filter(|at| points[*at].kind == Kind::Write) {
        let lab = lab_with(before);
        let fault = Fault { at, moment: Moment::After, act: Act::Die };
        assert!(lab.run(command, &How::default(), &[fault]).is_none());
        let what = format!("killed after {at} ({})", points[at].label);
        wrong.extend(crate::kills::finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
    }
    assert!(wrong.is_empty(), "{} faults, the first:\n  {}", wrong.len(), wrong[..wrong.len().min(25)].join("\n  "));
}

#[test]
fn a_deployment_on_a_disk_is_read_again_and_changes_nothing_the_second_time() {
    let lab = lab_with(&[REST.program(), changed().program()]);
    assert_eq!(lab.deploy(&changed().program()).deployment_id, None);
    lab.assert_is(&changed().program(), "on a disk");
    assert_eq!(lab.destroy().result, DeploymentResult::Succeeded);
    lab.assert_nothing_left("on a disk");
}

#[test]
fn a_first_deployment_killed_after_any_call_is_finished_by_the_next() {
    let command = Command::Deploy(changed().program());
    kill_everywhere(&[], &command, &command);
}

#[test]
fn a_change_killed_after_any_call_is_finished_by_the_next() {
    let command = Command::Deploy(changed().program());
    kill_everywhere(&[REST.program()], &command, &command);
}

#[test]
fn a_change_killed_after_any_call_can_be_taken_back() {
    kill_everywhere(&[REST.program()], &Command::Deploy(changed().program()), &Command::Deploy(REST.program()));
}

#[test]
fn a_destruction_killed_after_any_call_is_finished_by_the_next() {
    kill_everywhere(&[changed().program()], &Command::Destroy, &Command::Destroy);
}
