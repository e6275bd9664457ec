//! What a server's source folder says of itself: how it is started and built, which Node.js it wants, whether it has a
//! path for health checks.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The runtime where nothing says otherwise.
const DEFAULT_MAJOR: u16 = 22;

/// Majors that AWS runs; the newest last. Odd ones never come to Lambda.
const RUN_MAJORS: [u16; 2] = [22, 24];

/// Files that start a server where package.json doesn't say.
const ENTRY_FILES: [&str; 8] =
    ["server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "dist/index.js", "dist/server.js"];

/// The largest source file that is looked into, in bytes, and how many of them.
const LARGEST_FILE: u64 = 256 * 1024;
const MOST_FILES: usize = 200;

/// What is known of a source folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detected {
    /// The command that starts the server.
    pub start: Option<String>,
    /// The command that builds it.
    pub build: Option<String>,
    /// The major version of Node.js that it wants.
    pub major: Option<u16>,
    /// Whether it answers at `/health`, as far as its source shows.
    pub health: bool,
}

/// Looks at a folder.
pub fn detect(folder: &Path) -> Detected {
    let manifest = manifest(folder);
    let script = |name: &str| {
        let text = manifest.as_ref()?.pointer(&format!("/scripts/{name}"))?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    Detected {
        start: start(folder, manifest.as_ref(), script("start")),
        build: build(folder, manifest.as_ref(), script("build").is_some()),
        major: major(folder, manifest.as_ref()),
        health: mentions_health(folder),
    }
}

/// Folders below `root` that hold a server: `root` itself, or else its subfolders.
pub fn servers(root: &Path) -> Vec<PathBuf> {
    let is_server = |folder: &Path| folder.join("package.json").is_file() && detect(folder).start.is_some();
    if is_server(root) {
        return vec![root.to_owned()];
    }
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.file_name().is_some_and(|name| name != "node_modules"))
        .filter(|path| is_server(path))
        .collect();
    folders.sort();
    folders
}

fn manifest(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join("package.json")).ok()?).ok()
}

fn start(folder: &Path, manifest: Option<&Value>, script: Option<String>) -> Option<String> {
    if let Some(script) = script {
        // A plain command starts faster than npm, which would only run it.
        let is_plain = script.starts_with("node ") && !script.contains(['&', '|', ';', '$', '`', '>', '<']);
        if is_plain {
            return Some(without_env_file(&script));
        }
        match unworkable(&script) {
            false => return Some("npm start".to_owned()),
            // What it would run, where that is a file: `pm2 start server.js`.
            true => {
                let is_program = |word: &&str| [".js", ".mjs", ".cjs"].iter().any(|ending| word.ends_with(ending));
                let file = script
                    .split_whitespace()
                    .filter(is_program)
                    .find(|file| !file.contains("ecosystem") && folder.join(file).is_file());
                if let Some(file) = file {
                    return Some(format!("node {}", file.trim_start_matches("./")));
                }
            }
        }
    }
    let main = manifest.and_then(|manifest| manifest.get("main")?.as_str()).filter(|main| folder.join(main).is_file());
    let entry = ENTRY_FILES.into_iter().find(|file| folder.join(file).is_file());
    main.or(entry).map(|file| format!("node {}", file.trim_start_matches("./")))
}

