//! The same deaths over the real store in a folder: what is on the disk then is enough to go on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resource_graph::{Recorded, ResourceRecord};
use semantest_iac::adapters::state_store::StateStore;
use semantest_iac::application::DeploymentResult;
use semantest_iac::application::adoption::Mapping;
use semantest_iac::ports::{Notice, StackSnapshot, StackStore};
use state::{Encryption, LockOptions, Owner, Passphrase, ProcessProbe, SealOptions, SecretsAccess, StoreOptions};

use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::kinds;
use super::lab::lab::{Command, How, Lab, assert_none};
use super::lab::program::{CHANGED, PROJECT, Program, REST, RestApi, STACK, component_urn};

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
    encryption: Encryption,
}

impl Disk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), lives: Arc::default(), encryption: Encryption::Secrets }
    }

    /// Where everything lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One whose stack is sealed.
    fn sealed() -> Self {
        Self { encryption: Encryption::Full, ..Self::new() }
    }

    /// The store as the present process sees it.
    pub fn store(&self) -> Arc<dyn StackStore> {
        let seal = SealOptions { encryption: Some(self.encryption), ..SealOptions::default() };
        let options = StoreOptions { seal, ..StoreOptions::default() };
        let store = state::StackStore::open_folder(self.folder.path(), options).expect("a folder");
        let owner = Owner::this_process("tester", "here", &*self.lives);
        let lock = LockOptions { processes: Arc::clone(&self.lives) as _, ..LockOptions::default() };
        let access = SecretsAccess::with_passphrase(|| Ok(Passphrase::new("test")));
        Arc::new(StateStore::new(store, PROJECT, STACK, owner, lock, access).expect("names"))
    }

    /// Rewrites the checkpoint as another program does.
    fn rewrite(folder: &Path, change: impl FnOnce(&mut serde_json::Value)) {
        let file = folder.join(format!(".pulumi/stacks/{PROJECT}/{STACK}.json"));
        let mut checkpoint = serde_json::from_slice(&std::fs::read(&file).expect("a checkpoint")).expect("JSON");
        change(&mut checkpoint);
        std::fs::write(file, serde_json::to_vec(&checkpoint).expect("JSON")).expect("a file");
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
    RestApi { secret: Some("hunter2"), ..CHANGED }
}

fn lab_with(before: &[Program]) -> Lab {
    lab_in(Disk::new(), before)
}

fn lab_in(disk: Disk, before: &[Program]) -> Lab {
    let lab = Lab::on_disk(disk);
    for program in before {
        let report = lab.deploy(program);
        assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    }
    lab
}

/// Kills `command` after every call that changes something, then runs `next`.
fn kill_everywhere(before: &[Program], command: &Command, next: &Command) {
    kill_everywhere_on(Disk::new, before, command, next);
}

