//! The ports of source code on top of [`packaging`](super::packaging): packages components on blocking threads and finds the
//! archives again by their hash.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use resource_graph::{Archive, ArchiveSource, PropertyMap};

use super::packaging::{self, BuildCommand, BuildObserver, BuildOutcome, PackageRequest, PackagingError, Work};
use crate::domain::code::function::{self, ServerlessFunction};
use crate::domain::deployment::ErrorDetail;
use crate::domain::names::ComponentName;
use crate::ports::{ArtifactStore, Notice, NoticeHandler, PackagedCode, Packager, ProviderError, ProviderErrorKind};

/// How long a stopped build is waited for: a little more than it is given until it is killed.
const BUILD_GONE_WITHIN: Duration = Duration::from_secs(5);

/// Packages source folders and keeps where each package is.
#[derive(Debug)]
pub struct SourceCode {
    packager: packaging::Packager,
    build_environment: BTreeMap<OsString, OsString>,
    packages: Mutex<HashMap<String, packaging::Package>>,
    runs_here: AtomicBool,
}

impl SourceCode {
    /// Packages into `cache_folder`; builds run with exactly `build_environment`.
    pub fn new(cache_folder: PathBuf, build_environment: BTreeMap<OsString, OsString>) -> Self {
        Self {
            packager: packaging::Packager::new(cache_folder),
            build_environment,
            packages: Mutex::default(),
            runs_here: AtomicBool::new(false),
        }
    }

    /// Says that packages run on this machine, whatever processor the components want: in a local cloud.
    pub fn runs_here(&self) {
        self.runs_here.store(true, Ordering::Relaxed);
    }

    fn request(&self, function: &ServerlessFunction) -> PackageRequest {
        PackageRequest {
            source: function.source.path().to_owned(),
            build: function.build.as_ref().map(|command| BuildCommand {
                command: command.as_str().to_owned(),
                environment: self.build_environment.clone(),
                always: false,
            }),
            start: start_of(function),
            architecture: (!self.runs_here.load(Ordering::Relaxed)).then_some(function.architecture),
        }
    }
}

fn start_of(code: &ServerlessFunction) -> packaging::Start {
    match &code.start {
        function::Start::Server(command) => {
            packaging::Start::Server { start: command.as_str().to_owned(), port: code.port }
        }
        function::Start::Handler(handler) => packaging::Start::Handler { handler: handler.as_str().to_owned() },
    }
}

