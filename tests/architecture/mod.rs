//! The architecture's arrows, read off the sources: they point inward only, and what lies inside knows no terminal, no
//! environment, no input or output and no clock of its own (docs/architecture.md).

mod adapters;
mod circles;
mod clouds;

use std::path::{Path, PathBuf};

/// What may not stand in the sources of a folder, tests not included.
const RULES: [(&str, &[&str]); 7] = [
    (
        "src/domain",
        &[
            "crate::application",
            "crate::ports",
            "crate::adapters",
            "crate::cli",
            "tokio::",
            "async fn",
            "std::fs",
            "std::env::",
            "TcpStream",
            "std::process",
            "aws_sdk",
            "reqwest",
            "Instant::now",
            "SystemTime::now",
        ],
    ),
    (
        "src/application",
        &[
            "crate::adapters",
            "crate::cli",
            "std::fs",
            "std::env::",
            "TcpStream",
            "std::process",
            "aws_sdk",
            "println!",
            "SystemClock",
            "tokio::time",
            "Instant::now",
            "SystemTime::now",
        ],
    ),
    (
        "src/ports",
        &[
            "crate::application",
            "crate::adapters",
            "crate::cli",
            "std::env::",
            "aws_sdk",
            "println!",
            "SystemClock",
            "tokio::time",
            "Instant::now",
            "SystemTime::now",
        ],
    ),
    ("src/adapters", &["crate::application", "crate::cli", "std::env::var", "println!"]),
    ("resource-graph/src", &["std::env::", "std::fs", "println!", "state::", "aws"]),
    ("state/src", &["std::env::var", "println!", "aws_sdk", "semantest_iac"]),
    ("localstack/src", &["std::env::var", "println!", "semantest_iac"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file's own code: without comments, and up to its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line))
}

#[test]
fn arrows_point_inward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (folder, forbidden) in RULES {
        let mut files = Vec::new();
        sources(&root.join(folder), &mut files);
        assert!(files.len() > 5, "{folder} has sources");
        for file in files.iter().filter(|file| !file.ends_with("tests.rs") && !file.ends_with("testing.rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            for (number, line) in code(&text) {
                if let Some(word) = forbidden.iter().find(|word| line.contains(**word)) {
                    wrong.push(format!("{}:{number}: {word}", file.strip_prefix(root).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
