//! What these tests share: an account on an emulator, a gate that keeps the law of permits, and packages to upload.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use localstack::{Host, Installer, TestCloud, unique_account};
use resource_graph::{Archive, ArchiveSource, PropertyMap, TypeToken, Urn, Value};
use semantest_iac::adapters::aws::{Aws, AwsSettings, LocalCredentials};
use semantest_iac::ports::{
    Account as _, ArtifactStore, CallGate, CallKind, CallPermit, Catalogue as _, CloudIdentity, Found,
    OperationContext, ProviderError, ProviderErrorKind, ResourceProvider, ResourceState, ResourceTags,
};
use sha2::{Digest, Sha256};

pub const REGION: &str = "us-east-1";
pub const PROJECT: &str = "shop";
pub const STACK: &str = "aws-test";
/// The identity of that stack.
pub const IDENTITY: &str = "5f0c3f5e-6a8e-4d0e-9a52-0c4b3a1d2e3f";

/// Installs into the folder that all test runs share.
pub fn installer() -> Installer {
    let host = Host::new(std::env::vars_os());
    let cache = host.cache_folder().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    Installer::new(host, cache)
}

/// The MiniStack that all tests of this program share.
pub async fn ministack() -> String {
    TestCloud::shared(&installer()).await.unwrap().endpoint()
}

/// Lets calls through at once and takes waits short, but counts both: nobody may wait while holding a permit, and budgets
/// see the time that should have gone by.
#[derive(Default)]
pub struct TestGate {
    held: Arc<AtomicUsize>,
    slept: Mutex<Duration>,
    pub throttled: AtomicUsize,
    /// Whether the deployment is being stopped.
    pub stopping: AtomicBool,
    pub calls: Mutex<Vec<(&'static str, CallKind)>>,
}

struct TestPermit(Arc<AtomicUsize>);

impl CallPermit for TestPermit {}

impl Drop for TestPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl CallGate for TestGate {
    async fn acquire(&self, quota: &'static str, kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        assert_eq!(self.held.fetch_add(1, Ordering::SeqCst), 0, "one operation holds two permits");
        self.calls.lock().unwrap().push((quota, kind));
        Ok(Box::new(TestPermit(self.held.clone())))
    }

    fn throttled(&self, _quota: &'static str) {
        self.throttled.fetch_add(1, Ordering::SeqCst);
    }

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        assert_eq!(self.held.load(Ordering::SeqCst), 0, "a permit is held while something waits");
        *self.slept.lock().unwrap() += duration;
        tokio::time::sleep(duration.min(Duration::from_millis(20))).await;
        Ok(())
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Duration {
        *self.slept.lock().unwrap()
    }
}

/// Packages that tests made, by hash.
#[derive(Default)]
pub struct Packages {
    folder: Option<tempfile::TempDir>,
    paths: Mutex<HashMap<String, PathBuf>>,
}

impl Packages {
    fn new() -> Self {
        Self { folder: Some(tempfile::tempdir().unwrap()), paths: Mutex::default() }
    }

    /// A zip file with one handler that answers `text`.
    fn package(&self, text: &str) -> Archive {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("index.js", options).unwrap();
        let code = format!("exports.handler = async () => ({{statusCode: 200, body: {text:?}}});");
        zip.write_all(code.as_bytes()).unwrap();
        self.keep(zip)
    }

    /// The same with a file of so many bytes beside it, which aren't made smaller.
    fn large_package(&self, size: usize) -> Archive {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file("index.js", options).unwrap();
        zip.write_all(b"exports.handler = async () => ({ statusCode: 200 });").unwrap();
        zip.start_file("data.bin", options).unwrap();
        zip.write_all(&vec![7; size]).unwrap();
        self.keep(zip)
    }