/// The major version of the Node.js that a local cloud finds; `None` where there is none.
async fn installed_node(environment: &BTreeMap<OsString, OsString>) -> Option<u16> {
    let mut node = tokio::process::Command::new("node");
    node.arg("--version").env_clear().envs(environment).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = node.output().await.ok().filter(|output| output.status.success())?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// A component as if it were packaged, for whoever draws or describes it: there is no code.
pub fn unbuilt(code: &ServerlessFunction) -> PackagedCode {
    PackagedCode {
        archive: Archive { source: ArchiveSource::Path(String::new()), hash: None },
        zipped_size: 0,
        entry: start_of(code).entry(),
        environment: PropertyMap::new(),
    }
}

/// What goes on while a component is packaged.
enum Progress {
    Begins(Work),
    Printed(String),
}

/// Hands on what goes on, and stops the build when nobody wants it any more.
struct Observer {
    progress: tokio::sync::mpsc::UnboundedSender<Progress>,
    stopped: Arc<AtomicBool>,
}

impl BuildObserver for Observer {
    fn begins(&mut self, work: Work) {
        // The receiver goes away only when the deployment does.
        let _ = self.progress.send(Progress::Begins(work));
    }

    fn line(&mut self, line: &str) {
        let _ = self.progress.send(Progress::Printed(line.to_owned()));
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Stops a build when the deployment that waits for it is given up, and waits until it is gone: the process is about to end,
/// and a build without it would go on unseen.
struct Stopper {
    stopped: Arc<AtomicBool>,
    /// Closed once the packaging is over; `None` where there is no build.
    ended: Option<mpsc::Receiver<Infallible>>,
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(ended) = &self.ended {
            let _ = ended.recv_timeout(BUILD_GONE_WITHIN);
        }
    }
}

fn detail_of(component: &str, error: &PackagingError) -> ErrorDetail {
    let mut message = format!("component {component}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    ErrorDetail { urn: None, code: "packaging".into(), message, hint: Some(error.hint()) }
}

#[async_trait]
impl Packager for SourceCode {
    async fn package(
        &self,
        component: &ComponentName,
        code: &ServerlessFunction,
        notices: &dyn NoticeHandler,
    ) -> Result<PackagedCode, ErrorDetail> {
        let name = component.to_string();
        let begun = Instant::now();
        let (progress, mut told) = tokio::sync::mpsc::unbounded_channel();
        let (packager, request) = (self.packager.clone(), self.request(code));
        let (running, ended) = mpsc::channel::<Infallible>();
        let stopper = Stopper { stopped: Arc::default(), ended: request.build.is_some().then_some(ended) };
        let mut observer = Observer { progress, stopped: Arc::clone(&stopper.stopped) };
        let work = tokio::task::spawn_blocking(move || {
            let _running = running;
            packager.package_with_output(&request, &mut observer)
        });
        while let Some(progress) = told.recv().await {
            let component = name.clone();
            notices.notice(match progress {
                Progress::Begins(Work::Build) => {
                    let command = code.build.as_ref().map(ToString::to_string).unwrap_or_default();
                    Notice::Building { component, command }
                }
                Progress::Begins(Work::Archive) => Notice::Packaging { component },
                Progress::Printed(line) => Notice::BuildOutput { component, line },
            });
        }
        let package = work
            .await
            .map_err(|error| ErrorDetail {
                code: "internal".into(),
                message: format!("component {name}: packaging broke off: {error}"),
                ..ErrorDetail::default()
            })?
            .map_err(|error| detail_of(&name, &error))?;
        if !package.from_cache || matches!(package.build, BuildOutcome::Ran(_)) {
            notices.notice(Notice::Packaged {
                component: name.clone(),
                bytes: package.zipped_size,
                duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
        if !package.from_cache {
            notices.notice(Notice::LeftOut {
                component: name.clone(),
                secrets: package.left_out.secrets.clone(),
                others: package.left_out.others.clone(),
            });
        }
        if !package.from_cache && self.runs_here.load(Ordering::Relaxed) {
            let installed = installed_node(&self.build_environment).await;
            if let Some(installed) = installed.filter(|major| *major != code.runtime.major()) {
                notices.notice(Notice::Warning {
                    message: format!(
                        "{name} asks for {}, and the local cloud runs it with this machine's Node.js {installed}",
                        code.runtime
                    ),
                    hint: Some(format!(
                        "put Node.js {} first on the PATH to try it as it will run",
                        code.runtime.major()
                    )),
                });
            }
        }
        let code = PackagedCode {
            archive: Archive {
                hash: Some(package.sha256.clone()),
                // A name that is the same on every machine; the bytes are found by their hash.
                source: ArchiveSource::Path(format!("{name}.zip")),
            },
            zipped_size: package.zipped_size,
            entry: package.entry.clone(),
            environment: package
                .environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect::<PropertyMap>(),
        };
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        packages.insert(package.sha256.clone(), package);
        Ok(code)
    }
}

#[async_trait]
impl ArtifactStore for SourceCode {
    async fn locate(&self, archive: &Archive) -> Result<PathBuf, ProviderError> {
        let hash = archive.hash.as_deref().unwrap_or_default();
        let package = self.packages.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned();
        let missing = |message: String| {
            ProviderError::new(ProviderErrorKind::Internal, message)
                .with_hint("deploy the component, so that its source is packaged again")
        };
        let package =
            package.ok_or_else(|| missing(format!("the package {hash} isn't one that this deployment made")))?;
        let path = package.zip.clone();
        tokio::task::spawn_blocking(move || package.read().map(drop))
            .await
            .map_err(|error| missing(error.to_string()))?
            .map_err(|error| missing(format!("the package {} can't be read: {error}", path.display())))?;
        Ok(path)
    }
}
