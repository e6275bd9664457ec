//! What one of the processes does: this test program, run again with orders in a variable. It tells on its standard output,
//! one JSON document a line, what it sees.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use state::{
    AzureAccess, Error, LockOptions, Owner, S3Access, S3Keys, Secret, StackStore, StoreAccess, StoreOptions, StoreUrl,
    SystemProcesses,
};

use crate::conformance::places::Place;
use crate::support::{checkpoint, id, topics};

const ORDERS: &str = "STATE_TEST_ORDERS";

/// What a process is to do.
#[derive(Clone, Serialize, Deserialize)]
pub struct Orders {
    pub url: String,
    /// The account of the local cloud, for `s3://`.
    pub account: Option<String>,
    /// The account's key, for `azblob://`.
    pub key: Option<String>,
    pub user: String,
    /// The name of the machine that it says it runs on.
    pub host: String,
    pub lease: Duration,
    pub timeout: Option<Duration>,
    pub task: Task,
}

/// What it does with the lock.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// Adds one to the number in the checkpoint, and gives the lock back.
    Count,
    /// Holds it until it is killed.
    Hold,
    /// Writes one checkpoint after the other until it can't.
    Write,
}

/// What it tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    /// Has the lock since then, nanoseconds since 1970.
    Holds { token: u64, from: u64, takeover: Option<String> },
    /// Is about to give it back.
    Gives { until: u64 },
    /// Somebody else has it.
    Refused { text: String, holders: Vec<(String, String, u32)> },
    /// Has written another checkpoint.
    Wrote,
    /// Couldn't write.
    Stopped { error: String, lost: bool },
}

impl Orders {
    /// Orders for the store of a place.
    pub fn new(place: &Place, user: impl Into<String>, task: Task) -> Self {
        Self {
            url: place.written_url.clone(),
            account: place.account.clone(),
            key: place.access.azure.key.as_ref().map(|_| localstack::TestBlobs::KEY.to_owned()),
            user: user.into(),
            host: "here".to_owned(),
            lease: LockOptions::default().lease,
            timeout: None,
            task,
        }
    }

    pub fn waiting(self, seconds: u64) -> Self {
        Self { timeout: Some(Duration::from_secs(seconds)), ..self }
    }

    pub fn from(self, host: &str, lease: Duration) -> Self {
        Self { host: host.to_owned(), lease, ..self }
    }

    /// Starts the process.
    pub fn start(&self) -> tokio::process::Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "contention::process::as_one_of_the_processes", "--nocapture", "--quiet"]);
        command.env(ORDERS, serde_json::to_string(self).unwrap()).stdin(Stdio::null()).stdout(Stdio::piped());
        tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap()
    }

    fn open(&self) -> StackStore {
        let s3 = self.account.as_ref().map(|account| {
            let secret_access_key = "test".to_owned().into();
            let keys = S3Keys { access_key_id: account.clone(), secret_access_key, session_token: None };
            S3Access { credentials: Arc::new(keys), region: Some("us-east-1".to_owned()), endpoint: None }
        });
        let azure = AzureAccess { key: self.key.as_deref().map(Secret::new), ..AzureAccess::default() };
        let url = StoreUrl::parse(&self.url, "/".as_ref(), None).unwrap();
        StackStore::open(&url, StoreOptions::default(), &StoreAccess { s3, azure }).unwrap()
    }

    pub fn owner(&self) -> Owner {
        let owner = Owner::this_process(&self.user, &self.host, &SystemProcesses);
        // Another machine has another boot.
        let boot = if self.host == "here" { owner.boot.clone() } else { format!("boot of {}", self.host) };
        Owner { boot, ..owner }
    }

    pub fn lock_options(&self) -> LockOptions {
        LockOptions { lease: self.lease, timeout: self.timeout, ..LockOptions::default() }
    }
}

pub fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

fn tell(told: &Told) {
    let mut output = std::io::stdout().lock();
    // The test program's own output may stand before it in the line.
    writeln!(output, "\n{}", serde_json::to_string(told).unwrap()).unwrap();
    output.flush().unwrap();
}

/// What a line of a process tells; nothing when the test program itself wrote it.
pub fn told(line: &str) -> Option<Told> {
    serde_json::from_str(line).ok()
}

/// Not a test of its own.
#[test]
fn as_one_of_the_processes() {
    let Some(orders) = std::env::var_os(ORDERS) else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let orders: Orders = serde_json::from_str(orders.to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(follow(&orders));
}

async fn follow(orders: &Orders) {
    let store = orders.open();
    let lock = match store.lock(&id(), &orders.owner(), &orders.lock_options()).await {
        Ok(lock) => lock,
        Err(Error::Locked(locked)) => {
            let holders = locked.holders.iter().map(|holder| (holder.user.clone(), holder.host.clone(), holder.pid));
            return tell(&Told::Refused { text: locked.to_string(), holders: holders.collect() });
        }
        Err(error) => panic!("{error:?}"),
    };
    let takeover = lock.takeover().map(ToString::to_string);
    tell(&Told::Holds { token: lock.fencing_token(), from: now(), takeover });
    match orders.task {
        Task::Hold => std::future::pending().await,
        Task::Count => {
            let loaded = store.load(&id()).await.unwrap().unwrap();
            let number = topics(&loaded.checkpoint) + 1;
            store.save(&lock, &checkpoint(number), Some(&loaded.revision)).await.unwrap();
            tell(&Told::Gives { until: now() });
            lock.release().await.unwrap();
        }
        Task::Write => {
            let journal = store.create_journal(&lock, "d-1", serde_json::json!({}), None).await.unwrap();
            let mut revision = store.load(&id()).await.unwrap().unwrap().revision;
            for number in 1.. {
                let written = match journal.append_durable(&number).await {
                    Ok(()) => store.save_during(&lock, &checkpoint(number % 10), Some(&revision), Some(&journal)).await,
                    Err(error) => Err(error),
                };
                match written {
                    Ok(written) => revision = written,
                    Err(error) => {
                        let lost = matches!(error, Error::LockLost(_));
                        tell(&Told::Stopped { error: error.to_string(), lost });
                        break;
                    }
                }
                tell(&Told::Wrote);
            }
            // What it would write at its end.
            let history = store.record_history(&lock, &state::UpdateInfo::default()).await;
            assert!(matches!(history, Err(Error::LockLost(_))), "{history:?}");
            assert!(journal.finish().await.is_err());
            let _ = lock.release().await;
        }
    }
}