    fn keep(&self, zip: zip::ZipWriter<std::io::Cursor<Vec<u8>>>) -> Archive {
        let bytes = zip.finish().unwrap().into_inner();
        let hash = hex::encode(Sha256::digest(&bytes));
        let path = self.folder.as_ref().unwrap().path().join(format!("{hash}.zip"));
        std::fs::write(&path, bytes).unwrap();
        self.paths.lock().unwrap().insert(hash.clone(), path.clone());
        Archive { hash: Some(hash), source: ArchiveSource::Path(path.display().to_string()) }
    }
}

#[async_trait]
impl ArtifactStore for Packages {
    async fn locate(&self, archive: &Archive) -> Result<PathBuf, ProviderError> {
        let known = self.paths.lock().unwrap().get(archive.hash.as_deref().unwrap_or_default()).cloned();
        known.ok_or_else(|| ProviderError::new(ProviderErrorKind::Internal, "no such package"))
    }
}

/// One account on an emulator, and the adapter connected to it.
pub struct Account {
    pub aws: Aws,
    pub number: String,
    pub gate: Arc<TestGate>,
    packages: Arc<Packages>,
}

/// Settings that reach an emulator as an account.
pub fn settings(endpoint: &str, account: &str) -> AwsSettings {
    AwsSettings {
        region: Some(REGION.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        local_credentials: Some(LocalCredentials {
            access_key_id: account.to_owned(),
            secret_access_key: "test".to_owned(),
        }),
        ..AwsSettings::default()
    }
}

impl Account {
    /// An account of one's own at an endpoint.
    pub async fn at(endpoint: &str) -> Self {
        let (number, packages) = (unique_account(), Arc::new(Packages::new()));
        let aws = Aws::connect(settings(endpoint, &number), packages.clone()).await.unwrap();
        Self { aws, number, gate: Arc::new(TestGate::default()), packages }
    }

    /// An account of one's own on the shared MiniStack.
    pub async fn new() -> Self {
        Self::at(&ministack().await).await
    }

    /// The same account, but reached through another endpoint.
    pub async fn through(&self, endpoint: &str) -> Self {
        let aws = Aws::connect(settings(endpoint, &self.number), self.packages.clone()).await.unwrap();
        Self { aws, number: self.number.clone(), gate: Arc::new(TestGate::default()), packages: self.packages.clone() }
    }

    /// The URL at which it is reached.
    pub fn endpoint(&self) -> String {
        self.aws.endpoint().unwrap().to_owned()
    }

    /// Settings for SDK clients of one's own.
    pub async fn sdk(&self) -> aws_config::SdkConfig {
        let http = aws_smithy_http_client::Builder::new().build_http();
        aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(self.endpoint())
            .region(REGION)
            .credentials_provider(aws_credential_types::Credentials::new(&self.number, "test", None, None, "test"))
            .load()
            .await
    }

    /// Asks who we are.
    pub async fn identity(&self) -> CloudIdentity {
        self.aws.identity().await.unwrap()
    }

    pub fn provider(&self, token: &str) -> Arc<dyn ResourceProvider> {
        self.aws.resource(&TypeToken::new(token)).unwrap_or_else(|| panic!("there is no provider for {token}"))
    }

    /// A package that answers `text`, as the value of a `code` input.
    pub fn package(&self, text: &str) -> Value {
        Value::Archive(Box::new(self.packages.package(text)))
    }

    /// A package of that size.
    pub fn large_package(&self, size: usize) -> Value {
        Value::Archive(Box::new(self.packages.large_package(size)))
    }

    /// Where such a package lies.
    pub fn package_path(&self, text: &str) -> PathBuf {
        let archive = self.packages.package(text);
        self.packages.paths.lock().unwrap()[archive.hash.as_deref().unwrap()].clone()
    }

    /// An operation on the resource `name` of a type.
    pub fn context(&self, token: &str, name: &str) -> OperationContext {
        self.context_of(PROJECT, token, name)
    }

    /// An operation of the stack of another project.
    pub fn context_of(&self, project: &str, token: &str, name: &str) -> OperationContext {
        OperationContext {
            urn: urn(project, token, name),
            tags: ResourceTags {
                project: project.to_owned(),
                stack: STACK.to_owned(),
                identity: IDENTITY.to_owned(),
                user: "somebody".to_owned(),
                deployment: "d-1".to_owned(),
            },
            gate: self.gate.clone(),
        }
    }

    pub async fn create(&self, token: &str, name: &str, inputs: &PropertyMap) -> ResourceState {
        self.provider(token)
            .create(&self.context(token, name), inputs)
            .await
            .unwrap_or_else(|error| panic!("{token}: {error:?}"))
    }

    pub async fn find(&self, token: &str, name: &str, inputs: &PropertyMap) -> Option<Found> {
        self.provider(token)
            .find(&self.context(token, name), inputs)
            .await
            .unwrap_or_else(|error| panic!("{token}: {error:?}"))
    }
}

pub fn urn(project: &str, token: &str, name: &str) -> Urn {
    Urn::new(STACK, project, Some("semantest:index:RestApi"), &TypeToken::new(token), name)
}

/// The tags that a blueprint gives.
pub fn tags(project: &str, token: &str, name: &str) -> PropertyMap {
    let urn = urn(project, token, name).as_str().replace('$', "+");
    let pairs = [
        ("semantest:project", project),
        ("semantest:stack", STACK),
        ("semantest:identity", IDENTITY),
        ("semantest:component", "api"),
        ("semantest:urn", &urn),
    ];
    pairs.into_iter().collect()
}

/// Inputs with some of them changed.
pub fn with(inputs: &PropertyMap, changes: impl IntoIterator<Item = (&'static str, Value)>) -> PropertyMap {
    let mut inputs = inputs.clone();
    for (name, value) in changes {
        if value.is_null() {
            inputs.remove(name);
        } else {
            inputs.insert(name, value);
        }
    }
    inputs
}

pub fn texts<const N: usize>(list: [&str; N]) -> Value {
    Value::from(list.to_vec())
}

pub fn map<const N: usize>(pairs: [(&'static str, Value); N]) -> Value {
    PropertyMap::from(pairs).into()
}
