//! What the process was started with: arguments, environment variables, folder, terminals. The only place that asks the
//! operating system for them; everything else is handed what it needs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// The name that goes with a user's number in a file of accounts (passwd(5): `name:password:uid:…`).
fn account_name(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)? == uid.to_string()).then_some(name)
    })
}

/// What the process was started with.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The arguments, the program's own name first.
    pub arguments: Vec<OsString>,
    /// The environment variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The working folder; `None` when it has been deleted or can't be read.
    pub folder: Option<PathBuf>,
    /// Whether somebody can type at stdin.
    pub stdin_is_terminal: bool,
    /// Whether stdout is shown on a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is shown on a terminal.
    pub stderr_is_terminal: bool,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        Self {
            arguments: std::env::args_os().collect(),
            variables: std::env::vars_os().collect(),
            folder: std::env::current_dir().ok(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// A variable's value; an empty one counts as not set, as is the custom for most.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as text; one that isn't UTF-8 counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }

    /// Whether the terminal on stderr can move its cursor.
    pub fn can_draw(&self) -> bool {
        self.stderr_is_terminal && self.text("TERM") != Some("dumb") && self.variable("CI").is_none()
    }

    /// A path as the user means it: relative to the working folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// Who runs the program.
    pub fn user_name(&self) -> String {
        let from_environment = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| self.text(name));
        match from_environment {
            Some(name) => name.to_owned(),
            None => {
                let uid = rustix::process::getuid().as_raw();
                let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
                account_name(&accounts, uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
            }
        }
    }

    /// The name of this machine.
    pub fn host_name(&self) -> String {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        if name.is_empty() { "localhost".to_owned() } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_without_a_variable_that_says_it() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\n# a comment\n:x:7::\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(account_name(accounts, 1000), Some("ada"));
        assert_eq!(account_name(accounts, 0), Some("root"));
        assert_eq!(account_name(accounts, 7), None);
        assert_eq!(account_name("", 1), None);
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let variables = [("A", ""), ("B", "b")].map(|(name, value)| (name.into(), value.into()));
        let process = Process { variables: variables.into(), ..Process::default() };
        assert_eq!(process.text("A"), None);
        assert_eq!(process.text("B"), Some("b"));
    }

    #[test]
    fn drawing_needs_a_capable_terminal_and_a_person() {
        let with = |variables: &[(&str, &str)]| Process {
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            stderr_is_terminal: true,
            ..Process::default()
        };
        assert!(with(&[]).can_draw());
        assert!(!with(&[("TERM", "dumb")]).can_draw());
        assert!(!with(&[("CI", "true")]).can_draw());
        assert!(!Process::default().can_draw());
    }

    #[test]
    fn somebody_and_somewhere_are_always_known() {
        assert!(!Process::default().user_name().is_empty());
        assert!(!Process::default().host_name().is_empty());
    }
}
