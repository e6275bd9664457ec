//! Installing, with a stand-in for Python that records what it is asked to do: the real one needs a minute.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use localstack::{Emulator, Error, Host, Installer, Progress};

use crate::support::as_process;

const FOLDER: &str = "SEMANTEST_TEST_INSTALL_FOLDER";

/// Understands what an installation asks of Python: its version, `-m venv`, `-m pip install`, and whether modules are there.
const PYTHON: &str = r#"#!/bin/sh
record="RECORD"
case "$*" in
  *"import sys, venv"*) echo 3.12 ;;
  *"-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python"; echo venv >> "$record" ;;
  *"-m pip"*) if [ -e "$record.fail" ]; then echo "ERROR: No matching distribution" >&2; exit 1; fi
              echo pip >> "$record"; touch "$(dirname "$0")/modules" ;;
  *find_spec*) if [ ! -e "$(dirname "$0")/modules" ]; then echo "no module ministack" >&2; exit 1; fi ;;
  *) echo "unexpected: $*" >&2; exit 2 ;;
esac
"#;

fn installer(folder: &Path) -> Installer {
    let python = folder.join("path/python3");
    if !python.exists() {
        std::fs::create_dir_all(folder.join("path")).unwrap();
        std::fs::write(&python, PYTHON.replace("RECORD", &folder.join("record").display().to_string())).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.join("path").display());
    Installer::new(Host::new([("PATH", path)]), folder.join("cache"))
}

fn record(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("record")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_installation_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let installer = installer(folder.path()).with_observer({
        let seen = seen.clone();
        move |progress: &Progress| seen.lock().unwrap().push(progress.to_string())
    });
    assert!(installer.installed(Emulator::MiniStack).await.is_none());
    let first = installer.install(Emulator::MiniStack).await.unwrap();
    let second = installer.install(Emulator::MiniStack).await.unwrap();
    assert_eq!(first.folder, second.folder);
    assert_eq!(record(folder.path()), ["venv", "pip"]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0], "installing MiniStack 1.5.33 (first use, about a minute)");
    assert!(seen[1].starts_with("installed MiniStack 1.5.33 in "), "{}", seen[1]);
}

#[tokio::test]
async fn a_failed_installation_is_told_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let installer = installer(folder.path());
    std::fs::write(folder.path().join("record.fail"), "").unwrap();
    let error = installer.install(Emulator::MiniStack).await.unwrap_err();
    assert!(
        matches!(&error, Error::Install { step, output, .. } if step == "pip install" && output.contains("No matching distribution"))
    );
    assert!(error.hint().unwrap().contains("a LocalStack that runs elsewhere"));
    assert!(installer.installed(Emulator::MiniStack).await.is_none());
    std::fs::remove_file(folder.path().join("record.fail")).unwrap();
    installer.install(Emulator::MiniStack).await.unwrap();
    assert_eq!(record(folder.path()), ["venv", "venv", "pip"]);
}

#[tokio::test]
async fn what_a_killed_process_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let installer = installer(folder.path());
    let half = installer.folder(Emulator::MiniStack);
    std::fs::create_dir_all(half.join("venv/bin")).unwrap();
    std::fs::write(half.join("venv/rest"), "").unwrap();
    installer.install(Emulator::MiniStack).await.unwrap();
    assert!(!half.join("venv/rest").exists());
    assert_eq!(record(folder.path()), ["venv", "pip"]);
}

#[tokio::test]
async fn an_installation_whose_python_is_gone_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let installer = installer(folder.path());
    let installation = installer.install(Emulator::MiniStack).await.unwrap();
    std::fs::remove_file(&installation.interpreter).unwrap();
    std::os::unix::fs::symlink("/nowhere/python3.12", &installation.interpreter).unwrap();
    assert!(installer.installed(Emulator::MiniStack).await.is_none());
    installer.install(Emulator::MiniStack).await.unwrap();
    // And one whose packages are gone.
    std::fs::remove_file(installation.interpreter.with_file_name("modules")).unwrap();
    installer.install(Emulator::MiniStack).await.unwrap();
    assert_eq!(record(folder.path()), ["venv", "pip", "venv", "pip", "venv", "pip"]);
}

#[tokio::test]
async fn processes_at_once_install_once() {
    let folder = tempfile::tempdir().unwrap();
    installer(folder.path());
    let value = folder.path().display().to_string();
    let children: Vec<_> = (0..4).map(|_| as_process("install::one_of_the_processes", FOLDER, &value)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(record(folder.path()), ["venv", "pip"]);
}

#[tokio::test]
#[ignore = "run as a process by processes_at_once_install_once"]
async fn one_of_the_processes() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    installer(&folder).install(Emulator::MiniStack).await.unwrap();
}

#[tokio::test]
async fn without_python_the_ways_out_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let installer = Installer::new(Host::new([("PATH", folder.path())]), folder.path().join("cache"));
    let error = installer.install(Emulator::MiniStack).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "MiniStack needs Python 3.10 to 3.14, and no such Python was found (there is none on the PATH)"
    );
    let hint = error.hint().unwrap();
    for way in ["install Python", "`endpoint`", "LocalStack", "docker compose", "a real account"] {
        assert!(hint.contains(way), "{way} is not in: {hint}");
    }
}

