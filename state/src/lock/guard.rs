//! A lock that is held: its heartbeat, the look before each write, and giving it back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::lease::{Lease, read_lease};
use super::{LockLost, LockOptions, Takeover, pulumi};
use crate::error::{Error, Result};
use crate::store::{Condition, Revision, StackId, StackStore};

/// How often a renewal is tried when others write the lease at the same time.
const MOST_RENEWALS: u32 = 3;

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
    /// When the lock file was looked for last, by all who watch it.
    looked: Mutex<Option<Instant>>,
    /// How many journals were claimed.
    claimed: AtomicU64,
    /// Lock files of dead holders before, until they are removed.
    left_behind: Mutex<Vec<String>>,
}

/// How many journals there can be under one lock: a deployment has one, and one for a deployment that died before.
const MOST_JOURNALS: u64 = 1000;

impl StackLock {
    pub(super) fn new(
        store: StackStore,
        id: StackId,
        name: String,
        lease: Lease,
        revision: Revision,
        options: &LockOptions,
    ) -> Self {
        let left_behind = lease.all_left_behind();
        let shared = Shared {
            store,
            id,
            name,
            token: lease.token,
            duration: options.lease,
            lease: Mutex::new((lease, revision)),
            lost: watch::Sender::new(None),
            looked: Mutex::default(),
            claimed: AtomicU64::new(0),
            left_behind: Mutex::new(left_behind),
        };
        Self { shared: Arc::new(shared), takeover: None, heartbeat: None, released: false }
    }

