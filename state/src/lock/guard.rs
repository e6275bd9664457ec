//! A lock that is held: its heartbeat, the look before each write, and giving it back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::acquire::read_lease;
use super::lease::Lease;
use super::{LockLost, LockOptions, Takeover, pulumi};
use crate::error::Result;
use crate::store::{Condition, Revision, StackId, StackStore};

/// The lock of a stack, held by this process. Dropping it gives it back as well as that can be done without waiting;
/// [`StackLock::release`] waits and says how it went.
#[derive(Debug)]
pub struct StackLock {
    shared: Arc<Shared>,
    takeover: Option<Takeover>,
    heartbeat: Option<JoinHandle<()>>,
    released: bool,
}

#[derive(Debug)]
struct Shared {
    store: StackStore,
    id: StackId,
    /// The lock file's name in Pulumi's folder.
    name: String,
    token: u64,
    duration: Duration,
    lease: Mutex<(Lease, Revision)>,
    lost: watch::Sender<Option<LockLost>>,
}

impl StackLock {
    pub(super) fn new(
        store: StackStore,
        id: StackId,
        name: String,
        lease: Lease,
        revision: Revision,
        options: &LockOptions,
    ) -> Self {
        let shared = Shared {
            store,
            id,
            name,
            token: lease.token,
            duration: options.lease,
            lease: Mutex::new((lease, revision)),
            lost: watch::Sender::new(None),
        };
        Self { shared: Arc::new(shared), takeover: None, heartbeat: None, released: false }
    }

    /// Starts the heartbeat.
    pub(super) fn started(mut self, takeover: Option<Takeover>) -> Self {
        self.takeover = takeover;
        let shared = Arc::clone(&self.shared);
        self.heartbeat = Some(tokio::spawn(async move { shared.beat().await }));
        self
    }

    /// The stack that it locks.
    pub fn stack(&self) -> &StackId {
        &self.shared.id
    }

    /// The store that the lock is in.
    pub(crate) fn store(&self) -> &StackStore {
        &self.shared.store
    }

    /// The fencing token: greater than that of every holder before.
    pub fn fencing_token(&self) -> u64 {
        self.shared.token
    }

    /// The dead holder whose lock this was, to be told to the user.
    pub fn takeover(&self) -> Option<&Takeover> {
        self.takeover.as_ref()
    }

    /// Looks whether the lock is still ours: lock file and lease. To be asked before every write.
    ///
    /// # Errors
    /// [`LockLost`] when it is gone, or when the store can't be read.
    pub async fn verify(&self) -> Result<()> {
        if let Some(lost) = self.shared.lost.borrow().clone() {
            return Err(lost.into());
        }
        self.shared.look().await
    }

    /// Looks after the lock file for those who write much.
    pub(crate) fn watch(&self) -> LockWatch {
        LockWatch { shared: Arc::clone(&self.shared), looked: None }
    }

    /// Why the lock is lost, as far as it was noticed. Reads nothing.
    pub fn known_loss(&self) -> Option<LockLost> {
        self.shared.lost.borrow().clone()
    }

    /// Waits until the lock is lost: a cancellation or takeover is noticed at the next heartbeat.
    pub async fn lost(&self) -> LockLost {
        let mut changes = self.shared.lost.subscribe();
        let lost = changes.wait_for(Option::is_some).await.ok().and_then(|lost| lost.clone());
        lost.unwrap_or_else(|| LockLost::Released { stack: self.shared.id.to_string() })
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// When the store can't be written; the lock then runs out by itself.
    pub async fn release(mut self) -> Result<()> {
        self.released = true;
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.abort();
            // Cancelled or done, it writes no more.
            let _ = heartbeat.await;
        }
        self.shared.give_back().await
    }
}

/// Looks after a lock file while a journal is written: whoever cancels the lock removes that.
#[derive(Debug)]
pub(crate) struct LockWatch {
    shared: Arc<Shared>,
    looked: Option<Instant>,
}

