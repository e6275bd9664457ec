//! `cancel`: takes a stack's lock away from whoever holds it, as `pulumi cancel` does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::arguments::CancelArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::prompts::Prompt;
use crate::cli::workspace::stores::OpenedStack;
use crate::ports::HeldLock;

/// `cancel --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The stack, `organization/<project>/<stack>`.
    pub stack: String,
    /// The locks that were removed.
    pub cancelled: Vec<HeldLock>,
}

/// Removes the locks of a stack.
pub fn cancel(session: &Session, arguments: &CancelArguments) -> CommandResult {
    if !arguments.yes && !session.is_interactive() {
        let message = "`cancel` asks before it removes a lock, and there is no terminal to ask on";
        return Err(Failure::new(ExitCode::Usage, "confirmation", message)
            .with_hint("--yes goes ahead without asking; `status` and `stack ls` show who holds the lock"));
    }
    let output = &session.output;
    let (stack, cancelled) = session.block_on(async {
        let OpenedStack { store, address } = OpenedStack::open(session, &arguments.reference()).await?;
        let held = store.locks(&address).await.map_err(store_failure)?;
        if !held.is_empty() && !arguments.yes {
            output.message(&held.iter().map(|lock| format!("{}\n", told(lock))).collect::<String>());
            let question = format!("This will irreversibly take the lock of '{}' away. Confirm?", address.qualified());
            if !Prompt::new(output).confirm(&question)? {
                let message = "nothing was done: the locks are left alone";
                return Err(Failure::new(ExitCode::Failed, "declined", message));
            }
        }
        let cancelled = match held.is_empty() {
            true => held,
            false => store.cancel(&address).await.map_err(store_failure)?,
        };
        Ok((address.qualified(), cancelled))
    })?;
    if output.json().is_some() {
        output.document(&CancelDocument { schema_version: 1, stack, cancelled });
    } else {
        output.result(&text(&stack, &cancelled));
    }
    Ok(ExitCode::Done)
}

fn text(stack: &str, cancelled: &[HeldLock]) -> String {
    if cancelled.is_empty() {
        return format!("Nobody holds the lock of '{stack}'\n");
    }
    let mut text: String = cancelled.iter().map(|lock| format!("Removed the lock of {}\n", told(lock))).collect();
    if cancelled.iter().any(|lock| !lock.dead) {
        text.push_str(
            "A deployment of semantest-iac that still runs stops before its next write, and what it has done is recorded: the \
             next `deploy` goes on from there. `pulumi` doesn't notice and writes on: make sure that it has ended\n",
        );
    }
    text
}

/// A lock in a line.
fn told(lock: &HeldLock) -> String {
    let HeldLock { user, host, pid, since, lease_until, file, dead } = lock;
    let life = match (dead, lease_until) {
        (true, _) => ", which doesn't seem to run any more".to_owned(),
        (false, Some(until)) => format!(", renewed until {until}"),
        (false, None) => String::new(),
    };
    format!("{user}@{host} (pid {pid}), held since {since}{life}: {file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(dead: bool, lease_until: Option<&str>) -> HeldLock {
        HeldLock {
            user: "ann".to_owned(),
            host: "ci-1".to_owned(),
            pid: 7,
            since: "2026-01-02T03:04:05Z".to_owned(),
            lease_until: lease_until.map(str::to_owned),
            file: "file:///s/locks/1.json".to_owned(),
            dead,
        }
    }

    #[test]
    fn it_says_whose_lock_it_was_and_what_becomes_of_them() {
        assert_eq!(text("organization/shop/dev", &[]), "Nobody holds the lock of 'organization/shop/dev'\n");
        let dead = text("s", &[lock(true, Some("2026-01-02T03:04:35Z"))]);
        assert_eq!(
            dead,
            "Removed the lock of ann@ci-1 (pid 7), held since 2026-01-02T03:04:05Z, which doesn't seem to run any more: \
             file:///s/locks/1.json\n"
        );
        let alive = text("s", &[lock(false, Some("2026-01-02T03:04:35Z"))]);
        assert!(alive.contains("renewed until 2026-01-02T03:04:35Z") && alive.contains("stops before its next write"));
        assert!(text("s", &[lock(false, None)]).contains("make sure that it has ended"));
    }
}
