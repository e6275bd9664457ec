//! When the build command runs, and when it is skipped.

use std::collections::BTreeMap;
use std::fs;

use semantest_iac::adapters::packaging::{BuildCommand, BuildOutcome, Package, PackagingError};

use crate::packaging::folders::{Component, names};

/// Compiles `src/server.ts` to `dist/server.js`, and counts its runs in a file that counts as log.
const BUILD: &str = "echo run >> runs.log && mkdir -p dist && cp src/server.ts dist/server.js && echo built";

fn component(command: &str) -> Component {
    let mut component = Component::server(&[("src/server.ts", "one"), ("server.js", "require('./dist/server.js')")]);
    component.write(".semantestignore", "src/\n");
    component.request.build = Some(BuildCommand {
        command: command.to_owned(),
        environment: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
        always: false,
    });
    component
}

fn runs(component: &Component) -> usize {
    fs::read_to_string(component.path("runs.log")).map_or(0, |text| text.lines().count())
}

fn ran(package: &Package) -> bool {
    matches!(package.build, BuildOutcome::Ran(_))
}

#[test]
fn a_build_runs_once_and_its_output_is_packaged() {
    let component = component(BUILD);
    let mut lines = Vec::new();
    let first = component
        .packager()
        .package_with_output(&component.request, &mut |line: &str| lines.push(line.to_owned()))
        .unwrap();
    assert!(ran(&first));
    assert_eq!(lines, ["built"]);
    assert_eq!(
        names(&first),
        [
            "dist/server.js",
            "semantest-shim-server.mjs",
            "semantest-shim-settings.json",
            "semantest-shim.mjs",
            "server.js"
        ]
    );
    let second = component.package();
    assert_eq!(second.build, BuildOutcome::Unchanged);
    assert_eq!((runs(&component), &second.sha256), (1, &first.sha256));
}

#[test]
fn it_runs_again_when_anything_it_reads_or_makes_has_changed() {
    let mut component = component(BUILD);
    component.package();
    component.write("src/server.ts", "two");
    assert!(ran(&component.package()), "an input that isn't packaged has changed");
    fs::remove_file(component.path("dist/server.js")).unwrap();
    assert!(ran(&component.package()), "an output is gone");
    component.write(".env", "A=1");
    assert!(ran(&component.package()), "a secret may be an input");
    assert!(!ran(&component.package()));
    component.write("trace.log", "noise");
    component.write("node_modules/.cache/x", "noise");
    assert!(!ran(&component.package()), "caches and logs are neither");
    let build = component.request.build.as_mut().unwrap();
    build.environment.insert("NODE_ENV".into(), "production".into());
    assert!(ran(&component.package()), "its environment has changed");
    component.request.build.as_mut().unwrap().command.push_str(" again");
    assert!(ran(&component.package()), "its command has changed");
    component.request.build.as_mut().unwrap().always = true;
    assert!(ran(&component.package()) && ran(&component.package()));
}

#[test]
fn what_cannot_be_read_but_is_not_packaged_is_no_obstacle() {
    let component = component(BUILD);
    component.write(".semantestignore", "src/\ndatabase/\nprivate.key\n");
    component.write("database/wal/1", "x");
    component.write("private.key", "x");
    component.set_mode("private.key", 0o000);
    component.set_mode("database", 0o000);
    let package = component.package();
    component.set_mode("database", 0o755);
    assert!(names(&package).iter().all(|name| !name.starts_with("database") && name != "private.key"));
}

#[test]
fn a_failed_build_is_not_taken_for_done() {
    let component = component("echo run >> runs.log; test -e allowed || { echo 'needs allowed' >&2; exit 9; }");
    for expected in 1..=2 {
        let error = component.try_package().unwrap_err();
        let PackagingError::BuildFailed { output, status, .. } = &error else { panic!("{error}") };
        assert_eq!((output.as_slice(), status.as_str()), (&["needs allowed".to_owned()][..], "exit code 9"));
        assert!(error.to_string().contains("needs allowed"), "{error}");
        assert_eq!(runs(&component), expected);
    }
    component.write("allowed", "");
    assert!(ran(&component.package()));
    // It fails again after it has succeeded, although the tree is then as it was.
    fs::remove_file(component.path("allowed")).unwrap();
    assert!(component.try_package().is_err());
    assert!(component.try_package().is_err());
}

#[test]
fn a_build_may_make_what_start_needs() {
    let mut component = component("mv server.js.txt server.js");
    fs::rename(component.path("server.js"), component.path("server.js.txt")).unwrap();
    component.package();
    component.request.build = None;
    component.package();
}

#[test]
fn one_source_folder_is_built_by_one_at_a_time() {
    let component = component("mkdir lock && echo run >> runs.log && rmdir lock");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| component.package());
        }
    });
    assert_eq!(runs(&component), 1, "the others found it built");
}
