//! `stack graph`: what depends on what in a state, as a file for Graphviz.

use crate::cli::arguments::stack::StackGraphArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::views::graph::{Drawing, recorded};
use crate::cli::workspace::stores::OpenedStack;

/// Draws the graph into a file.
pub fn graph(session: &Session, arguments: &StackGraphArguments) -> CommandResult {
    let nodes = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        store.graph(&address).await.map_err(store_failure)
    })?;
    let drawing = Drawing {
        ignore_parents: arguments.ignore_parent_edges,
        ignore_dependencies: arguments.ignore_dependency_edges,
        dependency_color: arguments.dependency_edge_color.clone(),
        parent_color: arguments.parent_edge_color.clone(),
        short_names: arguments.short_node_name,
        fragment: arguments.dot_fragment.clone(),
    };
    let path = session.process.resolve(&arguments.file);
    std::fs::write(&path, recorded(&nodes, &drawing))
        .map_err(|error| Failure::system(format!("{} can't be written", path.display()), &error))?;
    match session.output.json() {
        Some(_) => session.output.document(&serde_json::json!({ "file": path })),
        None => session.output.note(&format!("Wrote stack dependency graph to `{}`", arguments.file.display())),
    }
    Ok(ExitCode::Done)
}
