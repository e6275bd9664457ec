//! Native modules for another system or processor than the function's: they are packaged without a word by whoever installs on
//! a laptop, and fail when they are loaded. Called by the packager with what the files' first bytes said.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::error::PackagingError;
use super::index::Digests;
use super::inspection::{Finding, Machine, System};
use super::tree::SourceTree;
use crate::domain::code::runtime::Architecture;

/// Parts of the names of packages that hold a module for one platform: the names of npm's `os`, `cpu` and `libc`
/// (<https://docs.npmjs.com/cli/v11/configuring-npm/package-json#os>), and those of Rust's targets, as napi-rs has them.
const PLATFORM_WORDS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "linuxmusl",
    "macos",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
    "windows",
    "aarch64",
    "amd64",
    "arm",
    "arm64",
    "armv7",
    "ia32",
    "loong64",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390x",
    "universal",
    "x64",
    "x86",
    "64",
    "eabi",
    "eabihf",
    "glibc",
    "gnu",
    "gnueabihf",
    "msvc",
    "musl",
    "musleabihf",
];

/// Modules of one package, or of the packages that hold one for each platform.
#[derive(Default)]
struct Family {
    fits: bool,
    others: Vec<(String, System, Machine)>,
}

/// Makes sure that of each native module there is one for the function's system and processor.
///
/// # Errors
/// There are others only.
pub(super) fn check(tree: &SourceTree, digests: &Digests, architecture: Architecture) -> Result<(), PackagingError> {
    let wanted = match architecture {
        Architecture::Arm64 => Machine::Arm64,
        Architecture::X86_64 => Machine::X64,
    };
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for entry in tree.entries.iter().filter(|entry| entry.packaged) {
        let Some(Finding::Program(system, machine)) = digests.get(&entry.path).and_then(|seen| seen.finding) else {
            continue;
        };
        let family = families.entry(family(&entry.path)).or_default();
        match (system, machine) == (System::Linux, wanted) {
            true => family.fits = true,
            false if is_for_another_system(&tree.root, &entry.path) => {}
            false => family.others.push((entry.path.clone(), system, machine)),
        }
    }
    let mut others = families.into_values().filter(|family| !family.fits).flat_map(|family| family.others);
    match others.next() {
        None => Ok(()),
        Some((path, system, machine)) => Err(PackagingError::NativeModule {
            path,
            built_for: format!("{system} on {machine}"),
            architecture,
            more: others.count(),
        }),
    }
}

/// The place and the name of a module's package, without what says the platform.
fn family(path: &str) -> String {
    let Some((place, package)) = package_of(path) else { return String::new() };
    let words = package.split(['/', '-', '_', '.']).filter(|word| !PLATFORM_WORDS.contains(word));
    format!("{place}{}", words.collect::<Vec<_>>().join("-"))
}

/// The innermost `node_modules/` that a path leads through, and the package in it.
fn package_of(path: &str) -> Option<(&str, &str)> {
    let start = path.rfind("node_modules/")? + "node_modules/".len();
    let levels = if path[start..].starts_with('@') { 1 } else { 0 };
    let end = path[start..].match_indices('/').nth(levels).map(|(end, _)| start + end)?;
    Some((&path[..start], &path[start..end]))
}

/// Whether a module's package is made for another system altogether and does without on Linux, as `fsevents` does: its
/// `package.json` says so, and its name doesn't say that there are others for others.
fn is_for_another_system(root: &Path, path: &str) -> bool {
    let Some((place, package)) = package_of(path) else { return false };
    if package.split(['/', '-', '_', '.']).any(|word| PLATFORM_WORDS.contains(&word)) {
        return false;
    }
    let manifest = std::fs::read(root.join(format!("{place}{package}/package.json"))).ok();
    let manifest = manifest.and_then(|text| serde_json::from_slice::<Value>(&text).ok()).unwrap_or_default();
    let systems = manifest.get("os").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = |name: &str| systems.iter().any(|system| system == name);
    !systems.is_empty()
        && (named("!linux")
            || !named("linux") && !systems.iter().any(|it| it.as_str().is_some_and(|it| it.starts_with('!'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_one_module_are_a_family() {
        let of = |path: &str| family(path);
        assert_eq!(
            of("node_modules/@img/sharp-darwin-arm64/lib/sharp.node"),
            of("node_modules/@img/sharp-linux-x64/lib/sharp.node")
        );
        assert_eq!(
            of("node_modules/lightningcss-linux-x64-gnu/a.node"),
            of("node_modules/lightningcss-darwin-arm64/a.node")
        );
        assert_eq!(of("node_modules/a/prebuilds/win32-x64/a.node"), of("node_modules/a/prebuilds/linux-x64/a.node"));
        assert_ne!(of("node_modules/a/a.node"), of("node_modules/b/a.node"));
        assert_ne!(of("node_modules/a/a.node"), of("node_modules/b/node_modules/a/a.node"));
        assert_eq!(of("native/a.node"), "");
    }
}
