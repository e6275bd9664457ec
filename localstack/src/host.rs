//! What this crate has to know of the machine it runs on, passed in by whoever may read the environment.
//!
//! From it come the folders, the search path for interpreters, and what installed programs get to see of the user's environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The variables that a server and the functions in it get from the user's environment. Nothing else: functions inherit what their emulator has, and
/// a user's cloud credentials and tokens have no business there.
const PASSED_ON: &[&str] = &["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TZ", "USER"];

/// The program's folders are called so.
const PROGRAM: &str = "semantest-iac";

/// The user's environment, as read by the program that uses this crate.
#[derive(Debug, Clone, Default)]
pub struct Host {
    variables: BTreeMap<OsString, OsString>,
}

impl Host {
    /// Takes the environment as it is, for instance `std::env::vars_os()`.
    pub fn new(variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> Host {
        Host { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Where installations are kept: `SEMANTEST_CACHE`, or the user's cache folder on this system.
    ///
    /// Linux: `$XDG_CACHE_HOME/semantest-iac` or `~/.cache/semantest-iac`; macOS: `~/Library/Caches/semantest-iac`.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.folder("SEMANTEST_CACHE", "XDG_CACHE_HOME", ".cache", "Library/Caches")
    }

    /// Where a daemon's record and its data are kept: `SEMANTEST_DATA`, or the user's data folder on this system.
    ///
    /// Linux: `$XDG_DATA_HOME/semantest-iac` or `~/.local/share/semantest-iac`; macOS: `~/Library/Application Support/semantest-iac`.
    pub fn data_folder(&self) -> Option<PathBuf> {
        self.folder("SEMANTEST_DATA", "XDG_DATA_HOME", ".local/share", "Library/Application Support")
    }

    /// Where servers without a folder of their own have theirs: `TMPDIR`, or `/tmp`.
    pub(crate) fn temporary_folder(&self) -> PathBuf {
        self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
    }

    fn folder(&self, own: &str, base: &str, elsewhere: &str, on_macos: &str) -> Option<PathBuf> {
        if let Some(folder) = self.path(own) {
            return Some(folder);
        }
        // The XDG specification: a relative path is invalid and is ignored.
        if let Some(base) = self.path(base).filter(|base| base.is_absolute()) {
            return Some(base.join(PROGRAM));
        }
        let below = if cfg!(target_os = "macos") { on_macos } else { elsewhere };
        Some(self.path("HOME")?.join(below).join(PROGRAM))
    }

    /// A variable's value, unless it is empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// The folders of the search path, in its order.
    pub(crate) fn search_path(&self) -> Vec<PathBuf> {
        self.variable("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// Where pyenv keeps the versions of Python that it has installed, selected or not.
    pub(crate) fn pyenv_versions(&self) -> Option<PathBuf> {
        let root = self.path("PYENV_ROOT").or_else(|| Some(self.path("HOME")?.join(".pyenv")))?;
        Some(root.join("versions"))
    }

    /// The first program of that name on the search path.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        self.search_path().into_iter().map(|folder| folder.join(program)).find(|file| is_program(file))
    }

    /// What a server and its functions see of the user's environment.
    pub(crate) fn server_environment(&self) -> impl Iterator<Item = (&'static str, &OsStr)> {
        PASSED_ON.iter().filter_map(|name| Some((*name, self.variable(name)?)))
    }

    /// A program to be run with the whole environment, as pip and npm are: their settings, proxies and certificates come from there.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables);
        command
    }
}

/// Whether a file is there that can be run.
pub(crate) fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_follow_the_environment() {
        let own = Host::new([("SEMANTEST_CACHE", "/c"), ("SEMANTEST_DATA", "/d"), ("HOME", "/home/user")]);
        assert_eq!(own.cache_folder(), Some("/c".into()));
        assert_eq!(own.data_folder(), Some("/d".into()));
        let xdg = Host::new([("XDG_CACHE_HOME", "/x/cache"), ("XDG_DATA_HOME", "relative"), ("HOME", "/home/user")]);
        assert_eq!(xdg.cache_folder(), Some("/x/cache/semantest-iac".into()));
        assert!(xdg.data_folder().is_some_and(|folder| folder.starts_with("/home/user")));
        assert_eq!(Host::default().cache_folder(), None);
    }

    #[test]
    fn credentials_stay_out_of_servers() {
        let host = Host::new([("AWS_SECRET_ACCESS_KEY", "secret"), ("PATH", "/bin"), ("GITHUB_TOKEN", "token")]);
        let names: Vec<&str> = host.server_environment().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH"]);
    }
}
