//! `stack select`: the stack that commands are about when none is named.

use crate::cli::arguments::stack::StackSelectArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::selection;
use crate::cli::workspace::stores::Workspace;

/// Remembers the choice.
pub fn select(session: &Session, arguments: &StackSelectArguments) -> CommandResult {
    let workspace = Workspace::find(session, &arguments.stack.store)?;
    let Some(configuration) = &workspace.configuration else {
        return Err(Failure::usage("there is no semantest-iac.yaml here to choose a stack for")
            .with_hint("work in a project's folder; elsewhere name the stack with each command"));
    };
    let file = configuration.path();
    if arguments.none {
        selection::choose(session, file, None)?;
        return done(session, None);
    }
    let (address, selected) = workspace.select(&arguments.stack.stack.named(arguments.name.as_deref()))?;
    if workspace.project() != Some(address.project.as_str()) {
        return Err(Failure::usage(format!("'{}' is a stack of another project", address.qualified())));
    }
    let is_configured = workspace.configured().iter().any(|(configured, _)| *configured == address);
    if !is_configured {
        session.block_on(async {
            let store = workspace.open(selected.as_ref()).await?;
            store.tags(&address).await.map(|_| ()).map_err(store_failure)
        })?;
    }
    selection::choose(session, file, Some(&address.stack))?;
    done(session, Some(&address.stack))
}

fn done(session: &Session, stack: Option<&str>) -> CommandResult {
    match (session.output.json(), stack) {
        (Some(_), _) => session.output.document(&serde_json::json!({ "stack": stack })),
        (None, Some(stack)) => session.output.note(&format!("Commands are about {stack} now, unless another is named")),
        (None, None) => session.output.note("No stack is chosen any more"),
    }
    Ok(ExitCode::Done)
}