    /// None of the lock files is left that dead holders had before.
    pub(super) fn has_removed_left_behind(&self) {
        self.shared.left_behind.lock().unwrap_or_else(PoisonError::into_inner).clear();
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

    /// A number for the next journal: greater than those of all before, of this holder and of earlier ones.
    pub(crate) fn next_generation(&self) -> u64 {
        let claimed = self.shared.claimed.fetch_add(1, Ordering::Relaxed);
        self.shared.token.saturating_mul(MOST_JOURNALS).saturating_add(claimed % MOST_JOURNALS)
    }

    /// The dead holder whose lock this was, to be told to the user.
    pub fn takeover(&self) -> Option<&Takeover> {
        self.takeover.as_ref()
    }

    /// Looks whether the lock is still ours: lock file and lease. To be asked before every write. A lease that is about
    /// to run out, or has, is renewed first: whoever stood still for so long may have lost it.
    ///
    /// # Errors
    /// [`LockLost`] when it is gone, or when the store can't be read.
    pub async fn verify(&self) -> Result<()> {
        if let Some(lost) = self.shared.lost.borrow().clone() {
            return Err(lost.into());
        }
        match self.shared.is_overdue() {
            true => self.shared.renew().await,
            false => self.shared.look().await,
        }
    }

    /// Looks after the lock for those who do much under it.
    pub fn watch(&self) -> LockWatch {
        LockWatch { shared: Arc::clone(&self.shared) }
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

/// Looks after a lock before each of many small things that are done under it: whoever cancels the lock removes its file.
#[derive(Clone, Debug)]
pub struct LockWatch {
    shared: Arc<Shared>,
}

impl LockWatch {
    /// Looks at lock file and lease now, however lately that was done.
    ///
    /// # Errors
    /// [`LockLost`] when the lock is gone, or when the store can't be read.
    pub(crate) async fn look(&self) -> Result<()> {
        if let Some(lost) = self.shared.lost.borrow().clone() {
            return Err(lost.into());
        }
        self.shared.look().await
    }

    /// Whether the lock file is still there. In an object store that is looked up once in a second at most.
    ///
    /// # Errors
    /// [`LockLost`] when it is gone. A store that doesn't answer is no loss: writing to it says so.
    pub async fn check(&self) -> std::result::Result<(), LockLost> {
        let shared = &self.shared;
        if let Some(lost) = shared.lost.borrow().clone() {
            return Err(lost);
        }
        // The process may have stood still, and somebody may have taken over meanwhile.
        if shared.is_overdue() {
            return shared.renew().await.or_else(not_lost);
        }
        let key = shared.lock_key();
        let objects = &shared.store.objects;
        let is_cheap = objects.file(&key).is_some();
        if !shared.is_time_to_look(is_cheap) {
            return Ok(());
        }
        // On this machine's own disk looking takes less than handing it to another thread.
        let is_there = match objects.file(&key) {
            Some(file) => file.try_exists().unwrap_or(true),
            None => objects.exists(&key).await.unwrap_or(true),
        };
        match is_there {
            true => Ok(()),
            // Looks who it was.
            false => shared.look().await.or_else(not_lost),
        }
    }
}

/// Where the store doesn't answer, writing to it says so.
fn not_lost(error: Error) -> std::result::Result<(), LockLost> {
    match error {
        Error::LockLost(lost) => Err(lost),
        _ => Ok(()),
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

    /// Whether the lock file is to be looked for now.
    fn is_time_to_look(&self, is_cheap: bool) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_cheap && looked.is_some_and(|looked| looked.elapsed() < Duration::from_secs(1)) {
            return false;
        }
        *looked = Some(Instant::now());
        true
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

    /// Whether so much of the lease has gone by that a heartbeat must have failed or been missed.
    fn is_overdue(&self) -> bool {
        let now = self.store.now();
        // A clock that was turned back is no reason to trust the lease.
        self.current().0.held.is_none_or(|held| now - held.heartbeat > held.duration() * 2 / 3 || now < held.heartbeat)
    }

    /// Looks at lock file and lease.
    async fn look(&self) -> Result<()> {
        let stack = self.id.to_string();
        let key = self.lock_key();
        let objects = &self.store.objects;
        let (lease, is_there) = futures::try_join!(read_lease(objects, &self.id), objects.exists(&key))?;
        let lost = match lease.map(|(lease, ..)| lease) {
            Some(Lease { held: Some(held), .. }) if held.lock == self.name => {
                (!is_there).then(|| LockLost::Cancelled { stack, file: objects.show(&key) })
            }
            Some(Lease { held: Some(held), .. }) => Some(LockLost::TakenOver { stack, by: held.owner.to_string() }),
            Some(Lease { held: None, token, .. }) if token > self.token => {
                Some(LockLost::TakenOver { stack, by: "somebody who has given it back since".to_owned() })
            }
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

    /// Renews the lease three times in each of its durations, until it is lost. Where the store doesn't answer, it is asked
    /// more often; others may take over once the lease has run out.
    async fn beat(&self) {
        let (regular, sooner) = (self.duration / 3, self.duration / 10);
        let mut pause = regular;
        loop {
            tokio::time::sleep(pause).await;
            pause = match tokio::time::timeout(regular, self.renew()).await {
                Ok(Ok(())) => regular,
                Ok(Err(Error::LockLost(lost))) => return self.lose(lost),
                Ok(Err(error)) => {
                    tracing::warn!(%error, stack = %self.id, "the stack's lock could not be renewed");
                    sooner
                }
                Err(_) => {
                    tracing::warn!(stack = %self.id, "the stack's lock could not be renewed: the store doesn't answer");
                    sooner
                }
            };
            if pause == sooner && self.current().0.held.is_none_or(|held| held.expires < self.store.now()) {
                return self.lose(LockLost::RanOut { stack: self.id.to_string() });
            }
        }
    }

    async fn renew(&self) -> Result<()> {
        for _ in 0..MOST_RENEWALS {
            self.look().await?;
            let (mut lease, revision) = self.current();
            let now = self.store.now();
            let duration = TimeDelta::from_std(self.duration).unwrap_or(TimeDelta::MAX);
            if let Some(held) = &mut lease.held {
                held.heartbeat = now;
                held.expires = now + duration;
                held.left_behind.clear();
            }
            let condition = Condition::Unchanged(revision);
            if let Ok(revision) = self.store.objects.put(&self.id.lease(), lease.to_bytes(), &condition).await? {
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = (lease, revision);
                return Ok(());
            }
            // Somebody was faster: another hand, another task of this process, or ourselves in a write of which we only
            // missed the answer.
            if let Some((lease, revision, _)) = read_lease(&self.store.objects, &self.id).await? {
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = (lease, revision);
            }
        }
        self.look().await
    }

    /// Removes the lock file first, so that whoever gets the lease doesn't find it.
    async fn give_back(&self) -> Result<()> {
        self.lose(LockLost::Released { stack: self.id.to_string() });
        self.store.objects.delete(&self.lock_key()).await?;
        loop {
            match read_lease(&self.store.objects, &self.id).await? {
                Some((lease, revision, _)) if lease.held.as_ref().is_some_and(|held| held.lock == self.name) => {
                    // Nobody else would know that these are no locks of Pulumi's.
                    let left_behind = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let free = Lease { held: None, left_behind, ..lease };
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
