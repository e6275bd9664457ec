//! Node.js on the search path, with the npm that belongs to it.

use std::path::{Path, PathBuf};

use super::{Question, Tried, Versions};
use crate::host::{Host, is_program};

const NODE: Question =
    Question { name: "Node.js", ask: &["-p", "process.versions.node"], explain: |last| format!("fails: {last}") };

/// The first Node.js of a wanted version on the search path.
pub(crate) async fn find(host: &Host, wanted: Versions) -> std::result::Result<PathBuf, Vec<Tried>> {
    let on_path = host.search_path().into_iter().map(|folder| folder.join("node"));
    let node = super::first(host, on_path.filter(|file| is_program(file)).collect(), wanted, &NODE).await?;
    match npm(host, &node) {
        Some(_) => Ok(node),
        None => Err(vec![Tried { program: node, reason: "has no npm beside it, nor is one on the PATH".to_owned() }]),
    }
}

/// The npm that belongs to a Node.js: beside it, else the first one on the search path.
pub(crate) fn npm(host: &Host, node: &Path) -> Option<PathBuf> {
    Some(node.with_file_name("npm")).filter(|file| is_program(file)).or_else(|| host.find("npm"))
}