fn kill_everywhere_on(disk: fn() -> Disk, before: &[Program], command: &Command, next: &Command) {
    let probe = lab_in(disk(), before);
    probe.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = probe.points();
    let mut wrong = Vec::new();
    for at in (0..points.len()).filter(|at| points[*at].kind == Kind::Write) {
        let lab = lab_in(disk(), before);
        let fault = Fault { at, moment: Moment::After, act: Act::Die };
        assert!(lab.run(command, &How::default(), &[fault]).is_none());
        let what = format!("killed after {at} ({})", points[at].label);
        wrong.extend(crate::saga::kills::finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
    }
    assert_none(&wrong);
}

#[test]
fn a_first_deployment_on_a_sealed_disk_killed_after_any_call_is_finished_by_the_next() {
    let command = Command::Deploy(changed().program());
    kill_everywhere_on(Disk::sealed, &[], &command, &command);
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

/// Without a secret: its key takes long to derive.
fn quick() -> RestApi {
    RestApi { secret: None, ..changed() }
}

/// Kills `command` after every call that changes something, lets another program change the state, then runs `next`.
fn kill_and_meddle(before: &[Program], command: &Command, meddle: impl Fn(&Lab, &Path), next: &Command) {
    let probe = lab_with(before);
    probe.run(command, &How::default(), &[]).expect("it lives").expect("a report");
    let points = probe.points();
    let mut wrong = Vec::new();
    for at in (0..points.len()).filter(|at| points[*at].kind == Kind::Write) {
        let disk = Disk::new();
        let folder = disk.folder.path().to_owned();
        let lab = lab_in(disk, before);
        let fault = Fault { at, moment: Moment::After, act: Act::Die };
        assert!(lab.run(command, &How::default(), &[fault]).is_none());
        meddle(&lab, &folder);
        let what = format!("killed after {at} ({})", points[at].label);
        wrong.extend(crate::saga::kills::finish(&lab, next).into_iter().map(|wrong| format!("{what}: {wrong}")));
        let notices = lab.collected.notices.lock().expect("no panic");
        if !notices.iter().any(speaks_of_another_program) {
            wrong.push(format!("{what}: nobody is told"));
        }
    }
    assert_none(&wrong);
}

/// Whether a warning speaks of another program.
fn speaks_of_another_program(notice: &Notice) -> bool {
    matches!(notice, Notice::Warning { message, .. } if message.contains("another program"))
}

#[test]
fn a_journal_of_which_only_the_header_was_written_is_in_nobodys_way() {
    for command in [Command::Deploy(quick().program()), Command::Destroy] {
        let disk = Disk::new();
        let folder = disk.folder.path().to_owned();
        let lab = lab_in(disk, &[REST.program()]);
        leave_header(&folder);
        let journal = folder.join(format!(".semantest/journal/{PROJECT}/{STACK}.jsonl"));
        assert!(std::fs::read_to_string(&journal).expect("a journal").contains("\"died\""));
        assert_none(&crate::saga::kills::finish(&lab, &command));
        assert!(!journal.exists());
    }
}

/// Begins a journal, and dies.
fn leave_header(folder: &Path) {
    let begin = async {
        let store = state::StackStore::open_folder(folder, StoreOptions::default()).expect("a folder");
        let owner = Owner::this_process("tester", "elsewhere", &*Arc::<Lives>::default());
        let id = state::StackId::new(PROJECT, STACK).expect("names");
        let lock = store.lock(&id, &owner, &LockOptions::default()).await.expect("a lock");
        drop(store.create_journal(&lock, "died", serde_json::json!({}), None).await.expect("a journal"));
        lock.release().await.expect("given back");
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(begin);
}

/// What `pulumi destroy` does: everything that the checkpoint holds goes.
fn destroy_by_another(lab: &Lab, folder: &Path) {
    Disk::rewrite(folder, |checkpoint| {
        let resources = checkpoint["checkpoint"]["latest"]["resources"].take();
        for resource in resources.as_array().into_iter().flatten() {
            if let (Some(token), Some(id)) = (resource["type"].as_str(), resource["id"].as_str()) {
                lab.cloud.delete(token, id);
            }
        }
        checkpoint["checkpoint"]["latest"].as_object_mut().expect("a state").remove("resources");
    });
}

#[test]
fn what_another_program_destroyed_after_a_death_is_made_again() {
    let command = Command::Deploy(quick().program());
    kill_and_meddle(&[], &command, destroy_by_another, &command);
    // An integration that was made beside the old one is known by what the other program has just destroyed.
    let command =
        Command::Deploy(RestApi { protocol: REST.protocol, integration: REST.integration, ..quick() }.program());
    kill_and_meddle(&[REST.program()], &command, destroy_by_another, &command);
}

#[test]
fn what_another_program_destroyed_after_a_death_is_destroyed_to_its_end() {
    kill_and_meddle(&[REST.program()], &Command::Deploy(quick().program()), destroy_by_another, &Command::Destroy);
}

#[test]
fn what_another_program_changed_after_a_death_is_what_the_next_deployment_starts_from() {
    // The other program gives the function more memory, and records that.
    let meddle = |lab: &Lab, folder: &Path| {
        Disk::rewrite(folder, |checkpoint| {
            let resources = checkpoint["checkpoint"]["latest"]["resources"].as_array_mut().expect("resources");
            let is_there = lab.cloud.objects().iter().any(|object| object.kind.info.token == kinds::FUNCTION);
            for resource in resources.iter_mut().filter(|resource| is_there && resource["type"] == kinds::FUNCTION) {
                for place in ["inputs", "outputs"] {
                    resource[place]["memory"] = 4096.into();
                }
                lab.cloud.meddle(kinds::FUNCTION, "memory", 4096.0);
            }
        });
    };
    for program in [REST.program(), quick().program(), RestApi { memory: 4096, ..REST }.program()] {
        kill_and_meddle(&[REST.program()], &Command::Deploy(quick().program()), meddle, &Command::Deploy(program));
    }
}

#[test]
fn a_component_of_our_name_without_our_mark_is_refused_unless_it_is_named() {
    let (disk, wanted) = (Disk::new(), quick().program());
    let folder = disk.folder.path().to_owned();
    let lab = lab_in(disk, std::slice::from_ref(&wanted));
    Disk::rewrite(&folder, |checkpoint| {
        let resources = checkpoint["checkpoint"]["latest"]["resources"].as_array_mut().expect("resources");
        let marked: Vec<_> =
            resources.iter_mut().filter_map(|resource| resource.as_object_mut()?.remove("sourcePosition")).collect();
        assert_eq!(marked, ["project:///semantest-iac.yaml"], "the component, and nothing else, says whose it is");
    });
    let before = lab.records();
    let command = Command::Deploy(wanted.clone());
    let refused = lab.run(&command, &How::default(), &[]).expect("it lives").expect_err("it isn't ours");
    assert!(refused.to_string().contains("another program has recorded"), "{refused}");
    // What nothing wants isn't taken for ours either.
    assert_eq!(lab.destroy().changes.delete, 0);
    assert_eq!(lab.records(), before);
    let urn = component_urn(REST.name).to_string();
    let named = How { adopt: vec![Mapping { ours: urn.clone(), theirs: urn }], ..How::default() };
    let report = lab.run(&command, &named, &[]).expect("it lives").expect("a report");
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    lab.assert_is(&wanted, "named");
    assert_eq!(lab.deploy(&wanted).deployment_id, None);
}
