//! Finds an interpreter that an emulator can be installed with, by running what is there rather than trusting its name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::emulator::PythonVersions;
use crate::host::{Host, is_program};

/// Prints the version, and fails where an environment can't be made (Debian ships Python without `ensurepip`).
const ASK: &str = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])";

/// An interpreter that hangs is as good as none.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// An interpreter that was looked at and can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The program.
    pub program: PathBuf,
    /// Why it can't be used.
    pub reason: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.program.display(), self.reason)
    }
}

/// The first interpreter of a wanted version: `explicit` ones first, then the search path, then what pyenv has installed.
pub(crate) async fn find(
    host: &Host,
    explicit: &[PathBuf],
    wanted: PythonVersions,
) -> std::result::Result<PathBuf, Vec<Tried>> {
    let mut tried: Vec<Tried> = Vec::new();
    for program in candidates(host, explicit, wanted) {
        if tried.iter().any(|tried| tried.program == program) {
            continue;
        }
        match version(host, &program).await {
            Ok(version) if wanted.contains(version) => return Ok(program),
            Ok((major, minor)) => tried.push(Tried { program, reason: format!("is Python {major}.{minor}") }),
            Err(reason) => tried.push(Tried { program, reason }),
        }
    }
    Err(tried)
}

fn candidates(host: &Host, explicit: &[PathBuf], wanted: PythonVersions) -> Vec<PathBuf> {
    let minors = || (wanted.oldest.1..=wanted.newest.1).rev();
    // `python3` is what the user chose as a default; a name with the version is the surer one where only one version will do.
    let plain = std::iter::once("python3".to_owned());
    let exact = minors().map(|minor| format!("python3.{minor}"));
    let names: Vec<String> =
        if wanted.oldest == wanted.newest { exact.chain(plain).collect() } else { plain.chain(exact).collect() };
    let folders = host.search_path();
    let on_path = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let mut all: Vec<PathBuf> = explicit.to_vec();
    all.extend(on_path.filter(|file| is_program(file)));
    all.extend(minors().flat_map(|minor| pyenv(host, minor)));
    all
}

/// What pyenv has of `3.minor`, the newest first.
fn pyenv(host: &Host, minor: u32) -> Vec<PathBuf> {
    let Some(Ok(entries)) = host.pyenv_versions().map(std::fs::read_dir) else {
        return Vec::new();
    };
    let prefix = format!("3.{minor}.");
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let patch = entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok()?;
            Some((patch, entry.path().join("bin").join(format!("python3.{minor}"))))
        })
        .filter(|(_, file)| is_program(file))
        .collect();
    found.sort_by_key(|(patch, _)| std::cmp::Reverse(*patch));
    found.into_iter().map(|(_, file)| file).collect()
}

async fn version(host: &Host, program: &Path) -> std::result::Result<(u32, u32), String> {
    let run = Command::new(program)
        .args(["-I", "-c", ASK])
        .env_clear()
        .envs(host.all())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(ANSWER_WITHIN, run).await {
        Err(_) => {
            return Err(format!("doesn't answer within {} s", ANSWER_WITHIN.as_secs()));
        }
        Ok(Err(error)) => return Err(format!("can't be run: {error}")),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output").trim();
        return Err(if last.contains("ensurepip") || last.contains("venv") {
            format!("can't make environments ({last}); its venv package is missing")
        } else {
            format!("fails: {last}")
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .ok_or_else(|| format!("answers `{}` when asked for its version", text.trim()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const MINISTACK: PythonVersions = PythonVersions { oldest: (3, 10), newest: (3, 14) };
    const LOCALSTACK: PythonVersions = PythonVersions { oldest: (3, 13), newest: (3, 13) };

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    fn host(folder: &Path) -> Host {
        let path = format!("{}:/usr/bin:/bin", folder.join("path").display());
        Host::new([("PATH", path), ("PYENV_ROOT", folder.join("pyenv").display().to_string())])
    }

    #[tokio::test]
    async fn a_failing_shim_and_an_old_version_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let shim = script(
            &folder.path().join("path"),
            "python3.13",
            "echo \"pyenv: python3.13: command not found\" >&2; exit 127",
        );
        script(&folder.path().join("pyenv/versions/3.13.2/bin"), "python3.13", "echo 3.13");
        let newest = script(&folder.path().join("pyenv/versions/3.13.10/bin"), "python3.13", "echo 3.13");
        let host = Host::new([
            ("PATH", folder.path().join("path").display().to_string()),
            ("PYENV_ROOT", folder.path().join("pyenv").display().to_string()),
        ]);
        assert!(shim.exists());
        assert_eq!(find(&host, &[], LOCALSTACK).await, Ok(newest));
    }

    #[tokio::test]
    async fn what_was_tried_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let old = script(&folder.path().join("path"), "python3", "echo 3.8");
        let bare = script(
            &folder.path().join("path"),
            "python3.12",
            "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1",
        );
        let host = Host::new([("PATH", folder.path().join("path").display().to_string())]);
        let tried = find(&host, &[], MINISTACK).await.unwrap_err();
        assert_eq!(tried.len(), 2, "{tried:?}");
        assert_eq!((tried[0].program.clone(), tried[0].reason.as_str()), (old, "is Python 3.8"));
        assert_eq!(tried[1].program, bare);
        assert!(tried[1].reason.contains("venv package is missing"), "{}", tried[1].reason);
    }

    #[tokio::test]
    async fn a_given_interpreter_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        script(&folder.path().join("path"), "python3", "echo 3.12");
        let own = script(folder.path(), "my-python", "echo 3.11");
        assert_eq!(find(&host(folder.path()), std::slice::from_ref(&own), MINISTACK).await, Ok(own));
    }
}
