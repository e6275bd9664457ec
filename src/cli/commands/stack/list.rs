//! `stack ls`: the stacks of the store.

use chrono::Utc;

use crate::application::stacks::{self, StackListEntry, Workplace};
use crate::cli::arguments::StackSelection;
use crate::cli::arguments::stack::StackListArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::ages::ago_text;
use crate::cli::terminal::palette::Palette;
use crate::cli::terminal::tables::table;
use crate::cli::workspace::stores::Workspace;

/// Shows the stacks.
pub fn list(session: &Session, arguments: &StackListArguments) -> CommandResult {
    let workspace = Workspace::find(session, &arguments.store)?;
    let project = match (&arguments.project, workspace.project()) {
        (Some(project), _) => Some(project.clone()),
        (None, _) if arguments.all => None,
        (None, Some(project)) => Some(project.to_owned()),
        (None, None) => {
            return Err(Failure::usage("there is no project here whose stacks could be listed")
                .with_hint("list those of all projects with --all, or of one with --project"));
        }
    };
    // Where nothing settles which one is meant, none is marked.
    let current = workspace.select(&StackSelection::default()).ok().map(|(address, _)| address);
    let workplace =
        Workplace { project: workspace.project().map(str::to_owned), current, configured: workspace.configured() };
    let (stacks, location) = session.block_on(async {
        let store = workspace.open(None).await?;
        let stacks = stacks::list(store.as_ref(), project.as_deref(), &workplace).await?;
        Ok((stacks, store.location()))
    })?;
    let output = &session.output;
    if output.json().is_some() {
        output.document(&stacks);
    } else if stacks.is_empty() {
        output.note(&format!("There are no stacks in {location}"));
    } else {
        output.result(&text(&stacks, output.result_palette()));
    }
    Ok(ExitCode::Done)
}

fn text(stacks: &[StackListEntry], palette: Palette) -> String {
    let now = Utc::now();
    let none = || "n/a".to_owned();
    let rows: Vec<Vec<String>> = stacks
        .iter()
        .map(|stack| {
            let name = match stack.current {
                true => palette.strong(format!("{}*", stack.name)),
                false => stack.name.clone(),
            };
            let updated = match &stack.last_update {
                _ if stack.update_in_progress => palette.busy("in progress"),
                Some(time) => ago_text(time, now),
                None => none(),
            };
            let count = stack.resource_count.map_or_else(none, |count| count.to_string());
            vec![name, updated, count, note(stack, palette)]
        })
        .collect();
    table(&["NAME", "LAST UPDATE", "RESOURCE COUNT", ""], &rows)
}

/// What is to be known of a stack beside its numbers.
fn note(stack: &StackListEntry, palette: Palette) -> String {
    let mut notes = Vec::new();
    if let Some(problem) = &stack.problem {
        notes.push(palette.bad(problem));
    }
    if !stack.exists {
        notes.push(palette.faint("not deployed yet"));
    }
    if stack.sealed {
        notes.push(palette.faint("sealed"));
    }
    if let Some(holder) = &stack.locked_by {
        notes.push(palette.changed(format!("locked by {holder}")));
    }
    if let Some(deployment) = &stack.interrupted {
        notes.push(palette.changed(format!("deployment {deployment} was cut off")));
    }
    notes.join("; ")
}
