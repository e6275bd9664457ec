//! Every command that a hint or a page names is there: a remedy that can't be run is worse than none.

use std::path::{Path, PathBuf};

/// The folders and files with texts for people.
const TEXTS: [&str; 8] =
    ["src", "state/src", "resource-graph/src", "localstack/src", "docs", "examples", "README.md", "CONTRIBUTING.md"];

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "node_modules") {
                files(&path, found);
            }
        }
    } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md" || extension == "yaml") {
        found.push(path.to_owned());
    }
}

/// What follows each place where a text names a command: in code, as the next step, or in a block of commands.
fn mentions(text: &str) -> Vec<&str> {
    let mut mentions = Vec::new();
    for start in ["`semantest-iac ", "Next: semantest-iac ", "$ semantest-iac ", "    semantest-iac "] {
        mentions.extend(text.match_indices(start).map(|(at, _)| &text[at + start.len()..]));
    }
    for start in ["the command `", "The command `"] {
        mentions.extend(text.match_indices(start).map(|(at, _)| &text[at + start.len()..]));
    }
    mentions
}

/// The first word that should be a command and isn't one.
fn unknown_command(mention: &str) -> Option<String> {
    let line = mention.lines().next().unwrap_or_default();
    let line = line.split(['`', '"']).next().unwrap_or_default();
    let mut command = super::command();
    for word in line.split_whitespace().skip_while(|word| word.starts_with('-')) {
        let is_word = word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
        if !command.has_subcommands() || word.starts_with('-') || !is_word {
            return None;
        }
        match command.find_subcommand(word) {
            Some(found) => command = found.clone(),
            None => return Some(line.to_owned()),
        }
    }
    None
}

#[test]
fn every_command_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    TEXTS.iter().map(|text| root.join(text)).filter(|path| path.exists()).for_each(|path| files(&path, &mut found));
    let mut unknown = Vec::new();
    let mut count = 0;
    for file in found.iter().filter(|file| !file.ends_with("mentions.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let named = mentions(&text);
        count += named.len();
        let place = file.strip_prefix(root).unwrap().display();
        unknown.extend(named.into_iter().filter_map(unknown_command).map(|line| format!("{place}: {line}")));
    }
    assert!(unknown.is_empty(), "commands that there aren't:\n{}", unknown.join("\n"));
    assert!(count > 20, "only {count} mentions were found");
}

#[test]
fn a_command_that_is_not_there_is_found() {
    for text in ["`semantest-iac adopt a b`", "use `semantest-iac local restart`", "the command `undo` does"] {
        let named = mentions(text);
        assert!(named.iter().any(|mention| unknown_command(mention).is_some()), "{text}");
    }
}
