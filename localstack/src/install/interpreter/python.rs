//! Python: on the search path, or among what pyenv has installed.

use std::path::PathBuf;

use super::{Question, Tried, Versions};
use crate::host::{Host, is_program};

const PYTHON: Question = Question {
    name: "Python",
    // Fails where an environment can't be made (Debian ships Python without `ensurepip`).
    ask: &["-I", "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
    explain,
};

fn explain(last: &str) -> String {
    if last.contains("ensurepip") || last.contains("venv") {
        format!("can't make environments ({last}); its venv package is missing")
    } else {
        format!("fails: {last}")
    }
}

/// The first interpreter of a wanted version: `explicit` ones first, then the search path, then what pyenv has installed.
pub(crate) async fn find(
    host: &Host,
    explicit: &[PathBuf],
    wanted: Versions,
) -> std::result::Result<PathBuf, Vec<Tried>> {
    super::first(host, candidates(host, explicit, wanted), wanted, &PYTHON).await
}

fn candidates(host: &Host, explicit: &[PathBuf], wanted: Versions) -> Vec<PathBuf> {
    let newest = wanted.newest.unwrap_or(wanted.oldest);
    let minors = || (wanted.oldest.1..=newest.1).rev();
    // `python3` is what the user chose as a default; a name with the version is the surer one where only one version will do.
    let plain = std::iter::once("python3".to_owned());
    let exact = minors().map(|minor| format!("python3.{minor}"));
    let names: Vec<String> =
        if wanted.oldest == newest { exact.chain(plain).collect() } else { plain.chain(exact).collect() };
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const MINISTACK: Versions = Versions { oldest: (3, 10), newest: Some((3, 14)) };
    const LOCALSTACK: Versions = Versions { oldest: (3, 13), newest: Some((3, 13)) };

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
