//! The Pulumi CLI, to show with the real one what is said of it: one on the search path, or one that is made once and kept.
//!
//! Each use is isolated: a home folder of its own, no update check, nothing of the user's environment, and no network but the loopback interface.

mod keep;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::install::interpreter::Tried;
use crate::progress::Observer;
use keep::Kept;
pub use version::Version;

/// The version that is built or downloaded, and the oldest on the search path that will do: what is said of the CLI was seen with it.
pub const PINNED: Version = Version { major: 3, minor: 259, patch: 0 };

/// The CLI takes 0.2 s to say its version; loaded machines take longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Where nothing listens: the port of the discard service, which no system runs any more.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Where a CLI came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PulumiOrigin {
    /// The user's own.
    SearchPath,
    /// Built by `go` from the published modules.
    Built,
    /// The archive that the official installer downloads.
    Downloaded,
}

/// A Pulumi CLI that runs.
#[derive(Debug, Clone)]
pub struct PulumiCli {
    program: PathBuf,
    version: Version,
    origin: PulumiOrigin,
    search_path: OsString,
}

impl PulumiCli {
    /// The CLI on the search path if it is new enough; else the one in `cache_folder`, made now if it isn't there yet: built where there is a
    /// `go`, which takes 4 minutes on two cores, else downloaded. Waits where another process is making it.
    ///
    /// # Errors
    /// [`Error::PulumiNotFound`] with all that was tried; [`Error::File`] where the cache folder can't be written.
    pub async fn obtain(host: &Host, cache_folder: &Path, observer: &Observer) -> Result<PulumiCli> {
        let search_path = host.variable("PATH").unwrap_or_default().to_owned();
        let found = |program, version, origin| PulumiCli { program, version, origin, search_path: search_path.clone() };
        let mut tried = Vec::new();
        if let Some(program) = host.find("pulumi") {
            match version_of(host, &program).await {
                Ok(version) if version >= PINNED => return Ok(found(program, version, PulumiOrigin::SearchPath)),
                Ok(version) => {
                    tried.push(Tried { program, reason: format!("is version {version}, older than {PINNED}") })
                }
                Err(reason) => tried.push(Tried { program, reason }),
            }
        }
        let kept = Kept::new(host, cache_folder, observer);
        match kept.obtain(&mut tried).await? {
            Some(origin) => Ok(found(kept.program(), PINNED, origin)),
            None => Err(Error::PulumiNotFound { wanted: PINNED.to_string(), tried }),
        }
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it came from.
    pub fn origin(&self) -> PulumiOrigin {
        self.origin
    }

    /// A command of the CLI with nothing of this process's environment but the search path, and with `home` as its user's home folder, which
    /// keeps what it remembers between commands.
    pub fn command(&self, home: &Path) -> Command {
        isolated(&self.program, &self.search_path, home)
    }
}

fn isolated(program: &Path, search_path: &std::ffi::OsStr, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", search_path)
        .env("HOME", home)
        .env("USER", "tester")
        .env("PULUMI_HOME", home.join(".pulumi"))
        .env("PULUMI_SKIP_UPDATE_CHECK", "true")
        .env("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HTTP_PROXY", NOWHERE)
        .env("HTTPS_PROXY", NOWHERE)
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// What a CLI says of its version, or why it can't be used.
async fn version_of(host: &Host, program: &Path) -> std::result::Result<Version, String> {
    let home = tempfile::tempdir_in(host.temporary_folder()).map_err(|error| error.to_string())?;
    let mut command: tokio::process::Command =
        isolated(program, host.variable("PATH").unwrap_or_default(), home.path()).into();
    let run = command.arg("version").kill_on_drop(true).output();
    let output = match tokio::time::timeout(ANSWER_WITHIN, run).await {
        Err(_) => return Err(format!("doesn't answer within {} s", ANSWER_WITHIN.as_secs())),
        Ok(Err(error)) => return Err(format!("can't be run: {error}")),
        Ok(Ok(output)) => output,
    };
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    let said = said.trim();
    Version::parse(said).filter(|_| output.status.success()).ok_or_else(|| format!("doesn't tell its version: {said}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A machine with these programs, each a shell script, and a shell.
    struct Machine {
        folder: tempfile::TempDir,
        said: Arc<Mutex<Vec<String>>>,
    }

    impl Machine {
        fn with(programs: &[(&str, &str)]) -> Machine {
            let machine = Machine { folder: tempfile::tempdir().unwrap(), said: Arc::default() };
            std::fs::create_dir(machine.folder.path().join("bin")).unwrap();
            programs.iter().for_each(|(name, script)| machine.install(name, script));
            machine
        }

        fn install(&self, name: &str, script: &str) {
            use std::io::Write;
            // Another process writes it: a file that is open for writing can't be run, and what other tests start at this moment
            // would inherit it from here.
            let file = self.folder.path().join("bin").join(name);
            let mut write = Command::new("/bin/sh");
            write.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(file).stdin(Stdio::piped());
            let mut writing = write.spawn().unwrap();
            write!(writing.stdin.take().unwrap(), "#!/bin/sh\nset -e\n{script}\n").unwrap();
            assert!(writing.wait().unwrap().success());
        }

        /// What the scripts wrote into `calls`.
        fn calls(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
        }

        async fn obtain(&self) -> Result<PulumiCli> {
            let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
            let calls = self.folder.path().join("calls").display().to_string();
            let host = Host::new([("PATH", path), ("CALLS", calls)]);
            let said = Arc::clone(&self.said);
            let observer: Observer = Arc::new(move |progress| said.lock().unwrap().push(progress.to_string()));
            PulumiCli::obtain(&host, &self.folder.path().join("cache"), &observer).await
        }
    }

    /// Writes a program that says it is the pinned version where `-o` asks for it.
    const GO: &str = r#"echo "go $CGO_ENABLED $*" >> "$CALLS"
test -s go.mod && test -s go.sum
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\necho v3.259.0\n' > "$2"; chmod 755 "$2""#;
    const NO_GO: (&str, &str) = ("go", "echo 'go: no network' >&2; exit 1");
    const NO_CURL: (&str, &str) = ("curl", "echo 'curl: (6) Could not resolve host' >&2; exit 6");

    #[tokio::test]
    async fn one_on_the_search_path_is_used_if_it_is_new_enough() {
        let machine = Machine::with(&[("pulumi", "echo v3.300.1"), NO_GO, NO_CURL]);
        let cli = machine.obtain().await.unwrap();
        assert_eq!((cli.origin(), cli.version().to_string().as_str()), (PulumiOrigin::SearchPath, "3.300.1"));
        machine.install("pulumi", "echo v3.100.0");
        let error = machine.obtain().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("is version 3.100.0, older than 3.259.0"), "{text}");
        assert!(text.contains("go: no network") && text.contains("Could not resolve host"), "{text}");
        assert!(error.hint().unwrap().contains("https://www.pulumi.com/docs/install/"));
    }

    #[tokio::test]
    async fn it_is_built_once_and_what_a_killed_build_left_is_cleared_away() {
        let machine = Machine::with(&[("go", GO), NO_CURL]);
        let cli = machine.obtain().await.unwrap();
        assert_eq!((cli.origin(), cli.version()), (PulumiOrigin::Built, PINNED));
        assert!(machine.calls().starts_with("go 0 build -mod=readonly -trimpath "), "{}", machine.calls());
        machine.obtain().await.unwrap();
        assert_eq!(machine.calls().lines().count(), 1);
        assert_eq!(machine.said.lock().unwrap().len(), 2, "{:?}", machine.said);
        let kept = cli.program().parent().unwrap();
        std::fs::remove_file(kept.join("complete")).unwrap();
        std::fs::write(kept.join("half"), "").unwrap();
        machine.obtain().await.unwrap();
        assert_eq!(machine.calls().lines().count(), 2);
        assert!(!kept.join("half").exists());
    }

    #[tokio::test]
    async fn processes_at_the_same_time_build_it_once() {
        let machine = Machine::with(&[("go", GO), NO_CURL]);
        let all = tokio::join!(machine.obtain(), machine.obtain(), machine.obtain(), machine.obtain());
        for cli in [all.0, all.1, all.2, all.3] {
            assert_eq!(cli.unwrap().origin(), PulumiOrigin::Built);
        }
        assert_eq!(machine.calls().lines().count(), 1);
    }

    #[tokio::test]
    async fn without_go_it_is_downloaded() {
        // An archive as the official one: a folder `pulumi` with the program in it.
        let curl = r#"echo "curl $*" >> "$CALLS"
while [ "$1" != --output ]; do shift; done
mkdir pulumi; printf '#!/bin/sh\necho v3.259.0\n' > pulumi/pulumi; chmod 755 pulumi/pulumi
tar -czf "$2" pulumi; rm -r pulumi"#;
        let machine = Machine::with(&[NO_GO, ("curl", curl)]);
        let cli = machine.obtain().await.unwrap();
        assert_eq!(cli.origin(), PulumiOrigin::Downloaded);
        assert!(
            machine.calls().contains("https://get.pulumi.com/releases/sdk/pulumi-v3.259.0-"),
            "{}",
            machine.calls()
        );
    }

    #[tokio::test]
    async fn a_command_sees_nothing_of_the_environment_and_reaches_no_network() {
        let machine = Machine::with(&[("pulumi", "if [ \"$1\" = version ]; then echo v3.259.0; else env; fi")]);
        let cli = machine.obtain().await.unwrap();
        let output = cli.command(Path::new("/nowhere")).arg("env").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("PULUMI_HOME=/nowhere/.pulumi\n") && text.contains("HTTPS_PROXY=http://127.0.0.1:9\n"));
        assert!(!text.contains("CALLS"), "{text}");
    }
}
