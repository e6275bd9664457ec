//! The three kinds of stores, each test with a place of its own, and a way past the program to what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use localstack::proxy::Proxy;
use localstack::{Host, Installer, TestBlobs, TestCloud};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use state::{AzureAccess, S3Access, S3Keys, Secret, StackStore, StoreAccess, StoreOptions, StoreUrl};
use tempfile::TempDir;

/// What the names of all objects begin with, so that prefixes are used by every law.
const PREFIX: &str = "team/state";

/// A place for a store that nobody else uses.
pub struct Place {
    pub url: StoreUrl,
    /// The URL as it was written, with its parameters.
    pub written_url: String,
    pub access: StoreAccess,
    /// What stands between the program and the server; a folder has none.
    pub proxy: Option<Proxy>,
    /// The account of the local cloud that a bucket is in.
    pub account: Option<String>,
    raw: Arc<dyn ObjectStore>,
    root: Path,
    _folder: Option<TempDir>,
}

fn installer() -> Installer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = Host::new(std::env::vars_os());
    let cache = host.cache_folder().expect("a cache folder: set HOME or SEMANTEST_CACHE");
    Installer::new(host, cache)
}

fn url(text: &str) -> StoreUrl {
    StoreUrl::parse(text, "/".as_ref(), None).unwrap()
}