impl LockWatch {
    /// Whether the lock file is still there. In an object store that is looked up once in a second at most.
    pub async fn check(&mut self) -> std::result::Result<(), LockLost> {
        let shared = &self.shared;
        if let Some(lost) = shared.lost.borrow().clone() {
            return Err(lost);
        }
        let key = shared.lock_key();
        let objects = &shared.store.objects;
        let is_cheap = objects.file(&key).is_some();
        if !is_cheap && self.looked.is_some_and(|looked| looked.elapsed() < Duration::from_secs(1)) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        match objects.exists(&key).await {
            Ok(false) => {
                let lost = LockLost::Cancelled { stack: shared.id.to_string(), file: objects.show(&key) };
                shared.lose(lost.clone());
                Err(lost)
            }
            // Where the store doesn't answer, writing to it says so.
            _ => Ok(()),
        }
    }
}

impl Drop for StackLock {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        let heartbeat = self.heartbeat.take();
        if let Some(heartbeat) = &heartbeat {
            heartbeat.abort();
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(async move {
                if let Some(heartbeat) = heartbeat {
                    let _ = heartbeat.await;
                }
                if let Err(error) = shared.give_back().await {
                    tracing::warn!(%error, "the stack's lock could not be given back");
                }
            });
        }
    }
}

impl Shared {
    fn lock_key(&self) -> String {
        pulumi::key(&self.id, &self.name)
    }

    fn lose(&self, lost: LockLost) {
        self.lost.send_if_modified(|state| {
            let first = state.is_none();
            if first {
                *state = Some(lost);
            }
            first
        });
    }

    fn current(&self) -> (Lease, Revision) {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at lock file and lease.
    async fn look(&self) -> Result<()> {
        let stack = self.id.to_string();
        let key = self.lock_key();
        let objects = &self.store.objects;
        let lease = read_lease(objects, &self.id).await?;
        let lost = match lease.map(|(lease, ..)| lease) {
            Some(Lease { held: Some(held), token, .. }) if token != self.token => {
                let owner = held.owner;
                Some(LockLost::TakenOver { stack, by: format!("{}@{} (pid {})", owner.user, owner.host, owner.pid) })
            }
            Some(Lease { held: Some(_), .. }) if objects.exists(&key).await? => None,
            // Given back by another hand, or taken over and given back since.
            _ => Some(LockLost::Cancelled { stack, file: objects.show(&key) }),
        };
        match lost {
            Some(lost) => {
                self.lose(lost.clone());
                Err(lost.into())
            }
            None => Ok(()),
        }
    }

    /// Renews the lease three times in each of its durations, until it is lost.
    async fn beat(&self) {
        loop {
            tokio::time::sleep(self.duration / 3).await;
            match self.renew().await {
                Ok(()) => {}
                Err(crate::Error::LockLost(lost)) => return self.lose(lost),
                // The store doesn't answer: others may take over once the lease has run out.
                Err(error) => {
                    tracing::warn!(%error, stack = %self.id, "the stack's lock could not be renewed");
                    let expires = self.current().0.held.map(|held| held.expires);
                    if expires.is_none_or(|expires| expires < self.store.now()) {
                        return self.lose(LockLost::RanOut { stack: self.id.to_string() });
                    }
                }
            }
        }
    }

    async fn renew(&self) -> Result<()> {
        self.look().await?;
        let (mut lease, revision) = self.current();
        let now = self.store.now();
        if let Some(held) = &mut lease.held {
            held.heartbeat = now;
            held.expires = now + self.duration;
        }
        let condition = Condition::Unchanged(revision);
        match self.store.objects.put(&self.id.lease(), lease.to_bytes(), &condition).await? {
            Ok(revision) => {
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = (lease, revision);
                Ok(())
            }
            // Looks who was faster. Our own write of which we only missed the answer also ends here.
            Err(_) => {
                self.look().await?;
                if let Some((lease, revision, _)) = read_lease(&self.store.objects, &self.id).await? {
                    *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = (lease, revision);
                }
                Ok(())
            }
        }
    }

    /// Removes the lock file first, so that whoever gets the lease doesn't find it.
    async fn give_back(&self) -> Result<()> {
        self.lose(LockLost::Released { stack: self.id.to_string() });
        self.store.objects.delete(&self.lock_key()).await?;
        loop {
            match read_lease(&self.store.objects, &self.id).await? {
                Some((lease, revision, _)) if lease.token == self.token && lease.held.is_some() => {
                    let free = Lease { held: None, ..lease };
                    let condition = Condition::Unchanged(revision);
                    // A conflict means that somebody has taken it over, or that a last heartbeat was under way.
                    if self.store.objects.put(&self.id.lease(), free.to_bytes(), &condition).await?.is_ok() {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
    }
}
