//! Runs a component's build command in a copy of its source folder, hands its output on line by line, and keeps the last lines for
//! the error message. Also says when a build may be skipped.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::error::PackagingError;
use super::index::Digests;
use super::tree::{EntryKind, SourceTree, TreeEntry};

/// How many of the last lines a failed build shows.
const LAST_LINES: usize = 40;

/// How long output is still awaited from processes that a finished build left running in the background.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// How often it is looked whether a silent build has ended while something else holds its output open.
const EXIT_CHECK: Duration = Duration::from_millis(50);

/// How long a build that is to stop may take to clean up after itself before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Programs whose replacement makes a new build necessary.
const TOOLS: [&str; 2] = ["node", "npm"];

/// A component's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildCommand {
    /// The command, run by the platform's shell in the copy of the source folder.
    pub command: String,
    /// The whole environment of the command; nothing else is inherited.
    pub environment: BTreeMap<OsString, OsString>,
    /// Runs the command even when nothing has changed since it last succeeded.
    pub always: bool,
}

/// What may take its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The build command; not where it is skipped.
    Build,
    /// Making an archive; not where the cache has it.
    Archive,
}

/// Who hears what a build prints, and may stop it.
pub trait BuildObserver {
    /// Something begins that may take its time.
    fn begins(&mut self, work: Work);

    /// Takes a line that the build has printed.
    fn line(&mut self, line: &str);

    /// Whether the build is to be stopped; asked many times a second.
    fn is_stopped(&self) -> bool {
        false
    }
}

impl<F: FnMut(&str)> BuildObserver for F {
    fn begins(&mut self, _: Work) {}

    fn line(&mut self, line: &str) {
        self(line);
    }
}

/// What became of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The component has no build command.
    None,
    /// Nothing has changed since it last succeeded, so it wasn't run.
    Unchanged,
    /// It ran for this long.
    Ran(Duration),
}

impl BuildCommand {
    /// Whether it begins with an installation by the lock file: what is installed in the source already is nothing to it. `npm
    /// ci` removes it first (<https://docs.npmjs.com/cli/v11/commands/npm-ci>), the others bring it to what the lock file says.
    pub(super) fn installs_first(&self) -> bool {
        let words: Vec<&str> = self.command.split_whitespace().take(2).collect();
        match words[..] {
            ["npm", "ci" | "clean-install" | "install" | "i"]
            | ["pnpm" | "bun", "install" | "i"]
            | ["yarn", "install"] => true,
            ["yarn", word] => word.starts_with("--"),
            ["yarn"] => true,
            _ => false,
        }
    }