impl Place {
    /// A folder.
    pub async fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PREFIX);
        std::fs::create_dir_all(&path).unwrap();
        let written_url = format!("file://{}", path.display());
        Self {
            url: url(&written_url),
            written_url,
            access: StoreAccess::default(),
            proxy: None,
            account: None,
            raw: Arc::new(LocalFileSystem::new()),
            root: Path::from_absolute_path(&path).unwrap(),
            _folder: Some(folder),
        }
    }

    /// A bucket on MiniStack.
    pub async fn s3() -> Self {
        Self::bucket(&[]).await
    }

    /// A bucket that keeps every version: its answers name them, its lists don't.
    pub async fn versioned_s3() -> Self {
        const VERSIONING: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        Self::bucket(&[("versioning", VERSIONING)]).await
    }

    /// A bucket that encrypts with a key of KMS whatever doesn't ask for something else.
    pub async fn kms_s3() -> Self {
        const ENCRYPTION: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
            <SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>\
            </ServerSideEncryptionConfiguration>";
        Self::bucket(&[("encryption", ENCRYPTION)]).await
    }

    async fn bucket(settings: &[(&str, &'static str)]) -> Self {
        let cloud = TestCloud::shared(&installer()).await.expect("MiniStack starts");
        let proxy = Proxy::start(&cloud.endpoint()).unwrap();
        let (bucket, account) = (format!("state-{}", uuid::Uuid::new_v4()), cloud.account());
        let keys =
            S3Keys { access_key_id: account.clone(), secret_access_key: "test".to_owned().into(), session_token: None };
        let access = S3Access { credentials: Arc::new(keys), region: Some("us-east-1".to_owned()), endpoint: None };
        put_bucket(&cloud.endpoint(), &account, &bucket, "").await;
        for (setting, value) in settings {
            put_bucket(&cloud.endpoint(), &account, &format!("{bucket}?{setting}"), value).await;
        }
        let owner = Some(account.clone());
        let raw = AmazonS3Builder::new()
            .with_bucket_name(&bucket)
            .with_endpoint(cloud.endpoint())
            .with_region("us-east-1")
            .with_access_key_id(account)
            .with_secret_access_key("test")
            .with_allow_http(true)
            .build()
            .unwrap();
        let written_url = format!("s3://{bucket}/{PREFIX}?endpoint={}", proxy.endpoint());
        Self {
            url: url(&written_url),
            written_url,
            access: StoreAccess { s3: Some(access), ..StoreAccess::default() },
            proxy: Some(proxy),
            account: owner,
            raw: Arc::new(raw),
            root: Path::from(PREFIX),
            _folder: None,
        }
    }

    /// A container on Azurite.
    pub async fn azure() -> Self {
        let blobs = TestBlobs::shared(&installer()).await.expect("Azurite starts");
        let proxy = Proxy::start(&blobs.endpoint()).unwrap();
        let container = blobs.container().await.unwrap();
        let (account, key) = (TestBlobs::ACCOUNT, TestBlobs::KEY);
        let raw = MicrosoftAzureBuilder::new()
            .with_container_name(&container)
            .with_endpoint(format!("{}/{account}", blobs.endpoint()))
            .with_account(account)
            .with_access_key(key)
            .with_allow_http(true)
            .build()
            .unwrap();
        let host = proxy.endpoint().replace("http://", "");
        let written_url = format!(
            "azblob://{container}/{PREFIX}?storage_account={account}&domain={host}&protocol=http&localemu=true"
        );
        Self {
            url: url(&written_url),
            written_url,
            access: StoreAccess {
                azure: AzureAccess { key: Some(Secret::new(key)), ..AzureAccess::default() },
                ..StoreAccess::default()
            },
            proxy: Some(proxy),
            account: None,
            raw: Arc::new(raw),
            root: Path::from(PREFIX),
            _folder: None,
        }
    }

    /// A container whose account keeps versions: every answer names one
    /// (<https://learn.microsoft.com/azure/storage/blobs/versioning-overview>). Azurite has none itself.
    pub async fn versioned_azure() -> Self {
        let place = Self::azure().await;
        let proxy = place.proxy.as_ref().expect("a server far away");
        proxy.add_to_answers("x-ms-version-id", "2026-01-02T03:04:05.0000000Z");
        place
    }

    /// The store, as another process would open it.
    pub fn open(&self) -> StackStore {
        self.open_with(StoreOptions::default())
    }

    pub fn open_with(&self, options: StoreOptions) -> StackStore {
        StackStore::open(&self.url, options, &self.access).unwrap()
    }

    pub fn is_local(&self) -> bool {
        self.proxy.is_none()
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.root.clone(), Path::join)
    }

    /// Writes an object past the program.
    pub async fn put(&self, key: &str, content: impl Into<Bytes>) {
        self.raw.put(&self.path(key), content.into().into()).await.unwrap();
    }

    /// An object's content.
    pub async fn get(&self, key: &str) -> Bytes {
        let found = self.raw.get(&self.path(key)).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        found.bytes().await.unwrap()
    }

    /// Deletes an object past the program.
    pub async fn delete(&self, key: &str) {
        self.raw.delete(&self.path(key)).await.unwrap();
    }

    /// All objects with their contents.
    pub async fn files(&self) -> BTreeMap<String, Bytes> {
        let mut found = BTreeMap::new();
        let all: Vec<_> = self.raw.list(Some(&self.root)).try_collect().await.unwrap();
        for meta in all {
            let key =
                meta.location.as_ref().strip_prefix(self.root.as_ref()).unwrap().trim_start_matches('/').to_owned();
            // The lock of local files, which says nothing.
            if key != ".semantest/guard" {
                found.insert(key.clone(), self.get(&key).await);
            }
        }
        found
    }

    /// The names of the objects below a folder, without it.
    pub async fn names(&self, folder: &str) -> Vec<String> {
        let files = self.files().await;
        files.keys().filter_map(|key| key.strip_prefix(folder)?.strip_prefix('/')).map(str::to_owned).collect()
    }

    /// The names of the objects directly in a folder.
    pub async fn list(&self, folder: &str) -> Vec<String> {
        let found = self.raw.list_with_delimiter(Some(&self.path(folder))).await.unwrap();
        found.objects.iter().filter_map(|meta| Some(meta.location.filename()?.to_owned())).collect()
    }

    /// Waits until what is written next has a later time than what was written before.
    pub async fn let_time_pass(&self) {
        let resolution = if self.is_local() { 20 } else { 1100 };
        tokio::time::sleep(std::time::Duration::from_millis(resolution)).await;
    }
}

/// Creates a bucket, or sets something of it: a `PUT` to a path below the endpoint.
async fn put_bucket(endpoint: &str, account: &str, path: &str, body: &'static str) {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = reqwest::Client::new().put(format!("{endpoint}/{path}")).header("authorization", authorization);
    let answer = request.body(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}