/// A start line without files of variables: the package leaves them out, and Node.js ends without them.
fn without_env_file(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--env-file" => drop(words.next()),
            word if word.starts_with("--env-file=") => {}
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

/// Whether a script's program puts the server into the background, watches files, or isn't in the function's runtime.
fn unworkable(script: &str) -> bool {
    const PROGRAMS: [&str; 7] = ["pm2", "forever", "nohup", "nodemon", "pnpm", "yarn", "bun"];
    let program = script.split_whitespace().find(|word| !word.contains('=')).unwrap_or_default();
    PROGRAMS.contains(&program) || script.trim_end().ends_with('&')
}

fn build(folder: &Path, manifest: Option<&Value>, has_build_script: bool) -> Option<String> {
    let has_any = |key: &str| {
        manifest
            .and_then(|manifest| manifest.get(key)?.as_object())
            .is_some_and(|dependencies| !dependencies.is_empty())
    };
    let locked = folder.join("package-lock.json").is_file();
    let install = if locked { "npm ci" } else { "npm install" };
    match (has_build_script, has_any("dependencies"), has_any("devDependencies")) {
        (true, _, _) => Some(format!("{install} && npm run build && npm prune --omit=dev")),
        (false, true, _) => Some(format!("{install} --omit=dev")),
        (false, false, _) => None,
    }
}

fn major(folder: &Path, manifest: Option<&Value>) -> Option<u16> {
    let written = [".nvmrc", ".node-version"].into_iter().find_map(|file| {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        first_number(&text)
    });
    written.or_else(|| first_number(manifest?.pointer("/engines/node")?.as_str()?))
}

/// The major version in the output of `node --version`, or any text that begins with one.
pub fn first_number(text: &str) -> Option<u16> {
    let digits: String =
        text.chars().skip_while(|character| !character.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The runtime for a wanted major version: the oldest one still to be had that isn't older.
pub fn runtime(wanted: Option<u16>) -> String {
    let wanted = wanted.unwrap_or(DEFAULT_MAJOR);
    let newest = RUN_MAJORS[RUN_MAJORS.len() - 1];
    let major = RUN_MAJORS.into_iter().find(|major| *major >= wanted).unwrap_or(newest);
    format!("nodejs{major}")
}

fn mentions_health(folder: &Path) -> bool {
    let files = ignore::WalkBuilder::new(folder)
        .max_depth(Some(4))
        .filter_entry(|entry| entry.file_name() != "node_modules")
        .build();
    let is_source = |path: &Path| {
        path.extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ["js", "mjs", "cjs", "ts", "mts", "cts"].contains(&ending))
    };
    files
        .flatten()
        .filter(|entry| is_source(entry.path()))
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_FILE))
        .take(MOST_FILES)
        .any(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("/health")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn an_express_server_explains_itself() {
        let folder = folder(&[
            (
                "package.json",
                r#"{"scripts":{"start":"node dist/index.js","build":"tsc"},"dependencies":{"express":"5"},"engines":{"node":">=20"}}"#,
            ),
            ("package-lock.json", "{}"),
            ("src/index.ts", "app.get('/health', …)"),
        ]);
        let detected = detect(folder.path());
        assert_eq!(detected.start.as_deref(), Some("node dist/index.js"));
        assert_eq!(detected.build.as_deref(), Some("npm ci && npm run build && npm prune --omit=dev"));
        assert_eq!(detected.major, Some(20));
        assert!(detected.health);
    }

    #[test]
    fn commands_that_need_a_shell_are_left_to_npm() {
        let folder = folder(&[("package.json", r#"{"scripts":{"start":"tsc && node dist/index.js"}}"#)]);
        assert_eq!(detect(folder.path()).start.as_deref(), Some("npm start"));
    }

    #[test]
    fn no_start_line_is_written_that_cannot_work() {
        for (script, start) in [
            ("node --env-file=.env --enable-source-maps server.js", Some("node --enable-source-maps server.js")),
            ("node --env-file .env server.js", Some("node server.js")),
            ("pm2 start ./bin/www.js", Some("node bin/www.js")),
            ("NODE_ENV=production nodemon server.js", Some("node server.js")),
            ("node server.js &", Some("node server.js")),
            ("pm2 start ecosystem.config.js", Some("node server.js")),
            ("yarn serve", Some("node server.js")),
            ("node server.js | pino-pretty", Some("npm start")),
        ] {
            let package = serde_json::json!({ "scripts": { "start": script } }).to_string();
            let folder = folder(&[("package.json", &package), ("server.js", ""), ("bin/www.js", "")]);
            assert_eq!(detect(folder.path()).start.as_deref(), start, "{script}");
        }
        let folder = folder(&[("package.json", r#"{"scripts":{"start":"pm2 start app"}}"#)]);
        assert_eq!(detect(folder.path()).start, None);
    }

    #[test]
    fn a_bare_server_is_found_by_its_file() {
        let server = folder(&[("server.js", ""), (".nvmrc", "v24.1.0\n")]);
        let detected = detect(server.path());
        assert_eq!(
            detected,
            Detected { start: Some("node server.js".to_owned()), major: Some(24), ..detected.clone() }
        );
        assert!(detected.build.is_none() && !detected.health);
        let main = folder(&[("package.json", r#"{"main":"./lib/run.js"}"#), ("lib/run.js", ""), ("server.js", "")]);
        assert_eq!(detect(main.path()).start.as_deref(), Some("node lib/run.js"));
    }

    #[test]
    fn servers_are_looked_for_one_level_deep() {
        let root = folder(&[
            ("rest-api/package.json", "{}"),
            ("rest-api/server.js", ""),
            ("library/package.json", "{}"),
            ("node_modules/x/package.json", "{}"),
        ]);
        assert_eq!(servers(root.path()), [root.path().join("rest-api")]);
    }

    #[test]
    fn runtimes_are_those_that_can_be_had() {
        for (wanted, runtime_name) in [
            (None, "nodejs22"),
            (Some(18), "nodejs22"),
            (Some(23), "nodejs24"),
            (Some(24), "nodejs24"),
            (Some(99), "nodejs24"),
        ] {
            assert_eq!(runtime(wanted), runtime_name);
        }
        assert_eq!(first_number("v22.11.0"), Some(22));
        assert_eq!(first_number("lts/*"), None);
    }
}
