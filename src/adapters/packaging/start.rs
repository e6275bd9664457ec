//! How a package is started: an unchanged listening server behind the runtime shim, or a handler of the user's own.
//! Checks that the file which the configuration names is in the package, and adds the shim.

use std::num::NonZeroU16;
use std::path::Path;

use serde::Serialize;

use super::command::Command;
use super::error::PackagingError;
use super::manifest::{Content, Manifest};
use crate::ports::Entry;

/// The shim's name at the root of the package; translates events.
pub const SHIM_FILE: &str = "semantest-shim.mjs";

/// The name of the part of the shim that runs the server.
pub const SHIM_SERVER_FILE: &str = "semantest-shim-server.mjs";

/// The runtime shim, as added to the package of a server.
const SHIM: [(&str, &str); 3] = [
    (SHIM_FILE, include_str!("shim/semantest-shim.mjs")),
    (SHIM_SERVER_FILE, include_str!("shim/semantest-shim-server.mjs")),
    ("semantest-shim-ports.cjs", include_str!("shim/semantest-shim-ports.cjs")),
];

/// Lambda's Node.js runtime, or an emulator's, would load these instead of the shim.
const SHADOWS: [&str; 5] =
    ["semantest-shim", "semantest-shim.js", "semantest-shim.cjs", "semantest-shim.json", "semantest-shim.node"];

/// The name of the shim's settings beside it.
pub const SHIM_SETTINGS_FILE: &str = "semantest-shim-settings.json";

/// The shim's module, and its function that takes the cloud's events.
const SHIM_MODULE: &str = "semantest-shim";
const SHIM_EXPORT: &str = "handler";

/// The longest handler that Lambda accepts (`Handler` of CreateFunction: 128 characters without white space).
const HANDLER_LENGTH: usize = 128;

/// The endings under which Lambda's Node.js runtime looks for a handler's file, in its order.
const HANDLER_ENDINGS: [&str; 4] = ["", ".js", ".mjs", ".cjs"];

/// What runs in the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A server that listens on `PORT`, and the command that starts it, such as `node server.js`.
    Server {
        /// The command; run without a shell when it is a plain `node …`.
        start: String,
        /// The port that it listens on whatever `PORT` says.
        port: Option<NonZeroU16>,
    },
    /// A handler in Lambda's notation, such as `dist/lambda.handler`.
    Handler {
        /// File without ending, a dot, and the exported function.
        handler: String,
    },
}

/// The shim's settings, read by it when the sandbox starts.
#[derive(Serialize)]
struct ShimSettings<'a> {
    start: &'a str,
    /// Words of a command that needs no shell; absent when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Vec<String>>,
    /// The port that the server listens on; where it is absent, that is one of the shim's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<NonZeroU16>,
}

impl Start {
    /// What in the finished package is to be started.
    pub fn entry(&self) -> Entry {
        match self {
            Self::Server { .. } => Entry::Launcher { module: SHIM_MODULE.to_owned(), export: SHIM_EXPORT.to_owned() },
            Self::Handler { handler } => Entry::Handler(handler.clone()),
        }
    }

    /// Checks the setting against what will be packaged, whose files are below `root`, and adds what it needs.
    pub(super) fn complete(&self, manifest: &mut Manifest, root: &Path) -> Result<(), PackagingError> {
        match self {
            Self::Server { start, port } => {
                let arguments = plain_words(start)?;
                let command = Command { start, manifest, root };
                match &arguments {
                    Some(words) => command.check_words(words)?,
                    None => command.check_line(start)?,
                }
                let arguments = arguments.filter(|arguments| arguments[0] == "node");
                let settings = serde_json::to_vec(&ShimSettings { start: start.trim(), arguments, port: *port })
                    .unwrap_or_default();
                for name in SHADOWS {
                    manifest.check_free(name)?;
                }
                for (name, text) in SHIM {
                    manifest.add_generated(name, text.as_bytes().to_vec())?;
                }
                manifest.add_generated(SHIM_SETTINGS_FILE, settings)
            }
            Self::Handler { handler } => check_handler(handler, manifest),
        }
    }
}

/// The words of a command, if it means the same without a shell; none if it needs one.
fn plain_words(start: &str) -> Result<Option<Vec<String>>, PackagingError> {
    let invalid = |reason| PackagingError::InvalidStart { setting: "start", value: start.to_owned(), reason };
    if start.trim().is_empty() {
        return Err(invalid("it is empty"));
    }
    if start.contains('\0') {
        return Err(invalid("it holds a zero byte"));
    }
    let words = shlex::split(start).ok_or_else(|| invalid("a quotation mark is not closed"))?;
    let needs_shell = start.contains(|character| "|&;<>()$`\\*?[]#~!{}\n".contains(character))
        || words.first().is_none_or(|first| first.contains('='));
    Ok(if needs_shell { None } else { Some(words) })
}

