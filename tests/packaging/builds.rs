//! When the build command runs, and when it is skipped.

use std::collections::BTreeMap;
use std::fs;

use semantest_iac::adapters::packaging::{BuildCommand, BuildOutcome, Package, PackagingError};

use crate::packaging::folders::{Component, contents, names};

/// Compiles `src/server.ts` to `dist/server.js`, and counts its runs.
const BUILD: &str = "echo run >> $RUNS && mkdir -p dist && cp src/server.ts dist/server.js && echo built";

fn component(command: &str) -> Component {
    let mut component = Component::server(&[("src/server.ts", "one"), ("server.js", "require('./dist/server.js')")]);
    component.write(".semantestignore", "src/\n");
    component.request.build = Some(BuildCommand {
        command: command.to_owned(),
        environment: BTreeMap::from([
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("RUNS".into(), component.cache().join("runs").into()),
        ]),
        always: false,
    });
    component
}

fn runs(component: &Component) -> usize {
    fs::read_to_string(component.cache().join("runs")).map_or(0, |text| text.lines().count())
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
            "semantest-shim-ports.cjs",
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
    assert!(!component.path("dist").exists(), "the source is the user's");
    let made = in_copy(&component, "dist/server.js");
    fs::remove_file(&made).unwrap();
    assert!(ran(&component.package()), "an output is gone");
    assert!(made.exists());
    component.write(".env", "A=1");
    assert!(ran(&component.package()), "a secret may be an input");
    assert!(!ran(&component.package()));
    component.write("semantest-iac.yaml", "# a comment");
    component.write("trace.log", "noise");
    component.write("node_modules/.cache/x", "noise");
    assert!(!ran(&component.package()), "caches and logs are neither");
    let build = component.request.build.as_mut().unwrap();
    for name in ["TERM_PROGRAM_VERSION", "WEZTERM_PANE", "SSH_AGENT_PID", "XDG_SESSION_TYPE", "SEMANTEST_LOG_LEVEL"] {
        build.environment.insert(name.into(), "new".into());
    }
    assert!(!ran(&component.package()), "a variable of the terminal says nothing of the build");
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
    let component = component("echo run >> $RUNS; test -e allowed || { echo 'needs allowed' >&2; exit 9; }");
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
    let error = component.try_package().unwrap_err();
    assert!(matches!(error, PackagingError::EntryMissing { .. }), "the source has none: {error}");
}

/// Where the one copy of the source is in the cache.
fn in_copy(component: &Component, path: &str) -> std::path::PathBuf {
    let below = |folder: std::path::PathBuf| fs::read_dir(folder).unwrap().map(|child| child.unwrap().path());
    let mut copies = below(component.cache().join("sources")).flat_map(|source| below(source.join("copies")));
    copies.next().unwrap().join("tree").join(path)
}

/// Everything in a folder: names, contents, modes, times.
fn state_of(folder: &std::path::Path) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for child in fs::read_dir(folder).unwrap() {
        let path = child.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        entries.push(format!("{path:?} {:?} {:?} {content:?}", metadata.permissions(), metadata.modified().unwrap()));
        if metadata.is_dir() {
            entries.extend(state_of(&path));
        }
    }
    entries.sort();
    entries
}

#[test]
fn a_build_never_writes_to_the_source() {
    let component = component(
        "rm -rf node_modules/dev && echo changed >> src/server.ts && chmod 755 src/server.ts && mkdir -p dist .cache \
         && touch .cache/x && cp src/server.ts dist/server.js && mv server.js old.js && cp old.js server.js \
         && ln -sf old.js link && rm node_modules/tool",
    );
    component.write("node_modules/dev/index.js", "dev");
    component.write("node_modules/kept/index.js", "kept");
    component.write("read-only.txt", "x");
    component.set_mode("read-only.txt", 0o444);
    std::os::unix::fs::symlink("kept", component.path("node_modules/tool")).unwrap();
    let before = state_of(&component.path(""));
    for version in ["one", "two"] {
        let package = component.package();
        assert!(ran(&package));
        let contents = contents(&package);
        assert_eq!(contents["dist/server.js"].1, format!("{version}changed\n").as_bytes());
        assert!(contents.contains_key("node_modules/kept/index.js") && contents.contains_key("read-only.txt"));
        assert!(!contents.contains_key("node_modules/dev/index.js"), "what the build removes isn't packaged");
        if version == "one" {
            assert_eq!(state_of(&component.path("")), before);
            component.write("src/server.ts", "two");
        }
    }
}

