//! Whatever is kept of a stack may have been cut off where its writer died: the next plain command settles it.

use std::fs;
use std::path::{Path, PathBuf};

use semantest_iac::application::DeploymentResult;

use super::disk::Disk;
use super::lab::faults::{Act, Fault, Kind, Moment};
use super::lab::lab::{Command, How, Lab, assert_none};
use super::lab::program::{REST, RestApi};

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

/// The files of a stack after a deployment, and after one that died, by their paths in the folder.
fn written(dies: bool) -> (Lab, PathBuf, Vec<PathBuf>) {
    let disk = Disk::new();
    let folder = disk.folder().to_owned();
    let lab = Lab::on_disk(disk);
    let report = lab.deploy(&REST.program());
    assert_eq!(report.result, DeploymentResult::Succeeded, "{:?}", report.errors);
    if dies {
        let command = Command::Deploy(changed());
        let at = {
            let probe = Lab::on_disk(Disk::new());
            probe.deploy(&REST.program());
            probe.run(&command, &How::default(), &[]).expect("it lives").expect("a report");
            probe.points().iter().position(|point| point.kind == Kind::Write).expect("a call")
        };
        let fault = Fault { at, moment: Moment::After, act: Act::Die };
        assert!(lab.run(&command, &How::default(), &[fault]).is_none());
    }
    let mut found = Vec::new();
    files(&folder, &mut found);
    (lab, folder, found)
}

fn changed() -> super::lab::program::Program {
    RestApi { memory: 512, ..REST }.program()
}

/// Puts other content into a file's place; others may share what it was.
fn replace(path: &Path, content: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, content).expect("a file");
}

/// The file of another lab that lies where this one did: names have times and random parts in them.
fn alike(name: &Path, folder: &Path, found: &[PathBuf]) -> Option<PathBuf> {
    let is_alike = |path: &&PathBuf| {
        let path = path.strip_prefix(folder).expect("below");
        path.parent() == name.parent() && path.extension() == name.extension()
    };
    found.iter().find(is_alike).cloned()
}

/// What cannot be what it was without its other half, and is never written in part: it is refused, with what to do.
const REFUSED: [&str; 2] = [".pulumi/meta.yaml", ".pulumi/stacks/shop/sim-test.json"];

#[test]
fn what_was_cut_off_anywhere_is_settled_by_the_next_command() {
    let mut wrong = Vec::new();
    for dies in [false, true] {
        let (_lab, folder, found) = written(dies);
        for name in found.iter().map(|path| path.strip_prefix(&folder).expect("below")) {
            let length = fs::read(folder.join(name)).expect("a file").len();
            for cut in [0, 1, length / 3, length / 2, length.saturating_sub(1)] {
                // In the place of the file, and beside it, as what a dead process was about to put there.
                for beside in [false, true] {
                    let (lab, folder, now) = written(dies);
                    let Some(path) = alike(name, &folder, &now) else { continue };
                    let content = fs::read(&path).expect("a file");
                    let part = &content[..cut.min(content.len())];
                    let shown = name.display().to_string();
                    // The journal has laws of its own. Whose lock file it is nobody knows once the lease is cut.
                    let is_left_out = shown.contains("/journal/") || dies && shown.contains("/leases/");
                    if !beside && is_left_out {
                        continue;
                    }
                    match beside {
                        true => replace(&PathBuf::from(format!("{}#1", path.display())), part),
                        false => replace(&path, part),
                    }
                    let ended = lab.run(&Command::Deploy(changed()), &How::default(), &[]).expect("it lives");
                    let is_settled = ended.as_ref().is_ok_and(|report| report.result == DeploymentResult::Succeeded);
                    let may_be_refused = !beside && REFUSED.contains(&shown.as_str());
                    let is_told = ended.as_ref().is_err_and(|error| {
                        error.details.iter().any(|detail| detail.message.contains(&shown) || detail.hint.is_some())
                    });
                    if !(is_settled || may_be_refused && is_told) {
                        let ended = ended.map(|report| report.errors);
                        wrong.push(format!("{shown} cut to {cut} bytes, beside: {beside}, dies: {dies}: {ended:?}"));
                    }
                }
            }
        }
    }
    assert_none(&wrong);
}