/// The file that `node` is to run: named as it is, without `.js`, or by a folder with a package.json or an index.js.
pub(super) fn check_entry(start: &str, file: &str, manifest: &Manifest) -> Result<(), PackagingError> {
    let Some(path) = normalise(file) else {
        return Err(PackagingError::InvalidStart {
            setting: "start",
            value: start.to_owned(),
            reason: "it names a file outside of the source folder",
        });
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    let candidates = [
        path.clone(),
        format!("{path}.js"),
        format!("{path}.json"),
        format!("{path}.node"),
        below("package.json"),
        below("index.js"),
        below("index.node"),
    ];
    if candidates.iter().any(|candidate| is_file(manifest, candidate)) || reached_by_link(manifest, &path) {
        return Ok(());
    }
    Err(PackagingError::EntryMissing {
        setting: "start",
        value: start.to_owned(),
        expected: format!("the file {file}"),
        advice: advice(&path, manifest),
    })
}

fn check_handler(handler: &str, manifest: &Manifest) -> Result<(), PackagingError> {
    let invalid = |reason| Err(PackagingError::InvalidStart { setting: "handler", value: handler.to_owned(), reason });
    if handler.is_empty() {
        return invalid("it is empty");
    }
    if handler.chars().any(char::is_whitespace) {
        return invalid("it holds white space");
    }
    if handler.len() > HANDLER_LENGTH {
        return invalid("it is longer than the 128 characters that AWS Lambda accepts");
    }
    if handler.contains("..") {
        return invalid("AWS Lambda accepts no `..` in it");
    }
    let Some(path) = normalise(handler) else { return invalid("it names a file outside of the source folder") };
    // Lambda's Node.js runtime splits the last part of the path at its first dot.
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
    let Some((module, function)) = name.split_once('.') else { return invalid("it names no function") };
    if module.is_empty() || function.is_empty() {
        return invalid("it names no file or no function");
    }
    let module = if folder.is_empty() { module.to_owned() } else { format!("{folder}/{module}") };
    if HANDLER_ENDINGS.iter().any(|ending| is_file(manifest, &format!("{module}{ending}")))
        || reached_by_link(manifest, &module)
    {
        return Ok(());
    }
    Err(PackagingError::EntryMissing {
        setting: "handler",
        value: handler.to_owned(),
        expected: format!("{module}.js, {module}.mjs or {module}.cjs"),
        advice: advice(&module, manifest),
    })
}

fn is_file(manifest: &Manifest, path: &str) -> bool {
    !matches!(manifest.entries.get(path), None | Some(Content::Folder))
}

/// Whether a folder on the way to `path` is a link; then the file is somewhere else in the package.
fn reached_by_link(manifest: &Manifest, path: &str) -> bool {
    path.match_indices('/').any(|(end, _)| matches!(manifest.entries.get(&path[..end]), Some(Content::Link(_))))
}

/// Resolves `.`, `..` and a leading `./`; none when it leads out of the source folder.
fn normalise(file: &str) -> Option<String> {
    let mut parts = Vec::new();
    if file.starts_with('/') {
        return None;
    }
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Says where the file probably is, or what makes it.
fn advice(path: &str, manifest: &Manifest) -> String {
    let stem = |path: &str| -> String {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
    };
    let wanted = stem(path);
    let alike = manifest
        .entries
        .keys()
        .filter(|name| !name.contains("node_modules/") && stem(name) == wanted)
        .min_by_key(|name| (name.matches('/').count(), name.len()));
    match alike {
        Some(name) if name.ends_with(".ts") || name.ends_with(".mts") || name.ends_with(".cts") => {
            format!("{name} has to be compiled first: give the component a `build` command, such as `npm ci && npx tsc`")
        }
        Some(name) => format!("did you mean {name}? Paths are taken relative to the component's `source`"),
        None => "paths are taken relative to the component's `source`; a file that a build makes needs the component's `build` command, and must not be left out by .semantestignore".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[&str]) -> Manifest {
        Manifest { entries: files.iter().map(|path| ((*path).to_owned(), Content::Generated(vec![]))).collect() }
    }

    fn server(start: &str, files: &[&str]) -> Result<(Manifest, serde_json::Value), PackagingError> {
        let mut manifest = manifest(files);
        let start = Start::Server { start: start.to_owned(), port: None };
        start.complete(&mut manifest, Path::new("/nowhere"))?;
        let Entry::Launcher { module, .. } = start.entry() else { panic!() };
        assert!(manifest.entries.contains_key(&format!("{module}.mjs")));
        let Some(Content::Generated(settings)) = manifest.entries.get(SHIM_SETTINGS_FILE) else { panic!() };
        let settings = serde_json::from_slice(settings).unwrap();
        Ok((manifest, settings))
    }

    fn handler(handler: &str, files: &[&str]) -> Result<(), PackagingError> {
        Start::Handler { handler: handler.to_owned() }.complete(&mut manifest(files), Path::new("/nowhere"))
    }

    #[test]
    fn a_plain_node_command_needs_no_shell() {
        let (manifest, settings) =
            server("node --enable-source-maps 'my server.js' --port 1", &["my server.js"]).unwrap();
        assert_eq!(
            settings,
            serde_json::json!({
                "start": "node --enable-source-maps 'my server.js' --port 1",
                "arguments": ["node", "--enable-source-maps", "my server.js", "--port", "1"],
            })
        );
        assert!(manifest.entries.contains_key(SHIM_FILE));
    }

    #[test]
    fn what_a_shell_must_read_goes_to_one() {
        for start in
            ["npm start", "NODE_ENV=production node server.js", "node a.js && node b.js", "node $ENTRY", "node *.js"]
        {
            let (_, settings) = server(start, &["package.json", "server.js", "a.js", "b.js"]).unwrap();
            assert_eq!(settings, serde_json::json!({ "start": start }), "{start}");
        }
    }

    #[test]
    fn the_entry_file_may_be_named_in_all_of_nodes_ways() {
        for (start, file) in [
            ("node server.js", "server.js"),
            ("node ./server", "server.js"),
            ("node .", "index.js"),
            ("node dist", "dist/package.json"),
            ("node -r ./hook.js --import=./x.mjs server.mjs", "server.mjs"),
            ("node lib/../server.js", "server.js"),
            ("./bin/serve", "bin/serve"),
            ("npm run serve", "package.json"),
            ("node --run serve", "package.json"),
        ] {
            server(start, &[file]).unwrap_or_else(|error| panic!("{start}: {error}"));
            let error = server(start, &["other.js"]).unwrap_err();
            assert!(matches!(error, PackagingError::EntryMissing { setting: "start", .. }), "{start}: {error}");
        }
    }

    #[test]
    fn a_missing_entry_says_where_it_probably_is() {
        let error = server("node server.js", &["app/src/server.js", "src/server.js", "package.json"]).unwrap_err();
        assert_eq!(error.to_string(), "`start: node server.js` names the file server.js, which is not in the package");
        assert!(error.hint().starts_with("did you mean src/server.js?"), "{}", error.hint());
        let error = server("node dist/server.js", &["src/server.ts"]).unwrap_err();
        assert!(error.hint().contains("`build`"), "{}", error.hint());
    }

    #[test]
    fn a_malformed_start_is_refused() {
        for start in ["", "  ", "node 'a.js", "node", "node --inspect", "node ../server.js", "node /srv/server.js"] {
            let error = server(start, &["server.js"]).unwrap_err();
            assert!(matches!(error, PackagingError::InvalidStart { setting: "start", .. }), "{start}: {error}");
        }
    }

    #[test]
    fn handlers_are_found_as_lambda_finds_them() {
        for file in ["dist/lambda", "dist/lambda.js", "dist/lambda.mjs", "dist/lambda.cjs"] {
            handler("dist/lambda.handler", &[file]).unwrap();
            handler("./dist/lambda.api.get", &[file]).unwrap();
        }
        let error = handler("dist/lambda.handler", &["src/lambda.ts"]).unwrap_err();
        assert!(error.to_string().contains("dist/lambda.js, dist/lambda.mjs or dist/lambda.cjs"), "{error}");
        assert!(error.hint().contains("src/lambda.ts"), "{}", error.hint());
    }

    #[test]
    fn malformed_handlers_are_refused() {
        let long = format!("{}.handler", "a".repeat(125));
        for text in ["", "lambda", "lambda.", ".handler", "a b.handler", "../lambda.handler", "a..b", long.as_str()] {
            let error = handler(text, &["lambda.js"]).unwrap_err();
            assert!(matches!(error, PackagingError::InvalidStart { setting: "handler", .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_handler_gets_no_shim() {
        let mut manifest = manifest(&["index.js"]);
        Start::Handler { handler: "index.handler".into() }.complete(&mut manifest, Path::new("/nowhere")).unwrap();
        assert_eq!(manifest.entries.len(), 1);
    }
}
