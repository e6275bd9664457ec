//! Local clouds for tests: one MiniStack for a whole test process, and an account for each test on it; one Azurite, and a container for each.

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::blobs;
use crate::error::Result;
use crate::{Emulator, Installer, Server, StartOptions, unique_account};

/// A server for tests. Ends with the process, even one that is killed.
#[derive(Debug)]
pub struct TestCloud {
    server: Server,
}

impl TestCloud {
    /// Starts a server of one's own, for tests that change the server itself.
    ///
    /// # Errors
    /// Those of [`Server::start`].
    pub async fn start(installer: &Installer, options: StartOptions) -> Result<TestCloud> {
        Ok(TestCloud { server: Server::start(installer, Emulator::MiniStack, options).await? })
    }

    /// The server that all tests of this process share; started by the first one that asks, which costs about a second.
    ///
    /// # Errors
    /// Those of [`Server::start`]; the next one who asks tries again.
    pub async fn shared(installer: &Installer) -> Result<&'static TestCloud> {
        static SHARED: OnceCell<TestCloud> = OnceCell::const_new();
        SHARED.get_or_try_init(|| TestCloud::start(installer, StartOptions::default())).await
    }

    /// The URL to give to clients.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// An account that no other test has: use it as the access key, with any secret.
    pub fn account(&self) -> String {
        unique_account()
    }

    /// The server itself.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

/// Azure's blobs for tests. Ends with the process, even one that is killed.
#[derive(Debug)]
pub struct TestBlobs {
    server: Server,
}

impl TestBlobs {
    /// The storage account, which every Azurite has.
    pub const ACCOUNT: &str = blobs::ACCOUNT;

    /// The account's key, which is published: it opens nothing but emulators.
    pub const KEY: &str = blobs::KEY;

    /// Starts a server of one's own, which keeps its blobs in memory.
    ///
    /// # Errors
    /// Those of [`Server::start`].
    pub async fn start(installer: &Installer, options: StartOptions) -> Result<TestBlobs> {
        Ok(TestBlobs { server: Server::start(installer, Emulator::Azurite, options).await? })
    }

    /// The server that all tests of this process share; started by the first one that asks, which costs about a second.
    ///
    /// # Errors
    /// Those of [`Server::start`]; the next one who asks tries again.
    pub async fn shared(installer: &Installer) -> Result<&'static TestBlobs> {
        static SHARED: OnceCell<TestBlobs> = OnceCell::const_new();
        SHARED.get_or_try_init(|| TestBlobs::start(installer, StartOptions::default())).await
    }

    /// The server's URL; a blob's is `<endpoint>/<account>/<container>/<blob>`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// A new container that no other test has.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where the server doesn't make it.
    pub async fn container(&self) -> Result<String> {
        let name = format!("test-{}", Uuid::new_v4());
        blobs::create_container(&self.endpoint(), &name).await?;
        Ok(name)
    }

    /// The server itself.
    pub fn server(&self) -> &Server {
        &self.server
    }
}
