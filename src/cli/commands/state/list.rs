//! `state ls`: the resources of a stack as a tree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::stacks::{self, ResourceEntry};
use crate::cli::arguments::state::StateListArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::palette::Palette;
use crate::cli::workspace::stores::OpenedStack;

/// `state ls --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// The resources in the state's order.
    pub resources: Vec<ResourceEntry>,
}

/// Shows the resources.
pub fn list(session: &Session, arguments: &StateListArguments) -> CommandResult {
    let (address, resources) = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        let resources = stacks::resources(store.as_ref(), &address).await?;
        Ok((address, resources))
    })?;
    let output = &session.output;
    if output.json().is_some() {
        let (project, stack) = (address.project, address.stack);
        output.document(&StateDocument { schema_version: 1, project, stack, resources });
    } else if arguments.urns {
        let lines: String = resources.iter().map(|resource| format!("{}\n", resource.urn)).collect();
        output.result(&lines);
    } else if resources.is_empty() {
        output.note(&format!("There are no resources in {}", address.qualified()));
    } else {
        output.result(&tree(&resources, output.result_palette()));
    }
    Ok(ExitCode::Done)
}

/// The resources, each below its parent. One whose parent isn't there stands at the top.
fn tree(resources: &[ResourceEntry], palette: Palette) -> String {
    let known = |urn: &str| resources.iter().any(|other| other.urn == urn);
    let mut children: BTreeMap<Option<&str>, Vec<&ResourceEntry>> = BTreeMap::new();
    for resource in resources {
        let parent = resource.parent.as_deref().filter(|parent| *parent != resource.urn && known(parent));
        children.entry(parent).or_default().push(resource);
    }
    let mut text = String::new();
    let mut shown = 0;
    let mut open: Vec<(&ResourceEntry, usize)> =
        children.get(&None).into_iter().flatten().rev().map(|resource| (*resource, 0)).collect();
    while let Some((resource, depth)) = open.pop() {
        let _ = writeln!(text, "{}{}", "  ".repeat(depth), line(resource, palette));
        shown += 1;
        // An old copy has the name of the new one: what belongs to them is shown once.
        if !resource.pending_deletion {
            let below = children.remove(&Some(resource.urn.as_str())).unwrap_or_default();
            open.extend(below.into_iter().rev().map(|child| (child, depth + 1)));
        }
    }
    // Parents that go round in circles are never reached from the top.
    if shown < resources.len() {
        for resource in children.into_iter().filter(|(parent, _)| parent.is_some()).flat_map(|(_, list)| list) {
            let _ = writeln!(text, "{}", line(resource, palette));
        }
    }
    text
}

fn line(resource: &ResourceEntry, palette: Palette) -> String {
    let mut line = format!("{} {}", resource.type_token, palette.strong(&resource.name));
    if let Some(id) = &resource.id {
        let _ = write!(line, "  {}", palette.faint(id));
    }
    for (holds, mark) in [
        (resource.protect, "protected"),
        (resource.external, "external"),
        (resource.pending_deletion, "to be deleted"),
        (resource.pending_replacement, "to be made again"),
    ] {
        if holds {
            let _ = write!(line, "  {}", palette.changed(mark));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(urn: &str, parent: Option<&str>) -> ResourceEntry {
        ResourceEntry {
            urn: urn.to_owned(),
            type_token: "t".to_owned(),
            name: urn.to_owned(),
            id: None,
            parent: parent.map(str::to_owned),
            custom: true,
            protect: urn == "b",
            external: false,
            pending_deletion: false,
            pending_replacement: false,
        }
    }

    #[test]
    fn each_stands_below_its_parent_once_whatever_the_parents_are() {
        let resources = [
            entry("root", None),
            entry("a", Some("root")),
            entry("b", Some("a")),
            entry("c", Some("root")),
            entry("orphan", Some("gone")),
            entry("x", Some("y")),
            entry("y", Some("x")),
        ];
        let text = tree(&resources, Palette::new(false));
        assert_eq!(text, "t root\n  t a\n    t b  protected\n  t c\nt orphan\nt y\nt x\n");
    }
}
