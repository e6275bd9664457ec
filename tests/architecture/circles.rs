//! No import of the program, of the resource graph or of the local clouds runs in a circle between files of different rooms
//! (folders). Within a room, files may lean on each other.
//!
//! Imports are read off the sources: `use` trees and paths that begin with `crate`, `super` or `self`. A name that a module
//! hands on (`pub use`) counts for the file that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, sources};

/// The modules of a crate: path of segments to file and its own code.
pub(super) struct Modules {
    files: BTreeMap<String, (PathBuf, String)>,
    handed_on: BTreeMap<String, String>,
}

impl Modules {
    pub(super) fn read(root: &Path) -> Self {
        let mut found = Vec::new();
        sources(root, &mut found);
        let mut files = BTreeMap::new();
        for path in found {
            let text = std::fs::read_to_string(&path).unwrap();
            let own: Vec<&str> = code(&text).map(|(_, line)| line).collect();
            files.insert(module_of(root, &path), (path, own.join("\n")));
        }
        let mut modules = Self { files, handed_on: BTreeMap::new() };
        let mut handed_on = BTreeMap::new();
        for (module, (_, text)) in &modules.files {
            for (is_public, tree) in uses(text) {
                for path in leaves(&tree).into_iter().filter(|_| is_public) {
                    let (target, name) = path.split_once(" as ").unwrap_or((&path, path.rsplit("::").next().unwrap()));
                    handed_on.insert(format!("{module}::{name}"), absolute(module, target));
                }
            }
        }
        modules.handed_on = handed_on;
        modules
    }

    /// The file that a path leads to, through whatever hands it on.
    fn file_of(&self, path: &str) -> Option<&str> {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let target = prefixes(&path).find_map(|prefix| {
                let target = self.handed_on.get(prefix).filter(|_| !self.files.contains_key(prefix))?;
                Some(format!("{target}{}", &path[prefix.len()..]))
            });
            let Some(target) = target else { break };
            path = target;
        }
        prefixes(&path).find_map(|prefix| self.files.get_key_value(prefix)).map(|(module, _)| module.as_str())
    }

    /// The modules that each module names.
    pub(super) fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut edges = BTreeMap::new();
        for (module, (_, text)) in &self.files {
            let mut paths: Vec<String> = Vec::new();
            for (is_public, tree) in uses(text) {
                paths.extend(leaves(&tree).into_iter().filter(|_| !is_public));
            }
            paths.extend(inline_paths(text));
            let targets = paths.iter().map(|path| path.split(" as ").next().unwrap());
            let targets = targets.filter_map(|path| self.file_of(&absolute(module, path)));
            edges.insert(module.as_str(), targets.filter(|target| target != module).collect::<BTreeSet<_>>());
        }
        edges
    }

    fn room(&self, module: &str) -> &Path {
        self.files[module].0.parent().unwrap()
    }
}

fn module_of(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut segments: Vec<&str> = relative.iter().map(|segment| segment.to_str().unwrap()).collect();
    if ["mod", "lib", "main"].contains(segments.last().unwrap()) {
        segments.pop();
    }
    segments.insert(0, "crate");
    segments.join("::")
}

/// A path and all that it lies in, the longest first.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind("::").map(|end| &path[..end]))
}

fn absolute(module: &str, path: &str) -> String {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut rest = path.split("::").map(str::trim).peekable();
    while let Some(first) = rest.peek() {
        match *first {
            "crate" => base = vec!["crate"],
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest.next();
    }
    base.extend(rest.filter(|segment| *segment != "self"));
    base.join("::")
}

/// The `use` trees of a file, with whether they hand on.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("use ") {
        let line = rest[..start].rsplit('\n').next().unwrap().trim();
        let is_use = line.is_empty() || line.starts_with("pub") && !line.contains(' ');
        rest = &rest[start + 4..];
        if is_use && let Some(end) = rest.find(';') {
            found.push((!line.is_empty(), rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

/// The single paths of a `use` tree.
fn leaves(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else { return vec![tree.trim().to_owned()] };
    let (before, inner) = (&tree[..open], &tree[open + 1..tree.rfind('}').unwrap()]);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(leaves).map(|leaf| format!("{}{leaf}", before.trim())).collect()
}

/// The paths in expressions and types that begin with `crate` or `super`; not those of a visibility.
fn inline_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("use ")) {
        let line = line.replace("pub(in ", "pub(").replace("pub(crate", "pub(").replace("pub(super", "pub(");
        let line =
            line.split_once("pub(").map_or(line.as_str(), |(_, rest)| rest.split_once(')').map_or("", |two| two.1));
        for (start, _) in line.match_indices("crate::").chain(line.match_indices("super::")) {
            let before = line[..start].chars().next_back();
            if before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':') {
                let path =
                    line[start..].split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':');
                found.push(path.into_iter().next().unwrap().trim_end_matches(':').to_owned());
            }
        }
    }
    found
}

/// The modules that are reached from one.
fn reached<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut known, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        open.extend(edges[module].iter().filter(|next| known.insert(**next)));
    }
    known
}

/// The circles that run through more than one room.
fn circles(root: &Path) -> Vec<String> {
    let modules = Modules::read(root);
    let edges = modules.edges();
    let reach: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|module| (*module, reached(&edges, module))).collect();
    let mut found = BTreeSet::new();
    for (module, targets) in &edges {
        for target in targets.iter().filter(|target| reach[*target].contains(module)) {
            // A room's own module file lies beside the room's files.
            let rooms = [modules.room(module), modules.room(target)];
            let is_one =
                rooms[0] == rooms[1] || rooms[0].parent() == Some(rooms[1]) || rooms[1].parent() == Some(rooms[0]);
            let is_family = target.starts_with(module) || module.starts_with(target);
            if rooms[0] != rooms[1] && !(is_one && is_family) {
                found.insert(format!("{module} names {target}, which leads back to it"));
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn no_import_runs_in_a_circle_between_rooms() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sources in ["src", "resource-graph/src", "localstack/src"] {
        let found = circles(&workspace.join(sources));
        assert!(found.is_empty(), "{sources}:\n{}", found.join("\n"));
    }
}

#[test]
fn a_circle_is_found_whichever_way_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod one;\nmod two;\n");
    write("one/mod.rs", "mod first;\npub use first::First;\n");
    write("two/mod.rs", "pub mod second;\n");
    write("one/first.rs", "pub struct First;\n");
    write("two/second.rs", "use crate::{\n    one::First,\n};\npub fn second(_: First) {}\n");
    assert_eq!(circles(folder.path()), Vec::<String>::new());
    for back in [
        "use crate::two::second;\n",
        "fn back() {\n    super::super::two::second::second(First)\n}\n",
        "use crate::{two::{second::second as other}};\n",
    ] {
        write("one/first.rs", &format!("{back}pub struct First;\n"));
        assert_eq!(circles(folder.path()).len(), 2, "{back}");
    }
    // Tests may name whatever they test.
    write("one/first.rs", "pub struct First;\n#[cfg(test)]\nmod tests {\n    use crate::two::second;\n}\n");
    assert_eq!(circles(folder.path()), Vec::<String>::new());
}