    /// Digest of what a build depends on apart from the source folder: the command, its environment, and the tools it finds
    /// first. A tool counts by place, size and modification time: asking each for its version would cost more than all the rest.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.command.as_bytes());
        for (name, value) in &self.environment {
            if !changes_by_itself(name) {
                field(name.as_encoded_bytes());
                field(value.as_encoded_bytes());
            }
        }
        for tool in TOOLS {
            let Some((place, size, modified)) = self.find(tool) else { continue };
            field(place.as_os_str().as_encoded_bytes());
            field(&size.to_be_bytes());
            field(&modified.to_be_bytes());
        }
        hex::encode(hasher.finalize())
    }

    fn find(&self, tool: &str) -> Option<(PathBuf, u64, u128)> {
        let path = self.environment.get(OsStr::new("PATH"))?;
        std::env::split_paths(path).find_map(|folder| {
            let place = folder.join(tool).canonicalize().ok()?;
            let metadata = place.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some((place, metadata.len(), modified.as_nanos()))
        })
    }

    /// Runs the command in `folder`, the copy of `source`, handing each line of its output to the observer.
    ///
    /// # Errors
    /// The shell can't be started, the command fails, or the observer wants it stopped.
    pub(super) fn run(
        &self,
        folder: &Path,
        source: &Path,
        observer: &mut dyn BuildObserver,
    ) -> Result<Duration, PackagingError> {
        observer.begins(Work::Build);
        let started = Instant::now();
        let not_started = |source| PackagingError::BuildNotStarted {
            command: self.command.clone(),
            folder: folder.to_owned(),
            source,
        };
        // One pipe for both, so that lines keep their order.
        let (reader, writer) = std::io::pipe().map_err(not_started)?;
        let second_writer = writer.try_clone().map_err(not_started)?;
        let mut command = shell(&self.command);
        command
            .current_dir(folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(second_writer);
        // A signal for this process alone would leave the build running; its own group can be ended as a whole.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(not_started)?;
        // Our own copies of the pipe's writing end live in `command`.
        drop(command);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if sender.send(readable(&line)).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let mut last: VecDeque<String> = VecDeque::with_capacity(LAST_LINES);
        let mut ended: Option<(ExitStatus, Instant)> = None;
        let status = loop {
            match lines.recv_timeout(EXIT_CHECK) {
                Ok(line) => {
                    observer.line(&line);
                    if last.len() == LAST_LINES {
                        last.pop_front();
                    }
                    last.push_back(line);
                }
                Err(RecvTimeoutError::Disconnected) => break child.wait().map_err(not_started)?,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if observer.is_stopped() {
                stop(&mut child);
                return Err(PackagingError::BuildStopped { command: self.command.clone() });
            }
            match ended {
                Some((status, since)) if since.elapsed() > STRAGGLERS => break status,
                Some(_) => {}
                None => ended = child.try_wait().map_err(not_started)?.map(|status| (status, Instant::now())),
            }
        };
        if status.success() {
            return Ok(started.elapsed());
        }
        Err(PackagingError::BuildFailed {
            command: self.command.clone(),
            folder: source.into(),
            copy: folder.into(),
            status: describe(status),
            output: last.into(),
        })
    }
}

/// Ends a build with all that it has started, and waits for its end.
fn stop(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // An error says that nobody is left in the group.
        let signal = |signal| group.is_some_and(|group| kill_process_group(group, signal).is_ok());
        let _ = signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < STOP_WITHIN && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(EXIT_CHECK);
        }
        let _ = signal(Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Variables that differ between two calls from the same shell and say nothing about a build.
fn changes_by_itself(name: &OsStr) -> bool {
    const NAMES: &[&str] = &[
        "_",
        "BASHOPTS",
        "COLORFGBG",
        "COLORTERM",
        "COLUMNS",
        "DBUS_SESSION_BUS_ADDRESS",
        "DESKTOP_SESSION",
        "DISPLAY",
        "GPG_TTY",
        "HISTCONTROL",
        "HISTFILE",
        "HISTSIZE",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "LESSCLOSE",
        "LESSOPEN",
        "LINES",
        "LOGNAME",
        "LS_COLORS",
        "MAIL",
        "MANAGERPID",
        "OLDPWD",
        "PS1",
        "PWD",
        "SECURITYSESSIONID",
        "SESSION_MANAGER",
        "SHELL",
        "SHELL_SESSION_ID",
        "SHLVL",
        "STY",
        "SYSTEMD_EXEC_PID",
        "TERM",
        "TMUX",
        "TMUX_PANE",
        "WAYLAND_DISPLAY",
        "WINDOW",
        "WINDOWID",
    ];
    // Of terminals and what runs in them, sessions of desktops and of SSH, agents; of clouds' credentials; of this program.
    const PREFIXES: &[&str] = &[
        "ALACRITTY_",
        "AWS_",
        "AZURE_",
        "GHOSTTY_",
        "GNOME_TERMINAL_",
        "GTK_",
        "ITERM_",
        "KITTY_",
        "KONSOLE_",
        "LC_TERMINAL",
        "P9K_",
        "PULUMI_",
        "SEMANTEST_",
        "SSH_",
        "STARSHIP_",
        "TERM_",
        "TERMINATOR_",
        "TILIX_",
        "VSCODE_",
        "VTE_",
        "WEZTERM_",
        "WT_",
        "XDG_",
        "ZELLIJ",
    ];
    let name = name.to_string_lossy();
    NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

/// A line as text, without its ending and without what a progress bar has overwritten.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// Digest of everything in the source folder that a build could read or has made: names, modes, contents.
pub(super) fn tree_digest(tree: &SourceTree, digests: &Digests) -> String {
    let mut hasher = Sha256::new();
    for entry in &tree.entries {
        let content = entry_digest(entry, digests);
        hasher.update(format!("{}:{}{}:{content}", entry.path.len(), entry.path, content.len()));
    }
    hex::encode(hasher.finalize())
}

/// What an entry is and holds.
pub(super) fn entry_digest(entry: &TreeEntry, digests: &Digests) -> String {
    match &entry.kind {
        EntryKind::File(stat) => {
            let digest = digests.get(&entry.path).map_or("", |seen| seen.digest.as_str());
            format!("{}{digest}", if stat.executable { 'x' } else { 'f' })
        }
        EntryKind::Link(target) => format!("l{target}"),
        EntryKind::EmptyFolder => "d".to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn build(command: &str) -> BuildCommand {
        let environment = BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into()), ("WHO".into(), "semantest".into())]);
        BuildCommand { command: command.to_owned(), environment, always: false }
    }

    fn run(command: &str) -> (Result<Duration, PackagingError>, Vec<String>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = Vec::new();
        let result = build(command).run(folder.path(), folder.path(), &mut |line: &str| lines.push(line.to_owned()));
        (result, lines, folder)
    }

    #[test]
    fn it_runs_in_the_source_folder_with_the_given_environment_only() {
        let (result, lines, folder) = run("echo \"$WHO\" > made.txt; echo out; echo err >&2; echo \"${HOME-none}\"");
        result.unwrap();
        assert_eq!(lines, ["out", "err", "none"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("made.txt")).unwrap(), "semantest\n");
    }

    #[test]
    fn a_failure_shows_command_code_and_last_lines() {
        let (result, lines, _folder) =
            run("i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); done; printf 'no newline'; exit 3");
        assert_eq!(lines.len(), 61);
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit code 3") && text.contains("exit 3`"), "{text}");
        assert!(text.contains("line 59") && text.contains("no newline") && !text.contains("line 20\n"), "{text}");
        let PackagingError::BuildFailed { output, .. } = error else { panic!() };
        assert_eq!(output.len(), LAST_LINES);
    }

    #[test]
    fn a_signal_and_a_missing_program_are_named() {
        assert!(run("kill -9 $$").0.unwrap_err().to_string().contains("signal 9"));
        assert!(run("no-such-program-here").0.unwrap_err().to_string().contains("exit code 127"));
        assert!(run("exit 1").0.unwrap_err().to_string().ends_with("it printed nothing"));
    }

    #[test]
    fn a_progress_bar_leaves_its_last_state() {
        let (_, lines, _folder) = run("printf '10%%\\r50%%\\rdone\\r\\n'");
        assert_eq!(lines, ["done"]);
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_build_up() {
        // It holds the output open until the folder is gone, which is after the build.
        let (result, lines, _folder) =
            run("touch here; (while test -e here; do sleep 0.05; done) & while ! test -e here; do :; done; echo built");
        result.unwrap();
        assert_eq!(lines, ["built"]);
    }

    /// Wants the build stopped as soon as it has printed something.
    #[derive(Default)]
    struct Impatient(Vec<String>);

    impl BuildObserver for Impatient {
        fn begins(&mut self, _: Work) {}

        fn line(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }

        fn is_stopped(&self) -> bool {
            !self.0.is_empty()
        }
    }

    #[test]
    fn a_build_is_stopped_with_all_that_it_has_started() {
        // The second one doesn't listen to SIGTERM, nor does what it starts.
        for trap in ["", "trap '' TERM; "] {
            let folder = tempfile::tempdir().unwrap();
            let command = format!("{trap}(while :; do date > alive; sleep 0.05; done) & echo begun; wait; sleep 60");
            let error = build(&command).run(folder.path(), folder.path(), &mut Impatient::default()).unwrap_err();
            assert!(matches!(error, PackagingError::BuildStopped { .. }), "{error}");
            // What is gone writes nothing more; what is left would within a moment.
            let _ = std::fs::remove_file(folder.path().join("alive"));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!folder.path().join("alive").exists(), "{trap:?}");
        }
    }

    #[test]
    fn the_digest_knows_command_environment_and_tools() {
        let base = build("npm ci");
        let mut noise = base.clone();
        noise.environment.insert("SHLVL".into(), "7".into());
        noise.environment.insert("AWS_SESSION_TOKEN".into(), "x".into());
        assert_eq!(base.digest(), noise.digest());
        let mut other = base.clone();
        other.environment.insert("NODE_ENV".into(), "production".into());
        assert_ne!(base.digest(), other.digest());
        assert_ne!(base.digest(), build("npm install").digest());
        let tools = tempfile::tempdir().unwrap();
        let mut tooled = base.clone();
        tooled.environment.insert("PATH".into(), tools.path().into());
        let before = tooled.digest();
        std::fs::write(tools.path().join("node"), "another one").unwrap();
        assert_ne!(before, tooled.digest());
    }
}
