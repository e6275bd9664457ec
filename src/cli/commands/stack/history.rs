//! `stack history`: what was done to a stack, as Pulumi shows it.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use crate::application::stacks::{self, HistoryItem};
use crate::cli::arguments::stack::StackHistoryArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::ages::ago_text;
use crate::cli::terminal::palette::Palette;
use crate::cli::workspace::stores::OpenedStack;

/// Shows a page of the history.
pub fn history(session: &Session, arguments: &StackHistoryArguments) -> CommandResult {
    let page = (arguments.page.get(), arguments.page_size.get());
    let items = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.stack).await?;
        Ok(stacks::history(store.as_ref(), &address, page, arguments.show_secrets).await?)
    })?;
    let output = &session.output;
    match output.json() {
        Some(_) if arguments.show_secrets => output.document_in_clear(&items),
        Some(_) => output.document(&items),
        None if items.is_empty() && page.0 > 1 => {
            output.result(&format!("No stack updates found on page '{}'\n", page.0))
        }
        None if items.is_empty() => output.result("Stack has never been updated\n"),
        None => {
            let palette = output.result_palette();
            let text: String = items.iter().map(|item| text(item, arguments.full_dates, palette)).collect();
            output.result(&text);
        }
    }
    Ok(ExitCode::Done)
}

fn text(item: &HistoryItem, full_dates: bool, palette: Palette) -> String {
    let mut text = format!("Version: {}\nUpdateKind: {}\n", item.number, item.kind);
    let status = format!("Status: {}", item.result);
    let status = if item.result == "succeeded" { palette.good(status) } else { palette.bad(status) };
    let _ = writeln!(text, "{status}\nMessage: {}", item.message);
    let count = |name: &str| item.resource_changes.as_ref().and_then(|changes| changes.get(name)).copied().unwrap_or(0);
    for (sign, name) in [("+", "create"), ("-", "delete"), ("~", "update"), (" ", "same")] {
        let _ = write!(text, "{sign}{}", count(name));
    }
    let when = if full_dates { item.start_time.clone() } else { ago_text(&item.start_time, Utc::now()) };
    let _ = writeln!(text, " Updated {when} took {}", took(item));
    for (name, value) in item.environment.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let line = format!("{name}: {value}");
        let _ = writeln!(text, "    {}", if name == "git.head" { palette.changed(line) } else { line });
    }
    text.push('\n');
    text
}

/// How long it took, as Go writes times: `1m3s`.
fn took(item: &HistoryItem) -> String {
    let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let ended = item.end_time.as_deref().and_then(moment);
    let seconds =
        moment(&item.start_time).zip(ended).map_or(0, |(started, ended)| (ended - started).num_seconds().max(0));
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
