//! The archive: equal bytes for equal input, what is left out, limits, and the cache.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use semantest_iac::adapters::aws::naming;
use semantest_iac::adapters::packaging::{PackagingError, SHIM_FILE, SHIM_SETTINGS_FILE, Start, UNPACKED_SIZE_LIMIT};
use semantest_iac::ports::Entry;

use crate::packaging::folders::{Component, contents, names};

const FILES: &[(&str, &str)] = &[
    ("server.js", "require('http').createServer().listen(process.env.PORT)\n"),
    ("package.json", "{\"name\":\"example\"}\n"),
    ("lib/deep/a.js", "exports.a = 1\n"),
    ("lib/b.js", "exports.b = 2\n"),
    ("bin/run", "#!/bin/sh\n"),
    ("public/ünïcode name.txt", "text\n"),
    ("node_modules/express/index.js", "module.exports = {}\n"),
    ("node_modules/express/.gitignore", "index.js\n"),
    (".gitignore", "node_modules/\ndist/\n"),
];

fn example(files: impl Iterator<Item = &'static (&'static str, &'static str)>) -> Component {
    let component = Component::server(&[]);
    for (path, content) in files {
        component.write(path, content);
    }
    component.set_mode("bin/run", 0o755);
    fs::create_dir_all(component.path("plugins")).unwrap();
    fs::create_dir_all(component.path("node_modules/.bin")).unwrap();
    symlink("../express/index.js", component.path("node_modules/.bin/express")).unwrap();
    component
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_order_times_umask_and_place() {
    let first = example(FILES.iter());
    let second = example(FILES.iter().rev());
    for (path, _) in FILES {
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(second.path(path)).unwrap().set_modified(old).unwrap();
        // What another umask would have made of them.
        second.set_mode(path, 0o600);
    }
    second.set_mode("bin/run", 0o700);
    let (first, second) = (first.package(), second.package());
    assert_eq!(first.read().unwrap(), second.read().unwrap());
    assert_eq!(first.sha256, second.sha256);
}

/// The bytes of an archive are part of the contract: they decide whether a function's code counts as changed. When this
/// test fails after a dependency's update, `FORMAT` in `manifest.rs` must change with the digest here.
#[test]
fn a_known_input_gives_known_bytes() {
    let mut component = example(FILES.iter());
    component.write("lib/lambda.js", "exports.handler = async () => ({ statusCode: 204 })\n".repeat(3000));
    component.request.start = Start::Handler { handler: "lib/lambda.handler".into() };
    let package = component.package();
    assert_eq!(package.entry, Entry::Handler("lib/lambda.handler".into()));
    assert_eq!(package.sha256, "05d7d17602c43d21ef5765b4f5c4c2da446d2aedd6bb6ea2a2b84b53173d036a");
}

#[test]
fn names_are_sorted_modes_normalised_and_links_kept() {
    let component = example(FILES.iter());
    component.set_mode("lib/b.js", 0o666);
    let package = component.package();
    let mut sorted = names(&package);
    sorted.sort();
    assert_eq!(names(&package), sorted);
    let contents = contents(&package);
    assert_eq!(contents["lib/b.js"], (0o100_644, b"exports.b = 2\n".to_vec()));
    assert_eq!(contents["bin/run"].0, 0o100_755);
    assert_eq!(contents["node_modules/.bin/express"], (0o120_777, b"../express/index.js".to_vec()));
    assert_eq!(contents["plugins/"], (0o040_755, vec![]));
    assert_eq!(contents["node_modules/express/index.js"].1, b"module.exports = {}\n", ".gitignore is not honoured");
    assert_eq!(package.files, contents.len());
    assert_eq!(package.unpacked_size, contents.values().map(|(_, content)| content.len() as u64).sum::<u64>());
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn info_zip_unpacks_what_was_packed() {
    if Command::new("unzip").arg("-v").output().is_err() {
        eprintln!("skipped: no `unzip` on this machine");
        return;
    }
    let component = example(FILES.iter());
    let package = component.package();
    let target = tempfile::tempdir().unwrap();
    let status = Command::new("unzip").arg("-q").arg(&package.zip).arg("-d").arg(target.path()).status().unwrap();
    assert!(status.success());
    for (path, content) in FILES {
        assert_eq!(&fs::read_to_string(target.path().join(path)).unwrap(), content);
    }
    let link = fs::read_link(target.path().join("node_modules/.bin/express")).unwrap();
    assert_eq!(link.to_str(), Some("../express/index.js"));
    assert!(target.path().join("plugins").is_dir());
}

#[test]
fn a_server_gets_the_shim_and_its_settings() {
    let component = example(FILES.iter());
    let package = component.package();
    assert_eq!(naming::handler(&package.entry), "semantest-shim.handler");
    let contents = contents(&package);
    assert!(contents[SHIM_FILE].1.len() > 1000);
    assert_eq!(contents[SHIM_SETTINGS_FILE].1, br#"{"start":"node server.js","arguments":["node","server.js"]}"#);
}

#[test]
fn the_digest_is_given_in_both_notations() {
    let component = example(FILES.iter());
    let package = component.package();
    let output = Command::new("sha256sum").arg(&package.zip).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&package.sha256));
    assert_eq!((package.sha256.len(), package.code_sha256.len()), (64, 44));
    assert_eq!(package.zipped_size, fs::metadata(&package.zip).unwrap().len());
}

#[test]
fn an_ignore_file_decides_over_the_defaults() {
    let component = example(FILES.iter());
    component.write(".env", "SECRET=1");
    component.write("debug.log", "x");
    component.write(".semantest/state.json", "{}");
    component.write("lib/deep/.semantestignore", "*\n!a.js\n");
    component.write("lib/deep/c.js", "");
    let before = names(&component.package());
    for path in [".env", "debug.log", ".semantest/state.json", "lib/deep/c.js"] {
        assert!(!before.iter().any(|name| name == path), "{path}");
    }
    component.write(".semantestignore", "!.env\n!debug.log\n!.semantest/\nlib/b.js\n");
    let after = names(&component.package());
    assert!(after.contains(&".env".to_owned()) && after.contains(&"debug.log".to_owned()));
    assert!(!after.contains(&"lib/b.js".to_owned()) && !after.iter().any(|name| name.starts_with(".semantest/")));
}

#[test]
fn bad_sources_are_refused_with_a_remedy() {
    let mut component = Component::server(&[("server.js", "")]);
    let refused = |component: &Component, text: &str| {
        let error = component.try_package().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(!error.hint().is_empty());
        error
    };
    component.write("semantest-shim.mjs", "mine");
    refused(&component, "semantest-shim.mjs");
    fs::remove_file(component.path("semantest-shim.mjs")).unwrap();

    symlink("/etc/passwd", component.path("passwords")).unwrap();
    refused(&component, "passwords points outside of the source folder, to /etc/passwd");
    fs::remove_file(component.path("passwords")).unwrap();

    component.write(".semantestignore", "server.js\n");
    assert!(matches!(refused(&component, "holds nothing"), PackagingError::SourceEmpty { all_ignored: true, .. }));
    fs::remove_file(component.path(".semantestignore")).unwrap();

    fs::rename(component.path("server.js"), component.path("app.js")).unwrap();
    refused(&component, "names the file server.js, which is not in the package");
    fs::remove_file(component.path("app.js")).unwrap();
    assert!(matches!(refused(&component, "holds nothing"), PackagingError::SourceEmpty { all_ignored: false, .. }));

    component.request.source = component.path("missing");
    refused(&component, "missing does not exist");
    component.write("file", "");
    component.request.source = component.path("file");
    refused(&component, "file is not a folder");
}

#[test]
fn a_source_beyond_the_limit_is_refused_with_its_largest_folders() {
    let component = Component::server(&[("server.js", "")]);
    // Holes, so that neither the disk nor the clock notices.
    for (path, size) in [("node_modules/@img/sharp/a.node", 150_000_000), ("assets/video/b.mp4", 112_144_000)] {
        component.write(path, "");
        File::options().write(true).open(component.path(path)).unwrap().set_len(size).unwrap();
    }
    // Exactly the limit, which the shim's own files exceed.
    let error = component.try_package().unwrap_err();
    let PackagingError::TooLarge { size, limit, largest } = &error else { panic!("{error}") };
    assert!(*size > UNPACKED_SIZE_LIMIT && *limit == UNPACKED_SIZE_LIMIT);
    assert_eq!(largest[0].path, "node_modules/@img/sharp");
    assert!(error.to_string().contains("250.0 MB"), "{error}");
    assert!(error.to_string().contains("node_modules/@img/sharp 143.1 MB, assets/video 106.9 MB"), "{error}");
    component.write(".semantestignore", "assets/\n");
    // Now it fits, but there is no need to compress 150 MB here.
    fs::write(component.path("node_modules/@img/sharp/a.node"), "").unwrap();
    component.package();
}

/// Servers make ETags of size and time: what has changed must not look as if it hadn't.
#[test]
fn a_files_time_follows_its_content() {
    let component = Component::server(&[("server.js", ""), ("a.css", "red "), ("b.css", "blue"), ("c.css", "red ")]);
    let times = || {
        let package = component.package();
        let mut archive = zip::ZipArchive::new(File::open(&package.zip).unwrap()).unwrap();
        ["a.css", "b.css", "c.css"].map(|name| archive.by_name(name).unwrap().last_modified().unwrap())
    };
    let [a, b, c] = times();
    assert_eq!(a, c);
    assert_ne!(a, b);
    assert!([a, b].iter().all(|time| (1980..2020).contains(&time.year())), "{a} {b}");
    component.write("b.css", "red ");
    assert_eq!(times(), [a, a, a]);
}

#[test]
fn an_unchanged_source_is_found_in_the_cache_and_a_changed_one_is_not() {
    let component = example(FILES.iter());
    let first = component.package();
    assert!(!first.from_cache);
    let second = component.package();
    assert!(second.from_cache);
    assert_eq!((&first.sha256, &first.zip), (&second.sha256, &second.zip));
    // Same size, within the same clock tick: git's racy case.
    component.write("lib/b.js", "exports.b = 3\n");
    let third = component.package();
    assert!(!third.from_cache);
    assert_ne!(first.sha256, third.sha256);
    component.write("lib/b.js", "exports.b = 2\n");
    assert_eq!(component.package().sha256, first.sha256);
    component.set_mode("lib/b.js", 0o755);
    assert_ne!(component.package().sha256, first.sha256, "the executable bit counts");
}

#[test]
fn an_archive_made_from_an_earlier_one_is_the_same_as_a_fresh_one() {
    let component = example(FILES.iter());
    component.write("large.bin", (0..500_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect::<Vec<_>>());
    component.package();
    component.write("lib/b.js", "exports.b = 'changed'\n");
    component.set_mode("lib/deep/a.js", 0o755);
    fs::remove_file(component.path("package.json")).unwrap();
    component.write("new.js", "new");
    let incremental = component.package();
    let other_cache = tempfile::tempdir().unwrap();
    let fresh =
        semantest_iac::adapters::packaging::Packager::new(other_cache.path()).package(&component.request).unwrap();
    assert!(!incremental.from_cache && !fresh.from_cache);
    assert_eq!(incremental.read().unwrap(), fresh.read().unwrap());
}

#[test]
fn a_damaged_cache_is_made_again() {
    let component = example(FILES.iter());
    let good = component.package();
    let bytes = good.read().unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    fs::write(&good.zip, &damaged).unwrap();
    assert!(good.read().is_err());
    let again = component.package();
    assert!(!again.from_cache);
    assert_eq!(again.read().unwrap(), bytes);

    fs::write(&good.zip, &bytes[..middle]).unwrap();
    assert_eq!(component.package().read().unwrap(), bytes);
    fs::remove_file(&good.zip).unwrap();
    assert_eq!(component.package().read().unwrap(), bytes);

    // Copied by a backup: other attributes, same content.
    fs::remove_file(&good.zip).unwrap();
    fs::write(&good.zip, &bytes).unwrap();
    assert!(component.package().from_cache);

    for entry in walk(component.cache()) {
        if entry.extension().is_some_and(|extension| extension == "json") {
            fs::write(entry, "{ half").unwrap();
        }
    }
    assert_eq!(component.package().read().unwrap(), bytes);
}

#[test]
fn old_archives_are_removed_and_recent_ones_kept() {
    let component = Component::server(&[("server.js", "0")]);
    let mut packages = Vec::new();
    for version in 0..11 {
        component.write("server.js", version.to_string());
        packages.push(component.package());
    }
    for (version, package) in packages.iter().enumerate() {
        let old = SystemTime::now() - Duration::from_secs(7200 - version as u64);
        let record = package.zip.with_extension("json");
        File::options().write(true).open(record).unwrap().set_modified(old).unwrap();
    }
    let abandoned = component.cache().join("packages/.tmpAbcdef");
    File::create(&abandoned).unwrap().set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    component.write("server.js", "last");
    packages.push(component.package());
    let kept: Vec<_> = packages.iter().map(|package| package.zip.exists()).collect();
    assert!(!abandoned.exists());
    assert_eq!(kept, [false, false, false, true, true, true, true, true, true, true, true, true]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let component = Component::server(&[("server.js", ""), ("cache", "a file")]);
    let packager = semantest_iac::adapters::packaging::Packager::new(component.path("cache/below"));
    let error = packager.package(&component.request).unwrap_err();
    assert!(matches!(error, PackagingError::Cache { .. }), "{error}");
    assert!(error.to_string().contains("cache/below"), "{error}");
}

#[test]
fn two_at_once_get_the_same_package() {
    let component = example(FILES.iter());
    let packages: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| component.package())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(packages.iter().all(|package| package.sha256 == packages[0].sha256));
    assert_eq!(packages.iter().filter(|package| !package.from_cache).count(), 1);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .flat_map(|child| {
            let path = child.unwrap().path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}
