//! A CLI of the pinned version in the cache folder. Its marker says where the program came from.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{PINNED, PulumiOrigin, version_of};
use crate::error::Result;
use crate::host::{Host, is_program};
use crate::install::cached::CachedFolder;
use crate::install::interpreter::Tried;
use crate::install::{last_lines, write_assets};
use crate::progress::{Observer, Progress};

/// A module of our own that requires the CLI's: `go install` refuses the CLI's module itself, for the `replace` lines in its `go.mod`. The sums
/// pin every module that is built.
const MODULE: &[(&str, &str)] =
    &[("go.mod", include_str!("../../../pulumi/go.mod")), ("go.sum", include_str!("../../../pulumi/go.sum"))];
const PACKAGE: &str = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
/// As Pulumi's own releases are built.
const TAGS: &str = "osusergo,grpcnotrace";
/// Without it the CLI writes states with an empty version.
const VERSION_VARIABLE: &str = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const WHAT: &str = "the Pulumi CLI";
const LINES_SHOWN: usize = 10;

/// The place in the cache folder, and what it takes to fill it.
pub(super) struct Kept<'a> {
    host: &'a Host,
    folder: CachedFolder,
    observer: &'a Observer,
}

impl<'a> Kept<'a> {
    pub(super) fn new(host: &'a Host, cache_folder: &Path, observer: &'a Observer) -> Kept<'a> {
        let mut pins = Sha256::new();
        MODULE.iter().for_each(|(_, text)| pins.update(text));
        let name = format!("pulumi-{PINNED}-{}", &hex::encode(pins.finalize())[..8]);
        Kept { host, folder: CachedFolder::new(cache_folder, &name), observer }
    }

    pub(super) fn program(&self) -> PathBuf {
        self.folder.path().join("pulumi")
    }

    /// Makes the program if need be; adds to `tried` what didn't work. `None` where nothing did.
    pub(super) async fn obtain(&self, tried: &mut Vec<Tried>) -> Result<Option<PulumiOrigin>> {
        if let Some(origin) = self.present() {
            return Ok(Some(origin));
        }
        let _lock = self.folder.lock("making the Pulumi CLI", self.observer).await?;
        if let Some(origin) = self.present() {
            return Ok(Some(origin));
        }
        for origin in [PulumiOrigin::Built, PulumiOrigin::Downloaded] {
            self.folder.clear()?;
            let started = Instant::now();
            let made = match origin {
                PulumiOrigin::Built => self.build().await,
                _ => self.download().await,
            };
            match made {
                Ok(()) => {
                    self.folder.complete(origin.name())?;
                    (self.observer)(&Progress::Obtained { what: WHAT, took: started.elapsed() });
                    return Ok(Some(origin));
                }
                Err(failed) => tried.push(failed),
            }
        }
        self.folder.clear()?;
        Ok(None)
    }

    fn present(&self) -> Option<PulumiOrigin> {
        let marker = self.folder.marker()?;
        let made = [PulumiOrigin::Built, PulumiOrigin::Downloaded].into_iter().find(|origin| origin.name() == marker);
        made.filter(|_| is_program(&self.program()))
    }

    async fn build(&self) -> std::result::Result<(), Tried> {
        let go = self.needed("go")?;
        self.report("building", "about 4 minutes on two cores");
        let module = self.folder.path().join("module");
        write_assets(&module, MODULE).map_err(|error| failed(&go, error.to_string()))?;
        let mut build = self.host.command(&go);
        build
            .args(["build", "-mod=readonly", "-trimpath", "-tags", TAGS])
            .args(["-ldflags", &format!("-w -s -X {VERSION_VARIABLE}=v{PINNED}")])
            .arg("-o")
            .arg(self.program())
            .arg(PACKAGE);
        self.run(build, &module, &[("CGO_ENABLED", "0"), ("GOWORK", "off")]).await?;
        self.check().await
    }

    /// The archive that the installer at <https://get.pulumi.com> takes.
    async fn download(&self) -> std::result::Result<(), Tried> {
        let curl = self.needed("curl")?;
        let (Some(system), Some(machine)) = (system(), machine()) else {
            return Err(failed(&curl, "there is no release of Pulumi for this machine".to_owned()));
        };
        self.report("downloading", "about 100 MB");
        let archive = self.folder.path().join("pulumi.tar.gz");
        let mut fetch = self.host.command(&curl);
        fetch
            .args([
                "--proto",
                "=https",
                "--tlsv1.2",
                "--fail",
                "--silent",
                "--show-error",
                "--location",
                "--retry",
                "2",
            ])
            .arg("--output")
            .arg(&archive)
            .arg(format!("https://get.pulumi.com/releases/sdk/pulumi-v{PINNED}-{system}-{machine}.tar.gz"));
        self.run(fetch, self.folder.path(), &[]).await?;
        let mut unpack = self.host.command(self.needed("tar")?);
        unpack.args(["-x", "-z", "--strip-components=1", "-f"]).arg(&archive);
        self.run(unpack, self.folder.path(), &[]).await?;
        // The archive has served.
        let _ = std::fs::remove_file(&archive);
        self.check().await
    }

    /// Whether what was made runs, and is what was wanted.
    async fn check(&self) -> std::result::Result<(), Tried> {
        let program = self.program();
        match version_of(self.host, &program).await {
            Ok(version) if version == PINNED => Ok(()),
            Ok(version) => Err(failed(&program, format!("is version {version}, not {PINNED}"))),
            Err(reason) => Err(failed(&program, reason)),
        }
    }

    fn report(&self, doing: &'static str, cost: &'static str) {
        (self.observer)(&Progress::Obtaining { doing, what: WHAT, version: PINNED.to_string(), cost });
    }

    fn needed(&self, program: &str) -> std::result::Result<PathBuf, Tried> {
        self.host.find(program).ok_or_else(|| failed(Path::new(program), "isn't on the PATH".to_owned()))
    }

    async fn run(
        &self,
        mut command: Command,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> std::result::Result<(), Tried> {
        let program = PathBuf::from(command.as_std().get_program());
        let output = command
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| failed(&program, format!("can't be run: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        let text = last_lines(&String::from_utf8_lossy(&text), LINES_SHOWN);
        Err(failed(&program, format!("ended with {}: {text}", output.status)))
    }
}

impl PulumiOrigin {
    fn name(self) -> &'static str {
        match self {
            PulumiOrigin::SearchPath => "found",
            PulumiOrigin::Built => "built",
            PulumiOrigin::Downloaded => "downloaded",
        }
    }
}

fn failed(program: &Path, reason: String) -> Tried {
    Tried { program: program.to_owned(), reason }
}

fn system() -> Option<&'static str> {
    match std::env::consts::OS {
        "linux" => Some("linux"),
        "macos" => Some("darwin"),
        _ => None,
    }
}

fn machine() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some("x64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}