#[test]
fn what_is_gone_from_the_source_goes_from_the_copy_and_what_builds_made_stays() {
    let component =
        component("find parts -type f | sort | xargs cat > all.txt; echo made >> made.txt; touch note; true");
    component.write("parts/a", "a");
    component.write("parts/b", "b");
    assert_eq!(contents(&component.package())["all.txt"].1, b"ab");
    fs::remove_file(component.path("parts/a")).unwrap();
    let package = component.package();
    assert_eq!(contents(&package)["all.txt"].1, b"b");
    assert_eq!(contents(&package)["made.txt"].1, b"made\nmade\n", "so that a second build is quick");
    // A folder takes a file's place, and a file a folder's.
    fs::remove_file(component.path("parts/b")).unwrap();
    component.write("parts/b/c", "c");
    component.write("note/x", "x");
    let contents = contents(&component.package());
    assert_eq!(contents["all.txt"].1, b"c");
    assert!(contents.contains_key("note/x"));
}

#[test]
fn two_commands_have_a_copy_each() {
    let mut component = component(BUILD);
    component.package();
    let other = format!("{BUILD} && echo other > other.txt");
    for _ in 0..2 {
        let first = component.request.build.as_ref().unwrap().command.clone();
        component.request.build.as_mut().unwrap().command = other.clone();
        assert!(names(&component.package()).contains(&"other.txt".to_owned()));
        component.request.build.as_mut().unwrap().command = first;
        assert!(!names(&component.package()).contains(&"other.txt".to_owned()));
    }
    assert_eq!(runs(&component), 2);
}

#[test]
fn what_lies_beside_the_source_is_found_and_git_asked_without_touching_the_repository() {
    let mut component = component(
        "cat ../shared/text ../../top > seen.txt && git rev-parse HEAD > commit.txt && git config user.name builder \
         && git config core.hooksPath elsewhere",
    );
    for (path, content) in [("apps/shop/server.js", "x"), ("apps/shared/text", "shared"), ("top", "top")] {
        component.write(path, content);
    }
    let git = |words: &[&str]| {
        let output = std::process::Command::new("git").args(words).current_dir(component.path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "first"]);
    let (commit, before) = (git(&["rev-parse", "HEAD"]), state_of(&component.path("")));
    component.request.source = component.path("apps/shop");
    let contents = contents(&component.package());
    assert_eq!(contents["seen.txt"].1, b"sharedtop");
    assert_eq!(contents["commit.txt"].1, commit.as_bytes());
    assert_eq!(state_of(&component.path("")), before);
}

#[test]
fn an_installation_doesnt_need_what_is_installed_in_the_source() {
    let mut component = component(BUILD);
    let tools = tempfile::tempdir().unwrap();
    let npm = tools.path().join("npm");
    fs::write(&npm, "#!/bin/sh\nls node_modules >> $RUNS 2>/dev/null\nmkdir -p node_modules/fresh\necho > node_modules/fresh/index.js\n").unwrap();
    fs::set_permissions(&npm, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let build = component.request.build.as_mut().unwrap();
    build.command = "npm ci --omit=dev".into();
    build.environment.insert("PATH".into(), format!("{}:/usr/bin:/bin", tools.path().display()).into());
    component.write("node_modules/dev/index.js", "dev");
    let package = component.package();
    assert!(names(&package).contains(&"node_modules/fresh/index.js".to_owned()));
    assert!(!names(&package).contains(&"node_modules/dev/index.js".to_owned()));
    assert_eq!(runs(&component), 0, "it finds nothing installed");
    component.write("node_modules/dev/index.js", "another");
    assert_eq!(component.package().build, BuildOutcome::Unchanged);
    assert!(component.path("node_modules/dev/index.js").exists());
    component.write("package-lock.json", "{}");
    assert!(ran(&component.package()));
    assert_eq!(runs(&component), 1, "it finds what it has installed the last time");
}

#[test]
fn one_source_folder_is_built_by_one_at_a_time() {
    let component = component("mkdir lock && echo run >> $RUNS && rmdir lock");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| component.package());
        }
    });
    assert_eq!(runs(&component), 1, "the others found it built");
}