#[tokio::test]
async fn a_python_that_is_too_old_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python3");
    std::fs::write(&python, "#!/bin/sh\necho 3.9\n").unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let installer = Installer::new(Host::new([("PATH", folder.path())]), folder.path().join("cache"));
    let text = installer.install(Emulator::MiniStack).await.unwrap_err().to_string();
    assert!(text.ends_with(&format!("found:\n  {}: is Python 3.9", python.display())), "{text}");
}

#[tokio::test]
async fn a_cache_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    installer(folder.path());
    std::fs::write(folder.path().join("cache"), "a file").unwrap();
    let error = installer(folder.path()).install(Emulator::MiniStack).await.unwrap_err();
    assert!(matches!(&error, Error::File { action: "create", path, .. } if path.ends_with("cache")), "{error:?}");
}

/// Understands what an installation asks of Node.js and of npm.
const NODE: &str = r#"#!/bin/sh
record="RECORD"
case "$(basename "$0") $*" in
  "node -p process.versions.node") echo VERSION ;;
  "node -e "*) [ -d "$NODE_PATH" ] || { echo "no module azurite/package.json" >&2; exit 1; } ;;
  "npm ci "*) [ -f package-lock.json ] && [ -f package.json ] || exit 3
              if [ -e "$record.fail" ]; then echo "npm error code EINTEGRITY" >&2; exit 1; fi
              echo npm >> "$record"; mkdir node_modules ;;
  *) echo "unexpected: $*" >&2; exit 2 ;;
esac
"#;

fn node_installer(folder: &Path, version: &str, programs: &[&str]) -> Installer {
    let record = folder.join("record").display().to_string();
    for program in programs {
        let file = folder.join("path").join(program);
        std::fs::create_dir_all(folder.join("path")).unwrap();
        std::fs::write(&file, NODE.replace("RECORD", &record).replace("VERSION", version)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Nothing but these is on the path: the machine has a Node.js of its own.
    std::fs::create_dir_all(folder.join("tools")).unwrap();
    for tool in ["sh", "basename", "mkdir"] {
        let _ = std::os::unix::fs::symlink(which(tool), folder.join("tools").join(tool));
    }
    let path = format!("{}:{}", folder.join("path").display(), folder.join("tools").display());
    Installer::new(Host::new([("PATH", path)]), folder.join("cache"))
}

fn which(tool: &str) -> PathBuf {
    ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(tool)).into_iter().find(|file| file.exists()).unwrap()
}

#[tokio::test]
async fn what_npm_installs_goes_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let installer = node_installer(folder.path(), "20.20.2", &["node", "npm"]);
    std::fs::write(folder.path().join("record.fail"), "").unwrap();
    let error = installer.install(Emulator::Azurite).await.unwrap_err();
    assert!(matches!(&error, Error::Install { step, output, .. } if step == "npm ci" && output.contains("EINTEGRITY")));
    assert!(error.hint().unwrap().contains("npm registry"), "{:?}", error.hint());
    assert!(installer.installed(Emulator::Azurite).await.is_none());
    std::fs::remove_file(folder.path().join("record.fail")).unwrap();
    let half = installer.folder(Emulator::Azurite).join("sources/node_modules/rest");
    std::fs::create_dir_all(&half).unwrap();
    let first = installer.install(Emulator::Azurite).await.unwrap();
    assert!(!half.exists(), "what a killed process left is still there");
    assert_eq!(first.interpreter.canonicalize().unwrap(), folder.path().join("path/node").canonicalize().unwrap());
    assert_eq!(installer.install(Emulator::Azurite).await.unwrap().folder, first.folder);
    assert_eq!(record(folder.path()), ["npm"]);
    std::fs::remove_dir_all(first.folder.join("sources/node_modules")).unwrap();
    installer.install(Emulator::Azurite).await.unwrap();
    assert_eq!(record(folder.path()), ["npm", "npm"]);
}

#[tokio::test]
async fn without_a_node_that_will_do_it_says_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = node_installer(folder.path(), "", &[]).install(Emulator::Azurite).await.unwrap_err();
    let text = "Azurite needs Node.js 20.0 or newer, and no such Node.js was found";
    assert_eq!(nothing.to_string(), format!("{text} (there is none on the PATH)"));
    let node = folder.path().join("path/node");
    let old = node_installer(folder.path(), "18.1.0", &["node", "npm"]).install(Emulator::Azurite).await.unwrap_err();
    assert_eq!(old.to_string(), format!("{text}:\n  {}: is Node.js 18.1", node.display()));
    assert!(old.hint().unwrap().starts_with("install Node.js 20.0 or newer with npm"));
    std::fs::remove_file(folder.path().join("path/npm")).unwrap();
    let bare = node_installer(folder.path(), "22.1.0", &["node"]).install(Emulator::Azurite).await.unwrap_err();
    assert!(bare.to_string().ends_with("has no npm beside it, nor is one on the PATH"), "{bare}");
}
